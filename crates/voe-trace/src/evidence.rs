//! Checks, and their outcomes with and without the edits.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ended_by::EndedBy;

/// How much a check, or all checks of a patch, show. Ordered from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It exits non-zero with the edits; or a check that passed at the base fails now.
    Refuted,
    /// Nothing was run since the edit.
    #[default]
    None,
    /// It shows nothing either way: without the edits it could not start, found nothing to test, or lacked a path of the
    /// patch; it only reads source text; or it is flaky with the edits.
    Inconclusive,
    /// It exits 0 without the edits too: it shows nothing about them.
    Vacuous,
    /// A command ran after the edit and exited 0; what it does without the edit is not known.
    Ran,
    /// It fails without the edits, for its own reason, and passes with them: red → green.
    Proven,
}

impl Level {
    /// The name in records, tables and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuted => "refuted",
            Self::None => "none",
            Self::Inconclusive => "inconclusive",
            Self::Vacuous => "vacuous",
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
}

impl std::fmt::Display for Outcome {
    /// How the command ended, for people and models.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.exit, self.ended_by) {
            (Some(exit), _) => write!(f, "exit code {exit}"),
            (None, Some(by)) => by.fmt(f),
            (None, None) => f.write_str("did not end"),
        }
    }
}

/// One command as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// The command, as it was run.
    pub command: String,
    /// The step in which it last ran.
    pub step: u32,
    /// Hash of the changed files at that time, tests left out; the same hash means the same code.
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
}

/// The reason for a check's level. [`std::fmt::Display`] gives it in one line, for people and models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Why {
    /// Proven: the line that the failing run printed and the passing one did not.
    FailsWith {
        /// The line, at most 300 characters.
        line: String,
    },
    /// Proven: without the edits it ran into its time limit, which it is far from with them.
    DidNotEnd {
        /// The limit in seconds.
        seconds: u64,
    },
    /// Inconclusive: without the edits it was ended early.
    Ended {
        /// What ended it, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<EndedBy>,
    },
    /// Inconclusive: without the edits the shell could not start it.
    NotStarted,
    /// Inconclusive: pytest found nothing to run without the edits.
    NothingCollected {
        /// pytest's exit code: 4 or 5.
        exit: i32,
    },
    /// Inconclusive: without the edits the runner reported that it tested nothing.
    NothingTested {
        /// The runner's message.
        words: String,
    },
    /// Inconclusive: without the edits it lacked a path that the edits add.
    MissingPath {
        /// The path, relative to the workspace.
        path: String,
    },
    /// Inconclusive: it reads source text and does not run it.
    ReadsSourceOnly,
    /// Inconclusive: it is flaky, passing and failing on the same code.
    Chance,
    /// It is flaky without the edits, so that run does not count.
    ChanceWithout,
    /// It was not run without the edits.
    NotRun {
        /// The reason, in one line.
        error: String,
    },
    /// Evidence of this attempt is void.
    Void {
        /// The reason, in one line.
        why: String,
    },
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::FailsWith { line } => f.write_str(line),
            Self::DidNotEnd { seconds } => write!(f, "it did not end within {seconds} s"),
            Self::Ended { by: Some(by) } => by.fmt(f),
            Self::Ended { by: None } => f.write_str("it did not end"),
            Self::NotStarted => f.write_str("the command could not be started without the changes"),
            Self::NothingCollected { exit } => {
                write!(f, "pytest found nothing to run without the changes (exit code {exit})")
            }
            Self::NothingTested { words } => write!(f, "nothing was tested without the changes (\"{words}\")"),
            Self::MissingPath { path } => write!(f, "it failed because {path} is not there without the changes"),
            Self::ReadsSourceOnly => f.write_str("it only reads source text"),
            Self::Chance => f.write_str("it passes and fails on the same code by chance"),
            Self::ChanceWithout => f.write_str("not run without the edits: it passes and fails there by chance"),
            Self::NotRun { error } => write!(f, "not run without the edits: {error}"),
            Self::Void { why } => write!(f, "void: {why}"),
        }
    }
}
