//! Whose matter a failure is, and what shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose matter a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The patch's, wherever nothing shows otherwise.
    Patch,
    /// The environment's or the machine's.
    Environment,
    /// Either's.
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

/// What shows a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseSign {
    /// Tests ran, and not all that decide came out as they must.
    TestsFailed,
    /// No test ran, and nothing shows a cause outside of the patch.
    NoTestRan,
    /// The project's code can't be loaded.
    CodeBroken,
    /// The patch does not apply.
    NotApplied,
    /// A module that is not there.
    MissingModule,
    /// A shared library that is not there.
    MissingLibrary,
    /// A binary module that was built for another version of a library.
    BinaryMismatch,
    /// A program that is not there.
    MissingProgram,
    /// A display that is not there.
    DisplayUnavailable,
    /// A browser that can't be started.
    BrowserUnavailable,
    /// A container engine that can't be reached.
    ContainerUnavailable,
    /// The project was not there, and its installation failed for want of a network.
    NotInstalled,
    /// No network in the tests.
    NetworkUnreachable,
    /// Out of memory.
    OutOfMemory,
    /// The disk is full.
    DiskFull,
    /// The tests ran too long.
    TimeLimit,
    /// The sandbox ended the tests.
    Ended,
    /// The test command found nothing to run.
    NoTestsCollected,
    /// The log ends before the tests began, or before they ended.
    LogCut,
    /// The official parser stops at a line of the log.
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

    /// Whose matter it is, where the patch has nothing to do with it.
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
