//! Normalizes a raw reply for the conversation: calls that can be run, and for those that can't, an error for the
//! model.

use std::collections::HashSet;

use serde_json::Value;
use voe_trace::chat::{Message, ToolCall};

use crate::bounds::has_too_many_values;
use crate::coerce::coerce;
use crate::salvage::{
    EscapeRules, Findings, Literal, LiteralError, Malformed, TextSource, drop_extra_closers, offered, parse,
    placeholders, plain_name, salvage, shorten,
};
use crate::tool::ToolSpec;

/// A raw reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Raw {
    pub(crate) content: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<RawCall>,
    pub(crate) finish_reason: String,
}

/// A raw call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RawCall {
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

/// A normalized reply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NormalizedReply {
    pub(crate) message: Message,
    pub(crate) repairs: Vec<String>,
    /// Whether calls were read from text.
    pub(crate) salvaged: bool,
    pub(crate) malformed: Option<String>,
}

/// Normalizes a reply. `earlier`: how many calls the conversation has already, for ids that the server left out; they
/// must not differ between runs, or the prefix would.
pub(crate) fn normalize(raw: Raw, tools: &[ToolSpec], earlier: usize) -> NormalizedReply {
    let Raw { content, reasoning, calls, finish_reason } = raw;
    let cut = finish_reason == "length";
    let (mut repairs, mut salvaged) = (Vec::new(), false);
    let (mut content, mut reasoning) = part_thinking(content, reasoning, &mut repairs);
    let mut malformed: Vec<Malformed> = Vec::new();
    let mut kept = Vec::new();
    let mut ids = HashSet::new();
    let mut call_of = |id: Option<String>, name: String, arguments: String| {
        let number = earlier + ids.len();
        // Nine characters and digits: Mistral takes no others.
        let id = id.filter(|id| !id.is_empty() && !ids.contains(id)).unwrap_or_else(|| format!("voe{number:06}"));
        ids.insert(id.clone());
        ToolCall { id, name, arguments }
    };

    if calls.is_empty() {
        let mut found = salvage(&content, tools, TextSource::Content, cut);
        let in_content = !found.calls.is_empty() || !found.malformed.is_empty();
        let place = if in_content || !content.trim().is_empty() {
            content.clone_from(&found.rest);
            "content"
        } else {
            found = salvage(&reasoning, tools, TextSource::Reasoning, cut);
            reasoning.clone_from(&found.rest);
            "thinking"
        };
        let Findings { calls, repairs: made, malformed: wrong, .. } = found;
        salvaged = !calls.is_empty();
        repairs
            .extend(calls.iter().map(|call| format!("the server gave a call as text, in the {place}: {}", call.name)));
        repairs.extend(made);
        kept.extend(calls.into_iter().map(|c| call_of(None, c.name, Value::Object(c.arguments).to_string())));
        malformed = wrong;
    } else {
        content = drop_stray_tags(content);
        for call in calls {
            match arguments_of(&call, tools) {
                Ok((name, arguments, made)) => {
                    repairs.extend(made);
                    kept.push(call_of(call.id, name, arguments));
                }
                Err(wrong) => {
                    // The model's own text stays where it can see it.
                    if !content.is_empty() {
                        content.push('\n');
                    }
                    content.push_str(&wrong.text);
                    malformed.push(wrong);
                }
            }
        }
    }
    if content.trim().is_empty() {
        content.clear();
    } else if !reasoning.is_empty() {
        // Templates add the empty line after the thinking themselves.
        content = content.trim_start_matches('\n').to_owned();
    }
    if !kept.is_empty() {
        content.truncate(content.trim_end().len());
    }
    let message = Message {
        reasoning: (!reasoning.is_empty()).then_some(reasoning),
        tool_calls: kept,
        ..Message::assistant(content)
    };
    NormalizedReply { malformed: describe(&malformed, !message.tool_calls.is_empty()), message, repairs, salvaged }
}

/// Moves thinking that the server left in the text to its own field.
fn part_thinking(content: String, reasoning: String, repairs: &mut Vec<String>) -> (String, String) {
    const END: &str = "</think>";
    if let Some((thought, rest)) =
        reasoning.split_once(END).filter(|(_, rest)| rest.trim().is_empty() || content.trim().is_empty())
    {
        let rest = if content.trim().is_empty() { rest.to_owned() } else { content };
        return (rest, thought.to_owned());
    }
    if !reasoning.is_empty() {
        return (content, reasoning);
    }
    let begun = content.trim_start().strip_prefix("<think>");
    let inner = begun.unwrap_or(&content);
    match inner.split_once(END) {
        // Without a start tag only if the end tag is where templates put it: at a line's end.
        Some((thought, rest))
            if begun.is_some() || (rest.is_empty() || rest.starts_with('\n')) && !thought.contains('`') =>
        {
            repairs.push("the server left the thinking in the text".to_owned());
            (rest.to_owned(), thought.trim_start_matches('\n').to_owned())
        }
        None if begun.is_some() => {
            repairs.push("the server left the thinking in the text".to_owned());
            (String::new(), inner.trim_start_matches('\n').to_owned())
        }
        _ => (content, reasoning),
    }
}

