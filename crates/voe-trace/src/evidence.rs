//! What a check showed, with the edits and without them.

use serde::{Deserialize, Serialize};

/// How much a check, or all checks of a patch, show. Ordered from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It exits non-zero with the edits; or a check that passed at base fails now.
    Refuted,
    /// Nothing was run since the edit.
    #[default]
    None,
    /// Without the edits it could not start, found nothing to test, or failed for the lack of a path of the patch.
    Unrunnable,
    /// It exits 0 without the edits too: it shows nothing about them.
    Vacuous,
    /// A command ran after the edit and exited 0; what it does without the edit is not known.
    Ran,
    /// It fails without the edits, for its own reason, and passes with them: red → green.
    Proven,
}

impl Level {
    /// The word used in records, tables and messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuted => "refuted",
            Self::None => "none",
            Self::Unrunnable => "unrunnable",
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

/// How one run of a command ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The exit code; a signal counts as 128 + its number, as in a shell. `None`: it never started, or was ended at a limit.
    pub exit: Option<i32>,
    /// Why it was ended, if a limit ended it ("time limit 120 s").
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub killed: Option<String>,
    /// Wall time in seconds.
    pub seconds: f64,
    /// The last lines of its output.
    #[serde(default)]
    pub tail: String,
}

/// One command as evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// The command, as it was run.
    pub command: String,
    /// The step in which it ran last.
    pub step: u32,
    /// Hash of the changed files at that time, tests left out; the same hash means the same code.
    pub tree: String,
    /// What it showed.
    pub level: Level,
    /// How it ended with the edits.
    pub with: Outcome,
    /// How it ended without the edits, where that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without: Option<Outcome>,
    /// One line on why the level is what it is, where that is not plain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}
