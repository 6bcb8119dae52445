//! Messages to an attempt about earlier ones and siblings.

use voe_agent::prompt::HARNESS;
use voe_trace::event::Finish;
use voe_trace::{Event, Level, Record};

/// At most this many calls of an elder sibling are listed.
const CALLS: usize = 8;
/// At most this many characters of a call or of last words are quoted.
const CHARACTERS: usize = 300;

/// What siblings did from the same state, so that the next does something else. `siblings`: the events of each since then, and its
/// end.
pub(crate) fn of_siblings(siblings: &[(Vec<Record>, Finish)]) -> String {
    let parts: Vec<String> = siblings
        .iter()
        .enumerate()
        .map(|(n, (records, finish))| {
            let calls: Vec<String> = calls(records).into_iter().take(CALLS).collect();
            let calls = if calls.is_empty() { "- no call".to_owned() } else { calls.join("\n") };
            format!("Attempt {}:\n{calls}\nThen: {}", n + 1, standing(finish))
        })
        .collect();
    format!(
        "{HARNESS} From this point on, others did the following, each in a workspace of its own that you don't see:\n\n{}\n\nGo another way: \
         another place, another cause or another change.",
        parts.join("\n\n")
    )
}

/// What was tried before, for a fresh attempt. `kept`: whether it continues in the workspace of the last.
pub(crate) fn of_attempts(attempts: &[(Vec<Record>, Finish)], kept: bool) -> String {
    let parts: Vec<String> = attempts
        .iter()
        .enumerate()
        .map(|(n, (records, finish))| {
            let files: Vec<&str> = finish.changes.iter().map(|change| change.path.as_str()).collect();
            let files = if files.is_empty() { "nothing".to_owned() } else { files.join(", ") };
            let mut lines = vec![format!("Attempt {} changed {files}; it ended with: {}.", n + 1, standing(finish))];
            for check in finish.evidence.checks.iter().rev().take(3) {
                lines.push(format!("- `{}`: {}", short(&check.command), check.level));
            }
            if let Some(words) = last_words(records) {
                lines.push(format!("- its last words: {words}"));
            }
            lines.join("\n")
        })
        .collect();
    let workspace =
        if kept { "The workspace is as the last one left it." } else { "The workspace is as it was at the beginning." };
    format!("{HARNESS} This was tried before, and was not enough:\n\n{}\n\n{workspace}", parts.join("\n\n"))
}

fn standing(finish: &Finish) -> String {
    match finish.evidence.level {
        _ if finish.patch.is_empty() => "nothing was changed".into(),
        Level::None => "a change that nothing was run on".into(),
        Level::Refuted => "a change with which a check fails".into(),
        Level::Proven => "a change that is proven".into(),
        Level::Kept | Level::Vacuous | Level::Inconclusive | Level::Ran => {
            "a change that no check shows to make a difference".into()
        }
    }
}

fn calls(records: &[Record]) -> Vec<String> {
    let call = |record: &Record| match &record.event {
        Event::Result(result) => {
            let first = result.arguments.as_object().and_then(|object| object.values().next());
            let text = first.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            Some(format!("- {}: {}", result.tool, short(&text.unwrap_or_default())))
        }
        _ => None,
    };
    records.iter().filter_map(call).collect()
}

fn last_words(records: &[Record]) -> Option<String> {
    records.iter().rev().find_map(|record| match &record.event {
        Event::Reply(reply) if reply.message.content.trim().len() > 40 => Some(short(reply.message.content.trim())),
        _ => None,
    })
}

fn short(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(CHARACTERS) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text,
    }
}
