//! Which part of the first messages is original, and not added by compactions.

use std::collections::BTreeMap;

use voe_trace::event::RewriteKind;
use voe_trace::{Event, Message, Role};

/// The messages before the first reply that a compaction added to, by index: the number of original bytes in each. The next
/// addition replaces the previous one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnText(BTreeMap<usize, usize>);

impl OwnText {
    /// Applies an event. `messages`: the conversation before it.
    pub(crate) fn apply(&mut self, event: &Event, messages: &[Message]) {
        let Event::ConversationRewritten(rewritten) = event else { return };
        match rewritten.kind {
            RewriteKind::Summary | RewriteKind::Fresh => {
                if let Some(at) = extended_at(messages) {
                    self.0.entry(at).or_insert(messages[at].content.len());
                } else if let Some(at) = extended_at(&rewritten.messages) {
                    // A separate message, because there was none to add to.
                    self.0.insert(at, 0);
                }
            }
            // Only the user's first message stays, unchanged.
            RewriteKind::Restart => {
                let own = first_user(messages).and_then(|at| self.0.get(&at).copied());
                self.0 = own.and_then(|own| Some((first_user(&rewritten.messages)?, own))).into_iter().collect();
            }
            RewriteKind::Question => self.0.clear(),
            RewriteKind::Shorten | RewriteKind::Extend => {}
        }
    }

    /// The text of the message at `at` without what compactions added.
    pub(crate) fn of<'a>(&self, at: usize, message: &'a Message) -> &'a str {
        self.0.get(&at).and_then(|own| message.content.get(..*own)).unwrap_or(&message.content)
    }
}

/// The message that compaction adds to: the user's last one before the first reply.
pub(crate) fn extended_at(messages: &[Message]) -> Option<usize> {
    let replied = messages.iter().position(|message| message.role == Role::Assistant).unwrap_or(messages.len());
    messages[..replied].iter().rposition(|message| message.role == Role::User)
}

fn first_user(messages: &[Message]) -> Option<usize> {
    messages.iter().position(|message| message.role == Role::User)
}

#[cfg(test)]
mod tests {
    use voe_trace::Usage;
    use voe_trace::event::ConversationRewritten;

    use super::*;

    fn rewritten(kind: RewriteKind, messages: &[Message]) -> Event {
        let (before, after, usage) = (0, 0, Usage::default());
        let messages = messages.to_vec();
        let event = ConversationRewritten { step: 1, kind, before, after, usage, seconds: 0.0, messages };
        Event::ConversationRewritten(Box::new(event))
    }

    #[test]
    fn what_compactions_added_is_not_the_tasks_own_whatever_the_text() {
        let first = [Message::system("rules"), Message::user("the task"), Message::assistant("step")];
        let second = [Message::system("rules"), Message::user("the task, a summary"), Message::assistant("step")];
        let mut own = OwnText::default();
        assert_eq!(own.of(1, &first[1]), "the task");
        own.apply(&rewritten(RewriteKind::Summary, &second), &first);
        assert_eq!(own.of(1, &second[1]), "the task");
        own.apply(&rewritten(RewriteKind::Fresh, &second[..2]), &second);
        assert_eq!(own.of(1, &second[1]), "the task");
    }

    #[test]
    fn what_a_search_adds_to_the_task_is_the_tasks_own_until_a_compaction() {
        let first = [Message::user("the task")];
        let more = [Message::user("the task\n\nothers tried")];
        let mut own = OwnText::default();
        own.apply(&rewritten(RewriteKind::Extend, &more), &first);
        assert_eq!(own.of(0, &more[0]), more[0].content);
        own.apply(&rewritten(RewriteKind::Summary, &[Message::user("the task\n\nothers tried, a summary")]), &more);
        let last = Message::user("the task\n\nothers tried, a summary, and more");
        own.apply(&rewritten(RewriteKind::Extend, std::slice::from_ref(&last)), &more);
        assert_eq!(own.of(0, &last), more[0].content);
    }

    #[test]
    fn a_restart_keeps_what_is_known_of_the_first_message() {
        let first = [Message::user("the task"), Message::assistant("step")];
        let mut own = OwnText::default();
        own.apply(&rewritten(RewriteKind::Summary, &first), &first);
        let again = [Message::system("rules, a summary"), Message::user("the task, more")];
        own.apply(&rewritten(RewriteKind::Restart, &again), &first);
        assert_eq!(own.of(1, &again[1]), "the task");
    }

    #[test]
    fn without_a_task_nothing_of_the_summary_is_kept() {
        let alone = [Message::system("rules"), Message::user("a summary")];
        let mut own = OwnText::default();
        own.apply(&rewritten(RewriteKind::Summary, &alone), &alone[..1]);
        assert_eq!(own.of(1, &alone[1]), "");
    }
}
