//! Keys of the verification grid: by what means, when, what follows a failure; and red before green.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_trace::event::VerifyMethod;

/// Verification by other means than the model's own checks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Verify {
    /// By what means.
    pub method: Method,
    /// When it happens.
    pub when: Granularity,
    /// For `command`: the command. For `self_review` and `spec`: what is asked, in place of voe's own words.
    pub text: String,
}

impl Method {
    /// As records have it; `None` where nothing is verified.
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

/// A means of verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
