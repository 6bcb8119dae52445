//! Keeps the conversation within the window.
//!
//! First old tool results are shortened. Where that is not enough, the model summarises everything but the newest steps,
//! which stay verbatim, and voe restates the facts that must not depend on a model's memory. Both are recorded with the
//! resulting conversation; between two of them the conversation only grows, so that the server's prefix cache stays valid.

use voe_evidence::Ledger;
use voe_model::{ModelError, estimate_tokens};
use voe_trace::event::{ConversationRewritten, RewriteKind};
use voe_trace::{Event, Message, Role, Usage};

use super::Session;
use crate::end::LoopEnd;
use crate::prompt::HARNESS;
use crate::record::own_text::{OwnText, extended_at};
use crate::strategy::CompactHow;

/// After compaction the conversation should take at most this share of the compaction threshold: else the next one would follow immediately.
const ENOUGH: f64 = 0.7;

/// The separator between the task and what voe adds to it.
pub(crate) const ADDED: &str = "\n\n[voe] The conversation was ";

/// Characters of the patch in a restarted context.
const PATCH: usize = 12_000;

impl Session {
    /// Compacts when the next request would come near the window.
    pub(crate) async fn make_room(&mut self) -> Result<(), LoopEnd> {
        let cut_off = self.strategy.compaction.after_cut && self.log.counters.cut_off;
        let at = self.strategy.compaction.at;
        let near = |window| at > 0.0 && self.prompt_tokens() as f64 > at * window as f64;
        if cut_off || self.compaction_window().is_some_and(near) {
            self.compact(cut_off).await?;
            // A summary that was paid for is not asked for again after a kill.
            self.end_step(self.log.scratch.clone())?;
        }
        Ok(())
    }

    /// The window for compaction: the server's, or a smaller one set by the strategy.
    fn compaction_window(&self) -> Option<u64> {
        let own = Some(self.strategy.compaction.window).filter(|own| *own > 0);
        self.window.map_or(own, |window| Some(own.map_or(window, |own| own.min(window))))
    }

    /// Compacts. `overflowed`: the server refused the conversation, so that shortening a little can't be trusted to do.
    pub(crate) async fn compact(&mut self, overflowed: bool) -> Result<(), LoopEnd> {
        let keys = self.strategy.compaction.clone();
        if keys.how == CompactHow::Restart {
            return self.restart().await;
        }
        let before = self.prompt_tokens();
        let share = if keys.at > 0.0 { keys.at } else { 1.0 };
        let aim = (self.compaction_window().unwrap_or(before) as f64 * share * ENOUGH) as u64;
        let messages = &self.log.conversation.messages;
        let keep = keep_from(messages, keys.keep_steps, aim / 2);
        let shortened = shorten(messages, keep, keys.result_chars);
        let tokens = self.estimator.estimate(&shortened, &self.tools);
        if tokens <= aim && !overflowed && shortened != *messages {
            return self.rewritten(RewriteKind::Shorten, before, shortened, Usage::default(), 0.0);
        }
        let (summary, usage, seconds) = self.summarise(&shortened, keep, aim).await?;
        let facts = restate(&self.log.ledger);
        let rewritten = replace(&shortened, keep, &summary, &facts, &self.log.own_text);
        // If the newest steps alone are too large, they are shortened too.
        let rewritten = if self.estimator.estimate(&rewritten, &self.tools) > aim {
            shorten(&rewritten, rewritten.len(), keys.result_chars)
        } else {
            rewritten
        };
        self.rewritten(RewriteKind::Summary, before, rewritten, usage, seconds)
    }

    /// Compacts everything, for a recovery: the model summarises all of it, and `after` comes next.
    pub(crate) async fn summarise_all(&mut self, after: &str) -> Result<(), LoopEnd> {
        let before = self.prompt_tokens();
        let keys = &self.strategy.compaction;
        let share = if keys.at > 0.0 { keys.at } else { 1.0 };
        let aim = (self.compaction_window().unwrap_or(before * 2) as f64 * share * ENOUGH) as u64;
        let messages = self.log.conversation.messages.clone();
        let all = messages.len();
        let shortened = if before > aim { shorten(&messages, all, keys.result_chars) } else { messages };
        let (summary, usage, seconds) = self.summarise(&shortened, all, aim).await?;
        let facts = format!("{}\n\n{after}", restate(&self.log.ledger));
        let rewritten = replace(&shortened, all, &summary, &facts, &self.log.own_text);
        self.rewritten(RewriteKind::Summary, before, rewritten, usage, seconds)
    }

