//! JSON in `<tool_call>`: Hermes, Qwen2.5 and Qwen3, and the tags that small models put in its place.

use serde_json::{Map, Value, json};

use super::{
    CallText, Dialect, EscapeRules, Literal, LiteralError, calls_of, drop_extra_closers, literal, parse, skip_space,
};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

const TAGS: [&str; 5] = ["tool_call", "tool_calls", "function_call", "functioncall", "tools"];

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    format!("<tool_call>\n{}\n</tool_call>", json!({"name": name, "arguments": arguments}))
}

fn find(text: &str, mut from: usize, _tools: &[ToolSpec]) -> Option<CallText> {
    loop {
        let (start, tag) = TAGS
            .iter()
            .filter_map(|tag| text[from..].find(&format!("<{tag}>")).map(|at| (from + at, *tag)))
            .min_by_key(|(at, _)| *at)?;
        let body = start + tag.len() + 2;
        if let Some(candidate) = read(text, start, body, tag) {
            return Some(candidate);
        }
        from = body;
    }
}

fn read(text: &str, start: usize, body: usize, tag: &str) -> Option<CallText> {
    let close = format!("</{tag}>");
    let mut at = skip_space(text, body);
    // A code block within the tag.
    if text[at..].starts_with("```") {
        at = text[at..].find('\n').map(|end| skip_space(text, at + end)).filter(|&at| at < text.len())?;
    }
    let mut candidate =
        CallText { range: start..body, marked: true, calls: Vec::new(), repairs: Vec::new(), open_end: false };
    if !text[at..].starts_with(['{', '[']) {
        // Another dialect's call in the same tag, or a mention of the tag. A tag alone is a malformed call.
        let rest = &text[body..];
        let line = rest.split('\n').next().unwrap_or_default().trim();
        let noise = tag == "tool_call" && (line.is_empty() || line.starts_with("<tool_call>"));
        let foreign = text[at..].starts_with("<function") || rest.contains("<arg_key>");
        if !noise || foreign {
            return None;
        }
        candidate.calls.push(Err("there is no call in it".to_owned()));
        candidate.range.end = match text[body..].find(&close) {
            Some(end) => body + end + close.len(),
            None => text.len(),
        };
        return Some(candidate);
    }
    loop {
        match value(text, at, &close) {
            Ok(literal) => {
                candidate.repairs.extend(literal.repairs.iter().map(|what| format!("JSON of a call: {what}")));
                candidate.calls.extend(calls_of(&literal.value));
                at += literal.end;
            }
            Err(broken) => {
                candidate.calls.push(Err(format!("its JSON is broken: {}", broken.why())));
                candidate.range.end = text[at..].find(&close).map_or(text.len(), |end| at + end + close.len());
                return Some(candidate);
            }
        }
        let more = skip_space(text, at);
        let more = if text[more..].starts_with(',') { skip_space(text, more + 1) } else { more };
        if !text[more..].starts_with('{') {
            break;
        }
        at = more;
    }
    let mut end = skip_space(text, at);
    if text[end..].starts_with("```") {
        end = skip_space(text, end + 3);
    }
    if text[end..].starts_with(&close) {
        at = end + close.len();
    } else {
        candidate.repairs.push(format!("{close} was missing"));
    }
    candidate.range.end = at;
    Some(candidate)
}

/// The value at `at`. First up to the end tag: it shows that the value is whole, so that missing brackets may be added.
/// Then beyond it: the tag may be in a string, as in a file being written.
fn value(text: &str, at: usize, close: &str) -> Result<Literal, LiteralError> {
    let rest = &text[at..];
    // The shortest reading first, strictly: it decides in all cases where the JSON is right.
    let strict = parse(rest, EscapeRules::Json).and_then(|literal| drop_extra_closers(rest, literal));
    if let Ok(literal) = &strict {
        let inside = literal.end;
        if literal.repairs.is_empty() || !rest[..inside].contains(close) {
            return strict;
        }
    }
    match rest.find(close) {
        Some(end) => {
            // A string that is open at the end tag might continue after it: no guess.
            let slice = &rest[..end];
            let slice = slice.trim_end().strip_suffix("```").unwrap_or(slice);
            literal::parse_whole(slice)
        }
        None => Err(strict.err().unwrap_or(LiteralError::Cut { closers: None })),
    }
}
