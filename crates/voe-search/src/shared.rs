//! The context that all rollouts of a search share, and the errors of a search.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use voe_agent::{AttemptError, LoadError, UserTree};
use voe_model::{Model, ModelError};
use voe_proof::Files;
use voe_protocol::BaseSource;
use voe_repo::{Base, RepoError};
use voe_trace::event::Task;

/// A search failed; its record has everything up to then.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// An attempt or the record failed.
    #[error(transparent)]
    Attempt(#[from] AttemptError),
    /// A strategy that the search names can't be loaded.
    #[error("search.strategies: {0}")]
    Strategy(#[from] LoadError),
    /// A model that the search names can't be used.
    #[error("search.models: {0}")]
    Model(#[from] ModelError),
    /// A strategy that the search names is a search itself.
    #[error("search.strategies: {0} is a search itself; name strategies of one attempt")]
    Nested(String),
    /// The base can't be used.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// One of the search's own files can't be used.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// The action, as a verb.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A rollout's task panicked or was canceled.
    #[error("a rollout exited unexpectedly: {0}")]
    Rollout(String),
    /// The base is not in a git directory.
    #[error("a search needs its base in a git directory; run it with voe fix or voe bench")]
    NoBase,
}

impl SearchError {
    pub(crate) fn io(what: &'static str, path: PathBuf) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { what, path, source }
    }
}

impl From<voe_proof::WorkspaceError> for SearchError {
    fn from(error: voe_proof::WorkspaceError) -> Self {
        Self::Attempt(error.into())
    }
}

/// The context of every rollout.
pub(crate) struct RolloutContext {
    pub(crate) task: Task,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) pristine: BaseSource,
    pub(crate) base: Base,
    pub(crate) user_tree: Option<UserTree>,
    pub(crate) notes: String,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) time: String,
    /// The directory of the attempts.
    pub(crate) attempts: PathBuf,
}

impl RolloutContext {
    pub(crate) fn dir(&self, id: u32) -> PathBuf {
        self.attempts.join(id.to_string())
    }

    pub(crate) fn stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// The files of a patch on the base.
    pub(crate) async fn files(&self, patch: &str) -> Result<Files, SearchError> {
        let (base, patch) = (self.base.clone(), patch.to_owned());
        let files = tokio::task::spawn_blocking(move || base.with_patch(&patch)).await;
        Ok(files.map_err(|error| SearchError::Rollout(error.to_string()))??)
    }
}
