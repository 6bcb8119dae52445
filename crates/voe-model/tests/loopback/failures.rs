//! Each way in which a server fails, and the error for the user or the loop.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use voe_model::{Message, ModelError, OpenAiConfig, Secret, Wait};
use voe_trace::event::RetryKind;

use crate::server::{Answer, End, Server, ask, ask_about, calls};

fn hello() -> Answer {
    Answer::reply(json!({"role": "assistant", "content": "hello"}))
}

fn chunk(delta: serde_json::Value) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}))
}

#[tokio::test]
async fn a_dead_server_is_reported_after_one_more_try() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let server = Server::new([hello()]).await;
    let config = OpenAiConfig { base_url: format!("localhost:{port}"), ..server.config() };
    let (reply, seen) = ask(config, true).await;
    let error = reply.unwrap_err();
    assert_eq!((error.kind().word(), seen.len()), ("unreachable", 1));
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot reach http://localhost:{port}/v1: ")) && text.contains("refused"),
        "{text}"
    );
    assert!(text.ends_with("start the server or give its address with --base-url"), "{text}");
}

#[tokio::test]
async fn this_machine_answers_by_all_its_names_without_a_proxy() {
    let server = Server::new([hello()]).await;
    for host in ["localhost", "127.0.0.1"] {
        let config = OpenAiConfig { base_url: server.url.replace("127.0.0.1", host), ..server.patient() };
        assert_eq!(ask(config, false).await.0.unwrap().message.content, "hello", "{host}");
    }
    // IPv6 where the machine has it.
    if let Ok(listener) = TcpListener::bind("[::1]:0").await {
        let server = Server::at(listener, |_| Answer::reply(json!({"content": "six"}))).await;
        assert_eq!(ask(server.patient(), false).await.0.unwrap().message.content, "six");
    }
}

