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
    /// What was done there.
    pub kind: NodeKind,
    /// The record of the attempt that it holds, relative to this file.
    #[serde(default)]
    pub trajectory: Option<String>,
    /// The step of that attempt.
    #[serde(default)]
    pub step: u32,
    /// Its value, between 0 and 1.
    #[serde(default)]
    pub value: Option<f64>,
    /// What came of the attempt that it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutFacts>,
    /// What the choice rests on, for [`NodeKind::Choose`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Examination>,
}

/// What a search did at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The base, from which everything starts.
    Root,
    /// A whole attempt.
    Rollout,
    /// A short attempt from the middle of another, to see what that state is worth.
    Probe,
    /// An attempt from the middle of another.
    Expand,
    /// The same, run to its end.
    Finish,
    /// The choice among the attempts that ended.
    Choose,
}

impl NodeKind {
    /// The word used in records and shown to people.
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

/// What came of an attempt of a search.
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
    /// The steps that it made itself, those left out that it began with.
    pub steps: u32,
    /// The tokens of these.
    pub usage: Usage,
    /// Whether it ended; else it can be continued.
    pub over: bool,
    /// What a model judged its state to be worth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judgement: Option<Judgement>,
}

/// What a model judged a state to be worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// Its answer, or why it could not be asked.
    pub text: String,
    /// Tokens of the question.
    #[serde(default)]
    pub usage: Usage,
}

/// All that a choice between patches rests on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Examination {
    /// The patches.
    pub candidates: Vec<Candidate>,
    /// Each attempt's proving checks, run with each patch and on the base.
    pub checks: Vec<Crossed>,
    /// The repository's own tests, where they had to decide.
    #[serde(default)]
    pub own_tests: Vec<Crossed>,
    /// The candidate that was chosen.
    #[serde(default)]
    pub chosen: Option<usize>,
    /// Why, in one line.
    #[serde(default)]
    pub why: String,
}

/// A patch, made by one attempt or by several alike.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// The attempts that made it; the one that stands for them first.
    pub attempts: Vec<u32>,
    /// The level of its evidence, as its own attempt left it; the best of them.
    pub level: Level,
    /// Whether an attempt that made it ended by itself.
    pub completed: bool,
    /// Lines that it adds and removes.
    pub lines: u64,
    /// Whether it changes anything.
    pub empty: bool,
}

/// A command, run with every patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Crossed {
    /// The attempts whose check it is; none for the repository's own tests.
    pub authors: Vec<u32>,
    /// The command.
    pub command: String,
    /// Whether it passes on the base; `None`: it could not be run there.
    pub base: Option<bool>,
    /// Whether it passes with each candidate; `None`: not known.
    pub with: Vec<Option<bool>>,
}
