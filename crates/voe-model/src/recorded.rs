//! Replies from a trajectory or from a file, for replay, demos and tests.

use std::path::Path;

use voe_trace::event::{ModelFacts, Record};

use crate::error::ModelError;
use crate::model::{Delta, Model, ReplyFuture, Request};

/// A script that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the script {path}: {message}")]
pub struct ScriptError {
    /// The file, or "(text)".
    pub path: String,
    /// What is wrong, and where.
    pub message: String,
}

/// Answers with the replies of a recorded attempt, in order.
#[derive(Debug)]
pub struct Replay {}

impl Replay {
    /// The replies among `records`.
    pub fn from_records(_records: &[Record]) -> Self {
        Self {}
    }
}

impl Model for Replay {
    fn complete<'a>(&'a self, _request: Request<'a>, _on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move { Err(ModelError::OutOfReplies { what: "trajectory", served: 0 }) })
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts::default()
    }
}

/// Answers with the replies of a file, in order.
#[derive(Debug)]
pub struct Scripted {}

impl Scripted {
    /// Reads a script: `.toml` (`[[reply]]` tables), `.json` (a list) or `.jsonl` (a reply a line).
    pub fn from_file(_path: &Path) -> Result<Self, ScriptError> {
        Ok(Self {})
    }
}

impl Model for Scripted {
    fn complete<'a>(&'a self, _request: Request<'a>, _on: &'a mut (dyn FnMut(Delta<'_>) + Send)) -> ReplyFuture<'a> {
        Box::pin(async move { Err(ModelError::OutOfReplies { what: "script", served: 0 }) })
    }

    fn facts(&self) -> ModelFacts {
        ModelFacts::default()
    }
}
