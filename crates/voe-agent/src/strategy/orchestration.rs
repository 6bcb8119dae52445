//! Keys of the scripted pipeline and of searches over several attempts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A scripted pipeline: each question in a fresh context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pipeline {
    /// Checks tried until one fails at the base; 0: no check is written.
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
    /// The questions.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Writes {
    /// The whole function.
    #[default]
    Function,
    /// The whole file.
    File,
    /// Blocks of text to search for and what replaces them.
    Replace,
}

/// The questions of a pipeline. Templates; each is the only message of its request.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Questions {
    /// Which places matter; may use `statement` and `places`, a numbered list.
    pub place: String,
    /// For a failing check; may use `statement`, `path`, `source`, `language` and `rejected`, why the last one was not taken.
    pub check: String,
    /// For the change; may use `statement`, `path`, `source`, `whole` (what `source` is), `check`, `output`, `tried` (the change
    /// that was tried last) and `failure` (why it failed).
    pub change: String,
}

/// A search over several attempts. `limits` then applies to all of them together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SearchKeys {
    /// The kind of search.
    pub kind: SearchKind,
    /// Maximum number of attempts or nodes.
    pub n: u32,
    /// Rollouts run in parallel.
    pub parallel: u32,
    /// The strategy of each attempt, by name; several take turns. Empty: this file without `search`.
    pub strategies: Vec<String>,
    /// Models of the same server that take turns, by name; empty: the one that voe was started with.
    pub models: Vec<String>,
    /// Temperatures that take turns; empty: the strategy's own.
    pub temperatures: Vec<f64>,
    /// For `ralph`: whether the next attempt continues in the workspace of the last.
    pub keep_workspace: bool,
    /// For `mcts`: steps per node; for `bst`: rollouts per probe.
    pub width: u32,
    /// For `mcts`: the exploration constant of UCT.
    pub explore: f64,
    /// Step limit of one attempt; 0: an equal share of what is left of `limits.steps`.
    pub steps: u32,
    /// For `bst` and `mcts`: where the value of a state comes from.
    pub value: ValueFrom,
    /// For `mcts`: whether an attempt learns what others from the same state did.
    pub tell_siblings: bool,
}

/// How a search combines several attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SearchKind {
    /// One after another until the gate accepts.
    Ralph,
    /// All, and the best by evidence.
    #[default]
    BestOfN,
    /// By bisecting for the bad decision in the best of them.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueFrom {
    /// The level of its evidence.
    #[default]
    Evidence,
    /// That, and a model that is shown statement and patch.
    Judge,
}

impl Default for SearchKeys {
    fn default() -> Self {
        Self {
            kind: SearchKind::BestOfN,
            n: 4,
            parallel: 1,
            strategies: Vec::new(),
            models: Vec::new(),
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
