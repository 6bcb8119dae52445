//! Appending one step's events when the trajectory is short and when it is long: the cost must be the same.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use voe_trace::event::{RecordedReply, ToolResult};
use voe_trace::{Event, Message, ToolCall, Usage, Writer};

fn step(n: u32) -> [Event; 2] {
    let call = ToolCall { id: format!("call_{n}"), name: "file_read".into(), arguments: "{\"path\":\"a.py\"}".into() };
    let message = Message { tool_calls: vec![call], ..Message::assistant("Reading on.") };
    let reply = RecordedReply {
        step: n,
        message,
        finish_reason: "tool_calls".into(),
        usage: Usage { prompt: 1000, output: 20, ..Usage::default() },
        estimated: false,
        seconds: 0.1,
        first_token: None,
        repairs: Vec::new(),
        malformed: None,
        request_messages: 3,
        request_bytes: 9000,
    };
    let result = ToolResult {
        step: n,
        call_id: format!("call_{n}"),
        tool: "file_read".into(),
        arguments: serde_json::json!({"path": "a.py"}),
        output: "x".repeat(4096),
        ok: true,
        exit: None,
        ended_by: None,
        notes: Vec::new(),
        seconds: 0.0,
        changes: Vec::new(),
        byproducts: Vec::new(),
        diff: String::new(),
        tree: String::new(),
        code_tree: String::new(),
        code_before: None,
    };
    [Event::Reply(Box::new(reply)), Event::Result(Box::new(result))]
}

fn append(c: &mut Criterion) {
    for before in [10, 1000] {
        c.bench_function(&format!("append a step of 4 KB after {before} steps"), |b| {
            b.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                let mut left = times;
                while left > 0 {
                    let dir = tempfile::tempdir().unwrap();
                    let mut writer = Writer::create(&dir.path().join("t.jsonl")).unwrap();
                    for n in 0..before {
                        step(n).into_iter().for_each(|event| drop(writer.write(event).unwrap()));
                    }
                    // A few at a time, so that the file keeps about the stated length.
                    let now = left.min(10);
                    let steps: Vec<_> = (0..now as u32).map(step).collect();
                    let begin = Instant::now();
                    for events in steps {
                        events.into_iter().for_each(|event| drop(writer.write(event).unwrap()));
                    }
                    spent += begin.elapsed();
                    left -= now;
                }
                spent
            });
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = append }
criterion_main!(benches);
