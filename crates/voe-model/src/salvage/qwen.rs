//! `<function=NAME><parameter=KEY>VALUE</parameter></function>` in `<tool_call>`: Qwen3-Coder, Qwen3.5.
//!
//! Repaired: a missing `<tool_call>` (ollama#16686), `<parameter=command=create</parameter>` (OpenHands#10039), doubled end
//! tags, a missing end tag where what follows shows that the value is whole. A value without any end was cut off.

use serde_json::{Map, Value};

use super::{CallText, Dialect, WrittenCall, is_name, skip_space};
use crate::tool::ToolSpec;

pub(super) const DIALECT: Dialect = Dialect { find, form };

const FUNCTION: &str = "<function=";
const PARAMETER: &str = "<parameter=";
const END_PARAMETER: &str = "</parameter>";
const END_FUNCTION: &str = "</function>";
const CALL: &str = "<tool_call>";
const END_CALL: &str = "</tool_call>";

fn form(name: &str, arguments: &Map<String, Value>) -> String {
    let mut out = format!("{CALL}\n{FUNCTION}{name}>\n");
    for (key, value) in arguments {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        out.push_str(&format!("{PARAMETER}{key}>\n{value}\n{END_PARAMETER}\n"));
    }
    out + END_FUNCTION + "\n" + END_CALL
}

/// Length limit of a tag with the name of a tool, in bytes.
const LONGEST_TAG: usize = 256;

fn find(text: &str, from: usize, _tools: &[ToolSpec]) -> Option<CallText> {
    let mut at = from;
    loop {
        let start = at + text[at..].find(FUNCTION)?;
        let body = start + FUNCTION.len();
        // No further: a text of nothing but such tags would be read to its end for each.
        let end = text.bytes().skip(body).take(LONGEST_TAG).position(|byte| matches!(byte, b'>' | b'\n'));
        let end = end.map(|end| body + end);
        let ends = end.or((text.len() - body < LONGEST_TAG).then_some(text.len()));
        let name = ends.map_or("", |end| text[body..end].trim().trim_matches('"'));
        if is_name(name) {
            // The tag before it belongs to it.
            let before = text[from..start].trim_end();
            let begin = if before.ends_with(CALL) { from + before.len() - CALL.len() } else { start };
            let call = match end {
                Some(end) => QwenReader { text, at: end + 1, repairs: Vec::new(), open_end: false }.function(
                    name,
                    begin,
                    begin != start,
                ),
                None if begin != start => Some(cut(text, begin)),
                None => None,
            };
            if call.is_some() {
                return call;
            }
        }
        at = body;
    }
}

fn cut(text: &str, begin: usize) -> CallText {
    let calls = vec![Err("it breaks off".to_owned())];
    CallText { range: begin..text.len(), marked: true, calls, repairs: Vec::new(), open_end: false }
}

struct QwenReader<'a> {
    text: &'a str,
    at: usize,
    repairs: Vec<String>,
    open_end: bool,
}

