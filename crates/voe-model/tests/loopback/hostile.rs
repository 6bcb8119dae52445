//! Servers that send without end, or far too much: each connection is closed after a bounded number of bytes.
//!
//! The test's server counts the bytes that it sent, and gives up at [`ENDLESS`]. No wall time is asserted.

use std::time::Duration;

use serde_json::{Value, json};
use voe_model::{
    Anthropic, AnthropicConfig, Excess, Message, Model, ModelError, ModelRequest, OpenAiConfig, Sampling, Secret, Wait,
    probe,
};

use crate::server::{Answer, ENDLESS, Server, ask, tools};

/// Bytes in the system's buffers, beyond what the client has taken.
const BUFFERS: u64 = 32 << 20;

fn chunk(delta: Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

fn call(index: u64, id: Option<&str>, name: Option<&str>, arguments: &str) -> String {
    chunk(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]}))
}

/// Asks a server that has no end; it is asked once, sends no more than `most`, and the error is this.
async fn refused(answer: Answer, stream: bool, what: Excess, most: u64) {
    let server = Server::new([answer]).await;
    let (reply, seen) = ask(server.patient(), stream).await;
    let error = reply.unwrap_err();
    let limit = match &error {
        ModelError::TooMuch { server: at, what: found, most } => {
            assert_eq!((at, *found), (&server.url, what), "{error}");
            *most
        }
        other => panic!("{other:?}"),
    };
    let text = error.to_string();
    assert!(text.starts_with(&format!("{} sent more than {limit} ", server.url)) && text.len() < 300, "{text}");
    assert_eq!((error.kind().word(), error.is_transient()), ("too_much", false));
    assert_eq!(server.asked().len(), 1, "asking again would bring as much");
    assert!(!seen.iter().any(|line| line.starts_with("Retry")), "{}", seen.len());
    assert!(server.sent() < most + BUFFERS && server.sent() < ENDLESS, "{} bytes were taken", server.sent());
}

#[tokio::test]
async fn endless_text_and_thinking_end_when_they_are_longer_than_any_reply() {
    for name in ["content", "reasoning", "reasoning_content", "refusal"] {
        let text = chunk(json!({ name: "word ".repeat(1000) }));
        refused(Answer::stream("").endless(text), true, Excess::Reply, 24 << 20).await;
    }
}

#[tokio::test]
async fn endless_text_in_large_envelopes_ends_at_the_limit_on_the_stream() {
    let padded = json!({"choices": [{"delta": {"content": "a"}}], "padding": "x".repeat(30_000)});
    let text = format!("data: {padded}\n\n");
    refused(Answer::stream("").endless(text), true, Excess::Stream, 129 << 20).await;
}

#[tokio::test]
async fn an_endless_line_and_an_endless_event_are_not_gathered() {
    let long = "a".repeat(1000);
    let lines = [("", format!("data: {long}\n")), ("", format!("{{{long}\n"))];
    let line = ["data: \"", ": ", "event: ", ""].map(|head| (head, long.clone()));
    for (head, more) in lines.into_iter().chain(line) {
        refused(Answer::stream(head).endless(more), true, Excess::Event, 20 << 20).await;
    }
}

#[tokio::test]
async fn endless_fragments_of_one_calls_arguments_end_when_they_are_longer_than_any_reply() {
    let begun = call(0, Some("a"), Some("bash"), "{\"command\": \"");
    let more = call(0, None, None, &"a".repeat(5000));
    refused(Answer::stream(&begun).endless(more), true, Excess::Reply, 24 << 20).await;
    // Names that repeat with each fragment, and arguments that are whole at each.
    let more = call(0, None, Some("bash"), &"}".repeat(5000));
    refused(Answer::stream(&begun).endless(more), true, Excess::Reply, 24 << 20).await;
}

#[tokio::test]
async fn a_hundred_thousand_calls_in_one_reply_are_refused_streamed_or_whole() {
    let begun: String = (0..100_000).map(|n| call(n, Some(&format!("id{n}")), Some("bash"), "{}")).collect();
    refused(Answer::stream(&begun), true, Excess::Calls, 0).await;
    let calls: Vec<Value> = (0..100_000)
        .map(|n| json!({"id": format!("id{n}"), "function": {"name": "bash", "arguments": "{}"}}))
        .collect();
    refused(Answer::reply(json!({"content": "", "tool_calls": calls[..40_000]})), false, Excess::Calls, 0).await;
    refused(Answer::reply(json!({"content": "", "tool_calls": calls})), false, Excess::Values, 0).await;
}

