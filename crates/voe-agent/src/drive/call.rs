//! One call: runs it, records its result, and adds voe's notes.

use std::time::Duration;

use serde_json::Value;
use voe_evidence::check::lacks_its_own;
use voe_evidence::hidden_exit::unknown;
use voe_proof::CallEnd;
use voe_proof::outcome;
use voe_protocol::{CallLimits, CallResult};
use voe_trace::event::{NudgeKind, ToolResult};
use voe_trace::{Check, CheckFile, Event, Level, Note, Outcome, Reason, ToolCall, Why};

use super::Loop;
use crate::end::LoopEnd;
use crate::policy::{PolicyAction, RanCall, failing_check};
use crate::prompt::HARNESS;
use crate::record::habits::command;
use crate::record::history::VerifyPoint;
use crate::session::checks::file_of;
use crate::session::{sleep_until, stopped};
use crate::strategy::{Granularity, Method, Placement};
use crate::tools;

impl Loop {
    /// Runs one call, records its result and voe's notes on it.
    pub(crate) async fn call(&mut self, call: &ToolCall) -> Result<(), LoopEnd> {
        if call.name == tools::FINISH && self.session.strategy.done.finish_tool {
            let refusal = self.done().await?;
            let accepted = refusal.is_none();
            let text = refusal.unwrap_or_else(|| "Accepted.".into());
            self.session.own_result(call, accepted, text)?;
            if accepted && self.session.strategy.verify.method == Method::None {
                return Err(self.accept()?);
            }
            self.verify_due = accepted.then_some(VerifyPoint::End).or(self.verify_due);
            return Ok(());
        }
        if call.name == tools::CHECKPOINT && self.session.strategy.verify.when == Granularity::Feature {
            self.verify_due = self.verify_due.or(Some(VerifyPoint::Part));
            return Ok(self.session.own_result(call, true, "Noted. It is verified before you continue.".into())?);
        }
        let mut ran = self.run_tool(call).await?;
        let outcome = outcome(&ran);
        let copies = std::mem::take(&mut ran.check_files);
        let mut pending = PendingCall { result: self.session.recorded_result(call, ran), checks: Vec::new() };
        self.session.collect_counterfactuals().await?;
        for policy in self.policies() {
            let ran = RanCall { result: &pending.result, outcome: &outcome };
            for action in policy.after_call(self.view(), &ran) {
                self.carry_out(action, &mut pending).await?;
            }
        }
        let ledger = &self.session.log.ledger;
        let mut check = check_of(&pending.result, ledger.code_before(&pending.result), outcome);
        if let Some(check) = &check {
            self.session.counterfactuals.keep_output(check, &pending.result.output);
        }
        let (edited, tree) = (!pending.result.changes.is_empty(), pending.result.tree.clone());
        let ran_command = command(&pending.result.tool, &pending.result.arguments).map(str::to_owned);
        self.session.log.write(Event::Result(Box::new(pending.result)))?;
        if edited {
            self.session.keep_patch(&tree).await?;
        }
        let files: Vec<CheckFile> = copies.iter().map(file_of).collect();
        let own = pending
            .checks
            .iter_mut()
            .map(|(check, _)| check)
            .filter(|own| Some(&*own.command) == ran_command.as_deref());
        let mut used = false;
        for check in own.chain(check.as_mut()) {
            check.files.clone_from(&files);
            used = true;
        }
        if used {
            self.session.keep_copies(copies)?;
        }
        for (check, then_without) in pending.checks {
            self.session.log.write(Event::Check(Box::new(check.clone())))?;
            if then_without {
                self.session.run_without(&check).await?;
            }
        }
        if let Some(mut check) = check {
            self.settle_flaky(&mut check).await?;
            self.session.log.write(Event::Check(Box::new(check.clone())))?;
            // A failing check may have tests that turned green or red all the same.
            let tests = check.level == Level::Refuted && check.with.tests.is_some();
            if check.level == Level::Ran || tests || lacks_its_own(&check) {
                self.session.run_without(&check).await?;
            }
        }
        Ok(())
    }

