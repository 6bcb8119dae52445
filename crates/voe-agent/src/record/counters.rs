//! Counters across steps. A fold of the trajectory.

use voe_trace::event::{MessageOrigin, NudgeKind};
use voe_trace::{Event, ToolCall};

/// The finish reason of a reply that reached its limit of tokens, for every provider.
pub(crate) const CUT_OFF: &str = "length";

/// Consecutive counts, and facts on the last reply.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// How often the gate refused "done".
    pub(crate) refusals: u32,
    /// Consecutive replies without a call that were answered with a reminder.
    pub(crate) idle: u32,
    /// The last reply was cut off at its limit before any call, and has no answer yet.
    pub(crate) cut_off: bool,
    /// Tokens and messages of the conversation at the last reply; zeros once it was rewritten.
    pub(crate) measured: (u64, usize),
    /// The calls of the last reply.
    calls: Vec<ToolCall>,
}

impl Counters {
    /// Applies an event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Reply(reply) => {
                self.calls.clone_from(&reply.message.tool_calls);
                if !self.calls.is_empty() {
                    self.idle = 0;
                }
                self.cut_off = self.calls.is_empty() && reply.finish_reason == CUT_OFF;
                self.measured = (reply.usage.prompt + reply.usage.output, reply.request_messages + 1);
            }
            // Not what a search adds before it continues: that does not answer a reply.
            Event::Message { origin, .. } if *origin != MessageOrigin::Strategy => self.cut_off = false,
            Event::ConversationRewritten(_) => {
                self.measured = (0, 0);
                self.cut_off = false;
            }
            Event::Gate { accepted: false, .. } => self.refusals += 1,
            Event::Nudge { kind: NudgeKind::Reminder, .. } => self.idle += 1,
            _ => {}
        }
    }

    /// Whether the call with this id is the last one of its step.
    pub(crate) fn is_last_call(&self, id: &str) -> bool {
        self.calls.last().is_some_and(|last| last.id == id)
    }

    /// The arguments of a call of the last reply, as the model wrote them.
    pub(crate) fn arguments(&self, id: &str) -> &str {
        self.calls.iter().find(|call| call.id == id).map(|call| call.arguments.as_str()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use voe_trace::Record;

    use super::*;

    #[test]
    fn a_reply_that_was_cut_off_is_remembered_until_something_is_answered() {
        let reply = serde_json::json!({"event": "reply", "at": 1.0, "step": 1, "finish_reason": "length", "seconds": 0.0,
            "message": {"role": "assistant", "content": "and then"}, "request_messages": 2, "request_bytes": 0});
        let rewritten = serde_json::json!({"event": "conversation_rewritten", "at": 2.0, "step": 1, "kind": "restart", "before": 9,
            "after": 1, "messages": []});
        let refusal = serde_json::json!({"event": "message", "at": 2.0, "step": 1, "origin": "gate",
            "message": {"role": "user", "content": "Not yet"}});
        let cut_off = |records: &[&serde_json::Value]| {
            let mut counters = Counters::default();
            for record in records {
                counters.apply(&serde_json::from_value::<Record>((*record).clone()).unwrap().event);
            }
            counters.cut_off
        };
        assert!(cut_off(&[&reply]));
        assert!(!cut_off(&[&reply, &rewritten]) && !cut_off(&[&reply, &refusal]));
    }
}
