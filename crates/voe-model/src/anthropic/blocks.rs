//! Assembles a reply of content blocks from a body or a stream.

use serde_json::{Map, Value, json};
use voe_trace::chat::{Message, Usage};

use crate::bounds::{clip, read_json, token_count};
use crate::exchange::{On, ReplyAccumulator};
use crate::model::Delta;
use crate::normalize::{Raw, RawCall};

/// The key of a message's blocks in [`Message::provider`].
pub(super) const PROVIDER: &str = "anthropic";

/// The reply so far.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<Value>,
    /// The arguments of calls, as they arrive: the beginning of a JSON text, by block.
    arguments: Vec<String>,
    usage: Map<String, Value>,
    stop_reason: Option<String>,
    begun: bool,
    ended: bool,
    /// Bytes received so far, and calls.
    held: usize,
    calls: usize,
}

impl ReplyAccumulator for Blocks {
    fn take(&mut self, value: &Value, on: &mut On<'_>) {
        match value.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message" => self.whole(value, on),
            "message_start" => {
                self.begun = true;
                self.count(value.pointer("/message/usage"));
            }
            "content_block_start" => {
                let block = value.get("content_block").cloned().unwrap_or_default();
                self.start(index(value), block, on);
            }
            "content_block_delta" => self.delta(index(value), value.get("delta").unwrap_or(&Value::Null), on),
            "message_delta" => {
                self.stop(value.pointer("/delta/stop_reason"));
                self.count(value.get("usage"));
            }
            "message_stop" => self.ended = true,
            // "ping", and what later versions add.
            _ => {}
        }
    }

    fn any(&self) -> bool {
        self.begun
    }

    fn finished(&self) -> bool {
        self.stop_reason.is_some()
    }

    fn held(&self) -> usize {
        self.held
    }

    fn calls(&self) -> usize {
        self.calls
    }

    fn ended(&self) -> bool {
        self.ended
    }
}

/// What is counted of the usage.
const COUNTS: [&str; 4] = ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];

/// More blocks than this are not a reply.
const MOST: usize = 10_000;

fn index(value: &Value) -> usize {
    value.get("index").and_then(Value::as_u64).unwrap_or(0) as usize
}

impl Blocks {
    pub(super) fn begun(&self) -> bool {
        self.begun
    }

    fn whole(&mut self, message: &Value, on: &mut On<'_>) {
        self.begun = true;
        self.count(message.get("usage"));
        self.stop(message.get("stop_reason"));
        for (at, block) in message.get("content").and_then(Value::as_array).into_iter().flatten().enumerate() {
            self.start(at, block.clone(), on);
        }
    }

    fn start(&mut self, at: usize, block: Value, on: &mut On<'_>) {
        if at >= MOST {
            return;
        }
        let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("type") {
            "text" if !text("text").is_empty() => on(Delta::Text(text("text"))),
            "thinking" if !text("thinking").is_empty() => on(Delta::Reasoning(text("thinking"))),
            "tool_use" => {
                on(Delta::Call { name: text("name") });
                self.calls += 1;
            }
            _ => {}
        }
        self.held += block.to_string().len();
        if self.blocks.len() <= at {
            self.blocks.resize(at + 1, Value::Null);
            self.arguments.resize(at + 1, String::new());
        }
        self.blocks[at] = block;
    }

    fn delta(&mut self, at: usize, delta: &Value, on: &mut On<'_>) {
        let Some(block) = self.blocks.get_mut(at).and_then(Value::as_object_mut) else { return };
        let kind = delta.get("type").and_then(Value::as_str).unwrap_or_default();
        let text = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
        let mut held = 0;
        let mut append = |name: &str, more: &str| {
            held += more.len();
            match block.get_mut(name) {
                Some(Value::String(text)) => text.push_str(more),
                _ => {
                    block.insert(name.to_owned(), more.into());
                }
            }
        };
        match kind {
            "text_delta" => {
                append("text", text("text"));
                on(Delta::Text(text("text")));
            }
            "thinking_delta" => {
                append("thinking", text("thinking"));
                on(Delta::Reasoning(text("thinking")));
            }
            "signature_delta" => append("signature", text("signature")),
            "input_json_delta" => {
                held += text("partial_json").len();
                self.arguments[at].push_str(text("partial_json"));
            }
            _ => {}
        }
        self.held += held;
    }

