//! Scripted models for runs: replies by task, strategy and trial, from a file. A script answers by step number, so
//! that a resumed attempt gets the same replies as an uninterrupted one.
//!
//! The file is TOML: either `[[reply]]` tables, which every attempt gets, or `[[script]]` tables of this form, of which an
//! attempt gets the first that matches:
//!
//! ```toml
//! [[script]]
//! task = "mini__pages-1"        # left out: every task
//! strategy = "baseline"         # left out: every strategy
//! trial = 1                     # left out: every trial
//! wait_s = 0.5                  # seconds before each reply; default 0
//! apply = "gold"                # a first reply that applies the row's own solution; left out: none
//! reply = [{ content = "…", tool_calls = [{ name = "bash", arguments = { command = "…" } }] }, { content = "TASK_COMPLETE" }]
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use voe_grade::Instance;
use voe_model::{Delta, Message, Model, ModelError, ModelReply, ModelRequest, ReplyFuture, Role, ToolCall, Usage};
use voe_trace::event::ModelFacts;

/// Most bytes read of a file of scripts.
const LARGEST: u64 = 64 << 20;

/// A file of scripts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scripts {
    /// Replies for every attempt.
    reply: Vec<AttemptReply>,
    script: Vec<AttemptsScript>,
}

/// The replies for some attempts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AttemptsScript {
    task: Option<String>,
    strategy: Option<String>,
    trial: Option<u32>,
    wait_s: f64,
    apply: Option<ScriptSolution>,
    reply: Vec<AttemptReply>,
}

/// The solution that a script begins with.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ScriptSolution {
    Gold,
}

/// One reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AttemptReply {
    content: String,
    reasoning: Option<String>,
    tool_calls: Vec<AttemptCall>,
    /// In place of a reply: the request fails as if the server were overloaded.
    overloaded: bool,
    /// In place of a reply: voe itself fails.
    panics: bool,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttemptCall {
    name: String,
    #[serde(default)]
    arguments: Value,
}

/// A script can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AttemptsScriptError {
    /// The file can't be read.
    #[error("cannot read the script {path}: {why}")]
    Read {
        /// The file.
        path: String,
        /// The reason, in one line.
        why: String,
    },
    /// No script of the file matches an attempt.
    #[error("the script has no replies for {task} with {strategy}, trial {trial}; add a [[script]] for it")]
    NoneFits {
        /// The task.
        task: String,
        /// The strategy.
        strategy: String,
        /// The trial.
        trial: u32,
    },
}

impl Scripts {
    /// Reads a file.
    ///
    /// # Errors
    /// The file can't be read, or is not a script.
    pub fn read(path: &Path) -> Result<Self, AttemptsScriptError> {
        let fail = |why: String| AttemptsScriptError::Read { path: path.display().to_string(), why };
        let bytes = voe_untrusted::read_named(path, LARGEST).map_err(|error| fail(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| fail(error.to_string()))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| fail(error.message().to_owned()))
    }

    /// The model of one attempt whose record has `served` replies; `None`: of several attempts, distinguished by their requests.
    ///
    /// # Errors
    /// No script of the file is for this attempt.
    pub fn model(
        &self,
        task: &Instance,
        strategy: &str,
        trial: u32,
        served: Option<u32>,
    ) -> Result<ScriptedAttempt, AttemptsScriptError> {
        let next = served.map(|served| AtomicUsize::new(served as usize));
        if !self.reply.is_empty() {
            return Ok(ScriptedAttempt { replies: self.reply.clone(), wait: Duration::ZERO, next });
        }
        let fits = |script: &&AttemptsScript| {
            script.task.as_ref().is_none_or(|id| *id == task.instance_id)
                && script.strategy.as_ref().is_none_or(|name| name == strategy)
                && script.trial.is_none_or(|number| number == trial)
        };
        let Some(script) = self.script.iter().find(fits) else {
            let (task, strategy) = (task.instance_id.clone(), strategy.to_owned());
            return Err(AttemptsScriptError::NoneFits { task, strategy, trial });
        };
        let mut replies: Vec<AttemptReply> =
            script.apply.iter().map(|ScriptSolution::Gold| applies(&task.patch)).collect();
        replies.extend(script.reply.iter().cloned());
        let wait = Duration::try_from_secs_f64(script.wait_s).unwrap_or_default();
        Ok(ScriptedAttempt { replies, wait, next })
    }
}

