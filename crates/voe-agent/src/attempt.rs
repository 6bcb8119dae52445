//! One attempt, whichever driver runs it.

use voe_proof::Workspace;
use voe_protocol::{CallResult, FileState, RawBytes};
use voe_trace::event::{ConversationRewritten, Finish, MessageOrigin, ResumedFrom, RewriteKind};
use voe_trace::{Event, Message, Reason, Record, Role, Usage, Writer};

use crate::drive::pipeline::ReplayCursor;
use crate::drive::{Loop, PipelineDriver};
use crate::end::{AttemptError, LoopEnd};
use crate::plan::AttemptPlan;
use crate::prompt::{self, HARNESS};
use crate::record::{Log, Observer};
use crate::session::Session;
use crate::session::finish::EndedAttempt;

/// One attempt.
pub struct Attempt(Driver);

/// The driver of an attempt.
enum Driver {
    /// The model.
    Loop(Box<Loop>),
    /// The harness.
    Pipeline(Box<PipelineDriver>),
}

impl Attempt {
    /// Starts the tools and writes the beginning of the record.
    ///
    /// # Errors
    /// The tools can't be started, or the record can't be written.
    pub async fn start(plan: AttemptPlan, writer: Writer, observer: Box<dyn Observer>) -> Result<Self, AttemptError> {
        let (time, notes) = (plan.time.clone(), plan.notes.clone());
        let mut attempt = Session::open(plan, writer, observer, &[]).await?;
        attempt.begin(time)?;
        let system = prompt::system(&attempt.strategy, &attempt.task);
        if !system.is_empty() {
            attempt.say(MessageOrigin::System, Message::system(system))?;
        }
        let task = prompt::task(&attempt.strategy, &attempt.task, &notes);
        attempt.say(MessageOrigin::Task, Message::user(task))?;
        Ok(Self::driven(attempt, ReplayCursor::default()))
    }

    /// Resumes from `records`, which are in `writer`'s file. `files` restores the workspace in `plan` to the state that they describe.
    /// Calls of the last reply that have no result are answered with the fact that they were cut off.
    ///
    /// # Errors
    /// The tools can't be started, `files` can't be written into the workspace, or the record can't be written.
    pub async fn resume(
        plan: AttemptPlan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
        files: Vec<(RawBytes, Option<FileState>)>,
        from: ResumedFrom,
    ) -> Result<Self, AttemptError> {
        let mut attempt = Session::open(plan, writer, observer, records).await?;
        if let Some(Event::Start(start)) = records.first().map(|record| &record.event) {
            attempt.workspace.known_as(&start.task.workspace);
        }
        let step = attempt.log.conversation.step;
        attempt.log.write(Event::Resume { step, from })?;
        let mut replay = ReplayCursor::default();
        if attempt.strategy.pipeline.is_some() {
            // Starts at the base, and takes earlier replies from the record.
            replay = ReplayCursor::of(records);
        } else if !files.is_empty() {
            attempt.workspace.import(files).await?;
        }
        for call in attempt.log.conversation.open_calls.clone() {
            let text = format!(
                "{HARNESS} The harness was stopped during this call. It may have taken effect in part: look before you go on."
            );
            let state = attempt.workspace.state().await?;
            attempt.result(&call, CallResult { output: text, state, ..CallResult::default() })?;
        }
        // A pipeline makes its candidates, and their checks, again.
        if attempt.strategy.pipeline.is_none() {
            attempt.start_again().await?;
        }
        Ok(Self::driven(attempt, replay))
    }

    fn driven(session: Session, replay: ReplayCursor) -> Self {
        Self(match session.strategy.pipeline.is_some() {
            true => Driver::Pipeline(Box::new(PipelineDriver { session, replay })),
            false => Driver::Loop(Box::new(Loop::new(session))),
        })
    }

    fn session(&self) -> &Session {
        match &self.0 {
            Driver::Loop(driver) => &driver.session,
            Driver::Pipeline(driver) => &driver.session,
        }
    }

