//! Anthropic Messages, in the shapes that its documentation gives.

use serde_json::{Value, json};
use voe_model::{
    Anthropic, AnthropicConfig, Delta, Message, Model, ModelError, ModelReply, ModelRequest, Sampling, Secret,
};

use crate::server::{Answer, Server, calls, tools};

fn config(server: &Server) -> AnthropicConfig {
    let limits = server.patient();
    AnthropicConfig {
        base_url: server.url.clone(),
        retry: limits.retry,
        ..AnthropicConfig::new("claude-opus-4-5", Some(Secret::new("sk-ant-hidden")))
    }
}

async fn ask(server: &Server, sampling: Value, stream: bool) -> (Result<ModelReply, ModelError>, Vec<String>) {
    let model = Anthropic::new(config(server)).unwrap();
    let (tools, mut seen) = (tools(), Vec::new());
    let sampling: Sampling = serde_json::from_value(sampling).unwrap();
    let messages = [Message::system("s"), Message::user("List the files.")];
    let request =
        ModelRequest { messages: &messages, tools: &tools, sampling: &sampling, max_tokens: Some(1000), stream };
    let reply = model.complete(request, &mut |delta: Delta<'_>| seen.push(format!("{delta:?}"))).await;
    (reply, seen)
}

fn stream(events: &[Value]) -> Answer {
    let text: String =
        events.iter().map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())).collect();
    Answer::stream(&text)
}

fn start() -> Value {
    json!({"type": "message_start", "message": {"usage": {"input_tokens": 10, "cache_creation_input_tokens": 1000, "cache_read_input_tokens": 4000, "output_tokens": 1}}})
}

fn begin(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn end(reason: &str, output: u64) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": output}}),
        json!({"type": "message_stop"}),
    ]
}

