//! Replies from a trajectory or from a file, for replay, demos and tests.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use voe_trace::chat::{Message, Role, ToolCall, Usage};
use voe_trace::event::{Event, ModelFacts, Record};

use crate::error::ModelError;
use crate::model::{Delta, Model, Reply, ReplyFuture, Request};

/// A script that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the script {path}: {message}")]
pub struct ScriptError {
    /// The file, or "(text)".
    pub path: String,
    /// What is wrong, and where.
    pub message: String,
}

/// Answers with the replies of a recorded attempt, in order.
#[derive(Debug)]
pub struct Replay {
    replies: Vec<Reply>,
    facts: ModelFacts,
    next: AtomicUsize,
}

impl Replay {
    /// The replies among `records`.
    pub fn from_records(records: &[Record]) -> Self {
        let mut replies = Vec::new();
        let mut facts = ModelFacts::default();
        for record in records {
            match &record.event {
                Event::Start(start) => facts = start.model.clone(),
                Event::Reply(reply) => replies.push(Reply {
                    message: reply.message.clone(),
                    finish_reason: reply.finish_reason.clone(),
                    usage: reply.usage,
                    estimated: reply.estimated,
                    seconds: 0.0,
                    first_token: None,
                    repairs: Vec::new(),
                    malformed: reply.malformed.clone(),
                    request_bytes: 0,
                }),
                _ => {}
            }
        }
        facts.provider = "replay".into();
        Self { replies, facts, next: AtomicUsize::new(0) }
    }
}

impl Model for Replay {
    fn complete<'a>(&'a self, request: Request<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            // A request for a summary offers no tools; its answer is in the record's compaction, which the loop makes anew.
            if request.tools.is_empty() {
                return Ok(plain("(the summary is not recorded)"));
            }
            let served = self.next.fetch_add(1, Ordering::Relaxed);
            let reply = self.replies.get(served).cloned();
            let reply = reply.ok_or(ModelError::OutOfReplies { what: "trajectory", served })?;
            show(&reply, on);
            Ok(reply)
        })
    }

    fn facts(&self) -> ModelFacts {
        self.facts.clone()
    }
}

/// Answers with the replies of a file, in order.
#[derive(Debug)]
pub struct Scripted {
    replies: Vec<ScriptedReply>,
    window: Option<u64>,
    next: AtomicUsize,
}

/// A script: `[[reply]]` tables in TOML, a list or `{"reply": […]}` in JSON, a reply a line in JSONL.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Script {
    /// The context window that the model claims to have, in tokens.
    window: Option<u64>,
    reply: Vec<ScriptedReply>,
}

/// One reply of a script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScriptedReply {
    content: String,
    reasoning: Option<String>,
    tool_calls: Vec<ScriptedCall>,
    finish_reason: Option<String>,
    usage: Option<Usage>,
    /// What could not be read, for the model: as if a call had been malformed.
    malformed: Option<String>,
    /// Fails with this error instead: "overflow", "broken_stream", "server", "unreachable".
    error: Option<String>,
    /// Waits so long first. Seconds.
    delay: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptedCall {
    name: String,
    #[serde(default)]
    arguments: Value,
}

impl Scripted {
    /// Reads a script: `.toml` (`[[reply]]` tables), `.json` (a list) or `.jsonl` (a reply a line).
    pub fn from_file(path: &Path) -> Result<Self, ScriptError> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|e| ScriptError { path: shown.clone(), message: e.to_string() })?;
        let script = match path.extension().and_then(|e| e.to_str()) {
            Some("json") => json(&text),
            Some("jsonl") => jsonl(&text),
            _ => toml::from_str(&text).map_err(|e| e.message().to_owned()),
        };
        script.map(Self::new).map_err(|message| ScriptError { path: shown, message })
    }

    /// Reads a script in TOML.
    pub fn from_toml(text: &str) -> Result<Self, ScriptError> {
        let script = toml::from_str(text).map_err(|e| e.message().to_owned());
        script.map(Self::new).map_err(|message| ScriptError { path: "(text)".into(), message })
    }

    fn new(script: Script) -> Self {
        Self { replies: script.reply, window: script.window, next: AtomicUsize::new(0) }
    }

    /// Goes on after the first `served` replies: for an attempt that is gone on with.
    #[must_use]
    pub fn after(self, served: usize) -> Self {
        Self { next: AtomicUsize::new(served), ..self }
    }
}

