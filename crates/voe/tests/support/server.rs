//! A Chat Completions (and Messages) server on loopback that answers from a list and remembers what it was asked.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// What the server does with one request for a reply.
#[derive(Clone)]
pub enum Answer {
    /// A reply in the shape of the API.
    Reply(Value),
    /// An error with this status and body, and further headers.
    Status(u16, Value, &'static str),
    /// Begins a stream with a call and closes the connection.
    BreakInStream,
    /// Does something first: the test's own moment in the attempt.
    After(Arc<dyn Fn() + Send + Sync>, Box<Answer>),
}

/// Says what to do with a request for a reply: its number, from 0, and its body.
type Decide = dyn Fn(usize, &[u8]) -> Answer + Send + Sync;

/// The server. It lives as long as the test's process.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Serves the model `m` with this window; the last answer is given again and again.
    pub fn start(window: u64, answers: Vec<Answer>) -> Self {
        Self::serving("m", window, answers)
    }

    /// The same with a model of another name.
    pub fn serving(model: &str, window: u64, answers: Vec<Answer>) -> Self {
        Self::deciding(model, window, move |at, _| answers[at.min(answers.len() - 1)].clone())
    }

    /// A server whose answers depend on what it is asked.
    pub fn deciding(model: &str, window: u64, decide: impl Fn(usize, &[u8]) -> Answer + Send + Sync + 'static) -> Self {
        let decide: Arc<Decide> = Arc::new(decide);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        let models = json!({"object": "list", "data": [{"id": model, "object": "model", "owned_by": "vllm", "max_model_len": window}]});
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (decide, seen, models) = (decide.clone(), seen.clone(), models.clone());
                thread::spawn(move || serve(stream, &models, &*decide, &seen));
            }
        });
        Self { url, asked }
    }

    /// The bodies of the requests for a reply, in order.
    pub fn asked(&self) -> Vec<Vec<u8>> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, models: &Value, decide: &Decide, seen: &Mutex<Vec<Vec<u8>>>) {
    let mut out = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                break;
            }
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        if first.starts_with("GET /v1/models") {
            respond(&mut out, 200, "", models);
        } else if first.starts_with("POST /v1/chat/completions") || first.starts_with("POST /v1/messages") {
            let at = {
                let mut seen = seen.lock().unwrap();
                seen.push(body.clone());
                seen.len() - 1
            };
            let answer = decide(at, &body);
            let mut answer = &answer;
            while let Answer::After(act, then) = answer {
                act();
                answer = then;
            }
            match answer {
                Answer::After(..) => {}
                Answer::Reply(reply) => respond(&mut out, 200, "", reply),
                Answer::Status(status, body, headers) => respond(&mut out, *status, headers, body),
                Answer::BreakInStream => {
                    begin_stream(&mut out);
                    return;
                }
            }
        } else {
            respond(&mut out, 404, "", &json!({"detail": "Not Found"}));
        }
    }
}

fn begin_stream(out: &mut TcpStream) {
    let delta = json!({"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "bash", "arguments": "{\"command\": \"touch /tmp/half"}}]}}]});
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let _ = write!(out, "{head}data: {delta}\n\n");
    let _ = out.flush();
}

fn respond(out: &mut TcpStream, status: u16, headers: &str, body: &Value) {
    let body = body.to_string();
    let _ = write!(
        out,
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = out.flush();
}

/// A reply in the API's shape; `prompt` tokens are claimed for its request.
pub fn reply(content: &str, calls: &[(&str, Value)], prompt: u64) -> Answer {
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(i, (name, arguments))| json!({"id": format!("call_{i}"), "type": "function", "function": {"name": name, "arguments": arguments.to_string()}}))
        .collect();
    let finish = if calls.is_empty() { "stop" } else { "tool_calls" };
    let mut message = json!({"role": "assistant", "content": content});
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    Answer::Reply(json!({
        "id": "x", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": 10, "total_tokens": prompt + 10}
    }))
}
