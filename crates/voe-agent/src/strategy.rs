//! The keys of a strategy file.

mod grid;
mod orchestration;
mod validate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_evidence::Require;
use voe_model::Sampling;
use voe_protocol::SyntaxCheck;

pub use grid::{Granularity, Method, RecoverHow, Recovery, RedFirst, Verify};
pub use orchestration::{Pipeline, Questions, SearchKeys, SearchKind, ValueFrom, Writes};
pub use validate::validate;

/// How the agent works. Read with [`crate::load::load`]; every key has a default, so a file contains only what is different.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Strategy {
    /// Its name; the file's stem if left out.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// The messages to the model.
    pub prompt: Prompt,
    /// The tools of the model.
    pub tools: Tools,
    /// How the model declares that it is done.
    pub done: DoneMarker,
    /// Limits of the attempt.
    pub limits: AttemptLimits,
    /// How replies are sampled.
    pub sampling: Sampling,
    /// When the model is asked to verify.
    pub nudge: Nudge,
    /// What voe finds out about each check.
    pub evidence: EvidenceKeys,
    /// The condition under which "done" is accepted.
    pub gate: GateKeys,
    /// How the conversation is kept within the window.
    pub compaction: CompactionKeys,
    /// When a loop of repeated calls ends the attempt.
    pub stuck: Stuck,
    /// Verification by voe, besides the model's own checks.
    pub verify: Verify,
    /// What happens when a verification fails.
    pub recovery: Recovery,
    /// A failing check comes before the first edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub red_first: Option<RedFirst>,
    /// A scripted pipeline: each question in a fresh context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
    /// A search over several attempts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchKeys>,
}

impl Strategy {
    /// The strategy as a complete TOML text, every key with its value.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).unwrap_or_else(|error| format!("# {error}"))
    }
}

/// The messages to the model. Templates in minijinja's language; they may use `workspace`, `task_id`, `statement`, `check`,
/// `notes`, `marker`, `tools` and `method`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prompt {
    /// The system message.
    pub system: String,
    /// The first user message.
    pub task: String,
    /// Sent when a reply has neither a call nor the completion marker.
    pub reminder: String,
    /// Whether the repository's AGENTS.md is given to the model.
    pub project_notes: bool,
    /// At most this many characters of it.
    pub project_notes_chars: usize,
}

impl Default for Prompt {
    fn default() -> Self {
        Self {
            system: String::new(),
            task: "{{ statement }}".into(),
            reminder: "Your last message called no tool. Go on with a tool call; or, if the work is done, answer with {{ marker }} \
                       and nothing else."
                .into(),
            project_notes: true,
            project_notes_chars: 6000,
        }
    }
}

/// The tools of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tools {
    /// The tools offered, in this order.
    pub offer: Vec<String>,
    /// What to do about an edit that breaks a file's syntax.
    pub syntax: SyntaxCheck,
    /// Whether commands that install packages are refused.
    pub refuse_installs: bool,
    /// Commands that contain one of these texts are refused, ignoring case.
    pub refuse: Vec<String>,
    /// Default time limit of a command, in seconds.
    pub timeout_s: f64,
    /// Characters of output that the model sees.
    pub output_chars: usize,
    /// Default number of lines that `file_read` shows.
    pub read_lines: usize,
    /// Matching lines that `grep` shows.
    pub grep_matches: usize,
    /// Paths that `glob` lists.
    pub glob_files: usize,
}

impl Default for Tools {
    fn default() -> Self {
        let offer = ["file_read", "file_edit", "file_write", "bash", "grep", "glob"];
        let limits = voe_protocol::CallLimits::default();
        Self {
            offer: offer.map(str::to_owned).to_vec(),
            syntax: SyntaxCheck::Warn,
            refuse_installs: false,
            refuse: Vec::new(),
            timeout_s: limits.timeout_s,
            output_chars: limits.output_chars,
            read_lines: limits.read_lines,
            grep_matches: limits.grep_matches,
            glob_files: limits.glob_files,
        }
    }
}

/// How the model declares that it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DoneMarker {
    /// The word that ends the attempt, in a reply without a call.
    pub marker: String,
    /// Whether the word ends the attempt anywhere in the reply, not only alone on a line or at the end.
    pub anywhere: bool,
    /// Consecutive replies with neither call nor marker after which the attempt is stuck; 0: never.
    pub reminders: u32,
    /// Offers a `finish` tool as well.
    pub finish_tool: bool,
}

impl Default for DoneMarker {
    fn default() -> Self {
        Self { marker: "TASK_COMPLETE".into(), anywhere: false, reminders: 3, finish_tool: false }
    }
}

/// Limits of an attempt. 0: no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttemptLimits {
    /// Model replies.
    pub steps: u32,
    /// Tokens of all requests and replies together.
    pub tokens: u64,
    /// Seconds from start to end.
    pub wall_s: f64,
    /// US dollars.
    pub cost: f64,
    /// Tokens of one reply.
    pub reply_tokens: u64,
}

impl Default for AttemptLimits {
    fn default() -> Self {
        Self { steps: 200, tokens: 0, wall_s: 0.0, cost: 0.0, reply_tokens: 32_768 }
    }
}