#[tokio::test]
async fn an_unknown_model_is_reported_with_the_available_ones() {
    let vllm = r#"{"error":{"message":"The model `nope` does not exist. Valid aliases: a, b.","type":"NotFoundError","param":"model","code":404}}"#;
    let server = Server::new([Answer::json(404, vllm)]).await;
    let (reply, seen) = ask(OpenAiConfig { model: "nope".into(), ..server.config() }, true).await;
    let text = reply.unwrap_err().to_string();
    assert!(text.ends_with("has no model \"nope\"; give one of these with --model: a, b"), "{text}");
    assert_eq!(seen, Vec::<String>::new());

    // Ollama does not list them in the error: they are asked for.
    let server = Server::by(|asked| match asked.path.as_str() {
        "/v1/models" => Answer::json(200, r#"{"data": [{"id": "qwen3:8b"}]}"#),
        _ => Answer::json(404, r#"{"error":{"message":"model \"nope\" not found, try pulling it first"}}"#),
    })
    .await;
    let error = ask(OpenAiConfig { model: "nope".into(), ..server.config() }, true).await.0.unwrap_err();
    assert!(matches!(&error, ModelError::NotFound { available, .. } if available == &["qwen3:8b"]), "{error}");
}

#[tokio::test]
async fn a_refused_key_is_reported_and_never_shown() {
    let server =
        Server::new([Answer::json(401, r#"{"error":{"message":"Incorrect API key provided: sk-very-secret."}}"#)])
            .await;
    let config = OpenAiConfig { api_key: Some(Secret::new("sk-very-secret")), ..server.config() };
    assert!(!format!("{config:?}").contains("very"));
    let error = ask(config, true).await.0.unwrap_err();
    assert_eq!(error.kind().word(), "auth");
    assert!(!format!("{error} {error:?}").contains("very") && error.to_string().contains("***"), "{error}");
    assert!(server.asked()[0].headers.contains("authorization: bearer sk-very-secret"));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn credentials_in_the_address_are_sent_and_never_shown() {
    let server = Server::new([Answer::json(500, "no"), hello()]).await;
    let config = OpenAiConfig { base_url: server.url.replace("://", "://me:hidden@"), ..server.patient() };
    let (reply, seen) = ask(config.clone(), false).await;
    reply.unwrap();
    assert!(server.asked()[0].headers.contains("authorization: basic bwu6aglkzgvu"), "{}", server.asked()[0].headers);
    let facts = voe_model::Model::facts(&voe_model::OpenAi::new(config).unwrap());
    assert!(!format!("{seen:?} {facts:?}").contains("hidden"));
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_as_long_as_the_server_asks() {
    let limited = |wait: &str| Answer::json(429, r#"{"error":{"message":"slow down"}}"#).header("retry-after", wait);
    let server = Server::new([limited("0.01"), hello()]).await;
    let (reply, seen) = ask(server.patient(), true).await;
    assert_eq!(reply.unwrap().message.content, "hello");
    assert!(seen[0].starts_with("Retry { kind: RateLimited") && seen[0].ends_with("wait: 10ms }"), "{seen:?}");

    // Longer than we wait: reported at once, with the time.
    let server = Server::new([limited("3600")]).await;
    let (reply, seen) = ask(server.patient(), true).await;
    assert_eq!(
        reply.unwrap_err().to_string(),
        "the server limits the rate of requests (asked for 3600 s): slow down; try again later"
    );
    assert_eq!(seen, Vec::<String>::new());
}

#[tokio::test]
async fn transient_failures_are_retried_and_lasting_ones_are_reported_after_the_last_try() {
    for (status, body, kind) in [
        (500, "Internal Server Error", RetryKind::Server),
        (502, "<html><body>Bad Gateway</body></html>", RetryKind::Overloaded),
        (503, "no healthy upstream", RetryKind::Overloaded),
        (529, r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#, RetryKind::Overloaded),
        (200, r#"{"error":{"message":"Overloaded","code":529}}"#, RetryKind::Overloaded),
        (200, "this is not JSON", RetryKind::BrokenStream),
    ] {
        let failed = Answer::json(status, body);
        let server = Server::new([failed.clone(), failed.clone(), hello()]).await;
        let (reply, seen) = ask(server.patient(), true).await;
        assert_eq!(reply.unwrap().message.content, "hello", "{status} {body}");
        assert_eq!(seen.iter().filter(|line| line.contains(&format!("kind: {kind:?}"))).count(), 2, "{seen:?}");
        let server = Server::new([failed]).await;
        assert_eq!(ask(server.patient(), true).await.0.unwrap_err().kind(), kind, "{status} {body}");
        assert_eq!(server.asked().len(), 3);
    }
}

#[tokio::test]
async fn a_server_that_stays_loading_is_given_up_after_its_own_limit() {
    let loading = Answer::json(503, r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#);
    let server = Server::new([loading]).await;
    let (reply, seen) = ask(server.patient(), true).await;
    assert_eq!(reply.unwrap_err().kind().word(), "loading");
    // 20 ms in pauses of 4 ms, more than there are tries.
    assert_eq!((seen.len(), server.asked().len()), (5, 6));
}

#[tokio::test]
async fn a_request_that_the_server_refuses_is_not_made_again() {
    for (status, body) in [
        (400, r#"{"error":{"message":"System message must be at the beginning.","code":400}}"#),
        (500, r#"{"error":{"code":500,"message":"Error: Jinja Exception: No user query found in messages."}}"#),
        (422, r#"{"detail":[{"msg":"extra fields not permitted"}]}"#),
    ] {
        let server = Server::new([Answer::json(status, body)]).await;
        assert_eq!(ask(server.config(), true).await.0.unwrap_err().kind().word(), "bad_request", "{body}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn hanging_before_the_first_token_ends_at_the_limit() {
    for stream in [true, false] {
        let silent = Answer { pieces: vec![], ..Answer::stream("") }.end(End::Hang);
        // Comments and an empty role chunk are not tokens.
        let busy =
            Answer::stream(&format!(": ping\n\n{}", chunk(json!({"role": "assistant", "content": ""})))).end(End::Hang);
        for answer in [silent, busy] {
            let server = Server::new([answer]).await;
            let mut config = server.config();
            config.idle.first = Duration::from_millis(40);
            config.idle.unstreamed = Duration::from_millis(40);
            let (reply, seen) = ask(config, stream).await;
            let error = reply.unwrap_err();
            // The busy one answers as a stream, whatever it was asked for.
            let (what, name) = match error {
                ModelError::IdleTimeout { what: Wait::Reply, .. } if !stream => (Wait::Reply, "reply"),
                _ => (Wait::FirstToken, "first token"),
            };
            assert_eq!(error, ModelError::IdleTimeout { what, after: Duration::from_millis(40) });
            let text = format!(
                "no {name} from the server for 0.04 s; check that it is not overloaded or stuck (see its log), or raise {}",
                what.setting()
            );
            assert_eq!(error.to_string(), text);
            // A second hang is the last: each may have taken long.
            assert_eq!((seen.len(), server.asked().len()), (1, 2));
        }
    }
}

#[tokio::test]
async fn hanging_in_the_stream_ends_at_the_limit_and_nothing_half_is_kept() {
    let begun = chunk(json!({"content": "Let me"}));
    let call = chunk(
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "bash", "arguments": "{\"command\": \"rm -rf /tmp"}}]}),
    );
    let whole = Answer::stream(&format!(
        "{begun}data: {}\n\n",
        json!({"choices": [{"delta": {"content": " see"}, "finish_reason": "stop"}]})
    ));
    let server = Server::new([Answer::stream(&(begun + &call)).end(End::Hang), whole]).await;
    let mut config = server.patient();
    config.idle.between = Duration::from_millis(40);
    let (reply, seen) = ask(config, true).await;
    let reply = reply.unwrap();
    assert_eq!((reply.message.content.as_str(), calls(&reply)), ("Let me see", vec![]));
    assert!(seen.iter().any(|line| line.starts_with("Retry { kind: IdleTimeout")), "{seen:?}");
}

#[tokio::test]
async fn a_stream_that_breaks_off_in_a_call_is_asked_for_again_and_never_run_half() {
    let call = chunk(
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "bash", "arguments": "{\"command\": \"rm -rf /tmp\"}"}}]}),
    );
    for end in [End::Close, End::Break] {
        // Even where the arguments happen to be whole: another call may have been coming.
        let broken = Answer::stream(&call).end(end);
        let server = Server::new([broken.clone(), hello()]).await;
        let (reply, seen) = ask(server.patient(), true).await;
        let reply = reply.unwrap();
        assert_eq!((reply.message.content.as_str(), calls(&reply)), ("hello", vec![]));
        assert!(seen.iter().any(|line| line.contains("kind: BrokenStream")), "{seen:?}");
        let server = Server::new([broken]).await;
        let error = ask(server.patient(), true).await.0.unwrap_err();
        assert_eq!(error.kind().word(), "broken_stream");
        assert!(error.to_string().starts_with("the reply broke off: "), "{error}");
    }
    // Torn within a piece.
    let server = Server::new([Answer::stream(&call[..call.len() - 9]), hello()]).await;
    assert_eq!(ask(server.patient(), true).await.0.unwrap().message.content, "hello");
}

#[tokio::test]
async fn an_error_within_a_stream_is_an_error_of_its_class() {
    let begun = chunk(json!({"content": "Let me"}));
    for (text, kind) in [
        (format!("{begun}event: error\ndata: {{\"error\":{{\"message\":\"Overloaded\",\"type\":\"overloaded_error\"}}}}\n\n"), "overloaded"),
        (format!("{begun}data: {{\"error\":{{\"message\":\"Provider failed\",\"code\":502}},\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"error\"}}]}}\n\n"), "overloaded"),
        (format!("{begun}{{\"error\":\"Engine died\"}}\n\n"), "server"),
        (format!("{begun}event: error\ndata: \"Engine died\"\n\n"), "server"),
        (format!("{begun}event: error\ndata: Engine died\n\n"), "server"),
        ("data: {\"object\":\"error\",\"message\":\"bad grammar\",\"type\":\"BadRequestError\",\"code\":400}\n\n".into(), "bad_request"),
        ("event: error\ndata: {\"error\":\"Trying to keep the first 5177 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough.\"}\n\n".into(), "context_overflow"),
    ] {
        let server = Server::new([Answer::stream(&text)]).await;
        let error = ask(server.patient(), true).await.0.unwrap_err();
        assert_eq!(error.kind().word(), kind, "{text}: {error}");
    }
}

#[tokio::test]
async fn an_overflow_is_known_in_every_dialect_and_left_to_the_caller() {
    for (status, body, prompt) in [
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens, which exceeds this limit even without any output tokens.","code":400}}"#,
            Some(2049),
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"request (9347 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9347,"n_ctx":2048}}"#,
            Some(9347),
        ),
        (
            400,
            r#"{"object":"error","message":"The input (5000 tokens) is longer than the model's context length (2048 tokens).","type":"BadRequestError","code":400}"#,
            Some(5000),
        ),
        (
            400,
            r#"{"error":"Trying to keep the first 5177 tokens when context the overflows. However, the model is loaded with context length of only 2048 tokens, which is not enough"}"#,
            Some(5177),
        ),
        (
            200,
            r#"{"error":"Trying to keep the first 5177 tokens when context the overflows. However, the model is loaded with context length of only 2048 tokens, which is not enough"}"#,
            Some(5177),
        ),
    ] {
        let server = Server::new([Answer::json(status, body)]).await;
        match ask(server.config(), true).await.0.unwrap_err() {
            ModelError::ContextOverflow { prompt: p, window: Some(2048), .. } => assert_eq!(p, prompt, "{body}"),
            error => panic!("{body}: {error:?}"),
        }
        assert_eq!(server.asked().len(), 1, "not made again as it is");
    }
}

#[tokio::test]
async fn a_limit_on_the_reply_that_is_too_large_is_fitted_and_asked_again() {
    let too_large = Answer::json(
        400,
        r#"{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 300. This model's maximum context length is 2048 tokens and your request has 1800 input tokens (300 > 2048 - 1800).","code":400}}"#,
    );
    let server = Server::new([too_large.clone(), hello()]).await;
    let reply = ask(server.patient(), true).await.0.unwrap();
    assert_eq!(reply.repairs, ["max_tokens was fitted to the window of 2048 tokens"]);
    assert_eq!(server.asked()[1].body["max_tokens"], 2048 - 1800 - 64);
    // Only once: then it is an overflow.
    let server = Server::new([too_large]).await;
    assert_eq!(ask(server.patient(), true).await.0.unwrap_err().kind().word(), "context_overflow");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_200_with_an_empty_stream_is_asked_for_without_streaming() {
    for empty in [Answer::stream(""), Answer::stream("data: [DONE]\n\n"), Answer::json(200, "")] {
        // LM Studio reports the error only there.
        let server = Server::new([empty.clone(), Answer::json(400, r#"{"error":"The number of tokens to keep from the initial prompt is greater than the context length."}"#)]).await;
        assert_eq!(ask(server.patient(), true).await.0.unwrap_err().kind().word(), "context_overflow");
        assert_eq!(server.asked()[1].body["stream"], false);
        // And if that is empty too, it is not a reply.
        let server = Server::new([empty]).await;
        assert_eq!(ask(server.patient(), true).await.0.unwrap_err().kind().word(), "broken_stream");
    }
}

#[tokio::test]
async fn a_wrong_address_is_reported_with_what_to_check() {
    for answer in [
        Answer::json(404, r#"{"detail":"Not Found"}"#),
        Answer::new(307, "text/plain", "").header("location", "https://else.example/v1"),
    ] {
        let server = Server::new([answer]).await;
        let error = ask(server.config(), true).await.0.unwrap_err();
        assert_eq!(error.kind().word(), "gone");
        assert!(error.to_string().contains("check --base-url"), "{error}");
    }
}

#[tokio::test]
async fn a_prompt_that_the_server_cut_in_silence_is_noticed() {
    let server = Server::new([hello()]).await;
    let long = [Message::user("word ".repeat(4000))];
    let reply = ask_about(server.patient(), false, &long).await.0.unwrap();
    assert!(reply.repairs[0].contains("it dropped the oldest messages"), "{:?}", reply.repairs);
}

#[tokio::test]
async fn dropping_the_future_ends_the_request() {
    let server = Server::new([Answer::stream(&chunk(json!({"content": "a"}))).end(End::Hang)]).await;
    let limit = Duration::from_millis(100);
    assert!(tokio::time::timeout(limit, ask(server.patient(), true)).await.is_err());
}
