//! Assembles a reply from a body or from the pieces of a stream, whatever their order and gaps.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;
use voe_trace::chat::Usage;

use crate::bounds::{MOST_CALLS, clip, token_count};
use crate::exchange::{On, ReplyAccumulator};
use crate::model::Delta;
use crate::normalize::{Raw, RawCall};

/// The field in which the server sends thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// vLLM, Ollama, OpenRouter.
    Reasoning,
    /// llama.cpp, SGLang, DeepSeek.
    ReasoningContent,
}

/// The reply so far.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) raw: Raw,
    /// The call that each entry of `raw.calls` belongs to.
    indices: Vec<Option<i64>>,
    /// Whether the arguments of each entry of `raw.calls` are whole.
    whole: Vec<Whole>,
    pub(crate) usage: Option<Usage>,
    pub(crate) field: Option<Field>,
    /// Whether the server sent a finish reason.
    pub(crate) finished: bool,
    /// Bytes received so far.
    held: usize,
    /// Whether there was any choice at all, even an empty one.
    pub(crate) any: bool,
}

impl ReplyAccumulator for Gathered {
    fn take(&mut self, chunk: &Value, on: &mut On<'_>) {
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage_of(usage));
        }
        let choices = chunk.get("choices").and_then(Value::as_array);
        let first = |choice: &&Value| choice.get("index").and_then(Value::as_i64).unwrap_or(0) == 0;
        let Some(choice) = choices.and_then(|choices| choices.iter().find(first)) else { return };
        self.any = true;
        for message in [choice.get("delta"), choice.get("message")].into_iter().flatten() {
            self.message(message, on);
        }
        // Plain completions servers answer with a bare text.
        if let Some(text) = choice.get("text").and_then(Value::as_str) {
            self.text(text, on);
        }
        if let Some(reason) = choice.get("finish_reason").and_then(Value::as_str).filter(|reason| !reason.is_empty()) {
            self.raw.finish_reason = clip(reason).to_owned();
            self.finished = true;
        }
    }

    fn any(&self) -> bool {
        self.any
    }

    fn finished(&self) -> bool {
        self.finished
    }

    fn held(&self) -> usize {
        self.held
    }

    fn calls(&self) -> usize {
        self.raw.calls.len()
    }
}

impl Gathered {
    fn message(&mut self, message: &Value, on: &mut On<'_>) {
        for (name, field) in [("reasoning", Field::Reasoning), ("reasoning_content", Field::ReasoningContent)] {
            let text = message.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            // A server that sends both sends the same twice.
            if let Some(text) = text.filter(|_| self.field.is_none_or(|known| known == field)) {
                self.field = Some(field);
                self.raw.reasoning.push_str(text);
                self.held += text.len();
                on(Delta::Reasoning(text));
            }
        }
        match message.get("content") {
            Some(Value::String(text)) => self.text(text, on),
            Some(Value::Array(parts)) => {
                for text in parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)) {
                    self.text(text, on);
                }
            }
            _ => {}
        }
        if let Some(refusal) = message.get("refusal").and_then(Value::as_str) {
            self.text(refusal, on);
        }
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            // One too many shows that there are too many; looking for the call of each piece would take its time.
            if self.raw.calls.len() > MOST_CALLS {
                break;
            }
            self.call(call, on);
        }
        if let Some(call) = message.get("function_call").filter(|call| call.is_object()) {
            self.call(&serde_json::json!({ "index": 0, "function": call }), on);
        }
    }

    fn text(&mut self, text: &str, on: &mut On<'_>) {
        if !text.is_empty() {
            self.raw.content.push_str(text);
            self.held += text.len();
            on(Delta::Text(text));
        }
    }

    fn call(&mut self, part: &Value, on: &mut On<'_>) {
        let function = part.get("function").unwrap_or(part);
        let text =
            |value: Option<&Value>| value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let (id, name) = (text(part.get("id")), text(function.get("name")));
        let index = part.get("index").and_then(Value::as_i64);
        let at = match self.find(id.as_deref(), name.as_deref(), index) {
            Some(at) => at,
            None => {
                self.raw.calls.push(RawCall::default());
                self.indices.push(index);
                self.whole.push(Whole::default());
                if let Some(name) = &name {
                    on(Delta::Call { name });
                }
                self.raw.calls.len() - 1
            }
        };
        let call = &mut self.raw.calls[at];
        let before = call.id.as_ref().map_or(0, String::len) + call.name.len();
        if call.id.is_none() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name.unwrap_or_default();
        }
        self.held += call.id.as_ref().map_or(0, String::len) + call.name.len() - before;
        let more = match function.get("arguments") {
            Some(Value::String(more)) => Cow::Borrowed(more.as_str()),
            // Not per the API, but some send the object itself.
            Some(object @ Value::Object(_)) if call.arguments.is_empty() => Cow::Owned(object.to_string()),
            _ => return,
        };
        call.arguments.push_str(&more);
        self.whole[at].push(&more, &call.arguments);
        self.held += more.len();
    }

    /// The call that a piece continues; `None` if it begins one.
    fn find(&self, id: Option<&str>, name: Option<&str>, index: Option<i64>) -> Option<usize> {
        let calls = &self.raw.calls;
        let at_index = || match index {
            Some(_) => self.indices.iter().rposition(|&other| other == index),
            None => None,
        };
        if let Some(at) = id.and_then(|id| calls.iter().rposition(|call| call.id.as_deref() == Some(id))) {
            return Some(at);
        }
        match (id, name) {
            // A new id with a name is a new call, even at an index that is taken (Ollama). One that only arrives late is not.
            (Some(_), Some(name)) => at_index()
                .filter(|&at| calls[at].id.is_none() && calls[at].name == name && calls[at].arguments.is_empty()),
            // Some repeat the name with each piece; a name after whole arguments begins another call.
            (None, Some(name)) => at_index().filter(|&at| {
                let call = &calls[at];
                (call.name == name || call.name.is_empty()) && !self.whole[at].is_object
            }),
            // A wrong index (SGLang) or none: the piece belongs to the call begun last.
            (_, None) => at_index().or(calls.len().checked_sub(1)),
        }
    }
}

