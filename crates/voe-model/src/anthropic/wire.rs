//! The body of a request.

use serde_json::{Map, Value, json};
use voe_trace::chat::{Message, Role};

use super::blocks::{PROVIDER, same_calls};
use crate::error::ModelError;
use crate::model::ModelRequest;

/// A mark searches this many blocks back for what an earlier request cached; marks are closer than that, so that a step
/// with many calls still finds it. (The server's limit is 20.)
const BLOCKS_PER_MARK: usize = 15;

/// Marks in the conversation, besides the one after tools and system. (The server's limit is 4 in all.)
const MARKS: usize = 3;

/// Fields that only Chat Completions servers know.
const FOREIGN: [&str; 8] =
    ["chat_template_kwargs", "min_p", "presence_penalty", "model", "messages", "tools", "stream", "n"];

pub(super) fn body(model: &str, request: &ModelRequest<'_>, max_tokens: u64, sampling: bool) -> Vec<u8> {
    let mut body = Map::new();
    body.insert("model".into(), model.into());
    body.insert("max_tokens".into(), max_tokens.into());
    let mark = json!({"type": "ephemeral"});
    let mut tools: Vec<Value> = request
        .tools
        .iter()
        .map(|tool| json!({"name": tool.name, "description": tool.description, "input_schema": tool.parameters}))
        .collect();
    let system: Vec<&str> =
        request.messages.iter().filter(|m| m.role == Role::System).map(|m| m.content.as_str()).collect();
    // Tools come before the system text: one mark after both serves both.
    if system.is_empty() {
        if let Some(last) = tools.last_mut() {
            last["cache_control"] = mark.clone();
        }
    } else {
        body.insert("system".into(), json!([{"type": "text", "text": system.join("\n\n"), "cache_control": mark}]));
    }
    if !tools.is_empty() {
        body.insert("tools".into(), tools.into());
    }
    body.insert("messages".into(), conversation(request.messages, &mark).into());
    let thinking = request.sampling.extra.get("thinking").is_some_and(|thinking| thinking["type"] != "disabled");
    // Thinking models accept no temperature; newer ones accept either temperature or top_p.
    if sampling && !thinking {
        let numbers = request.sampling;
        match (numbers.temperature, numbers.top_p) {
            (Some(temperature), _) => body.insert("temperature".into(), temperature.into()),
            (None, Some(top_p)) => body.insert("top_p".into(), top_p.into()),
            (None, None) => None,
        };
        if let Some(top_k) = numbers.top_k {
            body.insert("top_k".into(), top_k.into());
        }
    }
    body.insert("stream".into(), request.stream.into());
    for (name, value) in request.sampling.extra.iter().filter(|(name, _)| !FOREIGN.contains(&name.as_str())) {
        body.insert(name.clone(), value.clone());
    }
    Value::Object(body).to_string().into_bytes()
}

/// Whether a refusal is about sampling parameters.
pub(super) fn refuses_sampling(error: &ModelError) -> bool {
    let ModelError::BadRequest { message, .. } = error else { return false };
    ["temperature", "top_p", "top_k"].iter().any(|name| message.contains(name))
}

