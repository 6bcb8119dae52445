//! What a search over several attempts owns: a record, a workspace to fork from, and the outcome that it adopts.

use voe_proof::Workspace;
use voe_protocol::{CallResult, FileState, RawBytes};
use voe_trace::event::{Finish, MessageOrigin, ResumedFrom};
use voe_trace::{Check, Event, Message, Reason, Record, ToolCall, Writer};

use crate::end::AttemptError;
use crate::plan::AttemptPlan;
use crate::prompt;
use crate::record::{Log, Observer};
use crate::session::Session;
use crate::session::finish::EndedAttempt;
use crate::strategy::{SearchKind, Strategy};

/// The driver of a search. It sends no requests itself.
pub struct SearchHost {
    pub(crate) session: Session,
}

impl SearchHost {
    /// Opens a record and a workspace for a search. `records`: what `writer`'s file contains already.
    ///
    /// # Errors
    /// The tools can't be started, or the record can't be written.
    pub async fn open(
        plan: AttemptPlan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
    ) -> Result<Self, AttemptError> {
        let (time, notes) = (plan.time.clone(), plan.notes.clone());
        let mut host = Session::open(plan, writer, observer, records).await?;
        if records.is_empty() {
            host.begin(time)?;
            let task = prompt::task(&host.strategy, &host.task, &notes);
            host.say(MessageOrigin::Task, Message::user(task))?;
        } else {
            host.log.write(Event::Resume { step: 0, from: ResumedFrom::Attempts })?;
        }
        host.end_step(None)?;
        Ok(Self { session: host })
    }

    /// Writes an event of the search.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn write(&mut self, event: Event) -> Result<(), AttemptError> {
        Ok(self.session.log.write(event)?)
    }

    /// The workspace.
    pub fn workspace(&mut self) -> &mut Workspace {
        &mut self.session.workspace
    }

    /// Adopts the work of another attempt as the outcome, with the checks that support it. Only
    /// [`Attempt::finish`](crate::Attempt::finish) comes after it.
    ///
    /// # Errors
    /// The files can't be written into the workspace, or the record can't be written.
    pub async fn adopt_patch(
        &mut self,
        files: Vec<(RawBytes, Option<FileState>)>,
        checks: &[Check],
        text: String,
    ) -> Result<(), AttemptError> {
        let mut state = self.session.workspace.import(files).await?;
        let (patch, _) = self.session.workspace.patch().await?;
        let (tree, code) = (state.tree.clone(), state.code_tree.clone());
        let changes = std::mem::take(&mut state.changes);
        let call = ToolCall { id: "voe-choose".into(), name: "choose".into(), arguments: "{}".into() };
        let diff = prompt::cut(&patch.text, 20_000);
        let result = CallResult { output: text, ok: true, changes, diff, state, ..CallResult::default() };
        self.session.result(&call, result)?;
        self.write(Event::Patch { step: 0, tree, patch: patch.text })?;
        for check in checks {
            self.write(Event::Check(Box::new(Check { code_tree: code.clone(), ..check.clone() })))?;
        }
        Ok(())
    }

    /// Marks the record as complete up to here.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn end_step(&mut self) -> Result<(), AttemptError> {
        self.session.end_step(None)
    }

    /// The record so far, folded.
    pub fn log(&self) -> &Log {
        self.session.log()
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        self.session.in_place()
    }

    /// Collects the final evidence and the patch, and returns the finish event for the caller to complete and write.
    ///
    /// # Errors
    /// The record can't be written, or the workspace can't be reached.
    pub async fn finish(
        &mut self,
        reason: Reason,
        error: Option<String>,
        trajectory: String,
    ) -> Result<EndedAttempt, AttemptError> {
        self.session.finish(reason, error, trajectory).await
    }

    /// Writes the end of the record.
    ///
    /// # Errors
    /// The record can't be written, or the sandbox can't be closed.
    pub async fn close(self, finish: Finish) -> Result<(), AttemptError> {
        self.session.close(finish).await
    }
}

/// Checks the keys of a search. The error is one line.
pub(crate) fn validate(strategy: &Strategy) -> Result<(), String> {
    let Some(keys) = &strategy.search else { return Ok(()) };
    let kind = keys.kind.word();
    if keys.n == 0 || keys.parallel == 0 || keys.width == 0 {
        return Err("search.n, search.parallel and search.width must be at least 1".into());
    }
    if keys.kind == SearchKind::Ralph && keys.parallel > 1 {
        return Err("search.parallel: with ralph each attempt comes after the one before; leave it at 1".into());
    }
    if matches!(keys.kind, SearchKind::Bst | SearchKind::Mcts) && strategy.pipeline.is_some() {
        return Err(format!(
            "search.kind = {kind} resumes from the middle of an attempt, which a pipeline can't; use best-of-n"
        ));
    }
    if strategy.limits.steps == 0 && keys.steps == 0 {
        return Err("a search needs a limit: set limits.steps (all attempts together) or search.steps (each)".into());
    }
    if !keys.explore.is_finite() || keys.explore < 0.0 {
        return Err(format!("search.explore must be 0 or more, not {}", keys.explore));
    }
    Ok(())
}
