//! One call: running it, writing its result, and what voe has to say about it.

use std::time::Duration;

use serde_json::Value;
use voe_proof::Called;
use voe_proof::outcome;
use voe_protocol::{CallResult, Limits};
use voe_trace::event::NudgeKind;
use voe_trace::{Check, Event, Level, Note, Reason, ToolCall, Why};

use super::{Loop, red_first};
use crate::attempt::End;
use crate::prompt::{self, HARNESS};
use crate::record::habits::command;
use crate::record::trail::Moment;
use crate::session::{sleep_until, stopped};
use crate::strategy::{Granularity, Method, Placement};
use crate::stuck::Seen;
use crate::tools;

impl Loop {
    /// Runs one call, writes its result and what voe has to say about it.
    pub(crate) async fn call(&mut self, call: &ToolCall) -> Result<(), End> {
        if call.name == tools::FINISH && self.session.strategy.done.finish_tool {
            let refusal = self.gate().await?;
            let accepted = refusal.is_none();
            let text = refusal.unwrap_or_else(|| "Accepted.".into());
            self.session.own_result(call, accepted, text)?;
            if accepted && self.session.strategy.verify.method == Method::None {
                return Err(self.accept()?);
            }
            self.verify_due = accepted.then_some(Moment::End).or(self.verify_due);
            return Ok(());
        }
        if call.name == tools::CHECKPOINT && self.session.strategy.verify.when == Granularity::Feature {
            self.verify_due = self.verify_due.or(Some(Moment::Part));
            return Ok(self.session.own_result(call, true, "Noted. It is verified before you go on.".into())?);
        }
        let mut ran = self.run_tool(call).await?;
        self.put_back_too_early(&mut ran).await?;
        let step = self.session.log.conversation.step;
        let check = check_of(call, &ran, self.session.log.ledger.code_tree(), step);

        self.session.hear_counterfactuals().await?;
        let red = self.red_of(call, &ran);
        let (state, edited) = (ran.state.clone(), !ran.changes.is_empty());
        let mut result = self.session.recorded_result(call, ran);
        let (seen, nudged) = self.session.log.habit(&result);
        result.notes.extend(std::mem::take(&mut self.session.untold).into_iter().map(|text| Note::Evidence { text }));
        match seen {
            Seen::Nothing => {}
            Seen::Circle(times) => {
                let nudge = format!(
                    "{HARNESS} This is the same call with the same result, {times} times over. Repeating it changes nothing: \
                     do something else."
                );
                self.session.log.write(Event::Nudge { step, kind: NudgeKind::Stuck, text: nudge.clone() })?;
                result.notes.push(Note::Nudge { kind: NudgeKind::Stuck, text: nudge });
            }
            Seen::Hopeless => return Err(End::Reason(Reason::Stuck)),
        }
        if !nudged.is_empty() {
            let nudge = prompt::nudge(&self.session.strategy, &nudged);
            self.session.log.write(Event::Nudge { step, kind: NudgeKind::Verify, text: nudge.clone() })?;
            match self.session.strategy.nudge.placement {
                Placement::ToolResult => result.notes.push(Note::Nudge { kind: NudgeKind::Verify, text: nudge }),
                Placement::User => self.after_step.push(nudge),
            }
        }
        let again = self.run_reds(&state, edited).await?;
        let reds = red.iter().map(|(_, text)| text.clone()).chain(again.iter().map(red_first::fact));
        result.notes.extend(reds.map(|text| Note::Nudge { kind: NudgeKind::Red, text }));
        self.session.log.write(Event::Result(Box::new(result)))?;
        if edited {
            self.session.keep_patch(&state.tree).await?;
        }
        if let Some((Some(red), _)) = red {
            self.session.log.write(Event::Check(Box::new(red)))?;
        }
        for check in again {
            self.session.log.write(Event::Check(Box::new(check.clone())))?;
            self.session.run_without(&check).await?;
        }
        if let Some(mut check) = check {
            self.settle_flaky(&mut check).await?;
            self.session.log.write(Event::Check(Box::new(check.clone())))?;
            if check.level == Level::Ran {
                self.session.run_without(&check).await?;
            }
        }
        Ok(())
    }

    /// Runs a tool, within the time that is left, unless the user stops it.
    async fn run_tool(&mut self, call: &ToolCall) -> Result<CallResult, End> {
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
        if !self.session.tools.iter().any(|tool| tool.name == call.name) {
            let names: Vec<_> = self.session.tools.iter().map(|tool| tool.name.as_str()).collect();
            let text = format!("There is no tool {:?}. The tools are: {}.", call.name, names.join(", "));
            return Ok(CallResult { output: text, state: self.session.state_before(), ..CallResult::default() });
        }
        let refusal = match self.refused(call, &arguments) {
            None => self.too_early(call, &arguments)?,
            refusal => refusal,
        };
        if let Some(refusal) = refusal {
            return Ok(CallResult { output: refusal, state: self.session.state_before(), ..CallResult::default() });
        }
        let limit = Duration::from_secs_f64(Limits::default().max_timeout_s);
        let deadline = self.session.deadline;
        let called = tokio::select! {
            biased;
            () = stopped(&mut self.session.stop) => Err(Reason::Interrupted),
            () = sleep_until(deadline) => Err(Reason::MaxWall),
            called = self.session.workspace.call(&call.name, &arguments, limit) => Ok(called?),
        };
        match called {
            Ok(Called::Result(result)) => Ok(*result),
            Ok(Called::Died(why)) => {
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
                Err(End::Reason(reason))
            }
        }
    }

    /// A check that came out otherwise than before on the same code is run once more: if chance decides, it proves nothing.
    async fn settle_flaky(&mut self, check: &mut Check) -> Result<(), End> {
        let passes = |check: &Check| check.with.exit == Some(0);
        let disagrees = self.session.log.ledger.find(&check.command).is_some_and(|old| passes(old) != passes(check));
        if disagrees
            && let Some(again) = self.session.run_check(&check.command).await?
            && passes(&again) != passes(check)
        {
            check.level = Level::Inconclusive;
            check.why = Some(Why::Chance);
        }
        Ok(())
    }

    /// What the strategy forbids, as an answer to the model.
    fn refused(&self, call: &ToolCall, arguments: &Value) -> Option<String> {
        let command = (call.name == "bash").then(|| arguments["command"].as_str()).flatten()?;
        let keys = &self.session.strategy.tools;
        if keys.refuse_installs && voe_evidence::command::installs_packages(command) {
            return Some(
                "Refused: installing packages is not allowed here; the environment is complete. Work with what is there."
                    .into(),
            );
        }
        let lower = command.to_lowercase();
        let refused = keys.refuse.iter().find(|text| lower.contains(&text.to_lowercase()))?;
        Some(format!("Refused: commands with {refused:?} are not allowed here. Work with what is there."))
    }
}

/// The call as a check, if it is one. `before`: the hash of the code before it.
fn check_of(call: &ToolCall, result: &CallResult, before: &str, step: u32) -> Option<Check> {
    let arguments: Value = serde_json::from_str(&call.arguments).ok()?;
    let command = command(&call.name, &arguments)?;
    voe_evidence::check::of_call(command, step, before, &result.state.code_tree, outcome(result))
}