#[tokio::test]
async fn a_stream_of_thinking_text_and_a_call_is_read_kept_intact_and_has_its_cost() {
    let [stop, last] = end("tool_use", 100);
    let server = Server::new([stream(&[
        start(),
        begin(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "thinking_delta", "thinking": "I should "})),
        delta(0, json!({"type": "thinking_delta", "thinking": "look."})),
        delta(0, json!({"type": "signature_delta", "signature": "s1g"})),
        json!({"type": "content_block_stop", "index": 0}),
        begin(1, json!({"type": "text", "text": ""})),
        delta(1, json!({"type": "text_delta", "text": "Looking."})),
        begin(2, json!({"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {}})),
        delta(2, json!({"type": "input_json_delta", "partial_json": ""})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"command\": \"l"})),
        delta(2, json!({"type": "input_json_delta", "partial_json": "s\"}"})),
        stop,
        last,
    ])])
    .await;
    let (reply, seen) = ask(&server, json!({}), true).await;
    let reply = reply.unwrap();
    assert_eq!(reply.message.content, "Looking.");
    assert_eq!(reply.message.reasoning.as_deref(), Some("I should look."));
    assert_eq!(
        (calls(&reply), reply.message.tool_calls[0].id.as_str()),
        (vec![r#"bash {"command":"ls"}"#.to_owned()], "toolu_1")
    );
    assert_eq!(reply.finish_reason, "tool_calls");
    assert_eq!(
        reply.message.provider,
        Some(json!({"anthropic": [
            {"type": "thinking", "thinking": "I should look.", "signature": "s1g"},
            {"type": "text", "text": "Looking."},
            {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {"command": "ls"}},
        ]}))
    );
    let usage = reply.usage;
    assert_eq!((usage.prompt, usage.cached, usage.cache_write, usage.output), (5010, Some(4000), Some(1000), 100));
    let cost = (10.0 * 5.0 + 4000.0 * 0.5 + 1000.0 * 6.25 + 100.0 * 25.0) / 1e6;
    assert!(usage.cost.is_some_and(|dollars| (dollars - cost).abs() < 1e-12), "{:?}", usage.cost);
    assert_eq!(seen[0], "Reasoning(\"I should \")");
    assert_eq!(seen.last().unwrap(), "Call { name: \"bash\" }");
    let asked = &server.asked()[0];
    assert_eq!(asked.path, "/v1/messages");
    assert!(
        asked.headers.contains("x-api-key: sk-ant-hidden") && asked.headers.contains("anthropic-version: 2023-06-01")
    );
}

#[tokio::test]
async fn a_whole_reply_is_read_like_a_streamed_one() {
    let body = json!({"type": "message", "role": "assistant", "stop_reason": "end_turn", "content": [{"type": "text", "text": "Done."}],
        "usage": {"input_tokens": 7, "output_tokens": 2}});
    let server = Server::new([Answer::json(200, &body.to_string())]).await;
    let reply = ask(&server, json!({}), false).await.0.unwrap();
    assert_eq!(
        (reply.message.content.as_str(), reply.finish_reason.as_str(), reply.usage.prompt),
        ("Done.", "stop", 7)
    );
    assert_eq!(reply.message.provider, None);
}

#[tokio::test]
async fn a_call_cut_off_by_the_limit_is_not_run() {
    let [stop, last] = end("max_tokens", 100);
    let server = Server::new([stream(&[
        start(),
        begin(0, json!({"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {}})),
        delta(0, json!({"type": "input_json_delta", "partial_json": "{\"command\": \"rm -rf /tmp"})),
        stop,
        last,
    ])])
    .await;
    let reply = ask(&server, json!({}), true).await.0.unwrap();
    assert_eq!((calls(&reply), reply.message.provider.clone()), (vec![], None));
    assert!(reply.malformed.unwrap().contains("breaks off"));
}

#[tokio::test]
async fn a_model_that_takes_no_temperature_is_asked_without_and_from_then_on() {
    let refused = r#"{"type":"error","error":{"type":"invalid_request_error","message":"`temperature` is deprecated for this model."}}"#;
    let done = json!({"type": "message", "stop_reason": "end_turn", "content": [{"type": "text", "text": "Done."}], "usage": {"input_tokens": 7, "output_tokens": 2}});
    let server = Server::new([Answer::json(400, refused), Answer::json(200, &done.to_string())]).await;
    let reply = ask(&server, json!({"temperature": 0.6, "top_k": 20}), false).await.0.unwrap();
    assert_eq!(reply.repairs, ["the model takes no temperature, top_p or top_k: they were left out"]);
    let (first, second) = (server.asked()[0].body.clone(), server.asked()[1].body.clone());
    assert_eq!((&first["temperature"], second.get("temperature"), second.get("top_k")), (&json!(0.6), None, None));
}

#[tokio::test]
async fn overload_rate_limits_overflow_and_keys_are_distinguished() {
    let error =
        |kind: &str, message: &str| json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
    for (status, body, kind, asked) in [
        (529, error("overloaded_error", "Overloaded"), "overloaded", 3),
        (429, error("rate_limit_error", "slow down"), "rate_limited", 3),
        (500, error("api_error", "Internal server error"), "server", 3),
        (
            400,
            error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            "context_overflow",
            1,
        ),
        (401, error("authentication_error", "invalid x-api-key sk-ant-hidden"), "auth", 1),
        (404, error("not_found_error", "model: claude-opus-4-5"), "not_found", 1),
        (400, error("invalid_request_error", "messages: roles must alternate"), "bad_request", 1),
    ] {
        let server = Server::new([Answer::json(status, &body)]).await;
        let failed = ask(&server, json!({}), true).await.0.unwrap_err();
        assert_eq!((failed.kind().word(), server.asked().len()), (kind, asked), "{body}");
        assert!(!failed.to_string().contains("hidden"));
    }
    // Within a stream.
    let late = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let server = Server::new([stream(&[start(), begin(0, json!({"type": "text", "text": "Do"})), late])]).await;
    assert_eq!(ask(&server, json!({}), true).await.0.unwrap_err().kind().word(), "overloaded");
    // And a stream that breaks off.
    let server = Server::new([stream(&[start(), begin(0, json!({"type": "text", "text": "Do"}))])]).await;
    assert_eq!(ask(&server, json!({}), true).await.0.unwrap_err().kind().word(), "broken_stream");
}

#[tokio::test]
async fn the_window_is_asked_for() {
    let server =
        Server::new([Answer::json(200, r#"{"type": "model", "id": "claude-opus-4-5", "max_input_tokens": 200000}"#)])
            .await;
    assert_eq!(Anthropic::new(config(&server)).unwrap().ask_window().await, Some(200_000));
    assert_eq!(server.asked()[0].path, "/v1/models/claude-opus-4-5");
    let server = Server::new([Answer::json(404, "{}")]).await;
    assert_eq!(Anthropic::new(config(&server)).unwrap().ask_window().await, None);
}

#[tokio::test]
async fn the_models_are_listed_page_by_page_and_a_list_that_is_not_whole_is_none() {
    let page = |names: &[&str], more: bool| {
        let data: Vec<Value> = names.iter().map(|name| json!({"type": "model", "id": name})).collect();
        let page = json!({"data": data, "has_more": more, "first_id": names.first(), "last_id": names.last()});
        Answer::json(200, &page.to_string())
    };
    let server = Server::new([page(&["claude-a", "claude-b"], true), page(&["claude-c"], false)]).await;
    let names = Anthropic::new(config(&server)).unwrap().list().await.unwrap();
    assert_eq!(names, ["claude-a", "claude-b", "claude-c"]);
    let asked: Vec<String> = server.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(asked, ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=claude-b"]);
    for answers in [
        vec![page(&["claude-a"], true), Answer::json(500, "{}")],
        vec![Answer::json(404, "{}")],
        vec![page(&[], false)],
        vec![page(&["claude-a"], true); 20],
    ] {
        let server = Server::new(answers).await;
        assert_eq!(Anthropic::new(config(&server)).unwrap().list().await, None);
        assert!(server.asked().len() <= 10);
    }
}

#[tokio::test]
async fn an_alias_that_the_server_knows_is_a_model_of_its_own() {
    let server = Server::new([Answer::json(200, r#"{"type": "model", "id": "claude-opus-4-5-20251101"}"#)]).await;
    assert!(Anthropic::new(config(&server)).unwrap().has_model().await);
    let server = Server::new([Answer::json(404, r#"{"type": "error", "error": {"type": "not_found_error"}}"#)]).await;
    assert!(!Anthropic::new(config(&server)).unwrap().has_model().await);
}