    /// Restarts the conversation, for a recovery: the task, the state of the workspace, and `after`. No earlier message is kept.
    pub(crate) async fn begin_afresh(&mut self, after: &str) -> Result<(), LoopEnd> {
        let before = self.prompt_tokens();
        let (patch, _) = self.workspace.patch().await?;
        let patch = match patch.text.trim_end() {
            "" => String::new(),
            text => format!("\n\nThe changes:\n\n```diff\n{}\n```", crate::prompt::cut(text, PATCH)),
        };
        let text = format!(
            "{ADDED}restarted: the task was worked on before, the changes are in the workspace, and the earlier messages are gone.{}{patch}\n\n{after}",
            restate(&self.log.ledger)
        );
        let messages = extended(&self.log.conversation.messages, &text, &self.log.own_text);
        self.rewritten(RewriteKind::Fresh, before, messages, Usage::default(), 0.0)
    }

    /// The model's own summary of what comes before `keep`; empty if that fails.
    async fn summarise(
        &mut self,
        messages: &[Message],
        keep: usize,
        aim: u64,
    ) -> Result<(String, Usage, f64), LoopEnd> {
        let mut asked = flatten(&messages[..keep]);
        while estimate_tokens(&asked, &[]) > aim && asked.len() > 3 {
            // Still too long: drop the oldest steps after the task first.
            asked.remove(asked.len().min(2));
        }
        asked.push(Message::user(format!("{HARNESS} {}", self.strategy.compaction.ask)));
        match self.ask_for_summary(&merge_users(asked)).await? {
            Ok(reply) => Ok((reply.message.content.trim().to_owned(), reply.usage, reply.seconds)),
            Err(_) => Ok((String::new(), Usage::default(), 0.0)),
        }
    }

    /// Asks for a summary, with the strategy's sampling and limit for summaries.
    pub(crate) async fn ask_for_summary(
        &mut self,
        messages: &[Message],
    ) -> Result<Result<voe_model::ModelReply, ModelError>, LoopEnd> {
        let keys = &self.strategy.compaction;
        let mut sampling = self.strategy.sampling.clone();
        sampling.temperature = keys.temperature.or(sampling.temperature);
        let tokens = if keys.reply_tokens > 0 { keys.reply_tokens } else { self.strategy.limits.reply_tokens };
        self.request_with(Some(messages), &sampling, tokens).await
    }

    pub(crate) fn rewritten(
        &mut self,
        kind: RewriteKind,
        before: u64,
        messages: Vec<Message>,
        usage: Usage,
        seconds: f64,
    ) -> Result<(), LoopEnd> {
        let after = self.estimator.estimate(&messages, &self.tools);
        let step = self.log.conversation.step;
        let rewritten = ConversationRewritten { step, kind, before, after, usage, seconds, messages };
        Ok(self.log.write(Event::ConversationRewritten(Box::new(rewritten)))?)
    }
}

/// Where the newest steps that stay verbatim begin: at most `steps` of them, at least one, of at most `tokens`.
fn keep_from(messages: &[Message], steps: usize, tokens: u64) -> usize {
    let begins: Vec<usize> =
        (0..messages.len()).filter(|&i| messages[i].role == Role::Assistant).rev().take(steps.max(1)).collect();
    let fits = |&&i: &&usize| estimate_tokens(&messages[i..], &[]) <= tokens;
    let newest = begins.first().copied().unwrap_or(messages.len());
    begins.iter().take_while(fits).last().copied().unwrap_or(newest)
}

/// `messages` with the tool results before `keep` cut to head and tail.
fn shorten(messages: &[Message], keep: usize, chars: usize) -> Vec<Message> {
    let mut messages = messages.to_vec();
    for message in messages[..keep].iter_mut().filter(|m| m.role == Role::Tool) {
        if let Some(short) = cut(&message.content, chars) {
            message.content = short;
        }
    }
    messages
}

/// Head and tail of `text`, if it is longer than `chars` by enough to be worth it.
fn cut(text: &str, chars: usize) -> Option<String> {
    let total = text.chars().count();
    if total <= chars + 100 {
        return None;
    }
    let head: String = text.chars().take(chars / 2).collect();
    let tail: String = text.chars().skip(total - chars / 2).collect();
    Some(format!("{head}\n{HARNESS} {} characters of this old result are left out.\n{tail}", total - chars / 2 * 2))
}

/// The task with the summary and the facts, then what is kept.
fn replace(messages: &[Message], keep: usize, summary: &str, facts: &str, own: &OwnText) -> Vec<Message> {
    let mut text = format!("{ADDED}shortened.");
    if summary.is_empty() {
        text.push_str(" No summary could be made: look at the workspace before you continue.");
    } else {
        text.push_str(&format!(" Summary of the work so far, in your own words:\n\n{summary}"));
    }
    text.push_str(facts);
    let mut out = extended(&messages[..keep], &text, own);
    out.extend_from_slice(&messages[keep..]);
    out
}