    /// Later counts are totals and replace earlier ones.
    fn count(&mut self, usage: Option<&Value>) {
        for (name, value) in
            usage.and_then(Value::as_object).into_iter().flatten().filter(|(_, value)| !value.is_null())
        {
            if let (true, Some(count)) = (COUNTS.contains(&name.as_str()), token_count(value)) {
                self.usage.insert(name.clone(), count.into());
            }
        }
    }

    fn stop(&mut self, reason: Option<&Value>) {
        if let Some(reason) = reason.and_then(Value::as_str) {
            self.stop_reason = Some(clip(reason).to_owned());
        }
    }

    /// The finish reason in the terms of other servers.
    pub(super) fn finish_reason(&self) -> &str {
        match self.stop_reason.as_deref().unwrap_or_default() {
            "end_turn" | "stop_sequence" => "stop",
            "tool_use" => "tool_calls",
            "max_tokens" | "model_context_window_exceeded" => "length",
            other => other,
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let number = |name: &str| self.usage.get(name).and_then(Value::as_u64);
        let (cached, cache_write) = (number("cache_read_input_tokens"), number("cache_creation_input_tokens"));
        Usage {
            prompt: number("input_tokens").unwrap_or(0) + cached.unwrap_or(0) + cache_write.unwrap_or(0),
            output: number("output_tokens").unwrap_or(0),
            cached,
            cache_write,
            reasoning: None,
            cost: None,
        }
    }

    /// Text, thinking and calls, in the form of other servers.
    pub(super) fn raw(&self) -> Raw {
        let mut raw = Raw { finish_reason: self.finish_reason().to_owned(), ..Raw::default() };
        for (block, arguments) in self.blocks.iter().zip(&self.arguments) {
            let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
            match text("type") {
                "text" => raw.content.push_str(text("text")),
                "thinking" => raw.reasoning.push_str(text("thinking")),
                "tool_use" => raw.calls.push(RawCall {
                    id: Some(text("id").to_owned()),
                    name: text("name").to_owned(),
                    arguments: match arguments.as_str() {
                        "" => block.get("input").map(Value::to_string).unwrap_or_default(),
                        streamed => streamed.to_owned(),
                    },
                }),
                _ => {}
            }
        }
        raw
    }

    /// The blocks to send back unchanged; `None` if the message has the same content, or differs from them.
    pub(super) fn provider(&self, message: &Message) -> Option<Value> {
        let thinks = |block: &Value| matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking"));
        if !self.blocks.iter().any(thinks) {
            return None;
        }
        let mut blocks = self.blocks.clone();
        for (block, arguments) in blocks.iter_mut().zip(&self.arguments) {
            if let Ok(Value::Object(input)) = read_json(arguments) {
                block["input"] = Value::Object(input);
            }
        }
        // An empty text block is refused when it is sent back.
        blocks.retain(|block| {
            !block.is_null()
                && (block["type"] != "text" || block["text"].as_str().is_some_and(|t| !t.trim().is_empty()))
        });
        let provider = json!({ PROVIDER: blocks });
        same_calls(message, &blocks).then_some(provider)
    }
}

/// Whether blocks and message have the same calls: each must get a result, and no other.
pub(super) fn same_calls(message: &Message, blocks: &[Value]) -> bool {
    let ids = blocks.iter().filter(|block| block["type"] == "tool_use").map(|block| block["id"].as_str());
    ids.eq(message.tool_calls.iter().map(|call| Some(call.id.as_str())))
}
