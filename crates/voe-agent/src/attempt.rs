//! One attempt: the loop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use voe_evidence::check::awaits_counterfactual;
use voe_model::{Estimator, Model, ModelError, ToolSpec};
use voe_proof::{Counterfactuals, Workspace, WorkspaceError};
use voe_protocol::{BaseSource, CallResult, FileState, Limits, RawBytes, Setup};
use voe_sandbox::{Sandbox, Snapshot};
use voe_trace::event::{NudgeKind, Origin, Reply, ResumedFrom, Start, Task};
use voe_trace::{Check, Event, Message, Reason, Record, WriteError, Writer};

use crate::pipeline::Past;
use crate::prompt::{self, HARNESS};
use crate::record::trail::Moment;
use crate::record::{Log, Observer};
use crate::strategy::{Counterfactual, Strategy};
use crate::user_tree::UserTree;
use crate::{done, tools};

/// What an attempt needs.
pub struct Plan {
    /// What is to be done.
    pub task: Task,
    /// How. Limits that the user gave are already in it.
    pub strategy: Strategy,
    /// Who answers.
    pub model: Arc<dyn Model>,
    /// Where the tools run.
    pub sandbox: Sandbox,
    /// Where the base's contents are.
    pub pristine: BaseSource,
    /// The user's tree, where the workspace is another that shows it and the user may change it meanwhile.
    pub user_tree: Option<UserTree>,
    /// The repository's AGENTS.md, or empty.
    pub notes: String,
    /// Whether replies are shown while they come.
    pub stream: bool,
    /// Set to `true` to end the attempt in order: the patch is taken.
    pub stop: watch::Receiver<bool>,
    /// UTC time, RFC 3339, for the record.
    pub time: String,
}

/// The attempt cannot be recorded or its workspace cannot be reached: what is known is in the record.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// The record.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// Why the loop ended.
#[derive(Debug)]
pub(crate) enum End {
    /// In order.
    Reason(Reason),
    /// The model or its server failed for good.
    Model(ModelError),
    /// voe failed.
    Failed(AttemptError),
}

impl End {
    /// As the record has it, with the error where there is one.
    fn told(self) -> (Reason, Option<String>) {
        match self {
            Self::Reason(reason) => (reason, None),
            Self::Model(error @ ModelError::ContextOverflow { .. }) => (Reason::Context, Some(error.to_string())),
            Self::Model(error) => (Reason::ModelError, Some(error.to_string())),
            Self::Failed(error) => (Reason::Internal, Some(error.to_string())),
        }
    }
}

impl<E: Into<AttemptError>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// One attempt.
pub struct Attempt {
    pub(crate) task: Task,
    pub(crate) strategy: Strategy,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) workspace: Workspace,
    pub(crate) log: Log,
    pub(crate) tools: Vec<ToolSpec>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) stream: bool,
    pub(crate) window: Option<u64>,
    pub(crate) estimator: Estimator,
    pub(crate) counterfactuals: Counterfactuals,
    pub(crate) deadline: Option<Instant>,
    /// What is to be said as a user message after the step.
    pub(crate) after_step: Vec<String>,
    /// Facts about checks that the model has not been told yet.
    pub(crate) untold: Vec<String>,
    /// A verification that a call of this step asked for.
    pub(crate) verify_due: Option<Moment>,
    /// Where the base can be read from outside the sandbox.
    pub(crate) pristine: BaseSource,
    /// What a pipeline that is gone on with has in its record.
    pub(crate) past: Past,
    pub(crate) user_tree: Option<UserTree>,
}

impl Attempt {
    /// Starts the tools and writes the beginning of the record.
    pub async fn start(plan: Plan, writer: Writer, observer: Box<dyn Observer>) -> Result<Self, AttemptError> {
        let (time, notes) = (plan.time.clone(), plan.notes.clone());
        let mut attempt = Self::open(plan, writer, observer, &[]).await?;
        attempt.begin(time)?;
        let system = prompt::system(&attempt.strategy, &attempt.task);
        if !system.is_empty() {
            attempt.say(Origin::System, Message::system(system))?;
        }
        let task = prompt::task(&attempt.strategy, &attempt.task, &notes);
        attempt.say(Origin::Task, Message::user(task))?;
        Ok(attempt)
    }

