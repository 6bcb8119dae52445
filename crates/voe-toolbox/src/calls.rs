//! Running a tool or a command, and reporting what it changed.

use std::time::Instant;

use serde_json::Value;
use voe_evidence::command::{self, Intent};
use voe_protocol::CallResult;
use voe_trace::Note;

use crate::changes::{By, CallChanges};
use crate::inbox::Inbox;
use crate::session::ToolboxSession;
use crate::tools::{self, Effect, ToolOutcome};

impl ToolboxSession {
    /// Runs a tool.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value, inbox: &mut Inbox) -> CallResult {
        let began = Instant::now();
        let done = tools::run(self, tool, arguments, inbox);
        let by = match &done {
            Ok(ToolOutcome { effect: Effect::Command(command), .. }) => Some(Intent::of(command)),
            _ => None,
        };
        self.result(done, by.as_ref().map(By::Command), began)
    }

    /// Runs a command of voe's own.
    pub(crate) fn check(&mut self, command: &str, seconds: f64, inbox: &mut Inbox) -> CallResult {
        let began = Instant::now();
        let done = tools::run_command(self, command, seconds, inbox);
        self.result(done, Some(By::Check), began)
    }

    fn result(&mut self, done: Result<ToolOutcome, String>, by: Option<By<'_>>, began: Instant) -> CallResult {
        let mut done =
            done.unwrap_or_else(|error| ToolOutcome { output: error, failed: true, ..ToolOutcome::default() });
        if let Effect::Command(command) = &done.effect {
            self.tracker.ran(command);
        }
        let report = match (&done.effect, by) {
            (Effect::Command(_), Some(by)) => self.tracker.after(&by),
            (Effect::File(place), _) => {
                place.relative.as_ref().map_or_else(|| Ok(CallChanges::default()), |path| self.tracker.wrote(path))
            }
            _ => Ok(CallChanges::default()),
        };
        let report = report.unwrap_or_else(|error| {
            done.notes.push(Note::WorkspaceUnread { error: error.to_string() });
            CallChanges::default()
        });
        if let Effect::Command(command) = &done.effect
            && done.exit == Some(0)
            && command::ends_with_cd(command)
        {
            done.notes.push(Note::DirectoryNotKept);
        }
        let check_files = match &done.effect {
            Effect::Command(command) if command::is_check(command) => self.tracker.check_files(command, &self.places),
            _ => Vec::new(),
        };
        CallResult {
            output: done.output,
            ok: !done.failed,
            exit: done.exit,
            ended_by: done.ended_by,
            notes: done.notes,
            tail: done.tail,
            tests: done.tests,
            seconds: began.elapsed().as_secs_f64(),
            changes: report.changes,
            byproducts: report.byproducts,
            diff: report.diff,
            state: self.tracker.hashes(),
            code_before: report.code_before,
            check_files,
        }
    }
}
