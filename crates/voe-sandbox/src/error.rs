//! Errors of sandboxes.

use std::path::PathBuf;

use voe_protocol::ClientError;

use crate::choice::BackendChoice;
use crate::setup::{SetupFailure, SetupStep};

/// A sandbox could not be opened or used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The backend does not work here.
    #[error("sandbox {choice}: {problem}; {remedy}")]
    Unavailable {
        /// The backend.
        choice: BackendChoice,
        /// The step of its set-up that failed, if one did.
        step: Option<SetupStep>,
        /// The reason.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// The request can't be met: a mistake in a setting or flag.
    #[error("{problem}; {remedy}")]
    Usage {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// It failed after it was opened.
    #[error("the sandbox failed: {0}")]
    Failed(String),
    /// One of voe's own files or directories could not be used.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// The action, as a verb ("create", "copy" …).
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
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
    /// A backend that does not work here because a step of its set-up failed.
    pub(crate) fn unavailable(choice: BackendChoice, failure: &SetupFailure) -> Self {
        Self::Unavailable {
            choice,
            step: Some(failure.step),
            problem: failure.to_string(),
            remedy: remedy(failure).into(),
        }
    }

    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}

/// The remedy for a step that failed.
fn remedy(failure: &SetupFailure) -> &'static str {
    match failure.step {
        SetupStep::UserNamespace => NAMESPACES,
        SetupStep::Namespaces if failure.is_denied() => NAMESPACES,
        SetupStep::Overlay => {
            "keep voe's state on a local file system (ext4, xfs, btrfs, tmpfs), on Linux 5.11 or newer"
        }
        SetupStep::Proc => {
            "in a container run it with an unmasked /proc (--security-opt systempaths=unconfined), or use --sandbox landlock"
        }
        SetupStep::Landlock => "use a kernel with Landlock, or --sandbox docker with --image",
        _ => "use --sandbox landlock as an ordinary user, or docker with --image",
    }
}

const NAMESPACES: &str = "allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also \
     kernel.apparmor_restrict_unprivileged_userns=0; in a container use --sandbox landlock as an ordinary user";
