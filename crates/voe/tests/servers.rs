//! `voe fix` against servers that fail in the ways servers fail: what a person reads, what a script gets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;
mod support;

use serde_json::{Value, json};
use server::{Answer, Server, reply};
use support::{Bench, Said};

fn fix(bench: &Bench, server: &Server, more: &[&str]) -> Said {
    let mut args =
        vec!["fix", "mean() of an empty list should be 0", "--sandbox", "none", "--json", "--base-url", &server.url];
    args.extend(more);
    bench.voe(&args)
}

fn error(status: u16, message: &str) -> Answer {
    Answer::Status(status, json!({"error": {"message": message, "type": "x", "code": status}}), "")
}

#[test]
fn the_first_request_with_all_six_tools_stays_below_8_kb() {
    let bench = Bench::python();
    let server = Server::start(32_768, vec![reply("TASK_COMPLETE", &[], 1500)]);
    let said = fix(&bench, &server, &["--strategy", "baseline"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let first = server.asked().remove(0);
    let body: Value = serde_json::from_slice(&first).unwrap();
    assert_eq!(body["tools"].as_array().unwrap().len(), 6);
    assert!(first.len() < 8192, "{} bytes", first.len());
}

#[test]
fn a_dead_server_is_named_with_what_to_do() {
    let bench = Bench::python();
    let said = bench.voe(&["fix", "p", "--sandbox", "none", "--base-url", "http://127.0.0.1:9/v1"]);
    assert_eq!((said.code, said.err.lines().count()), (4, 1), "{}", said.err);
    assert!(said.err.contains("cannot reach http://127.0.0.1:9") && said.err.contains("--base-url"), "{}", said.err);
}

#[test]
fn a_refused_key_names_the_variable_and_never_the_key() {
    let bench = Bench::python();
    let server = Server::start(32_768, vec![error(401, "Incorrect API key provided: sk-very-secret")]);
    let mut command = bench.command(support::VOE);
    command.args(["fix", "p", "--sandbox", "none", "--json", "--base-url", &server.url, "--api-key-env", "MY_KEY"]);
    let said = Said::of(&command.env("MY_KEY", "sk-very-secret").output().unwrap());
    assert_eq!(said.code, 4);
    let finish = said.finish();
    assert!(finish["error"].as_str().unwrap().contains("--api-key-env"), "{finish}");
    let record = std::fs::read_to_string(finish["trajectory"].as_str().unwrap()).unwrap();
    for place in [&said.out, &said.err, &record] {
        assert!(!place.contains("sk-very-secret"), "the key leaked: {place}");
    }
}

#[test]
fn an_unknown_model_is_answered_with_those_that_the_server_has() {
    let bench = Bench::python();
    let body = json!({"error": {"message": "The model `nope` does not exist. Valid aliases: m", "type": "NotFoundError", "code": 404}});
    let server = Server::start(32_768, vec![Answer::Status(404, body, "")]);
    let said = fix(&bench, &server, &["--model", "nope"]);
    assert_eq!(said.code, 4);
    let finish = said.finish();
    let error = finish["error"].as_str().unwrap();
    assert!(error.contains("\"nope\"") && error.contains("give one of these with --model: m"), "{finish}");
}

#[test]
fn an_overloaded_server_is_asked_again_and_the_record_says_so() {
    let bench = Bench::python();
    let busy = Answer::Status(503, json!({"error": {"message": "overloaded", "code": 503}}), "retry-after: 0\r\n");
    let limited = Answer::Status(429, json!({"error": {"message": "slow down"}}), "retry-after: 0\r\n");
    let server = Server::start(32_768, vec![busy, limited, reply("TASK_COMPLETE", &[], 100)]);
    let said = fix(&bench, &server, &["--strategy", "baseline"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert_eq!(said.events_of("retry").len(), 2);
}

#[test]
fn a_stream_that_breaks_within_a_call_is_never_run_by_half() {
    let bench = Bench::python();
    let server = Server::start(32_768, vec![Answer::BreakInStream, reply("TASK_COMPLETE", &[], 100)]);
    let mut command = bench.command(support::VOE);
    command.args(["fix", "p", "--sandbox", "none", "--json", "--strategy", "baseline", "--base-url", &server.url]);
    let said = Said::of(&command.env("VOE_STREAM", "true").output().unwrap());
    assert_eq!((said.code, server.asked().len()), (0, 2), "{}", said.out);
    assert!(said.events_of("result").is_empty(), "{}", said.out);
}

#[test]
fn a_window_that_is_too_small_is_said_before_the_work_begins() {
    let bench = Bench::python();
    let server = Server::start(4096, vec![reply("TASK_COMPLETE", &[], 100)]);
    let said = bench.voe(&["fix", "p", "--sandbox", "none", "--strategy", "baseline", "--base-url", &server.url]);
    assert!(said.err.contains("4096") && said.err.contains("window"), "{}", said.err);
}

#[test]
fn a_conversation_that_overflows_is_compacted_and_goes_on() {
    let bench = Bench::python();
    let big = ("bash", json!({"command": "seq 1 4000"}));
    let overflow = error(
        400,
        "This model's maximum context length is 8192 tokens. However, your prompt contains at least 8193 input tokens.",
    );
    let answers = vec![
        reply("", std::slice::from_ref(&big), 3000),
        reply("", &[("bash", json!({"command": "seq 1 4001"}))], 5000),
        overflow,
        reply("Looked at the numbers.", &[], 2000),
        reply("TASK_COMPLETE", &[], 2000),
    ];
    let server = Server::start(200_000, answers);
    let said = fix(&bench, &server, &["--strategy", "baseline"]);
    assert_eq!(said.finish()["reason"], "completed", "{}", said.out);
    let compaction = said.events_of("conversation_rewritten").remove(0);
    assert_eq!(compaction["kind"], "summary");
    assert!(compaction["messages"].to_string().contains("Looked at the numbers."));
    // A request for a summary offers no tools.
    let asked: Vec<Value> = server.asked().iter().map(|b| serde_json::from_slice(b).unwrap()).collect();
    assert!(asked[3].get("tools").is_none() && asked[4]["tools"].is_array());
}

#[test]
fn a_window_that_nothing_fits_into_ends_the_attempt_as_context_and_with_code_3() {
    let bench = Bench::python();
    let overflow = error(
        400,
        "This model's maximum context length is 512 tokens. However, your prompt contains at least 513 input tokens.",
    );
    let server = Server::start(512, vec![overflow]);
    let said = fix(&bench, &server, &["--strategy", "baseline"]);
    assert_eq!((said.code, said.finish()["reason"].as_str()), (3, Some("context")), "{}", said.out);
}

#[test]
fn a_call_written_as_text_is_read_and_run() {
    let bench = Bench::python();
    let hermes = "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"echo hello\"}}\n</tool_call>";
    let server = Server::start(32_768, vec![reply(hermes, &[], 100), reply("TASK_COMPLETE", &[], 100)]);
    let said = fix(&bench, &server, &["--strategy", "baseline"]);
    assert!(said.events_of("result")[0]["text"].as_str().unwrap().contains("hello"), "{}", said.out);
    assert!(!said.events_of("reply")[0]["repairs"].as_array().unwrap().is_empty());
}

#[test]
fn arguments_that_are_no_json_are_shown_back_to_the_model_and_never_sent_again() {
    let bench = Bench::python();
    let broken = Answer::Reply(json!({
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "bash", "arguments": "{\"command\": \"ls"}}]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 10}
    }));
    let server = Server::start(32_768, vec![broken, reply("TASK_COMPLETE", &[], 100)]);
    let said = fix(&bench, &server, &["--strategy", "baseline"]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.events_of("result").is_empty());
    let asked: Value = serde_json::from_slice(server.asked().last().unwrap()).unwrap();
    for message in asked["messages"].as_array().unwrap() {
        for call in message["tool_calls"].as_array().into_iter().flatten() {
            let arguments = call["function"]["arguments"].as_str().unwrap();
            assert!(serde_json::from_str::<Value>(arguments).is_ok(), "{arguments}");
        }
    }
    let text = asked["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
    assert!(text.contains("ls"), "the model is not shown its own text: {text}");
}
