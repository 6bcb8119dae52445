//! What a search over several attempts needs of one: a record of its own, something said between steps, the work of another.

use voe_proof::Workspace;
use voe_protocol::{CallResult, FileState, RawBytes};
use voe_trace::event::{ConversationRewritten, Origin, ResumedFrom, RewriteKind};
use voe_trace::{Check, Event, Message, Record, Role, ToolCall, Usage, Writer};

use crate::attempt::{Attempt, AttemptError, Plan};
use crate::prompt;
use crate::record::Observer;
use crate::strategy::{SearchKind, Strategy};

impl Attempt {
    /// Opens a record and a workspace for a search, which asks nothing itself. `records`: what `writer`'s file holds already.
    pub async fn host(
        plan: Plan,
        writer: Writer,
        observer: Box<dyn Observer>,
        records: &[Record],
    ) -> Result<Self, AttemptError> {
        let (time, notes) = (plan.time.clone(), plan.notes.clone());
        let mut host = Self::open(plan, writer, observer, records).await?;
        if records.is_empty() {
            host.begin(time)?;
            let task = prompt::task(&host.strategy, &host.task, &notes);
            host.say(Origin::Task, Message::user(task))?;
        } else {
            host.write(Event::Resume { step: 0, from: ResumedFrom::Attempts })?;
        }
        host.end_step(None)?;
        Ok(host)
    }

    /// Writes an event of the search.
    pub fn write(&mut self, event: Event) -> Result<(), AttemptError> {
        Ok(self.log.write(event)?)
    }

    /// The workspace.
    pub fn workspace(&mut self) -> &mut Workspace {
        &mut self.workspace
    }

    /// Says something before the next step. Where the last word is the user's it is added to it: some templates refuse two
    /// user messages in a row.
    pub fn tell(&mut self, text: &str) -> Result<(), AttemptError> {
        let mut messages = self.log.conversation.messages.clone();
        match messages.last_mut() {
            Some(last) if last.role == Role::User => last.content = format!("{}\n\n{text}", last.content.trim_end()),
            _ => return Ok(self.say(Origin::Strategy, Message::user(text))?),
        }
        let step = self.log.conversation.step;
        let before = self.prompt_tokens();
        let after = self.estimator.estimate(&messages, &self.tools);
        let (kind, usage) = (RewriteKind::Extend, Usage::default());
        let rewritten = ConversationRewritten { step, kind, before, after, usage, seconds: 0.0, messages };
        self.write(Event::ConversationRewritten(Box::new(rewritten)))
    }

    /// Lays the work of another attempt over the workspace, as its beginning.
    pub async fn lay(&mut self, files: Vec<(RawBytes, Option<FileState>)>) -> Result<(), AttemptError> {
        if files.is_empty() {
            return Ok(());
        }
        let state = self.workspace.import(files).await?;
        let (patch, _) = self.workspace.patch().await?;
        let step = self.log.conversation.step;
        self.write(Event::Patch { step, tree: state.tree, patch: patch.text })
    }

    /// Takes over the work of another attempt as the outcome, with the checks that it rests on. Nothing comes after it but
    /// [`Attempt::finish`].
    pub async fn adopt(
        &mut self,
        files: Vec<(RawBytes, Option<FileState>)>,
        checks: &[Check],
        text: String,
    ) -> Result<(), AttemptError> {
        let mut state = self.workspace.import(files).await?;
        let (patch, _) = self.workspace.patch().await?;
        let (tree, code) = (state.tree.clone(), state.code_tree.clone());
        let changes = std::mem::take(&mut state.changes);
        let call = ToolCall { id: "voe-choose".into(), name: "choose".into(), arguments: "{}".into() };
        let diff = prompt::cut(&patch.text, 20_000);
        let result = CallResult { output: text, ok: true, changes, diff, state, ..CallResult::default() };
        self.result(&call, result)?;
        self.write(Event::Patch { step: 0, tree, patch: patch.text })?;
        for check in checks {
            self.write(Event::Check(Box::new(Check { code_tree: code.clone(), ..check.clone() })))?;
        }
        Ok(())
    }
}

/// What is wrong with the keys of a search, if anything, in one line.
pub(crate) fn validate(strategy: &Strategy) -> Result<(), String> {
    let Some(keys) = &strategy.search else { return Ok(()) };
    let kind = keys.kind.word();
    if keys.n == 0 || keys.parallel == 0 || keys.width == 0 {
        return Err("search.n, search.parallel and search.width are 1 at least".into());
    }
    if keys.kind == SearchKind::Ralph && keys.parallel > 1 {
        return Err("search.parallel: with ralph each attempt comes after the one before; leave it at 1".into());
    }
    if matches!(keys.kind, SearchKind::Bst | SearchKind::Mcts) && strategy.pipeline.is_some() {
        return Err(format!(
            "search.kind = {kind} goes on from the middle of an attempt, and a pipeline has no middle; use best-of-n"
        ));
    }
    if strategy.limits.steps == 0 && keys.steps == 0 {
        return Err("a search needs a limit: set limits.steps (all attempts together) or search.steps (each)".into());
    }
    if !keys.explore.is_finite() || keys.explore < 0.0 {
        return Err(format!("search.explore is 0 or more, not {}", keys.explore));
    }
    Ok(())
}
