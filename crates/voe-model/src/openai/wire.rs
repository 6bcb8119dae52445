//! The body of a request.

use serde_json::{Map, Value, json};
use voe_trace::chat::{Message, Role};

use super::accumulator::Field;
use crate::model::ModelRequest;

/// The body: the same for the same conversation, byte for byte, so that the server's prefix cache stays valid.
pub(super) fn body(
    model: &str,
    request: &ModelRequest<'_>,
    reasoning: Option<Field>,
    max_tokens: Option<u64>,
    stream: bool,
) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("messages".into(), request.messages.iter().map(|m| message(m, reasoning)).collect());
    if !request.tools.is_empty() {
        let tool = |tool: &crate::tool::ToolSpec| {
            json!({"type": "function", "function":
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters}})
        };
        body.insert("tools".into(), request.tools.iter().map(tool).collect());
    }
    let sampling = request.sampling;
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(name.into(), value);
        }
    };
    put("temperature", sampling.temperature.map(Value::from));
    put("top_p", sampling.top_p.map(Value::from));
    put("top_k", sampling.top_k.map(Value::from));
    put("min_p", sampling.min_p.map(Value::from));
    put("presence_penalty", sampling.presence_penalty.map(Value::from));
    // Hosted thinking models refuse one name and require the other: a user's setting is deliberate.
    let other_name = sampling.extra.contains_key("max_completion_tokens");
    put("max_tokens", max_tokens.filter(|_| !other_name).map(Value::from));
    put("stream", Some(stream.into()));
    put("stream_options", stream.then(|| json!({"include_usage": true})));
    for (name, value) in &sampling.extra {
        // Fields that the client relies on can't be configured.
        if !matches!(name.as_str(), "model" | "messages" | "tools" | "stream" | "stream_options" | "n") {
            body.insert(name.clone(), value.clone());
        }
    }
    Value::Object(body).to_string().into_bytes()
}

/// The token limit of the reply, under whatever name it is sent; `None` where there is no limit.
pub(super) fn token_limit(request: &ModelRequest<'_>, max_tokens: Option<u64>) -> Option<u64> {
    let extra = ["max_completion_tokens", "max_tokens"];
    let extra = extra.iter().filter_map(|name| request.sampling.extra.get(*name)?.as_u64());
    extra.chain(max_tokens).max()
}

fn message(message: &Message, reasoning: Option<Field>) -> Value {
    let mut out = Map::new();
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "tool",
    };
    out.insert("role".into(), role.into());
    if let Some(id) = &message.tool_call_id {
        out.insert("tool_call_id".into(), id.as_str().into());
    }
    out.insert("content".into(), message.content.as_str().into());
    if let (Some(text), Some(field)) = (&message.reasoning, reasoning) {
        let name = match field {
            Field::Reasoning => "reasoning",
            Field::ReasoningContent => "reasoning_content",
        };
        out.insert(name.into(), text.as_str().into());
    }
    if !message.tool_calls.is_empty() {
        let calls = message.tool_calls.iter().map(|call| {
            json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments(&call.arguments)}})
        });
        out.insert("tool_calls".into(), calls.collect());
    }
    Value::Object(out)
}

/// Arguments as servers require them: a JSON text. Anything else, from an older record, would fail every later request.
fn arguments(text: &str) -> &str {
    if serde_json::from_str::<Map<String, Value>>(text).is_ok() { text } else { "{}" }
}

#[cfg(test)]
mod tests {
    use voe_trace::chat::ToolCall;

    use super::*;
    use crate::model::Sampling;
    use crate::tool::ToolSpec;

    fn value(messages: &[Message], sampling: &Sampling, reasoning: Option<Field>) -> Value {
        let tools =
            [ToolSpec { name: "bash".into(), description: "runs".into(), parameters: json!({"type": "object"}) }];
        let request = ModelRequest { messages, tools: &tools, sampling, max_tokens: Some(7), stream: true };
        serde_json::from_slice(&body("m", &request, reasoning, request.max_tokens, true)).unwrap()
    }

    #[test]
    fn the_body_is_what_chat_completions_servers_read() {
        let call = ToolCall { id: "c1".into(), name: "bash".into(), arguments: "{\"command\":\"ls\"}".into() };
        let torn = ToolCall { arguments: "{\"command\": \"l".into(), ..call.clone() };
        let reply = Message { reasoning: Some("hm\n".into()), tool_calls: vec![call, torn], ..Message::assistant("") };
        let messages = [Message::system("s"), Message::user("u"), reply, Message::tool("c1", "out")];
        let sampling: Sampling = serde_json::from_value(json!({"temperature": 0.6, "top_k": 20, "extra":
            {"chat_template_kwargs": {"preserve_thinking": true}, "stream": false}}))
        .unwrap();
        assert_eq!(
            value(&messages, &sampling, Some(Field::ReasoningContent)),
            json!({
                "model": "m",
                "messages": [
                    {"role": "system", "content": "s"},
                    {"role": "user", "content": "u"},
                    {"role": "assistant", "content": "", "reasoning_content": "hm\n", "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{\"command\":\"ls\"}"}},
                        {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{}"}}]},
                    {"role": "tool", "tool_call_id": "c1", "content": "out"},
                ],
                "tools": [{"type": "function", "function": {"name": "bash", "description": "runs", "parameters": {"type": "object"}}}],
                "temperature": 0.6, "top_k": 20, "max_tokens": 7, "stream": true,
                "stream_options": {"include_usage": true},
                "chat_template_kwargs": {"preserve_thinking": true},
            })
        );
        let dropped = value(&messages, &sampling, None);
        assert!(dropped["messages"][2].get("reasoning_content").is_none());
    }

    #[test]
    fn max_completion_tokens_is_not_sent_together_with_max_tokens() {
        let sampling: Sampling = serde_json::from_value(json!({"extra": {"max_completion_tokens": 99}})).unwrap();
        let body = value(&[Message::user("u")], &sampling, None);
        assert_eq!((body.get("max_tokens"), &body["max_completion_tokens"]), (None, &json!(99)));
    }
}
