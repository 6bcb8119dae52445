//! Scripted replies.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use voe_trace::chat::Usage;
use voe_trace::event::ModelFacts;

use super::show;
use crate::error::ModelError;
use crate::limits::Wait;
use crate::model::{Delta, Model, ModelFuture, ModelReply, ModelRequest, ReplyFuture};
use crate::normalize::{Raw, RawCall, normalize};
use crate::tokens::estimate_tokens;

/// Why a script can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the script {path}: {message}")]
pub struct ModelScriptError {
    /// The file, or "(text)".
    pub path: String,
    /// What is wrong, and where.
    pub message: String,
}

/// A whole script.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ModelScript {
    /// The model's name, as reported.
    name: Option<String>,
    /// The window that the model reports, in tokens.
    window: Option<u64>,
    /// The replies.
    reply: Vec<ScriptedReply>,
}

/// One reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScriptedReply {
    content: String,
    reasoning: Option<String>,
    tool_calls: Vec<ScriptedCall>,
    finish_reason: Option<String>,
    /// Estimated where it is left out.
    usage: Option<Usage>,
    /// Seconds until it arrives.
    delay: f64,
    /// The error to return instead.
    error: Option<ScriptedFault>,
    /// Only for a request whose last message contains this text.
    when: Option<String>,
    /// Only for a request with this text in any message.
    when_any: Option<String>,
    /// Served repeatedly.
    repeat: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScriptedCall {
    id: Option<String>,
    name: String,
    /// An object, or a text as a server would send it.
    arguments: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ScriptedFault {
    /// The error's class, see [`ModelError::kind`].
    kind: String,
    message: String,
    /// For `context_overflow`.
    prompt: Option<u64>,
    window: Option<u64>,
    /// Reported as a retry; the next reply follows immediately.
    transient: bool,
}

impl ScriptedFault {
    fn error(&self) -> ModelError {
        let message = if self.message.is_empty() { "as scripted".to_owned() } else { self.message.clone() };
        let server = "script".to_owned();
        match self.kind.as_str() {
            "context_overflow" => ModelError::ContextOverflow { prompt: self.prompt, window: self.window, message },
            "auth" => ModelError::Auth { server, status: 401, message },
            "not_found" => ModelError::NotFound { server, model: message, available: Vec::new() },
            "gone" => ModelError::Gone { url: server, status: 404, message },
            "unreachable" => ModelError::Unreachable { server, message },
            "bad_request" => ModelError::BadRequest { status: 400, message },
            "overloaded" => ModelError::Overloaded { status: 529, message },
            "rate_limited" => ModelError::RateLimited { wait: None, message },
            "loading" => ModelError::Loading { message },
            "broken_stream" => ModelError::BrokenStream { message },
            "idle_timeout" => ModelError::IdleTimeout { what: Wait::FirstToken, after: Duration::from_secs(1) },
            _ => ModelError::Server { status: 500, message },
        }
    }
}

/// Answers with the replies of a file, in order: each once, or as often as wanted with `repeat`, and only where `when`
/// fits. Replies are handled like a server's: calls are coerced, and read from the text where there are none.
///
/// ```toml
/// window = 32768
///
/// [[reply]]
/// content = "Let me look."
/// tool_calls = [{ name = "bash", arguments = { command = "ls" } }]
///
/// [[reply]]
/// error = { kind = "overloaded", transient = true }
///
/// [[reply]]
/// when = "verify"
/// content = "TASK_COMPLETE"
/// finish_reason = "stop"
/// usage = { prompt = 100, output = 5 }
/// ```
#[derive(Debug)]
pub struct Scripted {
    name: String,
    window: Option<u64>,
    entries: Vec<ScriptedReply>,
    /// Which entries were served, and how many replies in total.
    served: Mutex<(Vec<bool>, usize)>,
}

impl Scripted {
    /// Reads a script: `.toml` (`[[reply]]` tables), `.json` (the same as an object, or a list of replies) or `.jsonl` (one reply
    /// per line).
    ///
    /// # Errors
    /// The file can't be read, or is not a script.
    pub fn from_file(path: &Path) -> Result<Self, ModelScriptError> {
        let fail = |message: String| ModelScriptError { path: path.display().to_string(), message };
        let text = std::fs::read_to_string(path)
            .map_err(|error| fail(format!("{error}; give a file of replies as scripted:FILE")))?;
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        Self::parse(&text, kind).map_err(fail)
    }

    /// Reads a script from a text in TOML.
    ///
    /// # Errors
    /// The text is not a script.
    pub fn from_toml(text: &str) -> Result<Self, ModelScriptError> {
        Self::parse(text, "toml").map_err(|message| ModelScriptError { path: "(text)".into(), message })
    }

    fn parse(text: &str, kind: &str) -> Result<Self, String> {
        let script: ModelScript = match kind {
            "toml" => toml::from_str(text).map_err(|error| error.to_string())?,
            "json" if text.trim_start().starts_with('[') => ModelScript {
                reply: serde_json::from_str(text).map_err(|error| error.to_string())?,
                ..ModelScript::default()
            },
            "json" => serde_json::from_str(text).map_err(|error| error.to_string())?,
            "jsonl" => {
                let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
                let entry = |(number, line): (usize, &str)| {
                    serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))
                };
                ModelScript { reply: lines.map(entry).collect::<Result<_, _>>()?, ..ModelScript::default() }
            }
            other => return Err(format!("a script is .toml, .json or .jsonl, not {other:?}")),
        };
        let served = Mutex::new((vec![false; script.reply.len()], 0));
        Ok(Self {
            name: script.name.unwrap_or_else(|| "scripted".into()),
            window: script.window,
            entries: script.reply,
            served,
        })
    }

    /// The next entry for a request.
    fn take(&self, request: &ModelRequest<'_>) -> Result<&ScriptedReply, ModelError> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |entry: &ScriptedReply| {
            let last = request.messages.last();
            entry.when.as_ref().is_none_or(|text| last.is_some_and(|message| message.content.contains(text)))
                && entry.when_any.as_ref().is_none_or(|text| request.messages.iter().any(|m| m.content.contains(text)))
        };
        let found = self.entries.iter().enumerate().find(|(at, entry)| (entry.repeat || !served.0[*at]) && fits(entry));
        let Some((at, entry)) = found else {
            return Err(ModelError::OutOfReplies { what: "script", served: served.1 });
        };
        served.0[at] = true;
        served.1 += 1;
        Ok(entry)
    }

    async fn run(
        &self,
        request: ModelRequest<'_>,
        on: &mut (dyn FnMut(Delta<'_>) + Send),
    ) -> Result<ModelReply, ModelError> {
        let begun = Instant::now();
        loop {
            let entry = self.take(&request)?;
            if entry.delay > 0.0 {
                tokio::time::sleep(Duration::try_from_secs_f64(entry.delay).unwrap_or_default()).await;
            }
            match &entry.error {
                Some(fault) if fault.transient => {
                    let error = fault.error();
                    on(Delta::Retry { kind: error.kind(), error: &error.to_string(), wait: Duration::ZERO });
                }
                Some(fault) => return Err(fault.error()),
                None => {
                    let mut reply = entry.reply(&request);
                    show(&reply.message, on);
                    reply.seconds = begun.elapsed().as_secs_f64();
                    return Ok(reply);
                }
            }
        }
    }
}

impl ScriptedReply {
    fn reply(&self, request: &ModelRequest<'_>) -> ModelReply {
        let call = |call: &ScriptedCall| RawCall {
            id: call.id.clone(),
            name: call.name.clone(),
            arguments: match &call.arguments {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            },
        };
        let finish = if self.tool_calls.is_empty() { "stop" } else { "tool_calls" };
        let finish_reason = self.finish_reason.clone().unwrap_or_else(|| finish.to_owned());
        let raw = Raw {
            content: self.content.clone(),
            reasoning: self.reasoning.clone().unwrap_or_default(),
            calls: self.tool_calls.iter().map(call).collect(),
            finish_reason: finish_reason.clone(),
        };
        let earlier = request.messages.iter().map(|message| message.tool_calls.len()).sum();
        let normalized = normalize(raw, request.tools, earlier);
        let estimate = || Usage {
            prompt: estimate_tokens(request.messages, request.tools),
            output: estimate_tokens(std::slice::from_ref(&normalized.message), &[]),
            ..Usage::default()
        };
        ModelReply {
            usage: self.usage.unwrap_or_else(estimate),
            message: normalized.message,
            finish_reason,
            estimated: self.usage.is_none(),
            seconds: 0.0,
            first_token: None,
            repairs: normalized.repairs,
            salvaged: normalized.salvaged,
            malformed: normalized.malformed,
            request_bytes: 0,
        }
    }
}

impl Model for Scripted {
    fn complete<'a>(&'a self, request: ModelRequest<'a>, on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(self.run(request, on))
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts {
            name: self.name.clone(),
            provider: "scripted".into(),
            window: self.window,
            ..ModelFacts::default()
        }
    }

    /// Another script, by its file.
    fn another<'a>(&'a self, name: &'a str) -> ModelFuture<'a> {
        Box::pin(async move {
            let file = name.strip_prefix("scripted:").unwrap_or(name);
            let script = Self::from_file(Path::new(file)).map_err(|e| ModelError::Setup { message: e.to_string() })?;
            Ok(Arc::new(script) as Arc<dyn Model>)
        })
    }
}

