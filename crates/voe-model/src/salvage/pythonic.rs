//! `[name(key="value"), …]`: LFM2 (in `<|tool_call_start|>`), Llama 3.2 and 4 (without marks).

use serde_json::{Map, Value};

use super::place::begins_line;
use super::{CallText, Dialect, EscapeRules, LiteralError, WrittenCall, calls_of, is_name, offered, parse, skip_space};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

const START: &str = "<|tool_call_start|>";
const END: &str = "<|tool_call_end|>";

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    let arguments: Vec<String> = arguments.iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{START}[{name}({})]{END}", arguments.join(", "))
}

fn find(text: &str, from: usize, tools: &[ToolSpec]) -> Option<CallText> {
    let marked = marked(text, from);
    let bare = bare(text, from, marked.as_ref().map_or(text.len(), |found| found.range.start), tools);
    bare.or(marked)
}

fn marked(text: &str, from: usize) -> Option<CallText> {
    let start = from + text[from..].find(START)?;
    let at = skip_space(text, start + START.len());
    let mut found =
        CallText { range: start..at, marked: true, calls: Vec::new(), repairs: Vec::new(), open_end: false };
    let json = parse(&text[at..], EscapeRules::Json)
        .ok()
        .filter(|literal| literal.value.is_object() || literal.value.is_array());
    let end = match (json, list(text, at)) {
        (Some(literal), _) => {
            found.calls = calls_of(&literal.value);
            Some(at + literal.end)
        }
        (None, Ok((calls, end))) => {
            found.calls = calls.into_iter().map(Ok).collect();
            Some(end)
        }
        (None, Err(why)) => {
            found.calls.push(Err(why));
            None
        }
    };
    found.range.end = match end {
        Some(end) => {
            let after = skip_space(text, end);
            if text[after..].starts_with(END) { after + END.len() } else { end }
        }
        None => text[at..].find(END).map_or(text.len(), |end| at + end + END.len()),
    };
    Some(found)
}

/// Without marks: a list at the beginning of a line whose names are all on offer.
fn bare(text: &str, from: usize, to: usize, tools: &[ToolSpec]) -> Option<CallText> {
    let mut at = from;
    while at < to {
        let start = at + text[at..to].find('[')?;
        at = start + 1;
        let begins = begins_line(text, start);
        if !begins {
            continue;
        }
        if let Ok((calls, end)) = list(text, start)
            && !calls.is_empty()
            && calls.iter().all(|call| offered(&call.name, tools).is_some())
        {
            let calls = calls.into_iter().map(Ok).collect();
            return Some(CallText { range: start..end, marked: false, calls, repairs: Vec::new(), open_end: false });
        }
    }
    None
}

/// `[call, call]` or one call without brackets; and where it ends.
fn list(text: &str, at: usize) -> Result<(Vec<WrittenCall>, usize), String> {
    let breaks_off = || "it breaks off".to_owned();
    let one = |at: usize| call(text, at).unwrap_or_else(|| Err("it is no call of the form name(key=value)".to_owned()));
    if !text[at..].starts_with('[') {
        return one(at).map(|(call, end)| (vec![call], end));
    }
    let (mut calls, mut at) = (Vec::new(), skip_space(text, at + 1));
    loop {
        let (call, end) = one(at)?;
        calls.push(call);
        at = skip_space(text, end);
        match text[at..].chars().next() {
            Some(',') => at = skip_space(text, at + 1),
            Some(']') => return Ok((calls, at + 1)),
            Some(_) => return Err("between the calls stands something else than a comma".to_owned()),
            None => return Err(breaks_off()),
        }
    }
}

/// `name(key=value, …)` and where it ends; `None` where there is no name with a bracket.
pub(super) fn call(text: &str, at: usize) -> Option<Result<(WrittenCall, usize), String>> {
    let rest = &text[at..];
    let open = rest.bytes().take(65).position(|byte| byte == b'(')?;
    let name = &rest[..open];
    is_name(name).then(|| arguments(text, at + open + 1)).map(|arguments| {
        arguments.map(|(map, end)| (WrittenCall { name: name.to_owned(), arguments: Value::Object(map) }, end))
    })
}

fn arguments(text: &str, mut at: usize) -> Result<(Map<String, Value>, usize), String> {
    let mut arguments = Map::new();
    loop {
        at = skip_space(text, at);
        if text[at..].starts_with(')') {
            return Ok((arguments, at + 1));
        }
        let rest = &text[at..];
        let Some(end) = rest.find('=').filter(|&end| is_name(rest[..end].trim())) else {
            return Err(
                if rest.is_empty() { "it breaks off" } else { "arguments must be written key=value" }.to_owned()
            );
        };
        let key = rest[..end].trim().to_owned();
        at = skip_space(text, at + end + 1);
        let literal = parse(&text[at..], EscapeRules::Python)
            .map_err(|broken: LiteralError| format!("{key}: {}", broken.why()))?;
        if arguments.insert(key.clone(), literal.value).is_some() {
            return Err(format!("{key} is there twice"));
        }
        at = skip_space(text, at + literal.end);
        match text[at..].chars().next() {
            Some(',') => at += 1,
            Some(')') => {}
            Some(_) => return Err(format!("behind {key} stands neither ',' nor ')'")),
            None => return Err("it breaks off".to_owned()),
        }
    }
}
