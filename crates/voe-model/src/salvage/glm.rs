//! `<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>`: GLM-4.5 and later.

use serde_json::{Map, Value};

use super::{CallText, Dialect, WrittenCall, is_name, skip_space};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    let mut out = format!("{OPEN}{name}\n");
    for (key, value) in arguments {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.push_str(&format!("<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n"));
    }
    out + CLOSE
}

fn find(text: &str, mut from: usize, _tools: &[ToolSpec]) -> Option<CallText> {
    loop {
        let start = from + text[from..].find(OPEN)?;
        let body = start + OPEN.len();
        from = body;
        let Some(end) = text[body..].find(['<', '\n']).map(|end| body + end) else { continue };
        let name = text[body..end].trim();
        if !is_name(name) || !text[end..].trim_start().starts_with("<arg_key>") {
            continue;
        }
        let (call, end) = match arguments(text, end) {
            Ok((arguments, end)) => {
                (Ok(WrittenCall { name: name.to_owned(), arguments: Value::Object(arguments) }), end)
            }
            Err(why) => (Err(why), text[body..].find(CLOSE).map_or(text.len(), |end| body + end + CLOSE.len())),
        };
        return Some(CallText {
            range: start..end,
            marked: true,
            calls: vec![call],
            repairs: Vec::new(),
            open_end: false,
        });
    }
}

fn arguments(text: &str, mut at: usize) -> Result<(Map<String, Value>, usize), String> {
    let breaks_off = || "it breaks off".to_owned();
    let mut arguments = Map::new();
    loop {
        at = skip_space(text, at);
        if text[at..].starts_with(CLOSE) {
            return Ok((arguments, at + CLOSE.len()));
        }
        let rest = text[at..].strip_prefix("<arg_key>").ok_or_else(breaks_off)?;
        let (key, rest) = rest.split_once("</arg_key>").ok_or_else(breaks_off)?;
        let rest = rest.trim_start().strip_prefix("<arg_value>").ok_or_else(breaks_off)?;
        // The end tag after which the call continues or ends; one within a value is not followed that way.
        let mut end = 0;
        let behind = loop {
            end += rest[end..].find("</arg_value>").ok_or_else(breaks_off)?;
            let behind = rest[end + "</arg_value>".len()..].trim_start();
            if behind.starts_with("<arg_key>") || behind.starts_with(CLOSE) {
                break behind;
            }
            end += 1;
        };
        if arguments.insert(key.trim().to_owned(), Value::String(rest[..end].to_owned())).is_some() {
            return Err(format!("{key} is there twice"));
        }
        at = text.len() - behind.len();
    }
}
