//! What can happen in an attempt.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::{Message, Usage};
use crate::evidence::{Check, Level};

/// One line of a trajectory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Seconds since the attempt began (a resumed one goes on counting).
    pub at: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. A reader passes over kinds that it does not know ([`Event::Unknown`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line.
    Start(Box<Start>),
    /// voe went on with an attempt that had been cut off.
    Resume {
        /// The last complete step in the record.
        step: u32,
        /// How the workspace was brought back.
        how: String,
    },
    /// Something that voe put into the conversation.
    Message {
        /// The step after which it was said; 0 before the first.
        step: u32,
        /// Why it was said.
        origin: Origin,
        /// What was said.
        message: Message,
    },
    /// A request that failed and is made again.
    Retry {
        /// The step whose reply is being asked for.
        step: u32,
        /// The class of the error ("overloaded", "loading" …).
        kind: String,
        /// The error, one line.
        error: String,
        /// Seconds until the next try.
        wait: f64,
    },
    /// The model's reply; begins a step.
    Reply(Box<Reply>),
    /// A tool call's result; the conversation gets `text`.
    Result(Box<ToolResult>),
    /// The patch as it stands after a call that edited: what is left of the work if everything else is lost.
    Patch {
        /// The step.
        step: u32,
        /// Hash over all files that differ from base.
        tree: String,
        /// As `git apply` takes it.
        patch: String,
    },
    /// A remark of voe's to the user that the model does not see.
    Note {
        /// One line.
        text: String,
    },
    /// voe told the model something of its own accord. Its text is in the message or tool result it went with.
    Nudge {
        /// The step it followed.
        step: u32,
        /// Its name ("verify", "stuck", "reminder", "review", "last-review", "recovery", "red-first" …).
        kind: String,
        /// What was said.
        text: String,
    },
    /// A command counted as evidence; the same command with the same tree replaces what it showed before.
    Check(Box<Check>),
    /// Evidence is void from here on: what it rests on was changed by somebody else.
    Void {
        /// The step after which it was noticed.
        step: u32,
        /// What was seen, one line.
        why: String,
    },
    /// The model said that it is done and the gate answered.
    Gate {
        /// The step in which it said so.
        step: u32,
        /// Whether the attempt may end.
        accepted: bool,
        /// The patch's level at that time.
        level: Level,
        /// What the model was told; empty when accepted.
        #[serde(default)]
        text: String,
    },
    /// A verification of the strategy's (self-review, tests, spec, command) and what it said.
    Verify {
        /// The step it followed.
        step: u32,
        /// The method.
        method: String,
        /// `Some(true)` passed, `Some(false)` failed, `None` could not be told (kept apart from both).
        passed: Option<bool>,
        /// What it said.
        text: String,
        /// Hash over all files that differed from base: what was verified.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        tree: String,
        /// Tokens of a question of its own; a review in the conversation counts as a reply.
        #[serde(default)]
        usage: Usage,
        /// Seconds that such a question took.
        #[serde(default)]
        seconds: f64,
    },
    /// The conversation was rewritten to fit the window.
    Compaction(Box<Compaction>),
    /// The tools' process ended unasked and was started again on the same workspace.
    ToolboxRestarted {
        /// The step in which it happened.
        step: u32,
        /// What was seen.
        why: String,
    },
    /// A node of a search over several attempts.
    Node(Box<Node>),
    /// The last line.
    Finish(Box<Finish>),
    /// An event that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why voe put a message into the conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The standing instructions.
    System,
    /// The task.
    Task,
    /// A nudge; its event says of which kind.
    Nudge,
    /// The gate's refusal.
    Gate,
    /// The reply had neither a call nor the completion marker.
    Reminder,
    /// A call could not be understood; shows the model its own text.
    Malformed,
    /// What a verification showed, or a strategy's own question.
    Strategy,
}

/// All that is known when an attempt begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Version of the format, `major.minor`; a reader of the same major reads every minor.
    pub format: String,
    /// Version of voe.
    pub voe: String,
    /// UTC time, RFC 3339.
    pub time: String,
    /// What is to be done, where.
    pub task: Task,
    /// The strategy's name.
    pub strategy: String,
    /// The strategy, resolved, as TOML.
    pub strategy_text: String,
    /// Which model answers.
    pub model: ModelFacts,
    /// Where the tools run.
    pub sandbox: SandboxFacts,
    /// The tools offered, as sent to the model.
    pub tools: Vec<Value>,
    /// Settings of the user's that are not in the strategy (limits given by flags …).
    #[serde(default)]
    pub settings: Value,
}

/// A task, as far as the agent may know it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Its id in the suite, or empty.
    #[serde(default)]
    pub id: String,
    /// The statement.
    pub statement: String,
    /// The workspace's path as the tools see it.
    pub workspace: String,
    /// The commit that was checked out, if any.
    #[serde(default)]
    pub commit: Option<String>,
    /// The git tree of the base: the commit and the user's uncommitted work.
    #[serde(default)]
    pub base: Option<String>,
    /// The user's command that shows the problem.
    #[serde(default)]
    pub check: Option<String>,
}

/// The model and the server, as far as they are known. No keys, no credentials in the address.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// The model's name, as sent.
    pub name: String,
    /// "openai", "anthropic", "replay", "scripted".
    pub provider: String,
    /// The server's address.
    #[serde(default)]
    pub base_url: String,
    /// The server's own name, where it gives itself away ("vllm 0.32").
    #[serde(default)]
    pub server: Option<String>,
    /// The context window in tokens.
    #[serde(default)]
    pub window: Option<u64>,
    /// Temperature and the like, as sent.
    #[serde(default)]
    pub sampling: Value,
}

