//! What an attempt that is gone on with has to know beside its folds: counts in a row, and runs that were under way.

use voe_evidence::Ledger;
use voe_evidence::check::awaits_counterfactual;
use voe_trace::event::NudgeKind;
use voe_trace::{Check, Event, Record, ToolCall};

use crate::ask::CUT_OFF;
use crate::attempt::{Attempt, AttemptError};
use crate::nudge::{CallSeen, Nudger};
use crate::strategy::Nudge;
use crate::stuck::Watch;

/// What `records` leave behind in the parts that are no folds.
pub(crate) struct Memory {
    pub(crate) refusals: u32,
    pub(crate) idle: u32,
    pub(crate) cut_off: bool,
    pub(crate) measured: (u64, usize),
    pub(crate) nudger: Nudger,
}

impl Memory {
    /// Reads them from the record; `watch` is shown the calls.
    pub(crate) fn of(records: &[Record], keys: &Nudge, watch: &mut Watch) -> Self {
        let mut memory = Self { refusals: 0, idle: 0, cut_off: false, measured: (0, 0), nudger: Nudger::default() };
        let mut ledger = Ledger::default();
        let mut calls: Vec<ToolCall> = Vec::new();
        for (at, record) in records.iter().enumerate() {
            match &record.event {
                Event::Reply(reply) => {
                    calls.clone_from(&reply.message.tool_calls);
                    if !calls.is_empty() {
                        memory.idle = 0;
                    }
                    memory.cut_off = calls.is_empty() && reply.finish_reason == CUT_OFF;
                    memory.measured = (reply.usage.prompt + reply.usage.output, reply.request_messages + 1);
                }
                Event::ConversationRewritten(_) => {
                    memory.measured = (0, 0);
                    memory.cut_off = false;
                }
                Event::Gate { accepted: false, .. } => memory.refusals += 1,
                Event::Nudge { kind: NudgeKind::Reminder, .. } => memory.idle += 1,
                Event::Result(result) => {
                    let call = calls.iter().find(|call| call.id == result.call_id);
                    let arguments = call.map(|call| call.arguments.as_str()).unwrap_or_default();
                    watch.call(&result.tool, arguments, &result.own_text());
                    let files: Vec<String> = result.changes.iter().map(|change| change.path.clone()).collect();
                    let seen = CallSeen {
                        tool: &result.tool,
                        files: &files,
                        check: is_check(&records[at + 1..]),
                        last: calls.last().is_some_and(|last| last.id == result.call_id),
                        unproven: !result.code_tree.is_empty() && ledger.open(),
                    };
                    memory.nudger.after(keys, seen);
                }
                _ => {}
            }
            ledger.apply(&record.event);
        }
        memory
    }
}

/// Whether the call whose result `after` follows was recorded as a check.
fn is_check(after: &[Record]) -> bool {
    let own = after.iter().map(|record| &record.event).find(|event| !matches!(event, Event::Patch { .. }));
    matches!(own, Some(Event::Check(check)) if check.without.is_none())
}

impl Attempt {
    /// Starts the runs without the edits again that were under way when the record ends.
    pub(crate) async fn start_again(&mut self) -> Result<(), AttemptError> {
        let pending = |check: &&Check| awaits_counterfactual(check);
        let checks: Vec<Check> = self.log.ledger.checks().to_vec();
        self.counterfactuals.were_run(checks.iter().filter(|check| !pending(check)));
        let under_way: Vec<Check> = self.log.ledger.current().filter(pending).cloned().collect();
        for check in under_way {
            self.run_without(&check).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_was_cut_off_is_remembered_until_the_conversation_is_compacted() {
        let reply = serde_json::json!({"event": "reply", "at": 1.0, "step": 1, "finish_reason": "length", "seconds": 0.0,
            "message": {"role": "assistant", "content": "and then"}, "request_messages": 2, "request_bytes": 0});
        let compaction = serde_json::json!({"event": "conversation_rewritten", "at": 2.0, "step": 1, "kind": "restart", "before": 9,
            "after": 1, "messages": []});
        let cut_off = |records: &[serde_json::Value]| {
            let records: Vec<Record> =
                records.iter().map(|record| serde_json::from_value(record.clone()).unwrap()).collect();
            Memory::of(&records, &Nudge::default(), &mut Watch::new(0)).cut_off
        };
        assert!(cut_off(std::slice::from_ref(&reply)));
        assert!(!cut_off(&[reply, compaction]));
    }
}