/// The task alone, with `text` after it. Text added earlier is dropped: the new text covers it.
fn extended(messages: &[Message], text: &str, own: &OwnText) -> Vec<Message> {
    let mut out: Vec<Message> = messages.iter().take_while(|m| m.role != Role::Assistant).cloned().collect();
    match extended_at(&out) {
        Some(at) => out[at].content = format!("{}{text}", own.of(at, &out[at])),
        None => out.push(Message::user(text)),
    }
    out
}

/// Facts that voe knows and does not leave to a summary.
fn restate(ledger: &Ledger) -> String {
    let mut text = String::new();
    let files = ledger.files();
    if files.is_empty() {
        text.push_str("\n\nFiles changed so far: none.");
    } else {
        text.push_str(&format!("\n\nFiles changed so far: {}.", files.join(", ")));
    }
    for check in ledger.current() {
        let exit = check.with.exit_code().map_or("ended at a limit".to_owned(), |exit| format!("exit code {exit}"));
        text.push_str(&format!("\nCheck of the present code: `{}`: {exit} ({}).", check.command, check.level));
    }
    let unchecked = ledger.unchecked();
    if !unchecked.is_empty() {
        text.push_str(&format!("\nNot checked since their last edit: {}.", unchecked.join(", ")));
    }
    text
}

/// The conversation as plain text, for a request without tools: some servers refuse tool calls in such a request.
fn flatten(messages: &[Message]) -> Vec<Message> {
    let flat = |m: &Message| match m.role {
        Role::System => m.clone(),
        Role::User => m.clone(),
        Role::Tool => Message::user(format!("[result]\n{}", m.content)),
        Role::Assistant => {
            let mut text = m.content.clone();
            for call in &m.tool_calls {
                text.push_str(&format!("\n[call {} {}]", call.name, call.arguments));
            }
            Message::assistant(text)
        }
    };
    messages.iter().map(flat).collect()
}

/// Merges adjacent user messages: some templates require alternating roles.
fn merge_users(messages: Vec<Message>) -> Vec<Message> {
    let mut out: Vec<Message> = Vec::new();
    for message in messages {
        match out.last_mut() {
            Some(last) if last.role == Role::User && message.role == Role::User => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => out.push(message),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long_conversation(steps: usize) -> Vec<Message> {
        let mut messages = vec![Message::system("rules"), Message::user("the task")];
        for i in 0..steps {
            messages.push(Message::assistant(format!("step {i}")));
            messages.push(Message::tool(format!("c{i}"), format!("result {i} {}", "x".repeat(4000))));
        }
        messages
    }

    #[test]
    fn old_results_are_cut_and_the_newest_steps_stay_verbatim() {
        let messages = long_conversation(6);
        let keep = keep_from(&messages, 2, 1 << 20);
        let short = shorten(&messages, keep, 600);
        assert_eq!(short[keep..], messages[keep..]);
        assert_eq!(messages.len() - keep, 4);
        assert!(short[3].content.len() < 800 && short[3].content.starts_with("result 0"));
    }

    #[test]
    fn a_summary_keeps_the_task_in_a_user_message_and_replaces_an_older_summary() {
        let messages = long_conversation(6);
        let keep = keep_from(&messages, 2, 1 << 20);
        let mut own = OwnText::default();
        let once = replace(&messages, keep, "first summary", "\n\nfacts one", &own);
        let event = ConversationRewritten {
            step: 6,
            kind: RewriteKind::Summary,
            before: 0,
            after: 0,
            usage: Usage::default(),
            seconds: 0.0,
            messages: once.clone(),
        };
        own.apply(&Event::ConversationRewritten(Box::new(event)), &messages);
        let twice = replace(&once, once.len() - 2, "second summary", "\n\nfacts two", &own);
        let task = &twice[1];
        assert_eq!(task.role, Role::User);
        assert!(task.content.starts_with("the task\n\n[voe]"));
        assert!(task.content.contains("second summary") && !task.content.contains("first summary"));
        assert_eq!(twice.iter().filter(|m| m.role == Role::System).count(), 1);
        assert_eq!(twice.last(), messages.last());
    }

    #[test]
    fn steps_too_large_for_the_window_are_kept_one_at_least() {
        let messages = long_conversation(3);
        assert_eq!(keep_from(&messages, 3, 10), messages.len() - 2);
    }
}
