//! Prepares the workspaces of many tasks ahead of time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use voe_grade::Instance;

use super::Workspaces;
use super::error::PrepareError;
use super::prepared::PreparedTask;

impl Workspaces {
    /// Prepares the workspaces of `tasks`, `parallel` at the same time, and yields each result with the time it took.
    pub async fn prepare_all(
        &self,
        tasks: &[Instance],
        parallel: usize,
        mut each: impl FnMut(&Instance, Result<Arc<PreparedTask>, PrepareError>, Duration),
    ) {
        let one = async |task| {
            let began = Instant::now();
            (task, self.prepare(task).await, began.elapsed())
        };
        let mut done = futures_util::stream::iter(tasks.iter().map(one)).buffer_unordered(parallel.max(1));
        while let Some((task, prepared, took)) = done.next().await {
            each(task, prepared, took);
        }
    }
}
