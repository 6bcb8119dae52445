//! `<|python_tag|>{"name": …, "parameters": …}`, `<|python_tag|>name.call(key=value)` and `<function=NAME>{…}</function>`:
//! Llama 3.1 to 3.3.

use serde_json::{Map, Value, json};

use super::{CallText, Dialect, EscapeRules, WrittenCall, calls_of, is_name, parse, pythonic, skip_space};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

const TAG: &str = "<|python_tag|>";
const FUNCTION: &str = "<function=";
const END_FUNCTION: &str = "</function>";

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    json!({"name": name, "parameters": arguments}).to_string()
}

fn find(text: &str, from: usize, _tools: &[ToolSpec]) -> Option<CallText> {
    let tagged = python_tag(text, from);
    let function = function(text, from);
    match (tagged, function) {
        (Some(one), Some(other)) => Some(if one.range.start <= other.range.start { one } else { other }),
        (one, other) => one.or(other),
    }
}

fn candidate(start: usize) -> CallText {
    CallText { range: start..start, marked: true, calls: Vec::new(), repairs: Vec::new(), open_end: false }
}

fn python_tag(text: &str, from: usize) -> Option<CallText> {
    let start = from + text[from..].find(TAG)?;
    let mut found = candidate(start);
    let mut at = skip_space(text, start + TAG.len());
    loop {
        if text[at..].starts_with(['{', '[']) {
            match parse(&text[at..], EscapeRules::Json) {
                Ok(literal) => {
                    found.repairs.extend(literal.repairs.iter().map(|what| format!("JSON of a call: {what}")));
                    found.calls.extend(calls_of(&literal.value));
                    at += literal.end;
                }
                Err(broken) => {
                    found.calls.push(Err(format!("its JSON is broken: {}", broken.why())));
                    at = text.len();
                }
            }
        } else {
            match pythonic::call(text, at) {
                Some(Ok((mut call, end))) => {
                    call.name = call.name.strip_suffix(".call").unwrap_or(&call.name).to_owned();
                    found.calls.push(Ok(call));
                    at = end;
                }
                // Code for the built-in interpreter: not a call of our tools.
                _ => {
                    found.calls.push(Err("it is no call of a tool".to_owned()));
                    at = text.len();
                }
            }
        }
        let next = skip_space(text, at);
        if !text[next..].starts_with(';') {
            break;
        }
        at = skip_space(text, next + 1);
        if text[at..].is_empty() {
            break;
        }
    }
    found.range.end = at;
    Some(found)
}

fn function(text: &str, from: usize) -> Option<CallText> {
    let mut at = from;
    loop {
        let start = at + text[at..].find(FUNCTION)?;
        at = start + FUNCTION.len();
        let Some(end) = text[at..].find(['>', '\n']).map(|end| at + end) else { continue };
        let name = text[at..end].trim();
        let body = skip_space(text, end + 1);
        if !is_name(name) || !text[body..].starts_with('{') {
            continue;
        }
        let mut found = candidate(start);
        match parse(&text[body..], EscapeRules::Json) {
            Ok(literal) => {
                found.repairs.extend(literal.repairs.iter().map(|what| format!("JSON of a call: {what}")));
                found.calls.push(Ok(WrittenCall { name: name.to_owned(), arguments: literal.value }));
                let end = skip_space(text, body + literal.end);
                found.range.end =
                    if text[end..].starts_with(END_FUNCTION) { end + END_FUNCTION.len() } else { body + literal.end };
            }
            Err(broken) => {
                found.calls.push(Err(format!("its JSON is broken: {}", broken.why())));
                found.range.end =
                    text[body..].find(END_FUNCTION).map_or(text.len(), |end| body + end + END_FUNCTION.len());
            }
        }
        return Some(found);
    }
}
