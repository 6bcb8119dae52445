//! Checks, and their outcomes with and without the edits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ended_by::EndedBy;
use crate::role::CheckFile;
use crate::test_run::{HiddenExit, TestComparison, TestRun};
use crate::why::Why;

/// How much a check, or all checks of a patch, show. Ordered from the least to the most: a patch has the level of its best
/// check, unless something that passed without it fails with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Nothing was run since the edit.
    #[default]
    None,
    /// It can run and fails with the change; a regression if it passes without it.
    Refuted,
    /// It shows nothing either way, for the reason in [`Why`]: it could not start, its own file or runner is missing, it found
    /// nothing to test, without the change it lacks a path of the patch, it only reads source text, or chance decides.
    Inconclusive,
    /// A check made for this change that passes without it too: it shows nothing about the change.
    Vacuous,
    /// A check that was there before, such as the repository's own tests, and passes without and with the change.
    Kept,
    /// It passed with the change; what it does without it is not known.
    Ran,
    /// It fails without the change, for its own reason, and passes with it: red → green.
    Proven,
}

impl Level {
    /// The name in records, tables and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
            Self::Vacuous => "vacuous",
            Self::Kept => "kept",
            Self::Ran => "ran",
            Self::Proven => "proven",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// The outcome of one run of a command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// The exit code; a signal counts as 128 + its number, as in a shell. `None`: it never started, or was ended at a limit.
    pub exit: Option<i32>,
    /// What ended it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The last lines of its output.
    #[serde(default)]
    pub tail: String,
    /// What its test runner reported, where it is one that tells tests apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestRun>,
    /// The exit code that the command hides (behind a pipe, `|| true`, a last `echo`), where it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<HiddenExit>,
}

impl Outcome {
    /// Whether the command passed, by the exit code that counts.
    pub fn passed(&self) -> bool {
        self.exit_code() == Some(0)
    }

    /// The exit code that counts: the hidden one where it was found, else the command's.
    pub fn exit_code(&self) -> Option<i32> {
        self.hidden.map_or(self.exit, |hidden| Some(hidden.exit))
    }
}

impl std::fmt::Display for Outcome {
    /// How the command ended, for people and models.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(hidden) = self.hidden {
            return write!(f, "exit code {}", hidden.exit);
        }
        match (self.exit, self.ended_by) {
            (Some(exit), _) => write!(f, "exit code {exit}"),
            (None, Some(by)) => by.fmt(f),
            (None, None) => f.write_str("did not end"),
        }
    }
}

/// One command as evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The command, as it was run.
    pub command: String,
    /// The step in which it last ran.
    pub step: u32,
    /// Hash of the changed code at that time, tests and check files left out; the same hash means the same code.
    pub code_tree: String,
    /// Its level.
    pub level: Level,
    /// The outcome with the edits.
    pub with: Outcome,
    /// The outcome without the edits, if that was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<Outcome>,
    /// The reason for the level, where the two outcomes don't show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// Whether it was there before the change, or made for it.
    #[serde(default, skip_serializing_if = "CheckOrigin::is_made")]
    pub origin: CheckOrigin,
    /// The files that go along into the run without the change: its check files and tests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<CheckFile>,
    /// How its tests differ between the two runs, where the runner tells them apart in both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<TestComparison>,
    /// Where the outputs differ, if both runs passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<OutputDifference>,
}

/// Whether a check was there before the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckOrigin {
    /// It was made for the change: a script, a new test, code in the command.
    #[default]
    Made,
    /// It runs nothing that the change added: tests of the repository.
    Repository,
}

impl CheckOrigin {
    fn is_made(&self) -> bool {
        *self == Self::Made
    }
}

/// Where the outputs of two runs that both passed differ, after what differs by chance was masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputDifference {
    /// The first line that differs, with the change; empty: no such line. At most 300 characters.
    pub with: String,
    /// The same without the change.
    pub without: String,
}
