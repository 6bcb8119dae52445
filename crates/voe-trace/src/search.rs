//! Nodes of a search over several attempts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::evidence::Level;
use crate::finish::Reason;

/// A node of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Its number in the tree; 0 is the root.
    pub id: u32,
    /// Its parent.
    #[serde(default)]
    pub parent: Option<u32>,
    /// The kind of node.
    pub kind: NodeKind,
    /// The record of its attempt, relative to this file.
    #[serde(default)]
    pub trajectory: Option<String>,
    /// The step of that attempt.
    #[serde(default)]
    pub step: u32,
    /// Its value, between 0 and 1.
    #[serde(default)]
    pub value: Option<f64>,
    /// The result of its attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutFacts>,
    /// The basis of the choice, for [`NodeKind::Choose`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Examination>,
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The base, from which everything starts.
    Root,
    /// A whole attempt.
    Rollout,
    /// A short attempt from the middle of another, to find the value of that state.
    Probe,
    /// An attempt from the middle of another.
    Expand,
    /// An attempt from the middle of another, run to its end.
    Finish,
    /// The choice among the attempts that ended.
    Choose,
}

impl NodeKind {
    /// The name in records and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Rollout => "rollout",
            Self::Probe => "probe",
            Self::Expand => "expand",
            Self::Finish => "finish",
            Self::Choose => "choose",
        }
    }
}

impl std::fmt::Display for NodeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// The result of an attempt of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RolloutFacts {
    /// Its strategy.
    pub strategy: String,
    /// Its model, where the search has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its temperature, where the search sets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Why it ended.
    pub reason: Reason,
    /// The level of its patch.
    pub level: Level,
    /// Its own steps, without those that it began with.
    pub steps: u32,
    /// Tokens of these steps.
    pub usage: Usage,
    /// Whether it ended; else it can be continued.
    pub over: bool,
    /// A model's judgement of its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// A model's judgement of a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// Its answer, or the error of the request.
    pub text: String,
    /// Tokens of the question.
    #[serde(default)]
    pub usage: Usage,
}

/// The basis of a choice between patches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Examination {
    /// The patches.
    pub candidates: Vec<Candidate>,
    /// Each attempt's proving checks, run with each patch and on the base.
    pub checks: Vec<CheckMatrixRow>,
    /// The repository's own tests, if they had to decide.
    #[serde(default)]
    pub own_tests: Vec<CheckMatrixRow>,
    /// The candidate that was chosen.
    #[serde(default)]
    pub chosen: Option<usize>,
    /// The reason, in one line.
    #[serde(default)]
    pub why: String,
}

/// A patch, made by one attempt, or by several in the same way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The attempts that made it; the one that represents them first.
    pub attempts: Vec<u32>,
    /// The level of its evidence in its own attempt; the best of them.
    pub level: Level,
    /// Whether an attempt that made it completed.
    pub completed: bool,
    /// Lines that it adds and removes.
    pub lines: u64,
    /// Whether it changes anything.
    pub empty: bool,
}

/// A row of the check matrix: a command, run with every patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckMatrixRow {
    /// The attempts that made the check; none for the repository's own tests.
    pub authors: Vec<u32>,
    /// The command.
    pub command: String,
    /// Whether it passes on the base; `None`: it could not be run there.
    pub base: Option<bool>,
    /// Whether it passes with each candidate; `None`: not known.
    pub with: Vec<Option<bool>>,
}
