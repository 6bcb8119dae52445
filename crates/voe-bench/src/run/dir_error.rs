//! What can be wrong with a run directory.

use std::path::PathBuf;

use voe_untrusted::FileKind;

/// The version of the directory's layout that this voe writes.
pub const FORMAT: u32 = 2;

/// A run directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// The directory is not a run directory.
    #[error(
        "{0} is not a run directory: missing run.toml; give the directory that `voe bench run` made, such as runs/NAME"
    )]
    NotARun(PathBuf),
    /// The directory contains other files, which a run could damage.
    #[error("{0} contains other files and is not a run directory: missing run.toml; give a new directory")]
    Occupied(PathBuf),
    /// Another voe is working on it.
    #[error("another voe is working on {0}; wait for it or stop it (`voe bench status {0}` shows its progress)")]
    Locked(PathBuf),
    /// A later voe made it.
    #[error("{path} was made by a newer voe (format {found}; this one reads up to {FORMAT}); use that voe")]
    TooNew {
        /// The directory.
        path: PathBuf,
        /// The format of the directory.
        found: u32,
    },
    /// Others could read what is written into it, or could have prepared it.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// It contains another run.
    #[error("{path} contains another run (different: {what}); give another directory with --out, or the same settings")]
    Another {
        /// The directory.
        path: PathBuf,
        /// The difference.
        what: String,
    },
    /// It contains something that voe never puts there.
    #[error("{path} is a {kind}, which voe does not put into a run directory; remove it, or use another run")]
    Foreign {
        /// Path of that entry.
        path: PathBuf,
        /// Kind of the entry.
        kind: FileKind,
    },
    /// The rows of its tasks have changed since the run was started.
    #[error("{0} has changed since the run was started; restore it, or start another run")]
    Changed(PathBuf),
    /// It has more attempts than a run may have.
    #[error("{0} would have more than 1,000,000 attempts (tasks × arms × trials); choose fewer")]
    TooMany(PathBuf),
    /// A file in it can't be read.
    #[error("cannot read {path}: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason, in one line.
        why: String,
    },
    /// A file in it can't be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
}
