//! The promise that a server's prefix cache rests on: between compactions each request begins, byte for byte, with the messages of
//! the one before. Against a server on loopback that keeps what it is sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{Bench, CHECK, Said, bash, call, cure, done, text};

/// A server that answers chats with `replies` in turn and keeps their bodies. It ends with the test's process.
struct Server {
    url: String,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(replies: Vec<Value>, window: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        std::thread::spawn(move || {
            let mut replies = replies.into_iter();
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let (path, body) = request(&mut reader);
                let (status, answer) = if path.ends_with("/chat/completions") {
                    let tools = body.contains("\"tools\":");
                    kept.lock().unwrap().push(body);
                    // A request without tools asks for a summary.
                    let reply = if tools { replies.next().unwrap_or_else(done) } else { text("What was done so far.") };
                    (200, completion(&reply))
                } else if path.ends_with("/models") {
                    (
                        200,
                        json!({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm", "max_model_len": window}]}),
                    )
                } else {
                    (404, json!({"error": {"message": "no such path"}}))
                };
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                let _ = reader.get_mut().write_all((head + &answer).as_bytes());
            }
        });
        Self { url, bodies }
    }

    /// The `messages` of each request that offered tools, as they came over the wire, without the closing bracket.
    fn messages(&self) -> Vec<String> {
        let bodies = self.bodies.lock().unwrap();
        bodies.iter().filter(|body| body.contains("\"tools\":")).map(|body| messages_of(body).to_owned()).collect()
    }

    /// What else each of those requests held.
    fn tools(&self) -> Vec<Value> {
        let bodies = self.bodies.lock().unwrap();
        let parsed = bodies.iter().map(|body| serde_json::from_str::<Value>(body).unwrap()["tools"].clone());
        parsed.filter(|tools| !tools.is_null()).collect()
    }
}

fn request(reader: &mut impl BufRead) -> (String, String) {
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (first.split(' ').nth(1).unwrap_or_default().to_owned(), String::from_utf8(body).unwrap())
}

fn completion(reply: &Value) -> Value {
    let calls = reply["tool_calls"].as_array().cloned().unwrap_or_default();
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(i, call)| {
            json!({"id": format!("call_{i}"), "type": "function",
                "function": {"name": call["name"], "arguments": call["arguments"].to_string()}})
        })
        .collect();
    let message = json!({"role": "assistant", "content": reply["content"], "tool_calls": calls});
    json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
}

/// The text of the array `messages` in a JSON text, without its closing bracket.
fn messages_of(body: &str) -> &str {
    let at = body.find("\"messages\":").unwrap() + "\"messages\":".len();
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (i, byte) in body.bytes().enumerate().skip(at) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return &body[at..i];
                }
            }
            _ => {}
        }
    }
    panic!("no end of messages in {body}")
}

fn fix(server: &Server, strategy: &str) -> (Bench, Said) {
    let bench = Bench::python();
    bench.write("../own.toml", strategy);
    let said = bench.voe(&[
        "fix",
        "mean() of an empty list should be 0",
        "--sandbox",
        "none",
        "--json",
        "--base-url",
        &server.url,
        "--model",
        "m",
        "--strategy",
        "../own.toml",
    ]);
    (bench, said)
}

/// How often a request does not begin with the one before, and the share of all bytes that do.
fn prefixes(messages: &[String]) -> (usize, f64) {
    let (mut breaks, mut shared, mut total) = (0, 0, 0);
    for (i, now) in messages.iter().enumerate() {
        total += now.len();
        if i > 0 {
            match now.strip_prefix(messages[i - 1].as_str()) {
                Some(more) => shared += now.len() - more.len(),
                None => breaks += 1,
            }
        }
    }
    (breaks, shared as f64 / total as f64)
}

/// An attempt in which much is said beside the model's calls: nudges, facts, a reminder, a refusal, a call that can't be read.
fn eventful() -> Vec<Value> {
    let two = json!({"content": "Both.", "tool_calls": [
        {"name": "bash", "arguments": {"command": "sed -i '1i # the mean' stats.py"}},
        {"name": "bash", "arguments": {"command": "echo '# more' >> stats.py"}},
    ]});
    vec![
        bash("cat stats.py"),
        bash(CHECK),
        cure(),
        bash(CHECK),
        two,
        bash("git diff"),
        text("Let me think about \"ä\\n\"."),
        call("no_such_tool", json!({})),
        text("<tool_call>{\"name\": \"bash\", \"arguments\": {\"command\": </tool_call>"),
        done(),
        bash("ls"),
        bash(CHECK),
        done(),
        done(),
        done(),
    ]
}

#[test]
fn each_request_begins_with_the_one_before_for_every_placement_of_nudges_and_every_kind_of_remark() {
    let mut strategies = Vec::new();
    for placement in ["tool_result", "user"] {
        for coalesce in ["each", "step", "run"] {
            strategies.push(format!(
                "extends = \"verify-on-edit\"\n[nudge]\nplacement = {placement:?}\ncoalesce = {coalesce:?}\n[evidence]\ncounterfactual = \"tell\"\n"
            ));
        }
    }
    strategies.push("extends = \"prove-on-edit\"\n[nudge]\nplacement = \"user\"\n".into());
    strategies.push("extends = \"red-first\"\n".into());
    strategies.push("extends = \"baseline\"\n[done]\nfinish_tool = true\n".into());
    for when in ["end", "feature", "step"] {
        for method in ["self_review", "tests", "spec"] {
            strategies.push(format!(
                "extends = \"verify-on-edit\"\n[verify]\nmethod = {method:?}\nwhen = {when:?}\n[nudge]\nplacement = \"user\"\n"
            ));
        }
    }
    for strategy in strategies {
        let server = Server::start(eventful(), 100_000);
        let (_bench, said) = fix(&server, &strategy);
        let messages = server.messages();
        assert!(messages.len() > 8, "{strategy}\n{}", said.out);
        for (i, pair) in messages.windows(2).enumerate() {
            assert!(
                pair[1].starts_with(&pair[0]),
                "{strategy}\nrequest {} does not begin with the one before:\n{}\n{}",
                i + 2,
                pair[0],
                pair[1]
            );
        }
        assert!(server.tools().windows(2).all(|pair| pair[0] == pair[1]), "the tools are part of the prompt");
    }
}

#[test]
fn a_prefix_cache_can_serve_more_than_95_percent_of_an_attempt() {
    let mut replies = vec![cure()];
    replies.extend((0..60).map(|i| bash(&format!("seq {i} {}; true", i + 60))));
    replies.push(done());
    let server = Server::start(replies, 200_000);
    let (_bench, said) = fix(&server, "extends = \"verify-on-edit\"\n");
    assert_eq!(said.finish()["reason"], "completed");
    let (breaks, share) = prefixes(&server.messages());
    assert!(breaks == 0 && share > 0.95, "{breaks} breaks, {share:.3}");
}

#[test]
fn only_compactions_break_the_prefix_and_each_of_them_once() {
    let mut replies = vec![cure()];
    replies.extend((0..40).map(|i| bash(&format!("seq {i} {}", i + 700))));
    replies.push(done());
    let server = Server::start(replies, 16_384);
    let (_bench, said) = fix(&server, "extends = \"verify-on-edit\"\n[limits]\nreply_tokens = 1024\n");
    assert_eq!(said.finish()["reason"], "completed", "{}", said.out);
    let (breaks, _) = prefixes(&server.messages());
    let compactions = said.events_of("conversation_rewritten").len();
    assert!(compactions > 1, "the window is meant to be too small: {}", said.events_of("start")[0]["model"]);
    assert_eq!(breaks, compactions);
}