/// When the model is asked to verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nudge {
    /// What the nudge follows.
    pub on: NudgeOn,
    /// Where it is placed.
    pub placement: Placement,
    /// How several edits share one.
    pub coalesce: Coalesce,
    /// The text of the nudge; may use `files`, a list of the files just edited.
    pub text: String,
}

impl Default for Nudge {
    fn default() -> Self {
        Self { on: NudgeOn::Off, placement: Placement::ToolResult, coalesce: Coalesce::Step, text: String::new() }
    }
}

/// What a nudge follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NudgeOn {
    /// Nothing.
    #[default]
    Off,
    /// Any change of the workspace.
    Edit,
    /// Successful calls of the tool `file_edit` (the published behaviour).
    FileEdit,
    /// A step that neither edits nor checks while the ledger has an unproven edit.
    Unproven,
}

/// Where a nudge is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// At the end of the tool result: keeps the server's prefix cache.
    #[default]
    ToolResult,
    /// A separate user message after the step's results (the published behaviour).
    User,
}

/// How several edits share one nudge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coalesce {
    /// After each call that edits.
    Each,
    /// One per step, after its last edit.
    #[default]
    Step,
    /// When the edits stop: after the first call that neither edits nor checks.
    Run,
}

/// What voe finds out about each check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceKeys {
    /// Whether passing checks are run again without the edits, and who gets the result.
    pub counterfactual: Counterfactual,
    /// Time limit of one such run, in seconds.
    pub timeout_s: f64,
    /// Checks that took longer than this many seconds are not run again.
    pub skip_over_s: f64,
    /// Whether check files stay in the final patch.
    #[serde(skip_serializing_if = "CheckFilesKey::is_keep")]
    pub check_files: CheckFilesKey,
}

/// What becomes of check files in the final patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckFilesKey {
    /// They stay, and are reported.
    #[default]
    Keep,
    /// They are removed, unless nothing else would be left. Tests stay.
    Drop,
}

impl CheckFilesKey {
    fn is_keep(&self) -> bool {
        *self == Self::Keep
    }
}

impl Default for EvidenceKeys {
    fn default() -> Self {
        let check_files = CheckFilesKey::Keep;
        Self { counterfactual: Counterfactual::Record, timeout_s: 120.0, skip_over_s: 300.0, check_files }
    }
}

/// Whether passing checks are run again without the edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counterfactual {
    /// Not run.
    Off,
    /// Yes, and the result is only recorded.
    #[default]
    Record,
    /// Yes, and the model gets the result.
    Tell,
}

/// The condition under which "done" is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateKeys {
    /// The evidence that the patch needs.
    pub require: Require,
    /// Refusals after which the attempt may end anyway.
    pub refusals: u32,
    /// Before the end is accepted, the repository's own tests that touch the change are run with and without it, for at most this
    /// many seconds; one that turned red is a refusal. 0: they are not run.
    pub own_tests_s: f64,
}

impl Default for GateKeys {
    fn default() -> Self {
        Self { require: Require::Nothing, refusals: 2, own_tests_s: 0.0 }
    }
}

/// How the conversation is kept within the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompactionKeys {
    /// Share of the window at which compaction starts; 0: never.
    pub at: f64,
    /// The window for that share, in tokens, if the server's is larger or unknown; 0: the server's.
    pub window: u64,
    /// What is left of the conversation.
    pub how: CompactHow,
    /// Whether a reply that was cut off at its token limit before any call is followed by compaction, not by a reminder.
    pub after_cut: bool,
    /// Newest steps that stay verbatim.
    pub keep_steps: usize,
    /// Characters that an old tool result keeps when shortened.
    pub result_chars: usize,
    /// The request for a summary.
    pub ask: String,
    /// For [`CompactHow::Restart`]: characters of the conversation that are summarised, from its beginning; 0: all.
    pub transcript_chars: usize,
    /// Token limit of a summary; 0: as for any reply.
    pub reply_tokens: u64,
    /// Temperature for a summary; left out: as for any reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// What is left of a conversation that was compacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompactHow {
    /// Old results are shortened; where that is not enough, the model's summary, facts that voe restates, and the newest
    /// steps.
    #[default]
    Shorten,
    /// The task, and the model's summary behind the standing instructions (the published behaviour).
    Restart,
}

impl Default for CompactionKeys {
    fn default() -> Self {
        Self {
            at: 0.75,
            window: 0,
            how: CompactHow::Shorten,
            after_cut: false,
            keep_steps: 4,
            result_chars: 600,
            ask: "The conversation is about to be shortened. Write a summary from which the work can go on without the earlier \
                  messages: what is known about the problem and its cause, which files and functions matter (with line numbers), \
                  what was tried and what came of it, and what is to be done next. Facts only, at most 600 words. Call no tool."
                .into(),
            transcript_chars: 0,
            reply_tokens: 0,
            temperature: None,
        }
    }
}

/// When a loop of repeated calls ends the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stuck {
    /// The same call with the same result this many times in a row triggers a nudge, and twice as many end the attempt. 0: never.
    pub repeats: u32,
}

impl Default for Stuck {
    fn default() -> Self {
        Self { repeats: 3 }
    }
}
