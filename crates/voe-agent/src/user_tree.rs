//! The user's own tree while an attempt works elsewhere: evidence depends on it, and the user may change it meanwhile.
//!
//! It is compared after each run without the edits (such a run shows the tree at that time) and once more at the end, never
//! in between: a comparison costs about as much as `git status`.

use std::sync::{Arc, Mutex, PoisonError};

use voe_repo::{Base, Repo, RepoError};
use voe_trace::{Event, WriteError};

use crate::record::Log;

/// Why evidence is void, for the record.
const CHANGED: &str = "the work tree was changed while the attempt ran";

/// The user's tree, and its state at the start. Clones share the result.
#[derive(Debug, Clone)]
pub struct UserTree {
    repo: Repo,
    base: Base,
    /// Whether a change was found. The lock serializes comparisons: they share an index.
    changed: Arc<Mutex<bool>>,
}

impl UserTree {
    /// `base` is a snapshot of `repo`.
    pub fn new(repo: Repo, base: Base) -> Self {
        Self { repo, base, changed: Arc::default() }
    }

    /// Marks evidence as void if the tree has changed since the start. A failed comparison is left to the last one: a file
    /// may disappear during it.
    pub(crate) async fn look(&self, log: &mut Log) -> Result<(), WriteError> {
        if log.ledger.void().is_none() && matches!(self.changed().await, Ok(true)) {
            void(log, CHANGED.into())?;
        }
        Ok(())
    }

    /// The same at the end of an attempt: here a failed comparison also voids evidence.
    pub(crate) async fn last_look(&self, log: &mut Log) -> Result<(), WriteError> {
        self.look(log).await?;
        if log.ledger.void().is_none()
            && let Err(error) = self.changed().await
        {
            void(log, format!("cannot find out whether the work tree was changed meanwhile: {error}"))?;
        }
        Ok(())
    }

    /// Whether it differs from the start, now or in an earlier comparison.
    async fn changed(&self) -> Result<bool, RepoError> {
        let tree = self.clone();
        let look = tokio::task::spawn_blocking(move || {
            let mut changed = tree.changed.lock().unwrap_or_else(PoisonError::into_inner);
            if !*changed {
                *changed = tree.repo.tree_now(&tree.base.git_dir)? != tree.base.tree;
            }
            Ok(*changed)
        });
        // Fails only if the runtime is shutting down: nothing is concluded from that.
        look.await.unwrap_or(Ok(false))
    }
}

fn void(log: &mut Log, why: String) -> Result<(), WriteError> {
    let step = log.conversation.step;
    log.write(Event::Void { step, why })
}
