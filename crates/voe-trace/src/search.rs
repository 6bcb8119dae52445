//! Nodes of a search over several attempts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// What the search notes about it (visits, the matrix of a cross-examination …).
    #[serde(default)]
    pub detail: Value,
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
