//! Finds calls in the text that a server did not parse.
//!
//! Each form of call that models write is one file behind one `Dialect`; a new one is a file and an entry in
//! `DIALECTS`. What a dialect finds is only a candidate. Whether it *is* a call or merely *shows* one is decided here, by
//! its position:
//!
//! 1. Text in a code block or between backticks is never a call, with the one exception of 3.
//! 2. A call in marks that nobody writes by chance (`<tool_call>`, `<function=…>`, `[TOOL_CALLS]` …) counts where it
//!    begins a line or where only calls follow. Servers' own parsers accept it anywhere.
//! 3. A call without marks, or one that is the whole content of a code block, counts only where the message begins with
//!    it or ends with it (calls may follow one another). Where the text around it mentions examples, formats or
//!    possibilities, or where such calls are separated by text, nothing is run and the model is asked to make
//!    the call plainly. In the middle of a text it is an illustration, and ignored silently.
//! 4. In thinking only a call in marks counts, and only where the thinking ends with it: if the thinking continues, the
//!    call was not decided.
//! 5. Only the names of tools on offer count. Marks around an unknown name are an error that is reported to the model.
//! 6. An incomplete call is never run, nor is a repaired one that could be read in two ways; `literal` and the dialects list
//!    the faults that can be read in only one way.
//!
//! A call inside a string of another call (a file being written) is part of that string: dialects read whole values.

mod glm;
mod hermes;
mod json;
mod literal;
mod llama;
mod mistral;
mod place;
mod pythonic;
mod qwen;

pub(crate) use literal::{EscapeRules, Literal, LiteralError, drop_extra_closers, parse};

use std::ops::Range;

use serde_json::{Map, Value};

use crate::coerce::coerce;
use crate::tool::ToolSpec;

/// A longer text is not searched: no reply has as much besides its calls, and a hostile one could take hours. Bytes.
pub(crate) const LONGEST: usize = 256 << 10;

/// More candidates in one text than this are noise.
const MOST: usize = 64;

/// In the order in which they are asked: of two that begin at the same place the first wins.
static DIALECTS: [Dialect; 7] =
    [glm::DIALECT, hermes::DIALECT, qwen::DIALECT, llama::DIALECT, mistral::DIALECT, pythonic::DIALECT, json::DIALECT];

/// A form of call that models write.
pub(crate) struct Dialect {
    /// The first candidate that begins at or after a byte of the text.
    find: fn(text: &str, from: usize, tools: &[ToolSpec]) -> Option<CallText>,
    /// The right form of a call, to show to the model.
    form: fn(name: &str, arguments: &Map<String, Value>) -> String,
}

/// Text in the form of one or more calls, well or badly written.
#[derive(Debug)]
struct CallText {
    /// Its bytes.
    range: Range<usize>,
    /// Whether it is in marks that nobody writes by chance.
    marked: bool,
    /// The calls in it, or what is wrong with one.
    calls: Vec<Result<WrittenCall, String>>,
    /// What was repaired.
    repairs: Vec<String>,
    /// It is whole only if the reply was not cut off by a limit: the end marks are missing.
    open_end: bool,
}

/// A call as written, not yet checked against the tool's schema.
#[derive(Debug, Clone, PartialEq)]
struct WrittenCall {
    name: String,
    arguments: Value,
}

/// Where the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextSource {
    /// In the content.
    Content,
    /// In the thinking.
    Reasoning,
}

/// A call that can be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Salvaged {
    /// The tool's name, one of those on offer.
    pub name: String,
    /// The arguments, in the types of the tool's schema.
    pub arguments: Map<String, Value>,
}

/// A call that was intended and can't be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The error.
    pub why: String,
    /// The model's own text.
    pub text: String,
    /// The right form.
    pub form: String,
}

/// The calls found in a text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Findings {
    /// The calls, in order.
    pub calls: Vec<Salvaged>,
    /// The text without them.
    pub rest: String,
    /// What had to be repaired, one line each.
    pub repairs: Vec<String>,
    /// Calls that were intended and can't be run.
    pub malformed: Vec<Malformed>,
}

