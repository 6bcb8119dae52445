//! Compaction as in the published experiment: the conversation restarts with the task, and the model's summary of it follows
//! the system message.

use voe_trace::event::RewriteKind;
use voe_trace::{Message, Role};

use super::Session;
use super::compaction::ADDED;
use crate::end::LoopEnd;
use crate::prompt::{self, HARNESS, first};

/// Limits, in characters, on one message's text, a result and a call's arguments in the text to summarise.
const TEXT: usize = 2000;
const RESULT: usize = 1000;
const ARGUMENTS: usize = 500;

/// Characters of the fallback for a failed summary.
const INSTEAD: usize = 4000;

impl Session {
    /// Restarts the conversation from the task and a summary.
    pub(crate) async fn restart(&mut self) -> Result<(), LoopEnd> {
        let before = self.prompt_tokens();
        let keys = &self.strategy.compaction;
        let transcript = transcript(&self.log.conversation.messages, keys.transcript_chars);
        let asked = [
            Message::system("You summarise the work of a software engineer."),
            Message::user(format!("{HARNESS} {}\n\nThe conversation:\n{transcript}", keys.ask)),
        ];
        let (summary, usage, seconds) = match self.ask_for_summary(&asked).await? {
            Ok(reply) => (reply.message.content.trim().to_owned(), reply.usage, reply.seconds),
            Err(_) => (first(&transcript, INSTEAD).to_owned(), Default::default(), 0.0),
        };
        let marker = &self.strategy.done.marker;
        let system = format!(
            "{}{ADDED}shortened: it came near the limit of its length. All changes are still in the repository. What was done \
             so far:\n\n{summary}\n\nContinue from there. When the work is done, answer with {marker}.",
            prompt::system(&self.strategy, &self.task)
        );
        let messages = &self.log.conversation.messages;
        let task = messages.iter().filter(|message| message.role == Role::User).take(1).cloned();
        let rewritten = std::iter::once(Message::system(system.trim_start())).chain(task).collect();
        self.rewritten(RewriteKind::Restart, before, rewritten, usage, seconds)
    }
}

/// The conversation without the system message, each message cut, in `most` characters from its beginning (0: all).
fn transcript(messages: &[Message], most: usize) -> String {
    let mut lines = Vec::new();
    for message in messages {
        match message.role {
            Role::System => {}
            Role::User => lines.push(format!("[user] {}", first(&message.content, TEXT))),
            Role::Tool => lines.push(format!("[result] {}", first(&message.content, RESULT))),
            Role::Assistant => {
                if !message.content.is_empty() {
                    lines.push(format!("[assistant] {}", first(&message.content, TEXT)));
                }
                let calls = message.tool_calls.iter();
                lines.extend(calls.map(|call| format!("[call] {} {}", call.name, first(&call.arguments, ARGUMENTS))));
            }
        }
    }
    let text = lines.join("\n");
    if most == 0 { text } else { prompt::cut(&text, most) }
}

#[cfg(test)]
mod tests {
    use voe_trace::ToolCall;

    use super::*;

    #[test]
    fn the_summary_is_made_of_the_beginning_with_long_messages_cut() {
        let call = ToolCall { id: "1".into(), name: "bash".into(), arguments: "a".repeat(900) };
        let messages = [
            Message::system("rules"),
            Message::user("t".repeat(3000)),
            Message { tool_calls: vec![call], ..Message::assistant("") },
            Message::tool("1", "r".repeat(3000)),
            Message::assistant("last"),
        ];
        let all = transcript(&messages, 0);
        let lengths: Vec<usize> = all.lines().map(str::len).collect();
        assert_eq!(lengths, [7 + 2000, 12 + 500, 9 + 1000, 16], "{all}");
        let part = transcript(&messages, 100);
        assert!(part.starts_with(&all[..100]) && part.ends_with("The rest is left out."), "{part}");
    }
}
