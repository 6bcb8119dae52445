//! What every driver of an attempt works with: the record, the workspace, the model, the limits, the stop signal. It makes no
//! decisions.
//!
//! - `ask`: one request; `compaction`, `restart`: keep the conversation within the window
//! - `checks`: runs commands as checks, with and without the edits; `own_tests`: the repository's own tests
//! - [`finish`]: the final evidence, and the patch

mod ask;
pub(crate) mod checks;
mod compaction;
pub mod finish;
mod own_tests;
mod restart;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use voe_model::{Estimator, Model, ToolSpec};
use voe_proof::{Counterfactuals, Workspace};
use voe_protocol::{BaseSource, CallLimits, CallResult, Setup, WorkspaceState};
use voe_trace::event::{MessageOrigin, Start, Task, ToolResult};
use voe_trace::{Event, Message, Reason, Record, ToolCall, WriteError, Writer};

use crate::end::{AttemptError, LoopEnd};
use crate::facts::fact;
use crate::plan::AttemptPlan;
use crate::record::{Log, Observer, earlier_commands};
use crate::strategy::{Counterfactual, Strategy};
use crate::tools;
use crate::user_tree::UserTree;

pub(crate) use voe_proof::counterfactual::stopped;

/// An attempt under way.
pub struct Session {
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
    /// Facts about checks that the model does not have yet. An attempt that is resumed gets them from its record.
    pub(crate) pending_facts: Vec<String>,
    /// Where the base can be read outside the sandbox.
    pub(crate) pristine: BaseSource,
    pub(crate) user_tree: Option<UserTree>,
}

impl Session {
    /// Opens the workspace. `records`: what `writer`'s file contains already.
    pub(crate) async fn open(
        plan: AttemptPlan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
    ) -> Result<Self, AttemptError> {
        let log = Log::new(writer, observer, records, &plan.strategy);
        let keys = &plan.strategy;
        let setup = Setup {
            pristine: plan.sandbox.base_inside().map_or_else(|| plan.pristine.clone(), BaseSource::Dir),
            limits: CallLimits {
                timeout_s: keys.tools.timeout_s,
                output_chars: keys.tools.output_chars,
                read_lines: keys.tools.read_lines,
                grep_matches: keys.tools.grep_matches,
                glob_files: keys.tools.glob_files,
                ..CallLimits::default()
            },
            syntax: keys.tools.syntax,
            earlier_commands: earlier_commands(records, plan.sandbox.workspace()),
            resumed: !records.is_empty(),
            unwatched: false,
            workspace: plan.sandbox.workspace().to_owned(),
            scratch: std::path::PathBuf::new(),
            env: std::collections::BTreeMap::new(),
            byproducts: Vec::new(),
        };
        let tells = keys.evidence.counterfactual == Counterfactual::Tell;
        let pending_facts = log.unsent.checks().iter().filter(|_| tells).map(fact).collect();
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
            pending_facts,
        })
    }

    /// Writes the first line of the record.
    pub(crate) fn begin(&mut self, time: String) -> Result<(), WriteError> {
        let start = Start {
            format: voe_trace::FORMAT.into(),
            voe: env!("CARGO_PKG_VERSION").into(),
            time,
            task: self.task.clone(),
            strategy: self.strategy.name.clone(),
            strategy_text: self.strategy.to_toml(),
            model: self.model.facts(),
            sandbox: self.workspace.sandbox().facts(),
            tools: self.tools.iter().filter_map(|tool| serde_json::to_value(tool).ok()).collect(),
        };
        self.log.write(Event::Start(Box::new(start)))
    }

    /// Adds a message to the conversation.
    pub(crate) fn say(&mut self, origin: MessageOrigin, message: Message) -> Result<(), WriteError> {
        let step = self.log.conversation.step;
        self.log.write(Event::Message { step, origin, message })
    }

    pub(crate) fn check_limits(&mut self) -> Result<(), LoopEnd> {
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
        Err(LoopEnd::Reason(reason))
    }

    /// Marks the record as complete up to here: an attempt that is interrupted later resumes from here. `scratch`: the file
    /// that has the scratch files as they are now, where they are kept.
    ///
    /// # Errors
    /// The record can't be written.
    pub fn end_step(&mut self, scratch: Option<String>) -> Result<(), AttemptError> {
        let step = self.log.conversation.step;
        Ok(self.log.write(Event::StepEnd { step, scratch })?)
    }

    /// The record so far, folded.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The workspace state for a call that did not run.
    pub(crate) fn state_before(&self) -> WorkspaceState {
        let ledger = &self.log.ledger;
        WorkspaceState {
            tree: ledger.tree().to_owned(),
            code_tree: ledger.code_tree().to_owned(),
            ..WorkspaceState::default()
        }
    }

    /// Records the result of a call that voe answers itself and that changes nothing.
    pub(crate) fn own_result(&mut self, call: &ToolCall, ok: bool, text: String) -> Result<(), WriteError> {
        let result = CallResult { ok, output: text, state: self.state_before(), ..CallResult::default() };
        self.result(call, result)
    }

    /// Reverts what a call changed in the source; changed tests stay.
    pub(crate) async fn put_back_source(&mut self, result: &mut ToolResult) -> Result<(), AttemptError> {
        let export = self.workspace.export().await?;
        let source =
            export.files.into_iter().filter(|file| file.role.is_code()).map(|file| (file.path, file.base)).collect();
        let WorkspaceState { tree, code_tree, .. } = self.workspace.import(source).await?;
        (result.tree, result.code_tree) = (tree, code_tree);
        result.changes.retain(|change| !change.role.is_code());
        result.diff.clear();
        Ok(())
    }

    /// Records the result of a call.
    pub(crate) fn result(&mut self, call: &ToolCall, result: CallResult) -> Result<(), WriteError> {
        let result = self.recorded_result(call, result);
        self.log.write(Event::Result(Box::new(result)))
    }

    /// The result of a call as the record has it.
    pub(crate) fn recorded_result(&self, call: &ToolCall, result: CallResult) -> ToolResult {
        ToolResult {
            step: self.log.conversation.step,
            call_id: call.id.clone(),
            tool: call.name.clone(),
            arguments: serde_json::from_str(&call.arguments).unwrap_or_default(),
            output: result.output,
            ok: result.ok,
            exit: result.exit,
            ended_by: result.ended_by,
            notes: result.notes,
            seconds: result.seconds,
            changes: result.changes,
            byproducts: result.byproducts,
            diff: result.diff,
            tree: result.state.tree,
            code_tree: result.state.code_tree,
            code_before: result.code_before,
        }
    }

    /// Records the current patch, for crashes, lost containers and searches.
    pub(crate) async fn keep_patch(&mut self, tree: &str) -> Result<(), LoopEnd> {
        let (patch, _) = self.workspace.patch().await?;
        let step = self.log.conversation.step;
        let patch = patch.text;
        Ok(self.log.write(Event::Patch { step, tree: tree.to_owned(), patch })?)
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        self.workspace.sandbox().in_place()
    }
}

/// Resolves at `deadline`; never without one.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