/// Looks for calls of `tools` in `text`. `cut`: the reply was ended by a limit on its length.
pub fn salvage(text: &str, tools: &[ToolSpec], place: TextSource, cut: bool) -> Findings {
    let mut findings = Findings { rest: text.to_owned(), ..Findings::default() };
    if tools.is_empty() {
        return findings;
    }
    if text.len() > LONGEST {
        findings.repairs.push(format!("a text of {} bytes was not searched for calls: it is too long", text.len()));
        return findings;
    }
    let mut cut_out = Vec::new();
    for block in place::blocks(text, tools, place) {
        let mut all_run = true;
        for (dialect, candidate) in &block.candidates {
            let shown = || shorten(&text[candidate.range.clone()]);
            for call in &candidate.calls {
                let checked = match (&block.doubt, call) {
                    (Some(doubt), _) => Err(((*doubt).to_owned(), call.as_ref().ok())),
                    (None, Ok(_)) if candidate.open_end && cut => {
                        Err(("the reply was cut off by the limit on its length".to_owned(), call.as_ref().ok()))
                    }
                    (None, Ok(written)) => check(written, tools).map_err(|why| (why, Some(written))),
                    (None, Err(why)) => Err((why.clone(), None)),
                };
                match checked {
                    Ok((call, repairs)) => {
                        findings.repairs.extend(candidate.repairs.iter().cloned().chain(repairs));
                        findings.calls.push(call);
                    }
                    Err((why, written)) => {
                        all_run = false;
                        let form = right_form(dialect, written.map(|w| w.name.as_str()), &shown(), tools);
                        findings.malformed.push(Malformed { why, text: shown(), form });
                    }
                }
            }
        }
        if all_run {
            cut_out.push(block.range);
        }
    }
    findings.repairs.dedup();
    for range in cut_out.into_iter().rev() {
        findings.rest.replace_range(range, "");
    }
    findings
}

/// Checks a call against the tools on offer.
fn check(written: &WrittenCall, tools: &[ToolSpec]) -> Result<(Salvaged, Vec<String>), String> {
    let Some(tool) = offered(&written.name, tools) else {
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        return Err(format!("there is no tool {:?}; there are {}", written.name, names.join(", ")));
    };
    let (arguments, repairs) = coerce(written.arguments.clone(), tool)?;
    Ok((Salvaged { name: tool.name.clone(), arguments }, repairs))
}

/// The tool that a name means: some models write `functions.bash`, some servers leave control tokens after the name.
pub(crate) fn offered<'a>(name: &str, tools: &'a [ToolSpec]) -> Option<&'a ToolSpec> {
    let name = plain_name(name);
    tools.iter().find(|tool| tool.name == name)
}

/// A name without a namespace and without control tokens.
pub(crate) fn plain_name(name: &str) -> &str {
    let name = name.split("<|").next().unwrap_or(name).trim();
    ["functions.", "default_api.", "tools."].iter().find_map(|space| name.strip_prefix(space)).unwrap_or(name)
}

/// The right form of a call of the tool that was meant, as far as it is known.
fn right_form(dialect: &Dialect, name: Option<&str>, text: &str, tools: &[ToolSpec]) -> String {
    let meant = name.and_then(|name| offered(name, tools)).or(tools.iter().find(|tool| text.contains(&tool.name)));
    let Some(tool) = meant.or(tools.first()) else { return String::new() };
    (dialect.form)(&tool.name, &placeholders(tool))
}

/// The required arguments of a tool, each with its type for a value.
pub(crate) fn placeholders(tool: &ToolSpec) -> Map<String, Value> {
    let names =
        tool.parameters.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let value = |name: &str| match tool.parameters.pointer(&format!("/properties/{name}/type")).and_then(Value::as_str)
    {
        Some("integer" | "number") => Value::from(1),
        Some("boolean") => Value::from(true),
        _ => Value::from("…"),
    };
    names.map(|name| (name.to_owned(), value(name))).collect()
}

/// Head and tail of a long text.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 1200;
    let text = text.trim();
    if text.len() <= MOST {
        return text.to_owned();
    }
    let head = text.char_indices().map(|(at, _)| at).take_while(|&at| at <= MOST * 2 / 3).last().unwrap_or(0);
    let tail = text.char_indices().map(|(at, _)| at).find(|&at| at >= text.len() - MOST / 3).unwrap_or(text.len());
    format!("{} […] {}", &text[..head], &text[tail..])
}

/// `text` from `at` on, past white space; and where that is.
fn skip_space(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    at + (rest.len() - rest.trim_start().len())
}

/// Whether this is a valid tool name.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The calls that a JSON value is: `{"name": …, "arguments": …}`, its variants, or a list of them.
fn calls_of(value: &Value) -> Vec<Result<WrittenCall, String>> {
    match value {
        Value::Array(items) if !items.is_empty() => items.iter().flat_map(calls_of).collect(),
        Value::Object(map) => {
            if let Some(inner @ Value::Array(_)) = map.get("tool_calls") {
                return calls_of(inner);
            }
            if let Some(inner @ Value::Object(_)) = map.get("function") {
                return calls_of(inner);
            }
            let name = ["name", "function", "tool", "tool_name"].iter().find_map(|key| map.get(*key)?.as_str());
            let arguments = ["arguments", "parameters", "args"].iter().find_map(|key| map.get(*key));
            let Some(name) = name else { return vec![Err("it has no \"name\"".to_owned())] };
            let others = map.len() > 1 && arguments.is_none() && !map.contains_key("id") && !map.contains_key("type");
            if others {
                return vec![Err("it has no \"arguments\" object".to_owned())];
            }
            let arguments = arguments.cloned().unwrap_or(Value::Object(Map::new()));
            vec![Ok(WrittenCall { name: plain_name(name).to_owned(), arguments })]
        }
        _ => vec![Err("it is no object with \"name\" and \"arguments\"".to_owned())],
    }
}

#[cfg(test)]
mod tests;