#[tokio::test]
async fn a_giant_body_is_not_gathered_asked_for_or_not() {
    let head = "{\"choices\": [{\"message\": {\"content\": \"";
    for stream in [true, false] {
        refused(Answer::json(200, head).endless("word "), stream, Excess::Body, 24 << 20).await;
    }
}

#[tokio::test]
async fn a_body_or_an_event_of_a_million_small_values_is_not_built_in_memory() {
    let many = format!("{{\"choices\": [], \"x\": [{}0]}}", "{\"a\":0},".repeat(1_000_000));
    refused(Answer::json(200, &many), false, Excess::Values, 0).await;
    refused(Answer::stream(&format!("data: {many}\n\n")), true, Excess::Values, 0).await;
}

#[tokio::test]
async fn a_giant_error_is_read_to_a_bound_and_quoted_to_another() {
    for (status, kind) in [(400, "bad_request"), (401, "auth"), (404, "gone")] {
        let server = Server::new([Answer::new(status, "text/plain", "wrong ").endless("wrong ")]).await;
        let error = ask(server.patient(), true).await.0.unwrap_err();
        assert_eq!(error.kind().word(), kind);
        assert!(error.to_string().contains("wrong wrong") && error.to_string().len() < 1200, "{error}");
        assert!(server.sent() < BUFFERS, "{} bytes were taken", server.sent());
    }
}

#[tokio::test]
async fn a_giant_list_of_models_is_refused_and_its_names_are_clipped() {
    let list = Answer::json(200, "{\"data\": [").endless("{\"id\": \"a\"},");
    let server = Server::new([list.clone()]).await;
    let error = probe(&server.url, None, Duration::from_secs(60)).await.unwrap_err();
    assert!(matches!(error, ModelError::TooMuch { what: Excess::Body, .. }), "{error}");
    assert!(server.sent() < BUFFERS, "{} bytes were taken", server.sent());
    // Asked for to help with a wrong name.
    let server = Server::by(move |asked| match asked.path.as_str() {
        "/v1/models" => list.clone(),
        _ => Answer::json(404, r#"{"error":{"message":"model \"nope\" not found"}}"#),
    })
    .await;
    let error = ask(server.patient(), true).await.0.unwrap_err();
    assert!(matches!(&error, ModelError::NotFound { available, .. } if available.is_empty()), "{error}");
    assert!(server.sent() < BUFFERS, "{} bytes were taken", server.sent());
    let list = json!({"data": [{"id": "x".repeat(100_000)}]}).to_string();
    let server = Server::by(move |asked| match asked.path.as_str() {
        "/v1/models" => Answer::json(200, &list),
        _ => Answer::json(404, r#"{"error":{"message":"model \"nope\" not found"}}"#),
    })
    .await;
    let error = ask(server.patient(), true).await.0.unwrap_err().to_string();
    assert!(error.len() < 500, "{} bytes", error.len());
}

#[tokio::test]
async fn other_answers_about_a_server_have_a_bound_too() {
    let server = Server::by(|asked| match asked.path.as_str() {
        "/v1/models" => Answer::json(200, r#"{"data": [{"id": "m"}]}"#),
        _ => Answer::json(200, "{\"version\": \"").endless("a"),
    })
    .await;
    let probe = probe(&server.url, None, Duration::from_secs(60)).await.unwrap();
    assert_eq!(probe.server, None);
    assert!(server.sent() < 10 * BUFFERS, "{} bytes were taken", server.sent());
}

#[tokio::test]
async fn a_stream_that_brings_nothing_is_silence_whatever_keeps_it_open() {
    let empty = [
        ": keep-alive\n\n".to_owned(),
        "data:\n\n".to_owned(),
        "data: {}\n\n".to_owned(),
        "\n".to_owned(),
        chunk(json!({})),
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"content": null, "tool_calls": []})),
        "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 1}}\n\n".to_owned(),
    ];
    let begun = chunk(json!({"content": "Let me"}));
    for empty in empty {
        for (head, first) in [("", true), (begun.as_str(), false)] {
            let server = Server::new([Answer::stream(head).endless(empty.clone())]).await;
            let what = if first { Wait::FirstToken } else { Wait::NextToken };
            let mut config = server.patient();
            let limit = Duration::from_millis(50);
            (config.idle.first, config.idle.between) = (if first { limit } else { config.idle.first }, limit);
            let error = ask(config, true).await.0.unwrap_err();
            // Where this machine sends faster than it waits, the bytes end it.
            let bytes = matches!(error, ModelError::TooMuch { what: Excess::Stream, .. });
            assert!(bytes || error == ModelError::IdleTimeout { what, after: limit }, "{empty:?}: {error:?}");
            assert!(server.sent() < ENDLESS, "{} bytes were taken", server.sent());
        }
    }
}

