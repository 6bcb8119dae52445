//! What a step costs besides the model and the tools: recording, folding, watching, estimating. After 10 steps and after
//! 1000: the cost must be the same.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use voe_agent::record::Log;
use voe_agent::strategy::{Nudge, NudgeOn, Strategy};
use voe_model::estimate_tokens;
use voe_trace::event::{RecordedReply, ToolResult};
use voe_trace::{Event, Message, ToolCall, Usage, Writer};

struct Step {
    log: Log,
}

impl Step {
    fn take(&mut self, n: u32) {
        let call = ToolCall {
            id: format!("call_{n}"),
            name: "file_read".into(),
            arguments: format!("{{\"path\":\"{n}.py\"}}"),
        };
        let text = "x".repeat(4096);
        let message = Message { tool_calls: vec![call.clone()], ..Message::assistant("Reading on.") };
        let seen = self.log.conversation.messages.len();
        self.log
            .write(Event::Reply(Box::new(RecordedReply {
                step: n,
                message,
                finish_reason: "tool_calls".into(),
                usage: Usage { prompt: 1000, output: 20, ..Usage::default() },
                estimated: false,
                seconds: 0.1,
                first_token: None,
                repairs: Vec::new(),
                malformed: None,
                request_messages: seen,
                request_bytes: 9000,
            })))
            .unwrap();
        self.log
            .write(Event::Result(Box::new(ToolResult {
                step: n,
                call_id: call.id,
                tool: call.name,
                arguments: serde_json::json!({"path": "a.py"}),
                output: text,
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
            })))
            .unwrap();
        std::hint::black_box(estimate_tokens(&self.log.conversation.messages[seen..], &[]));
    }
}

fn step(c: &mut Criterion) {
    for before in [10, 1000] {
        c.bench_function(&format!("a step with a result of 4 KB after {before} steps"), |b| {
            b.iter_custom(|times| {
                let (mut spent, mut left) = (Duration::ZERO, times);
                while left > 0 {
                    let dir = tempfile::tempdir().unwrap();
                    let writer = Writer::create(&dir.path().join("t.jsonl")).unwrap();
                    let nudge = Nudge { on: NudgeOn::Unproven, ..Nudge::default() };
                    let strategy = Strategy { nudge, ..Strategy::default() };
                    let mut step = Step { log: Log::new(writer, Box::new(()), &[], &strategy) };
                    (1..=before).for_each(|n| step.take(n));
                    let now = left.min(10) as u32;
                    let begin = Instant::now();
                    (1..=now).for_each(|n| step.take(before + n));
                    spent += begin.elapsed();
                    left -= u64::from(now);
                }
                spent
            });
        });
    }
}

criterion_group! { name = benches; config = Criterion::default().sample_size(20); targets = step }
criterion_main!(benches);