    /// Writes the first line of the record.
    pub(crate) fn begin(&mut self, time: String) -> Result<(), WriteError> {
        let start = Start {
            format: voe_trace::FORMAT.into(),
            voe: env!("CARGO_PKG_VERSION").into(),
            time,
            task: self.task.clone(),
            strategy: self.strategy.name.clone(),
            strategy_text: crate::load::show(&self.strategy),
            model: self.model.facts(),
            sandbox: self.workspace.sandbox().facts(),
            tools: self.tools.iter().filter_map(|tool| serde_json::to_value(tool).ok()).collect(),
        };
        self.log.write(Event::Start(Box::new(start)))
    }

    /// Goes on from `records`, which `writer`'s file holds. `files` brings the workspace in `plan` to where they left it.
    /// Calls of the last reply that have no result are answered with the fact that they were cut off.
    pub async fn resume(
        plan: Plan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
        files: Vec<(RawBytes, Option<FileState>)>,
        from: ResumedFrom,
    ) -> Result<Self, AttemptError> {
        let mut attempt = Self::open(plan, writer, observer, records).await?;
        if let Some(Event::Start(start)) = records.first().map(|record| &record.event) {
            attempt.workspace.known_as(&start.task.workspace);
        }
        let step = attempt.log.conversation.step;
        attempt.log.write(Event::Resume { step, from })?;
        if attempt.strategy.pipeline.is_some() {
            // Begins at the base, and takes what was answered before from the record.
            attempt.past = Past::of(records);
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
        attempt.start_again().await?;
        Ok(attempt)
    }

    /// Starts the runs without the edits again that were under way when the record ends.
    async fn start_again(&mut self) -> Result<(), AttemptError> {
        let pending = |check: &&Check| awaits_counterfactual(check);
        let checks: Vec<Check> = self.log.ledger.checks().to_vec();
        self.counterfactuals.were_run(checks.iter().filter(|check| !pending(check)));
        let under_way: Vec<Check> = self.log.ledger.current().filter(pending).cloned().collect();
        for check in under_way {
            self.run_without(&check).await?;
        }
        Ok(())
    }

    pub(crate) async fn open(
        plan: Plan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
    ) -> Result<Self, AttemptError> {
        let log = Log::new(writer, observer, records, &plan.strategy);
        let keys = &plan.strategy;
        let setup = Setup {
            pristine: plan.sandbox.base_inside().map_or_else(|| plan.pristine.clone(), BaseSource::Dir),
            limits: Limits {
                timeout_s: keys.tools.timeout_s,
                output_chars: keys.tools.output_chars,
                read_lines: keys.tools.read_lines,
                grep_matches: keys.tools.grep_matches,
                glob_files: keys.tools.glob_files,
                ..Limits::default()
            },
            syntax: keys.tools.syntax,
            resumed: !records.is_empty(),
            unwatched: false,
            workspace: plan.sandbox.workspace().to_owned(),
            scratch: std::path::PathBuf::new(),
            env: std::collections::BTreeMap::new(),
            byproducts: Vec::new(),
        };
        let wall = Duration::try_from_secs_f64(keys.limits.wall_s - log.elapsed()).unwrap_or_default();
        Ok(Self {
            tools: if keys.pipeline.is_some() { Vec::new() } else { tools::offered(keys) },
            window: plan.model.facts().window,
            deadline: (keys.limits.wall_s > 0.0).then(|| Instant::now() + wall),
            counterfactuals: Counterfactuals::new(
                keys.evidence.counterfactual != Counterfactual::Off,
                Duration::try_from_secs_f64(keys.evidence.timeout_s).unwrap_or_default(),
                keys.evidence.skip_over_s,
                plan.stop.clone(),
            ),
            user_tree: plan.user_tree.filter(|_| !plan.sandbox.in_place()),
            workspace: Workspace::open(plan.sandbox, setup, &plan.pristine).await?,
            pristine: plan.pristine,
            task: plan.task,
            strategy: plan.strategy,
            model: plan.model,
            log,
            stop: plan.stop,
            stream: plan.stream,
            estimator: Estimator::default(),
            after_step: Vec::new(),
            untold: Vec::new(),
            verify_due: None,
            past: Past::default(),
        })
    }

    /// Runs to the end and returns why it ended. What comes next is [`Attempt::finish`].
    pub async fn run(&mut self) -> (Reason, Option<String>) {
        if let Err(error) = self.end_step(None) {
            return End::Failed(error).told();
        }
        if let Some(keys) = self.strategy.pipeline.clone() {
            return match self.lead(&keys).await {
                Ok(reason) => (reason, None),
                Err(end) => end.told(),
            };
        }
        loop {
            let ended = match self.step().await {
                Ok(()) => self.end_step(None).map_err(End::Failed),
                end => end,
            };
            if let Err(end) = ended {
                return end.told();
            }
        }
    }

    /// Marks the record as complete up to here: an attempt that is cut off later continues from this line. `scratch`: the file
    /// in which the scratch files are kept as they are now, if they are.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn end_step(&mut self, scratch: Option<String>) -> Result<(), AttemptError> {
        let step = self.log.conversation.step;
        Ok(self.log.write(Event::StepEnd { step, scratch })?)
    }