fn applies(patch: &str) -> AttemptReply {
    let newline = if patch.ends_with('\n') { "" } else { "\n" };
    let command = format!("git apply - <<'EOF_OF_PATCH'\n{patch}{newline}EOF_OF_PATCH");
    AttemptReply {
        content: "The change, written beforehand.".to_owned(),
        tool_calls: vec![AttemptCall { name: "bash".to_owned(), arguments: json!({ "command": command }) }],
        ..AttemptReply::default()
    }
}

/// Answers one attempt.
#[derive(Debug)]
pub struct ScriptedAttempt {
    replies: Vec<AttemptReply>,
    wait: Duration,
    /// Number of the next reply; `None`: counted from the replies in the conversation.
    next: Option<AtomicUsize>,
}

impl Model for ScriptedAttempt {
    fn complete<'a>(
        &'a self,
        request: ModelRequest<'a>,
        _on: &'a mut (dyn FnMut(Delta<'_>) + Send),
    ) -> ReplyFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(self.wait).await;
            if request.tools.is_empty() {
                // A summary or a question from voe itself, which is not a step.
                return Ok(reply(Message::assistant("Nothing of note so far."), request.messages.len()));
            }
            let step = match &self.next {
                Some(next) => next.load(Ordering::Relaxed),
                None => request.messages.iter().filter(|message| message.role == Role::Assistant).count(),
            };
            let go_on = || self.next.iter().for_each(|next| next.store(step + 1, Ordering::Relaxed));
            let Some(said) = self.replies.get(step) else {
                return Err(ModelError::OutOfReplies { what: "script", served: step });
            };
            if said.overloaded {
                // A retry gets the next reply.
                go_on();
                return Err(ModelError::Overloaded { status: 503, message: "as the script says".to_owned() });
            }
            assert!(!said.panics, "as the script says");
            go_on();
            let mut message = Message::assistant(&said.content);
            message.reasoning.clone_from(&said.reasoning);
            message.tool_calls = (1..)
                .zip(&said.tool_calls)
                .map(|(n, call)| ToolCall {
                    id: format!("s{}c{n}", step + 1),
                    name: call.name.clone(),
                    arguments: call.arguments.to_string(),
                })
                .collect();
            Ok(reply(message, request.messages.len()))
        })
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts { name: "scripted".to_owned(), provider: "scripted".to_owned(), ..ModelFacts::default() }
    }
}

fn reply(message: Message, messages: usize) -> ModelReply {
    ModelReply {
        message,
        finish_reason: "stop".to_owned(),
        usage: Usage { prompt: messages as u64, output: 1, ..Usage::default() },
        estimated: true,
        seconds: 0.0,
        first_token: None,
        repairs: Vec::new(),
        salvaged: false,
        malformed: None,
        request_bytes: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[[script]]\ntask = \"mini__pages-1\"\nstrategy = \"b\"\nreply = [{ content = \"one\" }]\n\
                        [[script]]\napply = \"gold\"\nreply = [{ content = \"TASK_COMPLETE\" }]\n";

    async fn ask(model: &ScriptedAttempt) -> Result<ModelReply, ModelError> {
        let tools = [voe_model::ToolSpec { name: "bash".into(), description: String::new(), parameters: Value::Null }];
        let sampling = voe_model::Sampling::default();
        let request =
            ModelRequest { messages: &[], tools: &tools, sampling: &sampling, max_tokens: None, stream: false };
        model.complete(request, &mut |_| {}).await
    }

    #[tokio::test]
    async fn the_first_script_that_fits_answers_and_goes_on_at_its_step() {
        let scripts: Scripts = toml::from_str(TEXT).unwrap();
        let task = crate::shipped::find("mini__pages-1").unwrap().unwrap().row();
        let named = scripts.model(&task, "b", 1, Some(0)).unwrap();
        assert_eq!(ask(&named).await.unwrap().message.content, "one");
        assert!(matches!(ask(&named).await, Err(ModelError::OutOfReplies { served: 1, .. })));
        let other = scripts.model(&task, "a", 1, Some(0)).unwrap();
        let first = ask(&other).await.unwrap();
        assert!(first.message.tool_calls[0].arguments.contains("git apply"));
        let resumed = scripts.model(&task, "a", 1, Some(1)).unwrap();
        assert_eq!(ask(&resumed).await.unwrap().message.content, "TASK_COMPLETE");
    }

    #[test]
    fn an_attempt_that_no_script_fits_is_named() {
        let scripts: Scripts = toml::from_str("[[script]]\ntask = \"x\"\n").unwrap();
        let task = crate::shipped::find("mini__pages-1").unwrap().unwrap().row();
        let error = scripts.model(&task, "a", 2, Some(0)).unwrap_err();
        insta::assert_snapshot!(error, @"the script has no replies for mini__pages-1 with a, trial 2; add a [[script]] for it");
    }
}
