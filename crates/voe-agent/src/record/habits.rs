//! The model's habits: whether it repeats itself, and which edits it has not verified. A fold of the trajectory.

use serde_json::Value;
use voe_evidence::{Ledger, check};
use voe_trace::event::{NudgeKind, ToolResult};
use voe_trace::{Event, Note, Outcome};

use super::counters::Counters;
use crate::record::edits::{CallSeen, Nudger};
use crate::record::loops::{CallHistory, Repetition};
use crate::strategy::{Granularity, Nudge, RecoverHow, Strategy};
use crate::tools;

/// State over the calls so far.
#[derive(Debug, Clone)]
pub struct Habits {
    loops: CallHistory,
    nudger: Nudger,
    nudge: Nudge,
    repeats: u32,
    /// After a failed verification the conversation is different, so repeating a call is fine.
    forgets: bool,
    /// Tools that voe answers itself, which change nothing.
    own: Vec<&'static str>,
}

impl Habits {
    /// The initial state of an attempt under `strategy`.
    pub fn new(strategy: &Strategy) -> Self {
        let finish = strategy.done.finish_tool.then_some(tools::FINISH);
        let checkpoint = (strategy.verify.when == Granularity::Feature).then_some(tools::CHECKPOINT);
        Self {
            loops: CallHistory::new(strategy.stuck.repeats),
            nudger: Nudger::default(),
            nudge: strategy.nudge.clone(),
            repeats: strategy.stuck.repeats,
            forgets: strategy.recovery.how != RecoverHow::Retry,
            own: finish.into_iter().chain(checkpoint).collect(),
        }
    }

    /// Applies an event. `ledger` and `counters`: their state before it.
    pub(super) fn apply(&mut self, event: &Event, ledger: &Ledger, counters: &Counters) {
        match event {
            Event::Result(result) if !self.own.contains(&result.tool.as_str()) => {
                self.call(result, ledger, counters);
            }
            Event::Nudge { kind: NudgeKind::Recovery, .. } if self.forgets => {
                self.loops = CallHistory::new(self.repeats)
            }
            _ => {}
        }
    }

    /// Applies a call with its result. Returns whether it repeats others, and the files to nudge the model about.
    fn call(&mut self, result: &ToolResult, ledger: &Ledger, counters: &Counters) -> (Repetition, Vec<String>) {
        let arguments = counters.arguments(&result.call_id);
        let seen = self.loops.call(&result.tool, arguments, &shown(result));
        let files: Vec<String> = result.changes.iter().map(|change| change.path.clone()).collect();
        let call = CallSeen {
            tool: &result.tool,
            files: &files,
            check: is_check(result, ledger),
            last: counters.is_last_call(&result.call_id),
            unproven: !result.code_tree.is_empty() && ledger.open(),
        };
        (seen, self.nudger.after(&self.nudge, call))
    }

    /// What [`Habits::apply`] will find in a result that is about to be written.
    pub(super) fn ahead(&self, result: &ToolResult, ledger: &Ledger, counters: &Counters) -> (Repetition, Vec<String>) {
        self.clone().call(result, ledger, counters)
    }
}

/// What a call showed: a reverted edit and an accepted one are not the same.
fn shown(result: &ToolResult) -> String {
    let mut text = result.own_text();
    for note in &result.notes {
        if let Note::Nudge { kind: NudgeKind::RedFirst, text: refusal } = note {
            text.push_str(refusal);
        }
    }
    text
}

/// Whether a call is a check.
fn is_check(result: &ToolResult, ledger: &Ledger) -> bool {
    let Some(command) = command(&result.tool, &result.arguments) else { return false };
    let ToolResult { exit, ended_by, seconds, .. } = *result;
    let with = Outcome { exit, ended_by, seconds, tail: String::new(), ..Outcome::default() };
    check::of_call(command, result.step, ledger.code_before(result), &result.code_tree, with).is_some()
}

/// The command of a call, if it runs one.
pub(crate) fn command<'a>(tool: &str, arguments: &'a Value) -> Option<&'a str> {
    (tool == "bash").then(|| arguments["command"].as_str()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_edit_reverted_and_accepted_is_not_a_repetition() {
        let mut habits = Habits::new(&Strategy::default());
        let mut result: ToolResult =
            serde_json::from_value(serde_json::json!({"step": 1, "call_id": "c", "tool": "bash",
            "arguments": {"command": "sed -i s/a/b/ x.py"}, "output": "", "ok": true, "exit": 0, "seconds": 0.0}))
            .unwrap();
        for left in [2, 1, 0] {
            let text = format!("put back; {left} left");
            result.notes = match left {
                0 => Vec::new(),
                _ => vec![Note::Nudge { kind: NudgeKind::RedFirst, text }],
            };
            let (seen, _) = habits.call(&result, &Ledger::default(), &Counters::default());
            assert_eq!(seen, Repetition::Nothing);
        }
    }
}
