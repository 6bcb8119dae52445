//! What a strategy file says, key by key.

mod grid;
mod leading;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_evidence::Require;
use voe_model::Sampling;
use voe_protocol::Syntax;

pub use grid::{Granularity, Method, RecoverHow, Recovery, RedFirst, Verify};
pub use leading::{Pipeline, Questions, Search, SearchKind, ValueFrom, Writes};

/// How the agent works. Read with [`crate::load::load`]; every key has a default, so a file holds only what it means to say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Strategy {
    /// Its name; the file's stem if left out.
    pub name: String,
    /// What it is, in one line.
    pub about: String,
    /// What is said to the model.
    pub prompt: Prompt,
    /// What it may do.
    pub tools: Tools,
    /// How it says that it is done.
    pub done: Done,
    /// Where the attempt ends at the latest.
    pub limits: Limits,
    /// How replies are drawn.
    pub sampling: Sampling,
    /// When it is asked to verify.
    pub nudge: Nudge,
    /// What voe finds out by itself about each check.
    pub evidence: EvidenceKeys,
    /// What must hold before "done" is accepted.
    pub gate: Gate,
    /// How the conversation is kept within the window.
    pub compaction: CompactionKeys,
    /// When going round in circles ends the attempt.
    pub stuck: Stuck,
    /// Verification by other means than the model's own checks.
    pub verify: Verify,
    /// What happens when a verification fails.
    pub recovery: Recovery,
    /// A failing check comes before the first edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub red_first: Option<RedFirst>,
    /// The harness leads, one question a fresh context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<Pipeline>,
    /// Several attempts as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

/// What is said to the model. Templates in minijinja's language; they may use `workspace`, `task_id`, `statement`, `check`,
/// `notes`, `marker`, `tools` and `method`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Prompt {
    /// The standing instructions.
    pub system: String,
    /// The first user message.
    pub task: String,
    /// Said when a reply has neither a call nor the completion marker.
    pub reminder: String,
    /// Whether the repository's AGENTS.md is given to the model.
    pub project_notes: bool,
    /// Characters of it at most.
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

/// What the model may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tools {
    /// The tools offered, in this order.
    pub offer: Vec<String>,
    /// What to do about an edit that breaks a file's syntax.
    pub syntax: Syntax,
    /// Whether commands that install packages are refused.
    pub refuse_installs: bool,
    /// Commands that hold one of these texts are refused, whatever their case.
    pub refuse: Vec<String>,
    /// Seconds for a command that does not ask for another limit.
    pub timeout_s: f64,
    /// Characters of output that the model sees.
    pub output_chars: usize,
    /// Lines of a file that `file_read` shows to a call that asks for no other number.
    pub read_lines: usize,
    /// Matching lines that `grep` shows.
    pub grep_matches: usize,
    /// Paths that `glob` lists.
    pub glob_files: usize,
}

impl Default for Tools {
    fn default() -> Self {
        let offer = ["file_read", "file_edit", "file_write", "bash", "grep", "glob"];
        let limits = voe_protocol::Limits::default();
        Self {
            offer: offer.map(str::to_owned).to_vec(),
            syntax: Syntax::Warn,
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

/// How the model says that it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Done {
    /// The word that ends the attempt, in a reply without a call.
    pub marker: String,
    /// Whether the word ends the attempt wherever it stands in the reply, not only alone on a line or at the end.
    pub anywhere: bool,
    /// Replies in a row with neither call nor marker after which the attempt is stuck; 0: never.
    pub reminders: u32,
    /// Offers a `finish` tool as well.
    pub finish_tool: bool,
}

impl Default for Done {
    fn default() -> Self {
        Self { marker: "TASK_COMPLETE".into(), anywhere: false, reminders: 3, finish_tool: false }
    }
}

/// Where the attempt ends at the latest. 0: no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
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

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 200, tokens: 0, wall_s: 0.0, cost: 0.0, reply_tokens: 32_768 }
    }
}

/// When the model is asked to verify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Nudge {
    /// What it follows.
    pub on: NudgeOn,
    /// Where it is put.
    pub placement: Placement,
    /// How several edits share one.
    pub coalesce: Coalesce,
    /// What it says; may use `files`, a list of the files just edited.
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
    /// A step that neither edits nor checks while the ledger holds an edit without proof.
    Unproven,
}

/// Where a nudge is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// At the end of the tool result: keeps the server's prefix cache.
    #[default]
    ToolResult,
    /// A user message of its own after the step's results (the published behaviour).
    User,
}

/// How several edits share one nudge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coalesce {
    /// One after each call that edits.
    Each,
    /// One a step, after its last edit.
    #[default]
    Step,
    /// One when the edits stop: after the first call that neither edits nor checks.
    Run,
}

/// What voe finds out by itself about each check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EvidenceKeys {
    /// Whether passing checks are run again without the edits, and who is told.
    pub counterfactual: Counterfactual,
    /// Seconds for one such run.
    pub timeout_s: f64,
    /// Checks that took longer than this many seconds are not run again.
    pub skip_over_s: f64,
}

impl Default for EvidenceKeys {
    fn default() -> Self {
        Self { counterfactual: Counterfactual::Record, timeout_s: 120.0, skip_over_s: 300.0 }
    }
}

/// Whether passing checks are run again without the edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counterfactual {
    /// Not run.
    Off,
    /// Yes, and only the record holds what came of it.
    #[default]
    Record,
    /// Yes, and the model is told.
    Tell,
}

/// What must hold before "done" is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Gate {
    /// What the patch needs.
    pub require: Require,
    /// Refusals after which the attempt may end all the same.
    pub refusals: u32,
}

impl Default for Gate {
    fn default() -> Self {
        Self { require: Require::Nothing, refusals: 2 }
    }
}

/// How the conversation is kept within the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CompactionKeys {
    /// Share of the window at which it begins; 0: never.
    pub at: f64,
    /// The window that this is a share of, in tokens, where the server's is larger or not known; 0: the server's.
    pub window: u64,
    /// What is left of the conversation.
    pub how: CompactHow,
    /// Whether a reply that its limit of tokens cut off before any call is followed by compaction, not by a reminder.
    pub after_cut: bool,
    /// Newest steps that stay verbatim.
    pub keep_steps: usize,
    /// Characters that an old tool result keeps when shortened.
    pub result_chars: usize,
    /// What the model is asked when it summarises.
    pub ask: String,
    /// For [`CompactHow::Restart`]: characters of the conversation that are summarised, from its beginning; 0: all.
    pub transcript_chars: usize,
    /// Tokens of a summary; 0: as of any reply.
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

/// When going round in circles ends the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Stuck {
    /// The same call with the same result this many times in a row brings a nudge, and as many again the end. 0: never.
    pub repeats: u32,
}

impl Default for Stuck {
    fn default() -> Self {
        Self { repeats: 3 }
    }
}
