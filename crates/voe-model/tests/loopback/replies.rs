//! Replies in the shapes of real servers, shorter than the captures.

use serde_json::{Value, json};
use voe_model::{Delta, Message, Model, ModelRequest, OpenAi, Sampling, ToolCall, fit_max_tokens};

use crate::server::{Answer, Server, ask, calls, tools};

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn usage(prompt: u64, output: u64) -> Value {
    json!({"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": output, "prompt_tokens_details": {"cached_tokens": 8}}})
}

#[tokio::test]
async fn a_stream_of_llama_server_is_read_and_shown_as_it_comes() {
    let server = Server::new([Answer::events(&[
        delta(json!({"role": "assistant", "content": null})),
        delta(json!({"reasoning_content": "I should "})),
        delta(json!({"reasoning_content": "look.\n"})),
        delta(json!({"content": "\n\nLooking."})),
        delta(json!({"tool_calls": [{"index": 0, "id": "x1", "type": "function", "function": {"name": "bash", "arguments": "{"}}]})),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"command\":\"ls\"}"}}]})),
        finish("tool_calls"),
        usage(252, 36),
    ])])
    .await;
    let (reply, seen) = ask(server.patient(), true).await;
    let reply = reply.unwrap();
    assert_eq!(reply.message.reasoning.as_deref(), Some("I should look.\n"));
    assert_eq!(reply.message.content, "Looking.");
    assert_eq!(
        reply.message.tool_calls,
        [ToolCall { id: "x1".into(), name: "bash".into(), arguments: r#"{"command":"ls"}"#.into() }]
    );
    assert_eq!(
        (reply.usage.prompt, reply.usage.output, reply.usage.cached, reply.estimated),
        (252, 36, Some(8), false)
    );
    assert_eq!(reply.finish_reason, "tool_calls");
    assert!(reply.first_token.is_some_and(|first| first <= reply.seconds));
    assert_eq!(
        seen,
        ["Reasoning(\"I should \")", "Reasoning(\"look.\\n\")", "Text(\"\\n\\nLooking.\")", "Call { name: \"bash\" }"]
    );
    let body = &server.asked()[0].body;
    assert_eq!(body["stream_options"], json!({"include_usage": true}));
    assert_eq!(reply.request_bytes, body.to_string().len() as u64);
}

#[tokio::test]
async fn a_stream_without_usage_and_without_its_end_mark_is_a_reply_with_estimated_usage() {
    let text = format!("data: {}\n\ndata: {}\n\n", delta(json!({"content": "Hello there."})), finish("stop"));
    let server = Server::new([Answer::stream(&text)]).await;
    let reply = ask(server.patient(), true).await.0.unwrap();
    assert_eq!((reply.message.content.as_str(), reply.estimated), ("Hello there.", true));
    assert!(reply.usage.prompt > 20 && (2..8).contains(&reply.usage.output), "{:?}", reply.usage);
}

#[tokio::test]
async fn a_server_that_does_not_hang_up_after_the_last_piece_is_not_waited_for() {
    let text = format!("data: {}\n\ndata: {}\n\n", delta(json!({"content": "Hello."})), finish("stop"));
    let server = Server::new([Answer::stream(&text).end(crate::server::End::Hang)]).await;
    let mut config = server.patient();
    config.idle.between = std::time::Duration::from_millis(40);
    assert_eq!(ask(config, true).await.0.unwrap().message.content, "Hello.");
}

#[tokio::test]
async fn a_server_that_cannot_stream_is_read_all_the_same() {
    let server = Server::new([Answer::reply(json!({"content": "whole", "reasoning": "hm"}))]).await;
    let (reply, seen) = ask(server.patient(), true).await;
    assert_eq!(reply.unwrap().message.content, "whole");
    assert_eq!(seen, ["Reasoning(\"hm\")", "Text(\"whole\")"]);
}

#[tokio::test]
async fn a_call_that_a_streaming_parser_lost_is_found_without_streaming() {
    let xml = "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>";
    let server = Server::by(move |asked| match asked.body["stream"] == true {
        true => Answer::events(&[delta(json!({"role": "assistant", "content": ""})), finish("stop"), usage(300, 39)]),
        false => Answer::reply(json!({"content": xml})),
    })
    .await;
    let (reply, seen) = ask(server.patient(), true).await;
    let reply = reply.unwrap();
    assert_eq!(calls(&reply), [r#"bash {"command":"ls"}"#]);
    assert_eq!(
        reply.repairs,
        [
            "an empty reply was asked for again without streaming",
            "the server gave a call as text, in the content: bash"
        ]
    );
    assert!(seen[0].starts_with("Retry { kind: Empty"), "{seen:?}");
}

#[tokio::test]
async fn a_call_that_was_lost_without_trace_is_reported_to_the_model() {
    let body = json!({"choices": [{"message": {"content": null, "reasoning": "I should look.\n"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 351, "completion_tokens": 48}});
    let server = Server::new([Answer::json(200, &body.to_string())]).await;
    let reply = ask(server.patient(), false).await.0.unwrap();
    let malformed = reply.malformed.unwrap();
    assert!(malformed.starts_with("Your last message had 48 tokens, and nearly all of them were lost"), "{malformed}");
    assert!(malformed.contains("bash with the arguments {\"command\":\"…\"}"), "{malformed}");
    assert_eq!(server.asked().len(), 1, "asking again without streaming would bring the same");
}

#[tokio::test]
async fn all_tokens_spent_on_thinking_is_a_reply_and_no_failure() {
    let server =
        Server::new([Answer::events(&[delta(json!({"reasoning": "and so on"})), finish("length"), usage(20, 300)])])
            .await;
    let reply = ask(server.patient(), true).await.0.unwrap();
    assert_eq!((reply.finish_reason.as_str(), reply.message.content.as_str(), reply.malformed), ("length", "", None));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn thinking_goes_back_under_the_name_that_the_server_reads() {
    for (server_name, sent_as, kept_as) in [
        (None, "reasoning", Some("reasoning")),
        (None, "reasoning_content", Some("reasoning_content")),
        (Some("vllm 0.32.0"), "none", Some("reasoning")),
        (Some("llama.cpp b11434"), "none", Some("reasoning_content")),
        (None, "none", None),
    ] {
        let server = Server::new([Answer::reply(json!({"content": "a", sent_as: "hm"}))]).await;
        let mut config = server.patient();
        config.server = server_name.map(str::to_owned);
        let model = OpenAi::new(config).unwrap();
        let (tools, sampling) = (tools(), Sampling::default());
        let mut messages = vec![Message::user("u")];
        for _ in 0..2 {
            let request = ModelRequest {
                messages: &messages,
                tools: &tools,
                sampling: &sampling,
                max_tokens: None,
                stream: false,
            };
            model.complete(request, &mut |_: Delta<'_>| {}).await.unwrap();
            messages = vec![
                Message::user("u"),
                Message { reasoning: Some("hm\n".into()), ..Message::assistant("a") },
                Message::user("v"),
            ];
        }
        let sent = server.asked()[1].body["messages"][1].clone();
        let fields: Vec<&str> =
            ["reasoning", "reasoning_content"].into_iter().filter(|name| sent[name] == "hm\n").collect();
        assert_eq!(fields, kept_as.into_iter().collect::<Vec<_>>(), "{server_name:?} {sent_as}");
    }
}

#[tokio::test]
async fn the_same_conversation_is_the_same_bytes_and_a_longer_one_begins_with_them() {
    let server = Server::new([Answer::reply(json!({"content": "a", "reasoning": "hm"}))]).await;
    let model = OpenAi::new(server.patient()).unwrap();
    let (tools, sampling) = (tools(), Sampling::default());
    let mut messages = vec![Message::system("s"), Message::user("u")];
    for _ in 0..4 {
        let request =
            ModelRequest { messages: &messages, tools: &tools, sampling: &sampling, max_tokens: None, stream: false };
        let reply = model.complete(request, &mut |_: Delta<'_>| {}).await.unwrap();
        messages.push(reply.message);
        messages.push(Message::user("go on"));
    }
    let sent: Vec<String> = server.asked().iter().map(|asked| asked.body["messages"].to_string()).collect();
    for pair in sent.windows(2) {
        assert!(pair[1].starts_with(pair[0].trim_end_matches(']')), "{pair:?}");
    }
}

#[tokio::test]
async fn estimates_follow_what_the_server_counts() {
    let server = Server::new([Answer::json(
        200,
        &json!({"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": 2500, "completion_tokens": 1}})
            .to_string(),
    )])
    .await;
    let model = OpenAi::new(server.patient()).unwrap();
    let (messages, sampling) = ([Message::user("x".repeat(10_000))], Sampling::default());
    let before = model.estimate(&messages, &[]);
    let request =
        ModelRequest { messages: &messages, tools: &[], sampling: &sampling, max_tokens: None, stream: false };
    model.complete(request, &mut |_: Delta<'_>| {}).await.unwrap();
    assert!(before > 3000 && model.estimate(&messages, &[]) == 2500, "{before}");
    assert_eq!(fit_max_tokens(Some(32_768), Some(4096), 2500), Some(4096 - 2500 - 78));
}