fn json(text: &str) -> Result<Script, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let script = if value.is_array() {
        serde_json::from_value(value).map(|reply| Script { window: None, reply })
    } else {
        serde_json::from_value(value)
    };
    script.map_err(|e| e.to_string())
}

fn jsonl(text: &str) -> Result<Script, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let reply = lines.map(|(i, line)| serde_json::from_str(line).map_err(|e| format!("line {}: {e}", i + 1)));
    Ok(Script { window: None, reply: reply.collect::<Result<_, _>>()? })
}

impl Model for Scripted {
    fn complete<'a>(&'a self, _request: Request<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move {
            let served = self.next.fetch_add(1, Ordering::Relaxed);
            let scripted = self.replies.get(served).cloned();
            let scripted = scripted.ok_or(ModelError::OutOfReplies { what: "script", served })?;
            if scripted.delay > 0.0 {
                tokio::time::sleep(Duration::try_from_secs_f64(scripted.delay).unwrap_or_default()).await;
            }
            if let Some(error) = &scripted.error {
                return Err(failure(error, self.window));
            }
            let reply = scripted.reply(served);
            show(&reply, on);
            Ok(reply)
        })
    }

    fn facts(&self) -> ModelFacts {
        let name = "scripted".to_owned();
        ModelFacts { name: name.clone(), provider: name, window: self.window, ..ModelFacts::default() }
    }
}

impl ScriptedReply {
    fn reply(self, served: usize) -> Reply {
        let calls = self.tool_calls.into_iter().enumerate().map(|(i, call)| ToolCall {
            id: format!("call_{}_{i}", served + 1),
            name: call.name,
            arguments: if call.arguments.is_null() { "{}".into() } else { call.arguments.to_string() },
        });
        let tool_calls: Vec<ToolCall> = calls.collect();
        let stop = if tool_calls.is_empty() { "stop" } else { "tool_calls" };
        Reply {
            finish_reason: self.finish_reason.unwrap_or_else(|| stop.into()),
            usage: self.usage.unwrap_or_default(),
            malformed: self.malformed,
            message: Message { reasoning: self.reasoning, tool_calls, ..Message::assistant(self.content) },
            ..plain("")
        }
    }
}

fn plain(text: &str) -> Reply {
    Reply {
        message: Message::assistant(text),
        finish_reason: "stop".into(),
        usage: Usage::default(),
        estimated: false,
        seconds: 0.0,
        first_token: None,
        repairs: Vec::new(),
        malformed: None,
        request_bytes: 0,
    }
}

fn failure(error: &str, window: Option<u64>) -> ModelError {
    let message = format!("scripted: {error}");
    match error {
        "overflow" => ModelError::ContextOverflow { prompt: None, window, message },
        "broken_stream" => ModelError::BrokenStream { message },
        "unreachable" => ModelError::Unreachable { server: "scripted".into(), message },
        _ => ModelError::Server { status: 500, message },
    }
}

/// Shows a reply as if it had just come.
fn show(reply: &Reply, on: &mut (dyn FnMut(Delta<'_>) + Send)) {
    debug_assert_eq!(reply.message.role, Role::Assistant);
    if let Some(reasoning) = &reply.message.reasoning {
        on(Delta::Reasoning(reasoning));
    }
    if !reply.message.content.is_empty() {
        on(Delta::Text(&reply.message.content));
    }
    for call in &reply.message.tool_calls {
        on(Delta::Call { name: &call.name });
    }
}
