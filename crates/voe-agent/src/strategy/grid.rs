//! Keys of the verification grid: method, time, recovery; and red before green.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_trace::event::VerifyMethod;

/// Verification by voe, besides the model's own checks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// The method.
    pub method: Method,
    /// When to verify.
    pub when: Granularity,
    /// For `command`: the command. For `self_review` and `spec`: the question, in place of voe's own.
    pub text: String,
}

impl Method {
    /// The method as recorded; `None` where nothing is verified.
    pub fn recorded(self) -> Option<VerifyMethod> {
        Some(match self {
            Self::None => return None,
            Self::SelfReview => VerifyMethod::SelfReview,
            Self::Tests => VerifyMethod::Tests,
            Self::Spec => VerifyMethod::Spec,
            Self::Command => VerifyMethod::Command,
            Self::Counterfactual => VerifyMethod::Counterfactual,
        })
    }

    /// The word shown to people and models.
    pub fn word(self) -> &'static str {
        self.recorded().map_or("none", VerifyMethod::word)
    }
}

/// A method of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// No verification.
    #[default]
    None,
    /// The model reviews its own change in the same conversation.
    SelfReview,
    /// The repository's own tests that touch the changed files, run by voe.
    Tests,
    /// A clean context compares the patch with the statement.
    Spec,
    /// A command.
    Command,
    /// The patch's evidence (what the gate `proven` asks for).
    Counterfactual,
}

/// When verification runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// When the model declares that it is done.
    #[default]
    End,
    /// When it reports that a part is done (a `checkpoint` call), and at the end.
    Feature,
    /// After each step that edited, and at the end.
    Step,
}

/// What happens when a verification fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Recovery {
    /// How the work continues.
    pub how: RecoverHow,
    /// Maximum number of recoveries; a verification that passes resets the count.
    pub times: u32,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { how: RecoverHow::Retry, times: 2 }
    }
}

/// How the work continues after a failed verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoverHow {
    /// In the same context.
    #[default]
    Retry,
    /// After compaction.
    Compact,
    /// In a fresh context with the task, the failure and the state of the workspace.
    Fresh,
}

/// A failing check comes before the first edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedFirst {
    /// How many different commands must have failed first.
    pub checks: u32,
    /// Edits refused or reverted before that; after these, edits are allowed.
    pub refusals: u32,
}

impl Default for RedFirst {
    fn default() -> Self {
        Self { checks: 1, refusals: 2 }
    }
}
