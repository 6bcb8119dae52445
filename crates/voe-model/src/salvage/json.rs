//! `{"name": …, "arguments": …}` without any marks, bare or in a code block: small Qwen2.5 models, Llama, many others.

use serde_json::{Map, Value, json};

use super::place::begins_line;
use super::{CallText, Dialect, Literal, calls_of, literal, offered};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

/// The only keys that a call without marks may have: anything else is some other JSON.
const KEYS: [&str; 11] =
    ["name", "arguments", "parameters", "args", "id", "type", "function", "tool", "tool_name", "tool_calls", "index"];

/// More lines that begin with a bracket than this are some other JSON.
const MOST: usize = 256;

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    json!({"name": name, "arguments": arguments}).to_string()
}

fn find(text: &str, from: usize, tools: &[ToolSpec]) -> Option<CallText> {
    let (mut at, mut tried) = (from, 0);
    while tried < MOST {
        let start = at + text[at..].find(['{', '['])?;
        at = start + 1;
        let begins = begins_line(text, start);
        if begins {
            tried += 1;
            if let Some(candidate) = read(text, start, tools) {
                return Some(candidate);
            }
        }
    }
    None
}

fn read(text: &str, start: usize, tools: &[ToolSpec]) -> Option<CallText> {
    let rest = &text[start..];
    // The end of a code block shows that the text before it is whole.
    let fence = rest.find("\n```");
    let value = literal::parse(rest, literal::EscapeRules::Json)
        .and_then(|literal| literal::drop_extra_closers(rest, literal))
        .or_else(|broken| fence.map_or(Err(broken), |end| literal::parse_whole(&rest[..end])));
    let mut found =
        CallText { range: start..start, marked: false, calls: Vec::new(), repairs: Vec::new(), open_end: false };
    match value {
        Ok(Literal { value, end, repairs }) => {
            if !is_call(&value, tools) {
                return None;
            }
            found.calls = calls_of(&value);
            found.repairs.extend(repairs.iter().map(|what| format!("JSON of a call: {what}")));
            found.range.end = start + end;
        }
        Err(broken) => {
            if !looks_like_call(rest, tools) {
                return None;
            }
            found.calls.push(Err(format!("its JSON is broken: {}", broken.why())));
            found.range.end = fence.map_or(text.len(), |end| start + end);
        }
    }
    Some(found)
}

/// Whether a value is a call of a tool on offer, or a list of such calls, and nothing else.
fn is_call(value: &Value, tools: &[ToolSpec]) -> bool {
    match value {
        Value::Array(items) => !items.is_empty() && items.iter().all(|item| item.is_object() && is_call(item, tools)),
        Value::Object(map) => {
            let plain = map.keys().all(|key| KEYS.contains(&key.as_str()));
            let complete =
                ["arguments", "parameters", "args", "function", "tool_calls"].iter().any(|key| map.contains_key(*key));
            let named = |call: &Result<super::WrittenCall, String>| {
                call.as_ref().is_ok_and(|call| offered(&call.name, tools).is_some())
            };
            plain && complete && calls_of(value).iter().all(named)
        }
        _ => false,
    }
}

/// Whether broken JSON begins as a call of a tool on offer.
fn looks_like_call(text: &str, tools: &[ToolSpec]) -> bool {
    let head: String = text.chars().take(200).filter(|c| !c.is_whitespace()).collect::<String>().replace('\'', "\"");
    tools.iter().any(|tool| head.contains(&format!("\"name\":\"{}\"", tool.name)))
        && ["\"arguments\":", "\"parameters\":"].iter().any(|key| head.contains(key))
}