    /// Runs `steps` more steps. `None`: the attempt could go on. A pipeline has no steps to stop between: it is run to its end.
    pub async fn run_for(&mut self, steps: u32) -> Option<(Reason, Option<String>)> {
        if self.strategy.pipeline.is_some() {
            return Some(self.run().await);
        }
        let until = self.log.conversation.step + steps;
        while self.log.conversation.step < until {
            if let Err(end) = self.step().await {
                return Some(end.told());
            }
        }
        None
    }

    /// Keeps the workspace as it is now, for a fork that starts from it.
    pub async fn snapshot(&self) -> Result<Snapshot, AttemptError> {
        Ok(self.workspace.sandbox().snapshot().await.map_err(WorkspaceError::from)?)
    }

    /// A second sandbox whose workspace is as it was `at` that moment.
    pub async fn fork(&self, at: &Snapshot) -> Result<Sandbox, AttemptError> {
        Ok(self.workspace.sandbox().fork(at).await.map_err(WorkspaceError::from)?)
    }

    /// The record so far, folded.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// One reply and what follows from it.
    async fn step(&mut self) -> Result<(), End> {
        self.check_limits()?;
        self.make_room().await?;
        let reply = self.ask().await?;
        if let Some(moment) = self.log.trail.review()
            && self.reviewed(moment, &reply).await?
        {
            return Ok(());
        }
        let calls = reply.message.tool_calls.clone();
        if calls.is_empty() {
            return self.without_call(&reply).await;
        }
        for call in &calls {
            self.call(call).await?;
        }
        if let Some(malformed) = reply.malformed {
            self.after_step.push(format!("{HARNESS} {malformed}"));
        }
        match self.verify_due.take() {
            Some(moment) => self.verify(moment).await,
            None if self.part_is_due() => self.verify(Moment::Part).await,
            None => self.say_after_step(Origin::Nudge),
        }
    }

    /// A reply without a call: the end, a call that could not be read, or a slip.
    async fn without_call(&mut self, reply: &Reply) -> Result<(), End> {
        if reply.malformed.is_none() && done::declares_done(&reply.message.content, &self.strategy.done) {
            return match self.gate().await? {
                None => self.verify(Moment::End).await,
                Some(refusal) => Ok(self.say(Origin::Gate, Message::user(refusal))?),
            };
        }
        if self.strategy.compaction.after_cut && self.log.counters.cut_off {
            return Ok(());
        }
        let most = self.strategy.done.reminders;
        if most > 0 && self.log.counters.idle + 1 >= most {
            return Err(End::Reason(Reason::Stuck));
        }
        let (origin, text) = match &reply.malformed {
            Some(malformed) => (Origin::Malformed, format!("{HARNESS} {malformed}")),
            None => (Origin::Reminder, prompt::reminder(&self.strategy, &self.task)),
        };
        self.log.write(Event::Nudge { step: reply.step, kind: NudgeKind::Reminder, text: text.clone() })?;
        Ok(self.say(origin, Message::user(text))?)
    }

    /// Puts a message into the conversation.
    pub(crate) fn say(&mut self, origin: Origin, message: Message) -> Result<(), WriteError> {
        let step = self.log.conversation.step;
        self.log.write(Event::Message { step, origin, message })
    }

    pub(crate) fn check_limits(&mut self) -> Result<(), End> {
        let (limits, so_far) = (&self.strategy.limits, &self.log.conversation);
        let tokens = so_far.usage.prompt + so_far.usage.output;
        let reason = if *self.stop.borrow() {
            Reason::Interrupted
        } else if limits.steps > 0 && so_far.step >= limits.steps {
            Reason::MaxSteps
        } else if (limits.tokens > 0 && tokens >= limits.tokens)
            || (limits.cost > 0.0 && so_far.usage.cost.unwrap_or(0.0) >= limits.cost)
        {
            Reason::MaxTokens
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Reason::MaxWall
        } else {
            return Ok(());
        };
        Err(End::Reason(reason))
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        self.workspace.sandbox().in_place()
    }
}

/// Resolves when the user stops the attempt; never if nobody can any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Resolves at `deadline`; never without one.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
