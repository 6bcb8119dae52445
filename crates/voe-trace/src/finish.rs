//! The end of an attempt: its reason, patch, evidence and totals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::evidence::{Check, Level};
use crate::result::Change;

/// Why an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The model declared that it is done, and the gate accepted or gave up.
    Completed,
    /// The limit on steps.
    MaxSteps,
    /// The limit on tokens.
    MaxTokens,
    /// The limit on wall time.
    MaxWall,
    /// The window was too small even after compaction.
    Context,
    /// The model was stuck in a loop or stopped calling tools.
    Stuck,
    /// The model or its server failed permanently.
    ModelError,
    /// The user stopped it.
    Interrupted,
    /// voe failed.
    Internal,
}

impl Reason {
    /// The name in records.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Applied {
    /// The patch was applied.
    Yes,
    /// The patch was not applied: not wanted, refused, or empty.
    No,
    /// The tree had changed, and the patch did not apply.
    Conflict,
}

/// Seconds, by use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seconds {
    /// Waiting for the model.
    pub model: f64,
    /// Running tools.
    pub tools: f64,
    /// From start to end.
    pub total: f64,
}

/// The evidence of a patch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// The patch's level.
    pub level: Level,
    /// The checks that it rests on, newest last.
    pub checks: Vec<Check>,
    /// Edited files without a run after their last edit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unchecked: Vec<String>,
    /// Set if the evidence is void: the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finish {
    /// Why the attempt ended.
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
    /// The last outcome of the user's own check, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
    /// Files changed.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// By-products, which are not in the patch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<String>,
    /// Whether the task's own tests pass now, if it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
    /// The path of the record.
    #[serde(default)]
    pub trajectory: String,
}