impl QwenReader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn eat(&mut self, tag: &str) -> bool {
        let at = skip_space(self.text, self.at);
        let there = self.text[at..].starts_with(tag);
        if there {
            self.at = at + tag.len();
        }
        there
    }

    fn repair(&mut self, what: &str) {
        let line = format!("tags of a call: {what}");
        if !self.repairs.contains(&line) {
            self.repairs.push(line);
        }
    }

    /// Reads from behind `<function=NAME>`. `None`: not a call but a mention of the tag, or another dialect.
    fn function(mut self, name: &str, begin: usize, wrapped: bool) -> Option<CallText> {
        let next = &self.text[skip_space(self.text, self.at)..];
        let begun = next.is_empty() || [PARAMETER, END_FUNCTION, END_CALL].iter().any(|tag| next.starts_with(tag));
        if !begun && !wrapped || next.starts_with('{') {
            return None;
        }
        if !wrapped {
            self.repair("<tool_call> was missing");
        }
        let mut arguments = Map::new();
        let call = match self.parameters(&mut arguments) {
            Ok(()) => Ok(WrittenCall { name: name.to_owned(), arguments: Value::Object(arguments) }),
            Err(why) => {
                let end = self.rest().find(END_CALL).map_or(self.text.len(), |end| self.at + end + END_CALL.len());
                self.at = end;
                Err(why)
            }
        };
        while self.eat(END_FUNCTION) || self.eat(END_CALL) {}
        Some(CallText {
            range: begin..self.at,
            marked: true,
            calls: vec![call],
            repairs: self.repairs,
            open_end: self.open_end,
        })
    }

    fn parameters(&mut self, arguments: &mut Map<String, Value>) -> Result<(), String> {
        loop {
            if self.eat(END_FUNCTION) {
                return Ok(());
            }
            if self.eat(END_PARAMETER) {
                self.repair("</parameter> was doubled");
                continue;
            }
            if self.eat(PARAMETER) {
                let (key, value) = self.parameter()?;
                if arguments.insert(key.clone(), Value::String(value)).is_some() {
                    return Err(format!("{key} is there twice"));
                }
                continue;
            }
            let next = &self.text[skip_space(self.text, self.at)..];
            if next.starts_with(END_CALL) || next.starts_with(CALL) {
                self.repair("</function> was missing");
                return Ok(());
            }
            if next.is_empty() {
                if arguments.is_empty() {
                    return Err("it breaks off".to_owned());
                }
                // All values are closed: whole, unless a limit ended the reply.
                self.open_end = true;
                self.repair("</function> was missing");
                return Ok(());
            }
            return Err(format!("between the parameters stands {:?}", next.chars().take(40).collect::<String>()));
        }
    }

    fn parameter(&mut self) -> Result<(String, String), String> {
        let rest = self.rest();
        let Some(end) = rest.find(['>', '=', '\n', '<']) else { return Err("it breaks off".to_owned()) };
        let key = rest[..end].trim().trim_matches('"').to_owned();
        if !is_name(&key) || rest[end..].starts_with('<') {
            return Err("a <parameter=…> tag without a name".to_owned());
        }
        let inline = rest[end..].starts_with('=');
        if !rest[end..].starts_with('>') {
            self.repair("<parameter=…> was not closed");
        }
        self.at += end + 1;
        let value = self.value()?;
        let value = match inline {
            true => value,
            false => strip_line_ends(value),
        };
        Ok((key, value.to_owned()))
    }

    /// A value, up to the end tag after which the call continues or ends: a tag within a file's content is not followed that way.
    fn value(&mut self) -> Result<&str, String> {
        let (text, begin) = (self.text, self.at);
        let mut from = begin;
        while let Some(found) = text[from..].find(END_PARAMETER) {
            let (end, behind) = (from + found, from + found + END_PARAMETER.len());
            let next = &text[skip_space(text, behind)..];
            let goes_on = next.is_empty()
                || [PARAMETER, END_FUNCTION, END_CALL, END_PARAMETER].iter().any(|tag| next.starts_with(tag));
            if goes_on {
                let value = &text[begin..end];
                // An end tag may be missing earlier: then the value has text that is not its own. Or it is a file
                // that mentions calls. No guess.
                if [PARAMETER, FUNCTION].iter().any(|tag| value.contains(&format!("\n{tag}"))) {
                    return Err("a value holds further tags of a call; was a </parameter> left out?".to_owned());
                }
                self.at = behind;
                return Ok(value);
            }
            from = behind;
        }
        // No end tag of its own. The call's own end tags, with nothing after them, show that the value is whole.
        let value = &text[begin..];
        let Some(end) = value.find(&format!("\n{END_FUNCTION}")) else { return Err("it breaks off".to_owned()) };
        let mut behind = &value[end..];
        while let Some(shorter) = [END_FUNCTION, END_CALL].iter().find_map(|tag| behind.trim_start().strip_prefix(tag))
        {
            behind = shorter;
        }
        let value = &value[..end + 1];
        if !behind.trim().is_empty() || value.contains(&format!("\n{PARAMETER}")) {
            return Err("a </parameter> is missing".to_owned());
        }
        self.repair("</parameter> was missing");
        self.at = begin + end + 1;
        Ok(value)
    }
}

/// The line ends that the form puts around a value.
fn strip_line_ends(value: &str) -> &str {
    let value = value.strip_prefix("\r\n").or(value.strip_prefix('\n')).unwrap_or(value);
    value.strip_suffix("\r\n").or(value.strip_suffix('\n')).unwrap_or(value)
}
