//! What can go wrong, one line each. What the system said stands in the line, so that a chain of causes does not say it twice.

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
        /// What the system said.
        cause: io::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {path}: {cause}")]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// What is at a path was refused, or the system refused.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// A trajectory could not be read.
    #[error(transparent)]
    Record(#[from] voe_trace::ReadError),
    /// Something stands in a run directory that voe never puts there.
    #[error("{path} is a {kind}, which voe does not put into a run directory; remove it, or name another run")]
    Foreign {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: voe_untrusted::Kind,
    },
    /// Something else than a file is where a file is to be written.
    #[error(
        "{path} is a {kind}, and a report is written to files only; remove it, or leave out --out and redirect the output"
    )]
    Taken {
        /// The path.
        path: PathBuf,
        /// What is there.
        kind: voe_untrusted::Kind,
    },
    /// What was named is not there.
    #[error("there is no {path}: name a run directory (runs/NAME), an arm of one (runs/NAME:ARM), or a file")]
    Missing {
        /// What was named.
        path: PathBuf,
    },
    /// Neither a run directory nor a report.
    #[error("{path} is neither a run directory nor an official run report (schema 2): {why}")]
    NotARun {
        /// The path.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// One attempt's record where a run is needed.
    #[error(
        "{path} is the record of one attempt, and a report needs a run directory (to look at the attempt: voe view {path})"
    )]
    OneRecord {
        /// Which.
        path: PathBuf,
    },
    /// No attempt to look at.
    #[error(
        "{path} holds no trajectory to view: name a run directory (runs/NAME), a trajectory.jsonl or an official run report (.json)"
    )]
    NothingToView {
        /// What was named.
        path: PathBuf,
    },
    /// The run has no arm of that name.
    #[error("{path} has no arm \"{arm}\"; it has: {known}")]
    NoSuchArm {
        /// The run.
        path: PathBuf,
        /// The arm asked for.
        arm: String,
        /// Those there are.
        known: String,
    },
    /// One arm is needed and there are several.
    #[error("{path} holds several arms; name one as {path}:ARM, of: {known}")]
    SeveralArms {
        /// The run.
        path: PathBuf,
        /// Those there are.
        known: String,
    },
    /// Two runs are parts of one experiment.
    #[error(
        "{a} and {b} {why}: side by side each would count as unresolved what only the other attempted, and a p-value would mean nothing; name one of them alone"
    )]
    Parts {
        /// A run.
        a: PathBuf,
        /// Another one.
        b: PathBuf,
        /// How they belong together.
        why: String,
    },
    /// A suite file does not hold tasks.
    #[error("cannot read tasks from {path}: {why}")]
    TaskSet {
        /// The path.
        path: PathBuf,
        /// What is wrong, and in which row.
        why: String,
    },
    /// An option is out of its range.
    #[error("{0}")]
    Usage(String),
    /// A page could not be made from its template.
    #[error("cannot make the page: {0}")]
    Template(#[from] minijinja::Error),
    /// The viewer's port could not be had.
    #[error("cannot listen on {address}: {cause} (choose another port with --port, or let one be found with --port 0)")]
    Listen {
        /// The address, with its port.
        address: String,
        /// What the system said.
        cause: io::Error,
    },
}

impl ReportError {
    /// For `map_err` where a path is at hand.
    pub(crate) fn read(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Read { path, cause }
    }

    /// The same for what a user named.
    pub(crate) fn input(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| match cause.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Read { path, cause },
        }
    }

    /// For `map_err` where a path is at hand.
    pub(crate) fn write(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Write { path, cause }
    }
}
