//! The end of an attempt: the final evidence, and the patch. The patch is the best-evidenced state, not always the last.

use voe_proof::WorkspaceError;
use voe_protocol::{BaseSource, Export, FileState, RawBytes, WorkspaceState};
use voe_repo::{Base, Patch};
use voe_trace::event::{Applied, Finish, Seconds};
use voe_trace::{Change, Check, Event, Reason};

use super::Session;
use crate::end::AttemptError;
use crate::strategy::CheckFilesKey;

/// The result of an attempt.
pub struct EndedAttempt {
    /// The finish event, not yet written: the caller first applies the patch and adds the outcome.
    pub finish: Finish,
    /// The patch.
    pub patch: Patch,
    /// The files that it was made from.
    pub export: Export,
}

/// The work that is kept.
#[derive(Default)]
struct TakenWork {
    patch: Patch,
    export: Export,
    changes: Vec<Change>,
    byproducts: Vec<String>,
}

impl Session {
    /// Collects the final evidence and the patch, and returns the finish event for the caller to complete and write. The patch
    /// is taken whatever the reason.
    ///
    /// # Errors
    /// The record can't be written, or neither the workspace nor the record has the patch.
    pub async fn finish(
        &mut self,
        reason: Reason,
        error: Option<String>,
        trajectory: String,
    ) -> Result<EndedAttempt, AttemptError> {
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
        let TakenWork { patch, export, changes, byproducts } = taken;
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
        Ok(EndedAttempt { finish, patch, export })
    }

    /// Completes the evidence. Returns the user's own check.
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

    /// The current patch.
    async fn take(&mut self) -> Result<TakenWork, AttemptError> {
        self.drop_check_files().await?;
        let (patch, export) = self.workspace.patch().await?;
        let state = self.workspace.state().await?;
        Ok(TakenWork { patch, export, changes: state.changes, byproducts: state.byproducts })
    }

    /// Removes check files from the work, if the strategy wants that and something else is left.
    async fn drop_check_files(&mut self) -> Result<(), AttemptError> {
        if self.strategy.evidence.check_files == CheckFilesKey::Keep {
            return Ok(());
        }
        let files = self.workspace.export().await?.files;
        let others = files.iter().any(|file| !file.role.is_check_file());
        let dropped: Vec<_> =
            files.into_iter().filter(|file| file.role.is_check_file()).map(|file| (file.path, None)).collect();
        if others && !dropped.is_empty() {
            self.workspace.import(dropped).await?;
        }
        Ok(())
    }

    /// The patch as the record has it, for a workspace that can no longer be reached.
    async fn last_known(&mut self) -> Result<TakenWork, AttemptError> {
        let BaseSource::Git { git_dir, tree } = self.pristine.clone() else { return Ok(TakenWork::default()) };
        let base = Base { commit: None, tree, git_dir, skipped: Vec::new() };
        let text = self.log.patch.clone();
        let made = tokio::task::spawn_blocking(move || {
            let export = base.export_of(&text)?;
            voe_repo::make_patch(&export, Some(&base)).map(|patch| (patch, export))
        });
        let made = made.await.map_err(|e| WorkspaceError::Patch(e.to_string()))?;
        let (patch, export) = made.map_err(|e| WorkspaceError::Patch(e.to_string()))?;
        Ok(TakenWork { changes: patch.files.clone(), patch, export, byproducts: self.log.ledger.byproducts().to_vec() })
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

    /// Restores the best-evidenced state of the workspace, if it is not the current one. `true`: it was restored.
    pub(crate) async fn restore_best(&mut self) -> Result<bool, AttemptError> {
        let Some(best) = self.log.history.best(&self.log.ledger).cloned() else { return Ok(false) };
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

    /// Sets the workspace to the base plus `patch`.
    async fn restore(&mut self, patch: &str) -> Result<WorkspaceState, WorkspaceError> {
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
        // Files that differ now but are not in the patch go back to the base.
        let gone = now.files.into_iter().filter(|file| !with.iter().any(|(path, _)| *path == file.path));
        let mut files: Vec<_> = gone.map(|file| (file.path, file.base)).collect();
        files.extend(with);
        self.workspace.import(files).await
    }
}

/// The reason, if the user stopped the attempt while it collected the final evidence.
fn stopped_at_the_end(reason: Reason) -> Reason {
    match reason {
        Reason::ModelError | Reason::Internal => reason,
        _ => Reason::Interrupted,
    }
}
