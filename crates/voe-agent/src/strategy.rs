//! What a strategy file says, key by key.

use serde::{Deserialize, Serialize};
use voe_model::Sampling;
use voe_toolbox::protocol::Syntax;

/// How the agent works. Read with [`crate::load::load`]; every key has a default, so a file holds only what it means to say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tools {
    /// The tools offered, in this order.
    pub offer: Vec<String>,
    /// What to do about an edit that breaks a file's syntax.
    pub syntax: Syntax,
    /// Whether commands that install packages are refused.
    pub refuse_installs: bool,
    /// Seconds for a command that does not ask for another limit.
    pub timeout_s: f64,
    /// Characters of output that the model sees.
    pub output_chars: usize,
}

impl Default for Tools {
    fn default() -> Self {
        let offer = ["file_read", "file_edit", "file_write", "bash", "grep", "glob"];
        Self {
            offer: offer.map(str::to_owned).to_vec(),
            syntax: Syntax::Warn,
            refuse_installs: false,
            timeout_s: 120.0,
            output_chars: 30_000,
        }
    }
}

/// How the model says that it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Done {
    /// The word that ends the attempt, in a reply without a call.
    pub marker: String,
    /// Replies in a row with neither call nor marker after which the attempt is stuck.
    pub reminders: u32,
    /// Offers a `finish` tool as well.
    pub finish_tool: bool,
}

impl Default for Done {
    fn default() -> Self {
        Self { marker: "TASK_COMPLETE".into(), reminders: 3, finish_tool: false }
    }
}

/// Where the attempt ends at the latest. 0: no limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placement {
    /// At the end of the tool result: keeps the server's prefix cache.
    #[default]
    ToolResult,
    /// A user message of its own after the step's results (the published behaviour).
    User,
}

/// How several edits share one nudge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counterfactual {
    /// No.
    Off,
    /// Yes, and only the record holds what came of it.
    #[default]
    Record,
    /// Yes, and the model is told.
    Tell,
}

/// What must hold before "done" is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What the gate asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Nothing: the model's word is enough.
    #[default]
    Nothing,
    /// Some check exited 0 after the last edit.
    Ran,
    /// The patch is proven and no check that passed at base fails now.
    Proven,
}

/// How the conversation is kept within the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompactionKeys {
    /// Share of the window at which it begins; 0: never.
    pub at: f64,
    /// Newest steps that stay verbatim.
    pub keep_steps: usize,
    /// Characters that an old tool result keeps when shortened.
    pub result_chars: usize,
    /// What the model is asked when it summarises.
    pub ask: String,
}

impl Default for CompactionKeys {
    fn default() -> Self {
        Self {
            at: 0.75,
            keep_steps: 4,
            result_chars: 600,
            ask: "The conversation is about to be shortened. Write a summary from which the work can go on without the earlier \
                  messages: what is known about the problem and its cause, which files and functions matter (with line numbers), \
                  what was tried and what came of it, and what is to be done next. Facts only, at most 600 words. Call no tool."
                .into(),
        }
    }
}

/// When going round in circles ends the attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// Verification by other means than the model's own checks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// By what means.
    pub method: Method,
    /// When.
    pub when: Granularity,
    /// For `command`: the command. For `self_review` and `spec`: what is asked, in place of voe's own words.
    pub text: String,
}

impl Method {
    /// The word used in strategies and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::SelfReview => "self-review",
            Self::Tests => "tests",
            Self::Spec => "spec",
            Self::Command => "command",
            Self::Counterfactual => "counterfactual",
        }
    }
}

/// A means of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// None.
    #[default]
    None,
    /// The model reviews its own change in the same conversation.
    SelfReview,
    /// The repository's own tests that touch the changed files, run by voe.
    Tests,
    /// A clean context compares the patch with the statement.
    Spec,
    /// A command, end to end.
    Command,
    /// The patch's evidence (what the gate `proven` asks for).
    Counterfactual,
}

/// When a verification is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// When the model says that it is done.
    #[default]
    End,
    /// When it says that a part is done (a `checkpoint` call), and at the end.
    Feature,
    /// After each step that edited, and at the end.
    Step,
}

