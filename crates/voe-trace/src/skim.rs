//! Events without their texts, for folding facts: read several times as fast as whole records.

use std::borrow::Cow;

use serde::Deserialize;

use crate::chat::{Message, Usage};
use crate::event::{Change, ConversationRewritten, Event, Record, RecordedReply, RewriteKind, ToolResult};

/// The fields that facts need, of the events with most of a trajectory's bytes.
#[derive(Deserialize)]
struct Skimmed<'a> {
    at: f64,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default)]
    step: u32,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    malformed: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    kind: Option<RewriteKind>,
    #[serde(default)]
    repairs: Vec<String>,
    #[serde(default, borrow)]
    tool: Cow<'a, str>,
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default, borrow)]
    code_tree: Cow<'a, str>,
}

/// One line of a trajectory as a record; `None` for one that is not a record. Texts, arguments and messages of replies, results and rewritten conversations are left empty.
pub fn record(line: &[u8]) -> Option<Record> {
    let whole = || serde_json::from_slice(line).ok();
    // Events other than these are small, and have fields of the same names with other types.
    let Ok(skimmed) = serde_json::from_slice::<Skimmed<'_>>(line) else { return whole() };
    let Skimmed { at, event, step, seconds, usage, malformed, kind, repairs, tool, changes, code_tree } = skimmed;
    let event = match event.as_ref() {
        "reply" => Event::Reply(Box::new(RecordedReply {
            step,
            message: Message::assistant(""),
            finish_reason: String::new(),
            usage,
            estimated: false,
            seconds,
            first_token: None,
            repairs,
            malformed: malformed.map(|_| String::new()),
            request_messages: 0,
            request_bytes: 0,
        })),
        "result" => Event::Result(Box::new(ToolResult {
            step,
            call_id: String::new(),
            tool: tool.into_owned(),
            arguments: serde_json::Value::Null,
            output: String::new(),
            ok: true,
            exit: None,
            ended_by: None,
            notes: Vec::new(),
            seconds,
            changes,
            byproducts: Vec::new(),
            diff: String::new(),
            tree: String::new(),
            code_tree: code_tree.into_owned(),
            code_before: None,
        })),
        "conversation_rewritten" => Event::ConversationRewritten(Box::new(ConversationRewritten {
            step,
            kind: kind?,
            before: 0,
            after: 0,
            usage,
            seconds,
            messages: Vec::new(),
        })),
        "message" | "patch" | "check_files" | "step_end" => return Some(Record { at, event: Event::Unknown }),
        _ => return whole(),
    };
    Some(Record { at, event })
}
