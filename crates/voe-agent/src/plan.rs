//! What an attempt needs.

use std::sync::Arc;

use tokio::sync::watch;
use voe_model::Model;
use voe_protocol::BaseSource;
use voe_sandbox::Sandbox;
use voe_trace::event::Task;

use crate::strategy::Strategy;
use crate::user_tree::UserTree;

/// What an attempt needs.
pub struct AttemptPlan {
    /// The task.
    pub task: Task,
    /// How the agent works, with the user's limits applied.
    pub strategy: Strategy,
    /// The model.
    pub model: Arc<dyn Model>,
    /// The sandbox in which the tools run.
    pub sandbox: Sandbox,
    /// The source of the base's contents.
    pub pristine: BaseSource,
    /// The user's tree, where the workspace is another that shows it and the user may change it meanwhile.
    pub user_tree: Option<UserTree>,
    /// The repository's AGENTS.md, or empty.
    pub notes: String,
    /// Whether replies are shown while they arrive.
    pub stream: bool,
    /// Set to `true` to end the attempt in good order: the patch is kept.
    pub stop: watch::Receiver<bool>,
    /// UTC time, RFC 3339, for the record.
    pub time: String,
}