/// Whether arguments that arrive in pieces are a whole JSON object: known without rereading all of them at each piece.
#[derive(Debug, Default)]
struct Whole {
    is_object: bool,
    depth: usize,
    string: bool,
    escaped: bool,
    /// The outermost value has ended.
    closed: bool,
}

impl Whole {
    /// Takes the next piece of `all`.
    fn push(&mut self, piece: &str, all: &str) {
        let (was_closed, mut behind) = (self.closed, false);
        for byte in piece.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.string => self.escaped = true,
                b'"' => self.string = !self.string,
                _ if self.string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.closed |= self.depth == 0;
                    continue;
                }
                _ => {}
            }
            behind |= self.closed && !byte.is_ascii_whitespace();
        }
        // Text after a finished object makes it invalid; no later piece makes it valid again.
        self.is_object = match was_closed {
            true => self.is_object && piece.trim().is_empty(),
            false => {
                let reads = || serde_json::from_str::<IgnoredAny>(all).is_ok();
                self.closed && !behind && all.trim_start().starts_with('{') && reads()
            }
        };
    }
}

fn usage_of(usage: &Value) -> Usage {
    let number = |path: &[&str]| path.iter().try_fold(usage, |value, key| value.get(key)).and_then(token_count);
    Usage {
        prompt: number(&["prompt_tokens"]).unwrap_or(0),
        output: number(&["completion_tokens"]).unwrap_or(0),
        cached: number(&["prompt_tokens_details", "cached_tokens"]).or(number(&["prompt_cache_hit_tokens"])),
        cache_write: None,
        reasoning: number(&["completion_tokens_details", "reasoning_tokens"]),
        cost: usage.get("cost").and_then(Value::as_f64).filter(|cost| (0.0..1e9).contains(cost)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn gather(chunks: &[Value]) -> (Gathered, Vec<String>) {
        let (mut gathered, mut seen) = (Gathered::default(), Vec::new());
        for chunk in chunks {
            gathered.take(chunk, &mut |delta| seen.push(format!("{delta:?}")));
        }
        (gathered, seen)
    }

    fn calls(parts: &[Value]) -> Vec<(Option<String>, String, String)> {
        let chunks: Vec<_> = parts.iter().map(|part| json!({"choices": [{"delta": {"tool_calls": [part]}}]})).collect();
        gather(&chunks).0.raw.calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: Option<&str>, name: &str, arguments: &str) -> (Option<String>, String, String) {
        (id.map(str::to_owned), name.into(), arguments.into())
    }

    #[test]
    fn pieces_of_calls_find_their_call_whatever_the_server_leaves_out() {
        // As in the API.
        assert_eq!(
            calls(&[
                json!({"index": 0, "id": "a", "type": "function", "function": {"name": "bash", "arguments": "{"}}),
                json!({"index": 1, "id": "b", "function": {"name": "grep", "arguments": ""}}),
                json!({"index": 0, "function": {"arguments": "}"}}),
                json!({"index": 1, "function": {"arguments": "{}"}}),
            ]),
            [call(Some("a"), "bash", "{}"), call(Some("b"), "grep", "{}")]
        );
        // Ollama: everything at index 0.
        assert_eq!(
            calls(&[
                json!({"index": 0, "id": "a", "function": {"name": "bash", "arguments": "{}"}}),
                json!({"index": 0, "id": "b", "function": {"name": "bash", "arguments": "{}"}}),
            ]),
            [call(Some("a"), "bash", "{}"), call(Some("b"), "bash", "{}")]
        );
        // SGLang: the index of what follows is wrong.
        assert_eq!(
            calls(&[
                json!({"index": 0, "id": "a", "function": {"name": "bash", "arguments": "{\"a\""}}),
                json!({"index": 3, "function": {"arguments": ":1}"}}),
            ]),
            [call(Some("a"), "bash", "{\"a\":1}")]
        );
        // No ids, no index; a name after whole arguments is a new call, a repeated one in between is not.
        assert_eq!(
            calls(&[
                json!({"index": 0, "function": {"name": "bash"}}),
                json!({"index": 0, "function": {"name": "bash", "arguments": "{\"a\":"}}),
                json!({"index": 0, "function": {"name": "bash", "arguments": "1}"}}),
                json!({"index": 0, "function": {"name": "bash", "arguments": "{}"}}),
                json!({"function": {"name": "grep", "arguments": {"x": 1}}}),
            ]),
            [call(None, "bash", "{\"a\":1}"), call(None, "bash", "{}"), call(None, "grep", "{\"x\":1}")]
        );
        // Another id in each piece.
        assert_eq!(
            calls(&[
                json!({"index": 0, "id": "a", "function": {"name": "bash", "arguments": "{"}}),
                json!({"index": 0, "id": "b", "function": {"name": null, "arguments": "}"}}),
            ]),
            [call(Some("a"), "bash", "{}")]
        );
    }

    #[test]
    fn arguments_are_known_to_be_whole_however_they_are_cut() {
        let is_object = |pieces: &[&str]| {
            let (mut whole, mut all) = (Whole::default(), String::new());
            for piece in pieces {
                all.push_str(piece);
                whole.push(piece, &all);
            }
            whole.is_object
        };
        assert!(is_object(&["{}"]) && is_object(&[" {\"a\"", ":\"}\\", "\"{\"", "} ", "\n"]));
        assert!(is_object(&["{\"a\":{\"b\":[1]}", "}"]));
        for pieces in
            [&["{"][..], &["{\"a\":\"}"], &["{}", "}"], &["{}{}"], &["{x}"], &["[]"], &["{}", "x"], &["{x}", "{}"]]
        {
            assert!(!is_object(pieces), "{pieces:?}");
        }
    }

    #[test]
    fn nulls_parts_and_doubled_thinking_are_taken_for_what_they_are() {
        let (gathered, seen) = gather(&[
            json!({"choices": [{"delta": {"role": "assistant", "content": null, "tool_calls": null}, "finish_reason": null}]}),
            json!({"choices": [{"delta": {"reasoning": "hm", "reasoning_content": "hm"}}]}),
            json!({"choices": [{"delta": {"content": [{"type": "text", "text": "a"}, {"type": "image"}]}}]}),
            json!({"choices": [{"index": 1, "delta": {"content": "another choice"}}]}),
            json!({"choices": [{"delta": {"content": "b"}, "finish_reason": "stop"}], "usage": null}),
            json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 1}}}),
        ]);
        assert_eq!((gathered.raw.reasoning.as_str(), gathered.raw.content.as_str()), ("hm", "ab"));
        assert_eq!(gathered.field, Some(Field::Reasoning));
        assert!(gathered.finished);
        assert_eq!(
            gathered.usage,
            Some(Usage { prompt: 9, output: 4, cached: Some(5), reasoning: Some(1), ..Usage::default() })
        );
        assert_eq!(seen, ["Reasoning(\"hm\")", "Text(\"a\")", "Text(\"b\")"]);
    }
}
