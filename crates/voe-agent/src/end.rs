//! Why an attempt ended.

use voe_model::ModelError;
use voe_proof::WorkspaceError;
use voe_trace::{Reason, WriteError};

/// The attempt cannot be recorded or its workspace cannot be reached. What is known is in the record.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    /// Writing the record failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The workspace failed.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// Why the loop ended.
#[derive(Debug)]
pub(crate) enum LoopEnd {
    /// In good order, for this reason.
    Reason(Reason),
    /// The model or its server failed for good.
    Model(ModelError),
    /// voe failed.
    Failed(AttemptError),
}

impl LoopEnd {
    /// As the record has it, with the error where there is one.
    pub(crate) fn recorded(self) -> (Reason, Option<String>) {
        match self {
            Self::Reason(reason) => (reason, None),
            Self::Model(error @ ModelError::ContextOverflow { .. }) => (Reason::Context, Some(error.to_string())),
            Self::Model(error) => (Reason::ModelError, Some(error.to_string())),
            Self::Failed(error) => (Reason::Internal, Some(error.to_string())),
        }
    }
}

impl<E: Into<AttemptError>> From<E> for LoopEnd {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
