//! What can go wrong with a sandbox.

use std::path::PathBuf;

use voe_protocol::ClientError;

use crate::choice::Choice;

/// A sandbox could not be had or used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The backend does not work here.
    #[error("sandbox {choice}: {problem}; {remedy}")]
    Unavailable {
        /// Which.
        choice: Choice,
        /// What is missing.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// What was asked for cannot be; a mistake in the call.
    #[error("{problem}; {remedy}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// It worked at first and failed later.
    #[error("the sandbox failed: {0}")]
    Failed(String),
    /// A file or directory of voe's own could not be used.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried ("create", "copy" …).
        what: &'static str,
        /// With which path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file or directory into which commands can write could not be used.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// The toolbox did not start.
    #[error(transparent)]
    Toolbox(#[from] ClientError),
}

impl SandboxError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