#[tokio::test]
async fn a_reply_that_never_ends_however_steadily_it_comes_ends_at_its_own_limit() {
    let server =
        Server::new([Answer::stream(&chunk(json!({"content": "a"}))).endless(chunk(json!({"content": "a"})))]).await;
    let mut config = server.patient();
    config.idle.streamed = Duration::from_millis(30);
    let error = ask(config, true).await.0.unwrap_err();
    assert_eq!(error, ModelError::ReplyTimeout { after: Duration::from_millis(30) });
    assert_eq!(
        error.to_string(),
        "the server did not finish its reply within 0.03 s; raise timeout.reply, limit the reply with limits.reply_tokens of the strategy, or use a faster model or server"
    );
    assert_eq!(server.asked().len(), 2, "asked once more, as after any other limit on waiting");
}

#[tokio::test]
async fn a_finished_stream_is_not_kept_open_by_what_follows() {
    let end = format!(
        "data: {}\n\n",
        json!({"choices": [{"index": 0, "delta": {"content": "Hello."}, "finish_reason": "stop"}]})
    );
    for more in [": keep-alive\n\n".to_owned(), end.clone(), chunk(json!({}))] {
        let server = Server::new([Answer::stream(&end).endless(more)]).await;
        let mut config = server.patient();
        config.idle.between = Duration::from_millis(30);
        let reply = ask(config, true).await.0;
        // Behind the end there may be more text, which counts.
        assert!(reply.is_ok_and(|reply| reply.message.content.starts_with("Hello.")));
        assert!(server.sent() < ENDLESS, "{} bytes were taken", server.sent());
    }
}

#[tokio::test]
async fn a_long_text_of_brackets_is_not_searched_for_calls() {
    let text = "<tools>[[{<|tool_call_start|>".repeat(1 << 16);
    let server = Server::new([Answer::reply(json!({ "content": text }))]).await;
    let reply = ask(server.patient(), false).await.0.unwrap();
    assert_eq!(reply.message.content.len(), text.len());
    assert_eq!(reply.repairs, [format!("a text of {} bytes was not searched for calls: it is too long", text.len())]);
}

