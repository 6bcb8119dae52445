//! Errors, one line each. The system's error is part of the line, so that a chain of causes does not repeat it.

use std::io;
use std::path::PathBuf;

/// A report, a comparison or the viewer could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file or directory could not be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The path.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {path}: {cause}")]
    Write {
        /// The path.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// A path was refused, or the system refused access.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// A trajectory could not be read.
    #[error(transparent)]
    Record(#[from] voe_trace::ReadError),
    /// A run directory contains something that voe never puts there.
    #[error("{path} is a {kind}, which voe does not put into a run directory; remove it, or use another run")]
    Foreign {
        /// The path.
        path: PathBuf,
        /// Kind of the entry.
        kind: voe_untrusted::FileKind,
    },
    /// The output path is not a regular file.
    #[error(
        "{path} is a {kind}, and a report is written to files only; remove it, or leave out --out and redirect the output"
    )]
    Taken {
        /// The path.
        path: PathBuf,
        /// Kind of the entry there.
        kind: voe_untrusted::FileKind,
    },
    /// The input does not exist.
    #[error("{path} not found; give a run directory (runs/NAME), an arm of one (runs/NAME:ARM) or a file")]
    Missing {
        /// The input as given.
        path: PathBuf,
    },
    /// Neither a run directory nor a report.
    #[error(
        "{path} is neither a run directory nor an official run report (schema 2) ({why}); give one of these, such as runs/NAME"
    )]
    NotARun {
        /// The path.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// One attempt's record where a run is needed.
    #[error(
        "{path} is the record of one attempt, but a report needs a run directory; to see the attempt: voe view {path}"
    )]
    OneRecord {
        /// Path of the record.
        path: PathBuf,
    },
    /// There is no attempt to view.
    #[error(
        "{path} contains no trajectory; give a run directory (runs/NAME), a trajectory.jsonl or an official run report (.json)"
    )]
    NothingToView {
        /// The input as given.
        path: PathBuf,
    },
    /// The run has no arm with that name.
    #[error("{path} has no arm \"{arm}\"; it has: {known}")]
    NoSuchArm {
        /// The run.
        path: PathBuf,
        /// The requested arm.
        arm: String,
        /// Its arms.
        known: String,
    },
    /// One arm is needed and there are several.
    #[error("{path} has several arms; give one as {path}:ARM: {known}")]
    SeveralArms {
        /// The run.
        path: PathBuf,
        /// Its arms.
        known: String,
    },
    /// Two runs are parts of one experiment.
    #[error(
        "{a} and {b} {why}: compared, each would count as unresolved what only the other attempted, and a p-value would be meaningless; give only one of them"
    )]
    Parts {
        /// A run.
        a: PathBuf,
        /// Another run.
        b: PathBuf,
        /// How they are related.
        why: String,
    },
    /// A suite file contains no valid tasks.
    #[error("cannot read tasks from {path}: {why}")]
    TaskSet {
        /// The path.
        path: PathBuf,
        /// The error, with the row.
        why: String,
    },
    /// An option is out of its range.
    #[error("{0}")]
    Usage(String),
    /// A page could not be made from its template.
    #[error("cannot make the page: {0}")]
    Template(#[from] minijinja::Error),
    /// The viewer's port is not available.
    #[error("cannot listen on {address}: {cause}; choose another port with --port, or any free one with --port 0")]
    Listen {
        /// The address, with its port.
        address: String,
        /// The system's error.
        cause: io::Error,
    },
}

impl ReportError {
    /// For `map_err` where a path is known.
    pub(crate) fn read(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Read { path, cause }
    }

    /// The same for a path that the user gave.
    pub(crate) fn input(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Read { path, cause },
        }
    }

    /// For `map_err` where a path is known.
    pub(crate) fn write(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Write { path, cause }
    }
}
