//! The reason for a check's level.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ended_by::EndedBy;

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
    /// Inconclusive: a file that only the check needs is missing, with and without the change.
    CheckFileMissing {
        /// The file, as the command names it.
        path: String,
    },
    /// Inconclusive: its runner or interpreter is not installed here.
    NoRunner {
        /// The missing program or module.
        name: String,
    },
    /// Inconclusive: the check itself is broken, by its syntax or a name that it lacks.
    CheckFileBroken {
        /// The line that reports it, at most 300 characters.
        line: String,
    },
    /// Inconclusive: without the change a name of the patch is missing, and the check does nothing but import it.
    OnlyImports {
        /// The name.
        name: String,
    },
    /// Inconclusive: the exit code says nothing, since the command hides that of what it runs.
    ExitHidden,
    /// Inconclusive: the same tests fail without the change.
    SameTestsFail {
        /// The number of these tests.
        tests: u32,
    },
    /// Inconclusive: the tests that fail without the change did not run with it.
    TestsNotRun,
    /// Inconclusive: it passed on an earlier state of the change, and fails now with and without it.
    NoLongerPasses,
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
            Self::CheckFileMissing { path } => write!(f, "its own file {path} is missing"),
            Self::NoRunner { name } => write!(f, "{name} is not installed here"),
            Self::CheckFileBroken { line } => write!(f, "the check itself is broken: {line}"),
            Self::OnlyImports { name } => {
                write!(f, "without the changes {name} is missing, and the check only imports it")
            }
            Self::ExitHidden => f.write_str("the command hides the exit code of what it runs"),
            Self::SameTestsFail { tests } => write!(f, "the same {tests} tests fail without the changes"),
            Self::TestsNotRun => f.write_str("the tests that fail without the changes did not run with them"),
            Self::NoLongerPasses => f.write_str("it passed on an earlier state of the changes and fails now"),
            Self::Void { why } => write!(f, "void: {why}"),
        }
    }
}
