//! Why a workspace can't be prepared, and what to do.

use std::io;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use voe_repo::RepoError;
use voe_sandbox::SandboxError;

/// A task's workspace could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A program that the task's tests need is missing.
    #[error("{id}: needs {what}, which is not on PATH; install it, or leave the task out")]
    Missing {
        /// The task.
        id: String,
        /// The programs.
        what: String,
    },
    /// The task's environment can't be built or found here. Never the patch's fault.
    #[error("{id}: environment: {why}")]
    Environment {
        /// The task.
        id: String,
        /// The reason, and what to do.
        why: String,
        /// What removes the reason.
        remedy: Remedy,
    },
    /// The repository failed.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A directory that commands could write to was refused.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// A file of voe's own could not be read or written.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another attempt at the same task found this out.
    #[error("{why}")]
    Before {
        /// The error that it found.
        why: String,
        /// What removes the reason.
        remedy: Remedy,
    },
}

/// What removes the reason for which a task is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// An environments file that includes it.
    Environments,
    /// A clone of its repository.
    Repos,
    /// Another image.
    Image,
    /// Containers.
    Docker,
    /// A program, Python or package on this machine.
    Install,
    /// Another voe.
    Voe,
    /// The remedy that the reason contains.
    Reason,
}

impl Remedy {
    /// What to do, as a part of a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Environments => "give --environments FILE",
            Self::Repos => "give --repos DIR",
            Self::Image => "give --image IMAGE",
            Self::Docker => "use --backend docker",
            Self::Install => "install what is missing",
            Self::Voe => "use the voe that can",
            Self::Reason => "see the reasons above",
        }
    }

    /// Whether it can be applied to an existing run, which keeps its backend and its image.
    pub fn is_in_run(self) -> bool {
        !matches!(self, Self::Image | Self::Docker)
    }

    /// The words for an existing run, which keeps its backend and its image.
    pub fn words_in_run(self) -> &'static str {
        match self {
            Self::Image => "start another run with --image IMAGE --out DIR",
            Self::Docker => "start another run with --backend docker --out DIR",
            other => other.words(),
        }
    }
}

impl PrepareError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }

    /// The reason without the name of the task: equal for all tasks with the same reason.
    pub fn why(&self) -> String {
        match self {
            Self::Missing { what, .. } => {
                format!("needs {what}, which is not on PATH; install it, or leave the task out")
            }
            Self::Environment { why, .. } | Self::Before { why, .. } => why.clone(),
            other => other.to_string(),
        }
    }

    /// Whether the task can't run on this machine as it is set up: it is skipped, and that is reported.
    pub fn is_environment(&self) -> bool {
        self.remedy().is_some()
    }

    /// How to make the task run, if it can't run on this machine as it is set up.
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Missing { .. } => Some(Remedy::Install),
            Self::Environment { remedy, .. } | Self::Before { remedy, .. } => Some(*remedy),
            _ => None,
        }
    }
}