#[tokio::test]
async fn a_redirect_takes_neither_the_request_nor_the_key_to_another_port() {
    for status in [301, 302, 303, 307, 308] {
        let other = Server::new([Answer::reply(json!({"content": "hello"}))]).await;
        let moved =
            Answer::new(status, "text/plain", "").header("location", &format!("{}/chat/completions", other.url));
        let server = Server::new([moved.clone()]).await;
        let config = OpenAiConfig { api_key: Some(Secret::new("sk-very-secret")), ..server.patient() };
        let error = ask(config, true).await.0.unwrap_err();
        assert_eq!(error.kind().word(), "gone");
        assert!(error.to_string().contains("moved to"), "{error}");
        let key = Secret::new("sk-very-secret");
        assert!(probe(&server.url, Some(&key), Duration::from_secs(20)).await.is_err());
        let limits = server.patient();
        let model = Anthropic::new(AnthropicConfig {
            base_url: server.url.clone(),
            retry: limits.retry,
            ..AnthropicConfig::new("m", Some(Secret::new("sk-very-secret")))
        })
        .unwrap();
        assert_eq!(model.ask_window().await, None);
        assert_eq!(other.asked().len(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_location_without_end_is_quoted_to_a_bound() {
    let moved = Answer::new(307, "text/plain", "").header("location", &format!("http://x/{}", "a".repeat(50_000)));
    let server = Server::new([moved]).await;
    let error = ask(server.patient(), true).await.0.unwrap_err().to_string();
    assert!(error.len() < 600, "{} bytes", error.len());
}

#[tokio::test]
async fn numbers_of_tokens_that_nobody_can_have_used_stay_numbers() {
    let usage = json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX, "cost": -1e300});
    let body =
        json!({"choices": [{"message": {"content": "hello"}, "finish_reason": "s".repeat(100_000)}], "usage": usage});
    let server = Server::new([Answer::json(200, &body.to_string())]).await;
    let reply = ask(server.patient(), false).await.0.unwrap();
    assert!(reply.usage.prompt.checked_mul(1 << 20).is_some() && reply.usage.output.checked_mul(1 << 20).is_some());
    assert_eq!((reply.usage.cost, reply.finish_reason.len()), (None, 200));
}

/// The same for Anthropic's interface.
async fn anthropic(server: &Server) -> Result<voe_model::ModelReply, ModelError> {
    let limits = server.patient();
    let mut config = AnthropicConfig {
        base_url: server.url.clone(),
        retry: limits.retry,
        ..AnthropicConfig::new("m", Some(Secret::new("k")))
    };
    config.idle.between = Duration::from_millis(50);
    let model = Anthropic::new(config).unwrap();
    let (tools, sampling, messages) = (tools(), Sampling::default(), [Message::user("List the files.")]);
    let request =
        ModelRequest { messages: &messages, tools: &tools, sampling: &sampling, max_tokens: Some(300), stream: true };
    model.complete(request, &mut |_| {}).await
}

#[tokio::test]
async fn the_blocks_of_an_endless_message_are_bounded_and_pings_are_silence() {
    let event = |value: Value| format!("data: {value}\n\n");
    let start = event(
        json!({"type": "message_start", "message": {"usage": {"input_tokens": u64::MAX, "cache_read_input_tokens": u64::MAX}}}),
    );
    let begin = |index: u64, block: Value| {
        event(json!({"type": "content_block_start", "index": index, "content_block": block}))
    };
    let delta = |delta: Value| event(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    let text = begin(0, json!({"type": "text", "text": ""}));
    let tool = begin(0, json!({"type": "tool_use", "id": "a", "name": "bash", "input": {}}));
    let long = "a".repeat(5000);
    for (more, what) in [
        (delta(json!({"type": "text_delta", "text": long})), Excess::Reply),
        (delta(json!({"type": "thinking_delta", "thinking": long})), Excess::Reply),
        (delta(json!({"type": "signature_delta", "signature": long})), Excess::Reply),
        (delta(json!({"type": "input_json_delta", "partial_json": long})), Excess::Reply),
        (begin(1, json!({"type": "text", "text": long})), Excess::Reply),
        (begin(1, json!({"type": "tool_use", "id": "b", "name": "bash"})), Excess::Calls),
    ] {
        let server = Server::new([Answer::stream(&format!("{start}{text}")).endless(more)]).await;
        match anthropic(&server).await.unwrap_err() {
            ModelError::TooMuch { what: found, .. } => assert_eq!(found, what),
            other => panic!("{other:?}"),
        }
        assert!(server.sent() < (24 << 20) + BUFFERS, "{} bytes were taken", server.sent());
    }
    let growing =
        (0..100_000).map(|n| event(json!({"type": "message_delta", "delta": {}, "usage": {format!("x{n}"): n}})));
    for more in [event(json!({"type": "ping"})), growing.collect()] {
        let server = Server::new([Answer::stream(&format!("{start}{tool}")).endless(more)]).await;
        match anthropic(&server).await.unwrap_err() {
            ModelError::IdleTimeout { what: Wait::NextToken, .. }
            | ModelError::TooMuch { what: Excess::Stream, .. } => {}
            other => panic!("{other:?}"),
        }
        assert!(server.sent() < ENDLESS, "{} bytes were taken", server.sent());
    }
    let end = event(json!({"type": "message_stop"}));
    let server = Server::new([Answer::stream(&format!("{start}{text}{end}"))]).await;
    assert!(anthropic(&server).await.unwrap().usage.prompt > 0);
}