/// The conversation: adjacent messages of one role merged, results of calls in the user's.
fn conversation(messages: &[Message], mark: &Value) -> Vec<Value> {
    let mut turns: Vec<(&str, Vec<Value>)> = Vec::new();
    for message in messages.iter().filter(|message| message.role != Role::System) {
        let (role, blocks) = match message.role {
            Role::Assistant => ("assistant", blocks_of(message)),
            _ => ("user", vec![heard(message)]),
        };
        match turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    turns.retain(|(_, blocks)| !blocks.is_empty());
    let mut since = BLOCKS_PER_MARK;
    let mut marks = 0;
    for block in turns.iter_mut().rev().flat_map(|(_, blocks)| blocks.iter_mut().rev()) {
        let can = matches!(block["type"].as_str(), Some("text" | "tool_result" | "tool_use"));
        if can && since >= BLOCKS_PER_MARK && marks < MARKS {
            block["cache_control"] = mark.clone();
            (since, marks) = (0, marks + 1);
        }
        since += 1;
    }
    turns.into_iter().map(|(role, content)| json!({"role": role, "content": content})).collect()
}

fn heard(message: &Message) -> Value {
    // An empty text is refused.
    let text = if message.content.trim().is_empty() { "(empty)" } else { &message.content };
    match &message.tool_call_id {
        Some(id) => json!({"type": "tool_result", "tool_use_id": id, "content": text}),
        None => json!({"type": "text", "text": text}),
    }
}

fn blocks_of(message: &Message) -> Vec<Value> {
    let kept = message.provider.as_ref().and_then(|provider| provider.get(PROVIDER)).and_then(Value::as_array);
    if let Some(blocks) = kept.filter(|blocks| same_calls(message, blocks)) {
        return blocks.clone();
    }
    let mut blocks = Vec::new();
    if !message.content.trim().is_empty() {
        // White space at the end is refused in a last message.
        blocks.push(json!({"type": "text", "text": message.content.trim_end()}));
    }
    for call in &message.tool_calls {
        let input = serde_json::from_str::<Map<String, Value>>(&call.arguments).unwrap_or_default();
        blocks.push(json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input}));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use voe_trace::chat::ToolCall;

    use super::*;
    use crate::model::Sampling;
    use crate::tool::ToolSpec;

    fn sent(messages: &[Message], sampling: Value) -> Value {
        let tools =
            [ToolSpec { name: "bash".into(), description: "runs".into(), parameters: json!({"type": "object"}) }];
        let sampling: Sampling = serde_json::from_value(sampling).unwrap();
        let request = ModelRequest { messages, tools: &tools, sampling: &sampling, max_tokens: None, stream: true };
        serde_json::from_slice(&body("m", &request, 1000, true)).unwrap()
    }

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "bash".into(), arguments: "{\"command\":\"ls\"}".into() }
    }

    #[test]
    fn a_conversation_becomes_turns_of_blocks_with_marks_for_the_cache() {
        let reply = Message {
            reasoning: Some("hm".into()),
            tool_calls: vec![call("a"), call("b")],
            ..Message::assistant("Look. ")
        };
        let messages = [
            Message::system("s"),
            Message::user("u"),
            reply,
            Message::tool("a", "1"),
            Message::tool("b", ""),
            Message::user("v"),
        ];
        let mark = json!({"type": "ephemeral"});
        let input = json!({"command": "ls"});
        assert_eq!(
            sent(&messages, json!({"temperature": 0.6, "top_p": 0.95, "top_k": 20, "min_p": 0.1})),
            json!({
                "model": "m", "max_tokens": 1000,
                "system": [{"type": "text", "text": "s", "cache_control": mark}],
                "tools": [{"name": "bash", "description": "runs", "input_schema": {"type": "object"}}],
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "u"}]},
                    {"role": "assistant", "content": [
                        {"type": "text", "text": "Look."},
                        {"type": "tool_use", "id": "a", "name": "bash", "input": input},
                        {"type": "tool_use", "id": "b", "name": "bash", "input": input}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "a", "content": "1"},
                        {"type": "tool_result", "tool_use_id": "b", "content": "(empty)"},
                        {"type": "text", "text": "v", "cache_control": mark}]},
                ],
                "temperature": 0.6, "top_k": 20, "stream": true,
            })
        );
    }

    #[test]
    fn thinking_goes_back_as_it_came_unless_the_calls_are_others() {
        let blocks = json!([{"type": "thinking", "thinking": "hm", "signature": "s1g"}, {"type": "tool_use", "id": "a", "name": "bash", "input": {}}]);
        let mut reply = Message { tool_calls: vec![call("a")], ..Message::assistant("") };
        reply.provider = Some(json!({"anthropic": blocks}));
        let extra =
            json!({"temperature": 0.6, "extra": {"thinking": {"type": "adaptive"}, "chat_template_kwargs": {}}});
        let body = sent(&[Message::user("u"), reply.clone(), Message::tool("a", "1")], extra.clone());
        assert_eq!(body["messages"][1]["content"], blocks);
        assert_eq!(
            (body.get("temperature"), body.get("chat_template_kwargs"), &body["thinking"]["type"]),
            (None, None, &json!("adaptive"))
        );
        reply.tool_calls.clear();
        reply.content = "other".into();
        assert_eq!(sent(&[Message::user("u"), reply], extra)["messages"][1]["content"][0]["text"], "other");
    }

    #[test]
    fn marks_stand_close_enough_for_each_other_and_are_four_at_most() {
        let messages: Vec<Message> = std::iter::once(Message::system("s"))
            .chain((0..200).flat_map(|n| [Message::user(format!("u{n}")), Message::assistant(format!("a{n}"))]))
            .collect();
        let body = sent(&messages, json!({}));
        let marked: Vec<usize> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .enumerate()
            .filter(|(_, turn)| turn["content"][0].get("cache_control").is_some())
            .map(|(at, _)| at)
            .collect();
        assert_eq!(marked, [369, 384, 399]);
    }
}
