//! The party that a failure is attributed to, and the sign that shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The party that a failure is attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The patch; the default.
    Patch,
    /// The environment or the machine.
    Environment,
    /// Either.
    Unclear,
}

impl Blame {
    /// The word used in tables and lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Patch => "patch",
            Self::Environment => "environment",
            Self::Unclear => "unclear",
        }
    }
}

/// The evidence for a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseSign {
    /// Tests ran, and not all of those that decide gave the expected result.
    TestsFailed,
    /// No test ran, and nothing shows another cause than the patch.
    NoTestRan,
    /// The project's code can't be loaded.
    CodeBroken,
    /// The patch does not apply.
    NotApplied,
    /// A missing module.
    MissingModule,
    /// A missing shared library.
    MissingLibrary,
    /// A binary module that was built for another version of a library.
    BinaryMismatch,
    /// A missing program.
    MissingProgram,
    /// A missing display.
    DisplayUnavailable,
    /// A browser that can't be started.
    BrowserUnavailable,
    /// A container engine that can't be reached.
    ContainerUnavailable,
    /// The project was not installed, and its installation failed because it had no network.
    NotInstalled,
    /// The tests had no network.
    NetworkUnreachable,
    /// Out of memory.
    OutOfMemory,
    /// The disk is full.
    DiskFull,
    /// The tests took too long.
    TimeLimit,
    /// The sandbox stopped the tests.
    Ended,
    /// The test command found nothing to run.
    NoTestsCollected,
    /// The log ends before the tests began, or before they ended.
    LogCut,
    /// The official parser raises an exception at a line of the log.
    ParserStops,
    /// voe, the sandbox or the machine failed.
    Harness,
}

impl CauseSign {
    /// The words used in lines.
    pub fn words(self) -> &'static str {
        match self {
            Self::TestsFailed => "tests failed",
            Self::NoTestRan => "no test ran",
            Self::CodeBroken => "the code can't be loaded",
            Self::NotApplied => "the patch does not apply",
            Self::MissingModule => "a module is missing",
            Self::MissingLibrary => "a library is missing",
            Self::BinaryMismatch => "a binary module was built for another version of a library",
            Self::MissingProgram => "a program is missing",
            Self::DisplayUnavailable => "no display",
            Self::BrowserUnavailable => "no browser",
            Self::ContainerUnavailable => "no container engine",
            Self::NotInstalled => "the project is not installed",
            Self::NetworkUnreachable => "no network",
            Self::OutOfMemory => "out of memory",
            Self::DiskFull => "the disk is full",
            Self::TimeLimit => "the time limit",
            Self::Ended => "the sandbox ended the tests",
            Self::NoTestsCollected => "no tests collected",
            Self::LogCut => "the log is cut",
            Self::ParserStops => "the log can't be parsed",
            Self::Harness => "voe or the machine failed",
        }
    }

    /// The party that the sign points to, if the patch is not involved.
    pub(crate) fn blame(self) -> Blame {
        match self {
            Self::TestsFailed | Self::NoTestRan | Self::CodeBroken | Self::NotApplied => Blame::Patch,
            Self::MissingModule
            | Self::MissingLibrary
            | Self::BinaryMismatch
            | Self::MissingProgram
            | Self::DisplayUnavailable
            | Self::BrowserUnavailable
            | Self::ContainerUnavailable
            | Self::NotInstalled
            | Self::Harness => Blame::Environment,
            Self::NetworkUnreachable
            | Self::OutOfMemory
            | Self::DiskFull
            | Self::TimeLimit
            | Self::Ended
            | Self::NoTestsCollected
            | Self::LogCut
            | Self::ParserStops => Blame::Unclear,
        }
    }
}