    /// Carries out a policy's action after a call.
    async fn carry_out(&mut self, action: PolicyAction, pending: &mut PendingCall) -> Result<(), LoopEnd> {
        let step = self.session.log.conversation.step;
        match action {
            PolicyAction::Note(note) => pending.result.notes.push(note),
            PolicyAction::Facts => {
                let facts = std::mem::take(&mut self.session.pending_facts);
                pending.result.notes.extend(facts.into_iter().map(|text| Note::Evidence { text }));
            }
            PolicyAction::Nudge(kind, text, placement) => {
                self.session.log.write(Event::Nudge { step, kind, text: text.clone() })?;
                match placement {
                    Placement::ToolResult => pending.result.notes.push(Note::Nudge { kind, text }),
                    Placement::User => self.after_step.push(text),
                }
            }
            PolicyAction::PutBack(text) => {
                self.session.put_back_source(&mut pending.result).await?;
                pending.result.notes.push(Note::Nudge { kind: NudgeKind::RedFirst, text });
            }
            PolicyAction::Record(check) => pending.checks.push((*check, false)),
            PolicyAction::RunAgain(commands) => {
                for command in commands {
                    if let Some(check) = self.session.run_command(&command).await? {
                        let text = failing_check(&check);
                        pending.result.notes.push(Note::Nudge { kind: NudgeKind::Red, text });
                        pending.checks.push((check, true));
                    }
                }
            }
            PolicyAction::Write(event) => self.session.log.write(event)?,
            PolicyAction::End(reason) => return Err(LoopEnd::Reason(reason)),
            // These belong to other hooks.
            PolicyAction::Refuse(_) | PolicyAction::Verify(_) => {}
        }
        Ok(())
    }

    /// Runs a tool, within the time that is left, unless the user stops it.
    async fn run_tool(&mut self, call: &ToolCall) -> Result<CallResult, LoopEnd> {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        if !self.session.tools.iter().any(|tool| tool.name == call.name) {
            let names: Vec<_> = self.session.tools.iter().map(|tool| tool.name.as_str()).collect();
            let text = format!("There is no tool {:?}. The tools are: {}.", call.name, names.join(", "));
            return Ok(CallResult { output: text, state: self.session.state_before(), ..CallResult::default() });
        }
        for policy in self.policies() {
            for action in policy.before_call(self.view(), call, &arguments) {
                match action {
                    PolicyAction::Refuse(refusal) => {
                        let state = self.session.state_before();
                        return Ok(CallResult { output: refusal, state, ..CallResult::default() });
                    }
                    PolicyAction::Write(event) => self.session.log.write(event)?,
                    _ => {}
                }
            }
        }
        let limit = Duration::from_secs_f64(CallLimits::default().max_timeout_s);
        let deadline = self.session.deadline;
        let called = tokio::select! {
            biased;
            () = stopped(&mut self.session.stop) => Err(Reason::Interrupted),
            () = sleep_until(deadline) => Err(Reason::MaxWall),
            called = self.session.workspace.call(&call.name, &arguments, limit) => Ok(called?),
        };
        match called {
            Ok(CallEnd::Result(result)) => Ok(*result),
            Ok(CallEnd::Died(why)) => {
                let step = self.session.log.conversation.step;
                self.session.log.write(Event::ToolboxRestarted { step, why: why.clone() })?;
                let state = self.session.workspace.state().await?;
                let text = format!(
                    "{HARNESS} The tools' process ended during this call ({why}) and was started again. The call may have \
                     taken effect in part: look before you go on."
                );
                Ok(CallResult { output: text, state, ..CallResult::default() })
            }
            Err(reason) => {
                self.session.workspace.interrupt();
                Err(LoopEnd::Reason(reason))
            }
        }
    }

    /// Runs a check once more if it ended differently than before on the same code: a flaky check proves nothing.
    async fn settle_flaky(&mut self, check: &mut Check) -> Result<(), LoopEnd> {
        let known = self.session.log.ledger.find(&check.command);
        let disagrees = known.is_some_and(|old| old.with.passed() != check.with.passed()) && !lacks_its_own(check);
        let disagrees = disagrees && unknown(&check.command, &check.with).is_none();
        if disagrees
            && let Some(again) = self.session.run_check(&check.command).await?
            && again.with.passed() != check.with.passed()
        {
            check.level = Level::Inconclusive;
            check.why = Some(Why::Chance);
        }
        Ok(())
    }
}

/// A call that has run, with what is recorded after its result: checks, and whether each also runs without the edits.
struct PendingCall {
    result: ToolResult,
    checks: Vec<(Check, bool)>,
}

/// The call as a check, if it is one. `before`: the hash of the code before it.
fn check_of(result: &ToolResult, before: &str, with: Outcome) -> Option<Check> {
    let command = command(&result.tool, &result.arguments)?;
    voe_evidence::check::of_call(command, result.step, before, &result.code_tree, with)
}