    fn session_mut(&mut self) -> &mut Session {
        match &mut self.0 {
            Driver::Loop(driver) => &mut driver.session,
            Driver::Pipeline(driver) => &mut driver.session,
        }
    }

    /// Runs to the end and returns why it ended. What comes next is [`Attempt::finish`].
    pub async fn run(&mut self) -> (Reason, Option<String>) {
        if let Err(error) = self.end_step(None) {
            return LoopEnd::Failed(error).recorded();
        }
        match &mut self.0 {
            Driver::Loop(driver) => driver.run().await.recorded(),
            Driver::Pipeline(driver) => driver.run().await.recorded(),
        }
    }

    /// Runs `steps` more steps. `None`: the attempt has not ended. A pipeline can't stop between steps: it runs to its end.
    pub async fn run_for(&mut self, steps: u32) -> Option<(Reason, Option<String>)> {
        let Driver::Loop(driver) = &mut self.0 else { return Some(self.run().await) };
        let until = driver.session.log.conversation.step + steps;
        while driver.session.log.conversation.step < until {
            if let Err(end) = driver.step().await {
                return Some(end.recorded());
            }
        }
        None
    }

    /// Marks the record as complete up to here: an attempt that is interrupted later resumes from here. `scratch`: the file
    /// that has the scratch files as they are now, where they are kept.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn end_step(&mut self, scratch: Option<String>) -> Result<(), AttemptError> {
        self.session_mut().end_step(scratch)
    }

    /// The record so far, folded.
    pub fn log(&self) -> &Log {
        self.session().log()
    }

    /// The workspace.
    pub fn workspace(&mut self) -> &mut Workspace {
        &mut self.session_mut().workspace
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        self.session().in_place()
    }

    /// Adds a user message before the next step. If the last message is the user's, the text is appended to it: some templates refuse two
    /// user messages in a row.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn push_user_message(&mut self, text: &str) -> Result<(), AttemptError> {
        let session = self.session_mut();
        let mut messages = session.log.conversation.messages.clone();
        match messages.last_mut() {
            Some(last) if last.role == Role::User => last.content = format!("{}\n\n{text}", last.content.trim_end()),
            _ => return Ok(session.say(MessageOrigin::Strategy, Message::user(text))?),
        }
        let step = session.log.conversation.step;
        let before = session.prompt_tokens();
        let after = session.estimator.estimate(&messages, &session.tools);
        let (kind, usage) = (RewriteKind::Extend, Usage::default());
        let rewritten = ConversationRewritten { step, kind, before, after, usage, seconds: 0.0, messages };
        Ok(session.log.write(Event::ConversationRewritten(Box::new(rewritten)))?)
    }

    /// Applies the files of another attempt to the workspace, as a starting point.
    ///
    /// # Errors
    /// The files can't be written into the workspace, or the record can't be written.
    pub async fn apply_files(&mut self, files: Vec<(RawBytes, Option<FileState>)>) -> Result<(), AttemptError> {
        if files.is_empty() {
            return Ok(());
        }
        let session = self.session_mut();
        let state = session.workspace.import(files).await?;
        let (patch, _) = session.workspace.patch().await?;
        let step = session.log.conversation.step;
        Ok(session.log.write(Event::Patch { step, tree: state.tree, patch: patch.text })?)
    }

    /// Collects the final evidence and the patch, and returns the finish event for the caller to complete and write. The patch is taken
    /// whatever the reason.
    ///
    /// # Errors
    /// The record can't be written, or the workspace can't be reached.
    pub async fn finish(
        &mut self,
        reason: Reason,
        error: Option<String>,
        trajectory: String,
    ) -> Result<EndedAttempt, AttemptError> {
        self.session_mut().finish(reason, error, trajectory).await
    }

    /// Writes the end of the record. Nothing comes after it.
    ///
    /// # Errors
    /// The record can't be written, or the sandbox can't be closed.
    pub async fn close(self, finish: Finish) -> Result<(), AttemptError> {
        let session = match self.0 {
            Driver::Loop(driver) => driver.session,
            Driver::Pipeline(driver) => driver.session,
        };
        session.close(finish).await
    }
}