/// Marks left by a server's parser from calls that it removed.
fn drop_stray_tags(content: String) -> String {
    const TAGS: [&str; 5] = ["<tool_call>", "</tool_call>", "<tool_calls>", "</tool_calls>", "</function>"];
    if !content.lines().any(|line| TAGS.contains(&line.trim())) {
        return content;
    }
    let mut fenced = false;
    let kept: Vec<&str> = content
        .lines()
        .filter(|line| {
            fenced ^= line.trim_start().starts_with("```");
            fenced || !TAGS.contains(&line.trim())
        })
        .collect();
    kept.join("\n").trim().to_owned()
}

/// Name, arguments and repairs of a call that the server parsed, or claims to have parsed.
fn arguments_of(call: &RawCall, tools: &[ToolSpec]) -> Result<(String, String, Vec<String>), Malformed> {
    let name = plain_name(&call.name).to_owned();
    let tool = offered(&name, tools);
    let refuse = |why: String| {
        let own = match call.arguments.trim() {
            "" => "{}",
            given => given,
        };
        let form = match tool.or(tools.first()) {
            Some(tool) => format!("{} with the arguments {}", tool.name, Value::Object(placeholders(tool))),
            None => String::new(),
        };
        Malformed {
            why,
            text: format!("<tool_call>\n{} {}\n</tool_call>", if name.is_empty() { "?" } else { &name }, shorten(own)),
            form,
        }
    };
    if name.is_empty() {
        return Err(refuse("the call has no name".to_owned()));
    }
    let (value, mut repairs) = match read_arguments(&call.arguments) {
        Ok(literal) => {
            let repairs = literal.repairs.iter().map(|what| format!("arguments of {name}: {what}")).collect();
            (literal.value, repairs)
        }
        Err(broken) => return Err(refuse(format!("the arguments of {name} are no JSON: {}", broken.why()))),
    };
    let Some(tool) = tool else {
        // The loop lists the tools for the model.
        return match value {
            Value::Object(map) => Ok((name, Value::Object(map).to_string(), repairs)),
            _ => Err(refuse("the arguments are no object".to_owned())),
        };
    };
    let empty = matches!(&value, Value::Object(map) if map.is_empty()) || value.is_null();
    match coerce(value, tool) {
        Ok((map, coerced)) => {
            repairs.extend(coerced);
            Ok((name, Value::Object(map).to_string(), repairs))
        }
        Err(why) if empty => Err(refuse(format!(
            "the call of {name} arrived without its arguments ({why}): it was cut off, or its end tags were missing"
        ))),
        Err(why) => Err(refuse(format!("the arguments of {name} do not fit: {why}"))),
    }
}

/// Incomplete arguments are refused: the end of a stream does not prove completeness, and the beginning of a command is a
/// different command.
fn read_arguments(text: &str) -> Result<Literal, LiteralError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Literal { value: Value::Object(serde_json::Map::new()), end: 0, repairs: Vec::new() });
    }
    if has_too_many_values(text) {
        return Err(LiteralError::Wrong { at: 0, why: "there are too many values in it".to_owned() });
    }
    let literal = drop_extra_closers(text, parse(text, EscapeRules::Json)?)?;
    match text[literal.end..].trim() {
        "" => Ok(literal),
        _ => Err(LiteralError::Wrong { at: literal.end, why: "something follows the arguments".to_owned() }),
    }
}

/// The message to the model.
fn describe(malformed: &[Malformed], others_ran: bool) -> Option<String> {
    let first = malformed.first()?;
    let mut out = String::new();
    for one in malformed.iter().take(4) {
        out.push_str(&format!(
            "A tool call in your last message was not run: {}.\nYou wrote:\n{}\n",
            one.why, one.text
        ));
    }
    out.push_str(match others_ran {
        true => "The other calls were run. ",
        false => "Nothing was run. ",
    });
    out.push_str("Write the call again, whole, and nothing after it");
    match first.form.as_str() {
        "" => out.push('.'),
        form => out.push_str(&format!(", in this form:\n{form}")),
    }
    Some(out)
}

/// Whether the server counted far more tokens than it sent: its parser dropped a call.
pub(crate) fn lost_tokens(raw: &Raw, output: u64) -> bool {
    if !raw.calls.is_empty() || !raw.content.trim().is_empty() || raw.finish_reason == "length" {
        return false;
    }
    // At most: half as many tokens as ASCII bytes, as many as other bytes, and a dozen for marks.
    let most =
        raw.reasoning.bytes().chain(raw.content.bytes()).map(|byte| if byte.is_ascii() { 1 } else { 2 }).sum::<u64>();
    output > most / 2 + 12
}

/// The message to the model on a call that was lost completely.
pub(crate) fn describe_lost(output: u64, tools: &[ToolSpec]) -> String {
    let example =
        tools.first().map(|tool| format!("{} with the arguments {}", tool.name, Value::Object(placeholders(tool))));
    format!(
        "Your last message had {output} tokens, and nearly all of them were lost on the way: most likely a tool call in a \
         form that the server does not read. Nothing was run. Call the tool again, exactly in the form that the \
         description of your tools asks for{}.",
        example.map(|example| format!(", for example {example}")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
