//! Red before green: edits of the source are refused until a check has been seen to fail on the unchanged code, and that check is
//! run again after each edit. For what can't be made to fail there is an exit.

use serde_json::Value;
use voe_evidence::check::of_failure_at_base;
use voe_evidence::{is_test, reproduction};
use voe_proof::outcome;
use voe_protocol::{CallResult, State};
use voe_trace::event::NudgeKind;
use voe_trace::{Check, Event, Note, ToolCall};

use super::Loop;
use crate::attempt::{AttemptError, End};
use crate::facts::short;
use crate::prompt::{HARNESS, last_lines};

/// Failing checks that are run again after each edit: the newest.
const AGAIN: usize = 2;
/// Lines of their output that the model is told.
const TOLD: usize = 15;

impl Loop {
    /// Whether edits of the source are still refused. All edits of a step share one refusal.
    fn red_is_wanted(&self) -> bool {
        let Some(keys) = &self.session.strategy.red_first else { return false };
        let (trail, step) = (&self.session.log.trail, self.session.log.conversation.step);
        let (refusals, last) = trail.red_refusals();
        trail.reds().len() < keys.checks as usize && (refusals < keys.refusals || last == step)
    }

    /// The answer to a file tool that would edit the source too early.
    pub(crate) fn too_early(&mut self, call: &ToolCall, arguments: &Value) -> Result<Option<String>, End> {
        let edits = matches!(call.name.as_str(), "file_edit" | "file_write");
        let path = arguments["path"].as_str().filter(|_| edits && self.red_is_wanted());
        let Some(path) = path else { return Ok(None) };
        let inside = match path.strip_prefix(&self.session.task.workspace) {
            Some(relative) => relative.trim_start_matches('/'),
            None if path.starts_with('/') => return Ok(None),
            None => path.trim_start_matches("./"),
        };
        if is_test(inside) {
            return Ok(None);
        }
        self.refuse_early_edit("The file was not changed").map(Some)
    }

    /// Puts back what a command did to the source too early.
    pub(crate) async fn put_back_too_early(&mut self, result: &mut CallResult) -> Result<(), End> {
        if !self.red_is_wanted() || result.changes.iter().all(|change| is_test(&change.path)) {
            return Ok(());
        }
        let export = self.session.workspace.export().await?;
        let source = export.files.into_iter().filter(|file| !file.test).map(|file| (file.path, file.base)).collect();
        let State { tree, code_tree, .. } = self.session.workspace.import(source).await?;
        result.state = State { tree, code_tree, ..State::default() };
        result.changes.retain(|change| is_test(&change.path));
        result.diff.clear();
        let refusal = self.refuse_early_edit("What this call changed in the source was put back")?;
        result.notes.push(Note::Nudge { kind: NudgeKind::RedFirst, text: refusal });
        Ok(())
    }

    fn refuse_early_edit(&mut self, what: &str) -> Result<String, End> {
        let step = self.session.log.conversation.step;
        let keys = self.session.strategy.red_first.clone().unwrap_or_default();
        let (so_far, last) = self.session.log.trail.red_refusals();
        let left = keys.refusals.saturating_sub(if last == step { so_far } else { so_far + 1 });
        let missing = (keys.checks as usize).saturating_sub(self.session.log.trail.reds().len());
        let wanted = if missing > 1 { format!("{missing} different scripts") } else { "a script".to_owned() };
        let exit = match left {
            0 => "If nothing can be made to fail, say so: edits are let through from the next step on.".to_owned(),
            n => format!("If nothing can be made to fail, say so; after {n} more such edits they are let through."),
        };
        let text = format!(
            "{HARNESS} {what}: no check has failed on the unchanged code yet. First write {wanted} in /tmp that exits non-zero \
             because of the problem in the statement, and run it. {exit}"
        );
        if last != step {
            self.session.log.write(Event::Nudge { step, kind: NudgeKind::RedFirst, text: text.clone() })?;
            if left == 0 {
                self.session
                    .log
                    .write(Event::Note { text: "edits are let through without a failing check from here on".into() })?;
            }
        }
        Ok(text)
    }

    /// The call as a check that fails on the unchanged code, with what the model is told about it.
    pub(crate) fn red_of(&self, call: &ToolCall, result: &CallResult) -> Option<(Option<Check>, String)> {
        let keys = self.session.strategy.red_first.as_ref()?;
        let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
        let command = (call.name == "bash").then(|| arguments["command"].as_str()).flatten()?;
        let (step, before) = (self.session.log.conversation.step, self.session.log.ledger.code_tree());
        let check = of_failure_at_base(command, step, before, &result.state.code_tree, outcome(result))?;
        if self.session.log.trail.reds().iter().any(|red| red == command) {
            return None;
        }
        if let Some(why) = reproduction::fault(command, &check.with, &self.session.task.statement) {
            return Some((None, format!("{HARNESS} This failure does not count as showing the problem: {why}.")));
        }
        let missing = (keys.checks as usize).saturating_sub(self.session.log.trail.reds().len() + 1);
        let said = match missing {
            0 => "Noted: this fails on the unchanged code. Change the source now; it is run again after each edit."
                .into(),
            n => format!(
                "Noted: this fails on the unchanged code. {n} more are needed before the source may be changed."
            ),
        };
        Some((Some(check), format!("{HARNESS} {said}")))
    }

    /// Runs the failing checks again after an edit. Not yet in the record: they follow the result of the call that edited.
    pub(crate) async fn run_reds(&mut self, state: &State, edited: bool) -> Result<Vec<Check>, AttemptError> {
        let mut checks = Vec::new();
        if self.session.strategy.red_first.is_some() && edited && !state.code_tree.is_empty() {
            let reds: Vec<String> = self.session.log.trail.reds().iter().rev().take(AGAIN).rev().cloned().collect();
            for command in reds {
                checks.extend(self.session.run_command(&command).await?);
            }
        }
        Ok(checks)
    }
}

/// What the model is told of a failing check that was run again.
pub(crate) fn fact(check: &Check) -> String {
    let name = short(&check.command);
    let how = &check.with;
    match check.with.exit {
        Some(0) => format!("{HARNESS} `{name}` failed before; with this change: {how}."),
        _ => format!(
            "{HARNESS} `{name}` failed before; with this change it still does: {how}. It ends with:\n{}",
            last_lines(&check.with.tail, TOLD)
        ),
    }
}