/// Where the tools run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SandboxFacts {
    /// "none", "local", "landlock", "docker", "podman".
    pub backend: String,
    /// Why this one, and what it holds.
    #[serde(default)]
    pub detail: String,
}

/// The model's reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The step it begins, from 1.
    pub step: u32,
    /// What the conversation keeps.
    pub message: Message,
    /// The server's word on why it stopped; says nothing of completeness.
    pub finish_reason: String,
    /// Tokens.
    #[serde(default)]
    pub usage: Usage,
    /// Whether the counts in `usage` are voe's own estimate, for want of the server's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Seconds from request to the last token.
    pub seconds: f64,
    /// Seconds to the first token, when streamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token: Option<f64>,
    /// What voe had to repair to read it, one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<String>,
    /// Set when a call was meant but could not be read: what is wrong, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malformed: Option<String>,
    /// Messages in the request.
    #[serde(default)]
    pub request_messages: usize,
    /// Bytes of the request's body.
    #[serde(default)]
    pub request_bytes: u64,
}

/// How one file of the workspace differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Relative to the workspace, `/` between parts; bytes that are not UTF-8 are shown as U+FFFD.
    pub path: String,
    /// How.
    pub kind: ChangeKind,
    /// Lines added; 0 for binary files.
    #[serde(default)]
    pub added: u64,
    /// Lines removed; 0 for binary files.
    #[serde(default)]
    pub removed: u64,
    /// Whether it is not text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there.
    Added,
    /// Its content, mode or target is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// The result of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The step of the call.
    pub step: u32,
    /// The call's id.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// The arguments, as they were run (after coercion).
    pub arguments: Value,
    /// What the conversation gets, nudges and facts appended included.
    pub text: String,
    /// Whether the tool did what it was asked to (a command that ran counts, whatever its exit code).
    pub ok: bool,
    /// The command's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// Why it was ended, if a limit ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<String>,
    /// Seconds it took.
    pub seconds: f64,
    /// Files of the workspace that it changed, by whatever means.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What it left behind that is neither an edit nor part of the patch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<String>,
    /// The changes as a unified diff, shortened; for showing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// Hash over all files that differ from base.
    #[serde(default)]
    pub tree: String,
    /// The same without tests: what evidence is keyed by.
    #[serde(default)]
    pub code_tree: String,
}

/// The conversation was rewritten to fit the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compaction {
    /// The step it followed.
    pub step: u32,
    /// "shorten" (old tool results), "summary" (by the model), "restart" (the task and a summary), "fresh" (begun anew after a
    /// failed verification), "question" (a pipeline's next question has a context of its own) or "told" (voe added to the last
    /// message).
    pub kind: String,
    /// Tokens before, estimated.
    pub before: u64,
    /// Tokens after, estimated.
    pub after: u64,
    /// Tokens that the summary itself cost.
    #[serde(default)]
    pub usage: Usage,
    /// Seconds that the summary took.
    #[serde(default)]
    pub seconds: f64,
    /// The conversation from here on.
    pub messages: Vec<Message>,
}

/// A node of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its number in the tree; 0 is the root.
    pub id: u32,
    /// Its parent.
    #[serde(default)]
    pub parent: Option<u32>,
    /// "rollout", "expand", "choose" … as the search calls it.
    pub kind: String,
    /// The record of the attempt that it holds, relative to this file.
    #[serde(default)]
    pub trajectory: Option<String>,
    /// The step of that attempt.
    #[serde(default)]
    pub step: u32,
    /// Its value, between 0 and 1.
    #[serde(default)]
    pub value: Option<f64>,
    /// What the search notes about it (visits, the matrix of a cross-examination …).
    #[serde(default)]
    pub detail: Value,
}

/// Why an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The model said that it is done, and the gate held or gave way.
    Completed,
    /// The limit on steps.
    MaxSteps,
    /// The limit on tokens.
    MaxTokens,
    /// The limit on wall time.
    MaxWall,
    /// The window was too small even after compaction.
    Context,
    /// The model went round in circles or stopped calling tools.
    Stuck,
    /// The model or its server failed for good.
    ModelError,
    /// The user stopped it.
    Interrupted,
    /// voe failed.
    Internal,
}

impl Reason {
    /// The word used in records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::MaxSteps => "max_steps",
            Self::MaxTokens => "max_tokens",
            Self::MaxWall => "max_wall",
            Self::Context => "context",
            Self::Stuck => "stuck",
            Self::ModelError => "model_error",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// Whether the patch is in the user's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// It is.
    Yes,
    /// It is not: not wanted, refused, or empty.
    No,
    /// The tree had changed and the patch did not go in.
    Conflict,
}

/// Seconds, by what they were spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Seconds {
    /// Waiting for the model.
    pub model: f64,
    /// Running tools.
    pub tools: f64,
    /// From start to end.
    pub total: f64,
}

/// The evidence of a patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The patch's level.
    pub level: Level,
    /// The checks it rests on, newest last.
    pub checks: Vec<Check>,
    /// Edited files after whose last edit nothing was run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
    /// Set when the evidence is void: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// Why.
    pub reason: Reason,
    /// The error, for the reasons that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The patch, as `git apply` takes it on the base; empty if nothing was changed.
    pub patch: String,
    /// Whether it is in the user's tree.
    pub applied: Applied,
    /// The number of model replies.
    pub steps: u32,
    /// Tokens of the whole attempt.
    pub usage: Usage,
    /// Time.
    pub seconds: Seconds,
    /// The patch's evidence.
    pub evidence: Evidence,
    /// How the user's own check ended at the end, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Files changed.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// What was left behind and is not in the patch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<String>,
    /// Whether the task's own tests pass now, where there are any to decide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// Where the record is.
    #[serde(default)]
    pub trajectory: String,
}
