//! The conversation and the totals of an attempt, folded from its events.

use crate::chat::{Message, ToolCall, Usage};
use crate::event::{Event, Record};

/// The content of the next request to the model, and the totals so far. The loop and a reader of its record fold the same
/// events, so they can't disagree.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversation {
    /// The messages, in order.
    pub messages: Vec<Message>,
    /// The number of the last step begun.
    pub step: u32,
    /// Calls of the last reply that have no result yet.
    pub open_calls: Vec<ToolCall>,
    /// Tokens so far.
    pub usage: Usage,
    /// Seconds spent waiting for the model.
    pub model_seconds: f64,
    /// Seconds spent in tools.
    pub tool_seconds: f64,
}

impl Conversation {
    /// The conversation after `records`.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut conversation = Self::default();
        for record in records {
            conversation.apply(&record.event);
        }
        conversation
    }

    /// Applies one more event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Message { message, .. } => self.messages.push(message.clone()),
            Event::Reply(reply) => {
                self.step = reply.step;
                self.open_calls.clone_from(&reply.message.tool_calls);
                self.usage += reply.usage;
                self.model_seconds += reply.seconds;
                self.messages.push(reply.message.clone());
            }
            Event::Result(result) => {
                if let Some(at) = self.open_calls.iter().position(|call| call.id == result.call_id) {
                    self.open_calls.remove(at);
                }
                self.tool_seconds += result.seconds;
                self.messages.push(Message::tool(&result.call_id, result.text()));
            }
            Event::Verify { usage, seconds, .. } => {
                self.usage += *usage;
                self.model_seconds += seconds;
            }
            Event::ConversationRewritten(rewritten) => {
                self.usage += rewritten.usage;
                self.model_seconds += rewritten.seconds;
                self.messages.clone_from(&rewritten.messages);
            }
            _ => {}
        }
    }
}

/// The workspace as it was at the last call that edited, as a patch on the base; `None` if nothing was edited.
pub fn last_patch(records: &[Record]) -> Option<&str> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::Patch { patch, .. } => Some(patch.as_str()),
        _ => None,
    })
}
