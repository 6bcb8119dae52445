//! `[TOOL_CALLS][{"name": …, "arguments": …}]` and `[TOOL_CALLS]NAME[ARGS]{…}`: Mistral, Devstral.

use serde_json::{Map, Value, json};

use super::{CallText, Dialect, EscapeRules, WrittenCall, calls_of, is_name, parse, skip_space};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

const TAG: &str = "[TOOL_CALLS]";
const END: &str = "[/TOOL_CALLS]";

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    format!("{TAG}{name}[ARGS]{}", json!(arguments))
}

fn find(text: &str, from: usize, _tools: &[ToolSpec]) -> Option<CallText> {
    let start = from + text[from..].find(TAG)?;
    let mut at = skip_space(text, start + TAG.len());
    let mut calls = Vec::new();
    let mut repairs = Vec::new();
    let mut name = None;
    if !text[at..].starts_with(['[', '{']) {
        let rest = &text[at..];
        let end = rest.find(['[', '{', '\n']).unwrap_or(rest.len());
        let word = rest[..end].trim();
        if is_name(word) {
            name = Some(word.to_owned());
            at = skip_space(text, at + end);
            // The id of the call, which the server would make up itself.
            if let Some(id) = text[at..].strip_prefix("[CALL_ID]") {
                at = text.len() - id.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
            }
            if text[at..].starts_with("[ARGS]") {
                at = skip_space(text, at + "[ARGS]".len());
            }
        }
    }
    match parse(&text[at..], EscapeRules::Json) {
        Ok(literal) => {
            repairs.extend(literal.repairs.iter().map(|what| format!("JSON of a call: {what}")));
            match name {
                Some(name) => calls.push(Ok(WrittenCall { name, arguments: literal.value })),
                None => calls.extend(calls_of(&literal.value)),
            }
            at += literal.end;
            let end = skip_space(text, at);
            at = if text[end..].starts_with(END) { end + END.len() } else { at };
        }
        Err(broken) => {
            calls.push(Err(format!("its JSON is broken: {}", broken.why())));
            at = text[at..].find(TAG).map_or(text.len(), |next| at + next);
        }
    }
    Some(CallText { range: start..at, marked: true, calls, repairs, open_end: false })
}
