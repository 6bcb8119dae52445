//! Replaying a pipeline from its record.

use std::collections::VecDeque;

use voe_trace::{Event, Record};

/// Replies and edits of the record that have not been replayed yet.
///
/// A pipeline has no state besides its record: when resumed, it starts at the beginning, takes replies from the record while
/// there are any, repeats the same edits without recording them, and so returns to where it was.
#[derive(Debug, Default)]
pub(crate) struct ReplayCursor {
    pub(crate) replies: VecDeque<String>,
    /// Results in the record that have not been replayed.
    pub(crate) results: usize,
}

impl ReplayCursor {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut replay = Self::default();
        for record in records {
            match &record.event {
                Event::Reply(reply) => replay.replies.push_back(reply.message.content.clone()),
                Event::Result(_) => replay.results += 1,
                _ => {}
            }
        }
        replay
    }

    /// Whether everything was replayed.
    pub(crate) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.results == 0
    }
}