#[cfg(test)]
mod tests {
    use voe_trace::chat::Message;

    use super::*;
    use crate::model::Sampling;
    use crate::tool::ToolSpec;

    fn ask(model: &dyn Model, last: &str) -> (Result<ModelReply, ModelError>, Vec<String>) {
        let tools = [ToolSpec {
            name: "bash".into(),
            description: String::new(),
            parameters: serde_json::json!({"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}),
        }];
        let (messages, sampling) = ([Message::user(last)], Sampling::default());
        let request =
            ModelRequest { messages: &messages, tools: &tools, sampling: &sampling, max_tokens: None, stream: true };
        let mut seen = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let reply = runtime.block_on(model.complete(request, &mut |delta| seen.push(format!("{delta:?}"))));
        (reply, seen)
    }

    #[test]
    fn a_script_answers_in_order_fails_as_scripted_and_reports_its_end() {
        let model = Scripted::from_toml(
            r#"
            window = 9000
            [[reply]]
            error = { kind = "overloaded", transient = true }
            [[reply]]
            reasoning = "hm"
            content = "Let me look."
            tool_calls = [{ id = "a", name = "bash", arguments = { command = "ls" } }]
            usage = { prompt = 10, output = 2 }
            [[reply]]
            error = { kind = "context_overflow", window = 9000 }
            [[reply]]
            content = "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"pwd\"}}\n</tool_call>"
            "#,
        )
        .unwrap();
        assert_eq!((model.facts().provider.as_str(), model.facts().window), ("scripted", Some(9000)));
        let (reply, seen) = ask(&model, "");
        let reply = reply.unwrap();
        assert_eq!((reply.message.tool_calls[0].arguments.as_str(), reply.usage.output), (r#"{"command":"ls"}"#, 2));
        assert!(seen[0].starts_with("Retry { kind: Overloaded") && seen[1] == "Reasoning(\"hm\")", "{seen:?}");
        assert_eq!(ask(&model, "").0.unwrap_err().kind().word(), "context_overflow");
        let salvaged = ask(&model, "").0.unwrap();
        assert_eq!(salvaged.message.tool_calls[0].arguments, r#"{"command":"pwd"}"#);
        assert!(salvaged.estimated);
        assert_eq!(ask(&model, "").0.unwrap_err(), ModelError::OutOfReplies { what: "script", served: 4 });
    }

    #[test]
    fn entries_wait_for_the_request_that_they_are_for() {
        let lines = "{\"when\": \"b\", \"content\": \"B\"}\n{\"content\": \"A\"}\n\n{\"repeat\": true, \"content\": \"again\"}\n";
        let file = tempfile::Builder::new().suffix(".jsonl").tempfile().unwrap();
        std::fs::write(file.path(), lines).unwrap();
        let model = Scripted::from_file(file.path()).unwrap();
        let answer = |last: &str| ask(&model, last).0.unwrap().message.content;
        assert_eq!([answer("a"), answer("b"), answer("b"), answer("a")], ["A", "B", "again", "again"]);
    }

    #[test]
    fn an_invalid_script_is_refused_with_the_place() {
        for (text, kind, why) in [
            ("{}\n{\"contnt\": 1}", "jsonl", "line 2: unknown field `contnt`"),
            ("[[replies]]", "toml", "unknown field `replies`"),
            ("", "yaml", "a script is .toml, .json or .jsonl"),
        ] {
            let error = Scripted::parse(text, kind).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