/// What happens when a verification fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// How the work goes on.
    pub how: RecoverHow,
    /// How often at most; a verification that passes begins the count anew.
    pub times: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { how: RecoverHow::Retry, times: 2 }
    }
}

/// How the work goes on after a failed verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoverHow {
    /// In the same context.
    #[default]
    Retry,
    /// After compaction.
    Compact,
    /// In a fresh context that holds the task, the failure and the state of the workspace.
    Fresh,
}

/// A failing check comes before the first edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedFirst {
    /// Different commands that must have been seen to fail.
    pub checks: u32,
    /// Edits refused or undone before that; then they are let through.
    pub refusals: u32,
}

impl Default for RedFirst {
    fn default() -> Self {
        Self { checks: 1, refusals: 2 }
    }
}

/// The harness leads, one question a fresh context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// Checks tried until one is red; 0: no check is written.
    pub checks: u32,
    /// Candidate patches for each place.
    pub candidates: u32,
    /// Places tried.
    pub places: u32,
    /// What the model writes.
    pub write: Writes,
    /// Characters of source shown in one question.
    pub source_chars: usize,
    /// Characters of the statement shown in one question.
    pub statement_chars: usize,
    /// What is asked.
    pub ask: Questions,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            checks: 4,
            candidates: 2,
            places: 2,
            write: Writes::Function,
            source_chars: 6000,
            statement_chars: 3000,
            ask: Questions::default(),
        }
    }
}

/// What the model of a pipeline writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// The function anew.
    #[default]
    Function,
    /// The file anew.
    File,
    /// Blocks of text to search for and what replaces them.
    Replace,
}

/// The questions of a pipeline. Templates; each is the only message of its request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Questions {
    /// Which places matter; may use `statement` and `places`, a numbered list.
    pub place: String,
    /// For a failing check; may use `statement`, `path`, `source`, `language` and `rejected`, why the last one was not taken.
    pub check: String,
    /// For the change; may use `statement`, `path`, `source`, `whole` (what `source` is), `check`, `output`, `tried` (the change
    /// that was tried last) and `failure` (what came of it).
    pub change: String,
}

/// Several attempts as one. `limits` then bounds all of them together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Search {
    /// How.
    pub kind: SearchKind,
    /// Attempts or nodes at most.
    pub n: u32,
    /// Rollouts at a time.
    pub parallel: u32,
    /// The strategy of each attempt, by name; several take turns. Empty: this file without `search`.
    pub strategies: Vec<String>,
    /// Temperatures that take turns; empty: the strategy's own.
    pub temperatures: Vec<f64>,
    /// For `ralph`: whether the next attempt goes on in the workspace of the last.
    pub keep_workspace: bool,
    /// For `mcts`: steps a node; for `bst`: rollouts a probe.
    pub width: u32,
    /// For `mcts`: the exploration constant of UCT.
    pub explore: f64,
    /// Steps of one attempt at most; 0: an equal share of what is left of `limits.steps`.
    pub steps: u32,
    /// For `bst` and `mcts`: where the value of a state comes from.
    pub value: ValueFrom,
    /// For `mcts`: whether an attempt is told what others from the same state did.
    pub tell_siblings: bool,
}

/// How several attempts are made one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchKind {
    /// One after another until the gate holds.
    Ralph,
    /// All, and the best by evidence.
    #[default]
    BestOfN,
    /// By halving for the bad decision in the best of them.
    Bst,
    /// As a tree.
    Mcts,
}

impl SearchKind {
    /// The word used in strategies and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ralph => "ralph",
            Self::BestOfN => "best-of-n",
            Self::Bst => "bst",
            Self::Mcts => "mcts",
        }
    }
}

/// Where the value of a state comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueFrom {
    /// The level of its evidence.
    #[default]
    Evidence,
    /// That, and a model that is shown statement and patch.
    Judge,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            kind: SearchKind::BestOfN,
            n: 4,
            parallel: 1,
            strategies: Vec::new(),
            temperatures: Vec::new(),
            keep_workspace: false,
            width: 5,
            explore: 1.4,
            steps: 0,
            value: ValueFrom::Evidence,
            tell_siblings: true,
        }
    }
}
