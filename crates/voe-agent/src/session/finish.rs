//! How an attempt ends: the last look at the evidence, and the patch. The best-evidenced state is handed in, not always the last.

use voe_proof::WorkspaceError;
use voe_protocol::{BaseSource, Export, FileState, RawBytes, State};
use voe_repo::{Base, Patch};
use voe_trace::event::{Applied, Finish, Seconds};
use voe_trace::{Change, Check, Event, Reason};

use super::Session;
use crate::attempt::AttemptError;

/// What an attempt ends with.
pub struct Ended {
    /// The finish event, not yet written: the caller first applies the patch and says what came of it.
    pub finish: Finish,
    /// The patch.
    pub patch: Patch,
    /// The files that it was made from.
    pub export: Export,
}

/// What is left of the work.
#[derive(Default)]
struct Taken {
    patch: Patch,
    export: Export,
    changes: Vec<Change>,
    byproducts: Vec<String>,
}

impl Session {
    /// The last look at the evidence, the patch, and the finish event for the caller to complete and to write. The patch
    /// is taken whatever the reason.
    ///
    /// # Errors
    /// The record can't be written, or the patch can be had neither from the workspace nor from the record.
    pub async fn finish(
        &mut self,
        reason: Reason,
        error: Option<String>,
        trajectory: String,
    ) -> Result<Ended, AttemptError> {
        let taken = match self.settle(reason).await {
            Ok(check) => self.take().await.map(|taken| (check, taken)),
            Err(error) => Err(error),
        };
        let (reason, error, check, taken) = match taken {
            Ok((check, taken)) if *self.stop.borrow() => (stopped_at_the_end(reason), error, check, taken),
            Ok((check, taken)) => (reason, error, check, taken),
            Err(AttemptError::Workspace(lost)) => {
                let taken = self.last_known().await?;
                let error = error.unwrap_or_else(|| lost.to_string());
                (Reason::Internal, Some(format!("{error}; the patch is the last known one")), None, taken)
            }
            Err(error) => return Err(error),
        };
        let Taken { patch, export, changes, byproducts } = taken;
        let conversation = &self.log.conversation;
        let finish = Finish {
            reason,
            error,
            patch: patch.text.clone(),
            applied: Applied::No,
            steps: conversation.step,
            usage: conversation.usage,
            seconds: Seconds {
                model: conversation.model_seconds,
                tools: conversation.tool_seconds,
                total: self.log.elapsed(),
            },
            evidence: self.log.ledger.evidence(&changes),
            check,
            changes,
            byproducts,
            resolved: None,
            trajectory,
        };
        Ok(Ended { finish, patch, export })
    }

    /// The last look at the evidence. Gives what the user's own check shows.
    async fn settle(&mut self, reason: Reason) -> Result<Option<Check>, AttemptError> {
        self.due().await?;
        if reason == Reason::Interrupted {
            return Ok(None);
        }
        if let Some(tree) = self.user_tree.clone() {
            tree.last_look(&mut self.log).await?;
        }
        let mut check = self.users_check().await?;
        self.settle_evidence().await?;
        if self.restore_best().await? {
            check = self.users_check().await?;
        }
        Ok(check)
    }

    /// The patch as it stands.
    async fn take(&mut self) -> Result<Taken, AttemptError> {
        let (patch, export) = self.workspace.patch().await?;
        let state = self.workspace.state().await?;
        Ok(Taken { patch, export, changes: state.changes, byproducts: state.byproducts })
    }

    /// The patch as the record has it, for a workspace that can't be reached any more.
    async fn last_known(&mut self) -> Result<Taken, AttemptError> {
        let BaseSource::Git { git_dir, tree } = self.pristine.clone() else { return Ok(Taken::default()) };
        let base = Base { commit: None, tree, git_dir, skipped: Vec::new() };
        let text = self.log.patch.clone();
        let made = tokio::task::spawn_blocking(move || {
            let export = base.export_of(&text)?;
            voe_repo::make_patch(&export, Some(&base)).map(|patch| (patch, export))
        });
        let made = made.await.map_err(|e| WorkspaceError::Patch(e.to_string()))?;
        let (patch, export) = made.map_err(|e| WorkspaceError::Patch(e.to_string()))?;
        Ok(Taken { changes: patch.files.clone(), patch, export, byproducts: self.log.ledger.byproducts().to_vec() })
    }

    /// Writes the end of the record. Nothing comes after it.
    ///
    /// # Errors
    /// The record can't be written, or the sandbox can't be closed.
    pub async fn close(mut self, finish: Finish) -> Result<(), AttemptError> {
        self.log.write(Event::Finish(Box::new(finish)))?;
        self.log.sync()?;
        let sandbox = self.workspace.close().await;
        sandbox.close().await.map_err(|e| AttemptError::Workspace(e.into()))
    }

    /// Brings back the best-evidenced state of the workspace, if that is not the one that it is in. `true`: it did.
    pub(crate) async fn restore_best(&mut self) -> Result<bool, AttemptError> {
        let Some(best) = self.log.trail.best(&self.log.ledger).cloned() else { return Ok(false) };
        let note = match self.restore(&best.patch).await {
            Ok(state) if state.tree == best.tree => {
                let step = self.log.conversation.step;
                self.log.write(Event::Patch { step, tree: best.tree.clone(), patch: best.patch })?;
                let level = self.log.ledger.level();
                format!(
                    "the patch is the attempt's best-evidenced state, that of step {} ({level}), not its last one",
                    best.step
                )
            }
            Ok(_) => format!("the better state of step {} could not be brought back as it was", best.step),
            Err(why) => format!("the better state of step {} could not be brought back: {why}", best.step),
        };
        let restored = self.log.ledger.tree() == best.tree;
        self.log.write(Event::Note { text: note })?;
        Ok(restored)
    }

    /// Makes the workspace the base with `patch`.
    async fn restore(&mut self, patch: &str) -> Result<State, WorkspaceError> {
        let BaseSource::Git { git_dir, tree } = self.pristine.clone() else {
            return Err(WorkspaceError::Patch("the base is not in a git directory".into()));
        };
        let base = Base { commit: None, tree, git_dir, skipped: Vec::new() };
        let patch = patch.to_owned();
        let with: Vec<(RawBytes, Option<FileState>)> = tokio::task::spawn_blocking(move || base.with_patch(&patch))
            .await
            .map_err(|e| WorkspaceError::Patch(e.to_string()))?
            .map_err(|e| WorkspaceError::Patch(e.to_string()))?;
        let now = self.workspace.export().await?;
        // What differs now and does not with the patch is as it was at base.
        let gone = now.files.into_iter().filter(|file| !with.iter().any(|(path, _)| *path == file.path));
        let mut files: Vec<_> = gone.map(|file| (file.path, file.base)).collect();
        files.extend(with);
        self.workspace.import(files).await
    }
}

/// The reason of an attempt that the user stopped during its last look.
fn stopped_at_the_end(reason: Reason) -> Reason {
    match reason {
        Reason::ModelError | Reason::Internal => reason,
        _ => Reason::Interrupted,
    }
}
