//! What was asked before the attempt was gone on with.

use std::collections::VecDeque;

use voe_trace::{Event, Record};

/// Replies and edits of the record that have not been gone through again yet.
///
/// A pipeline has no state beside its record: gone on with, it begins at its beginning, takes the replies from the record as
/// long as there are some, makes the same edits again without recording them, and comes to where it was.
#[derive(Debug, Default)]
pub(crate) struct Past {
    pub(crate) replies: VecDeque<String>,
    /// Results in the record.
    pub(crate) results: usize,
}

impl Past {
    pub(crate) fn of(records: &[Record]) -> Self {
        let mut past = Self::default();
        for record in records {
            match &record.event {
                Event::Reply(reply) => past.replies.push_back(reply.message.content.clone()),
                Event::Result(_) => past.results += 1,
                _ => {}
            }
        }
        past
    }

    /// Whether all of it was gone through.
    pub(crate) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.results == 0
    }
}
