//! What follows a verification that failed: the failure goes back to the model, in the same context, a shortened one or a new one;
//! and at the end the best-evidenced state of the attempt is handed in, not the last one.

use voe_proof::WorkspaceError;
use voe_protocol::{BaseSource, FileState, RawBytes, State};
use voe_repo::Base;
use voe_trace::Event;
use voe_trace::event::NudgeKind;

use crate::attempt::{Attempt, AttemptError, End};
use crate::prompt::HARNESS;
use crate::record::trail::Moment;
use crate::strategy::RecoverHow;

impl Attempt {
    /// Goes on after a failed verification. What is left in `after_step` is yet to be said.
    pub(crate) async fn recover(&mut self, moment: Moment, failure: &str) -> Result<(), End> {
        let next = match moment {
            Moment::Part => "Mend this before you go on.",
            Moment::End => "Mend this and check it; then say again that you are done.",
        };
        let method = self.strategy.verify.method.word();
        self.after_step.append(&mut self.untold);
        self.after_step.push(format!("{HARNESS} Verification ({method}) failed:\n{failure}\n\n{next}"));
        let text = self.after_step.join("\n\n");
        let step = self.log.conversation.step;
        self.log.write(Event::Nudge { step, kind: NudgeKind::Recovery, text: text.clone() })?;
        match self.strategy.recovery.how {
            RecoverHow::Retry => return Ok(()),
            RecoverHow::Compact => self.summarise_all(&text).await?,
            RecoverHow::Fresh => self.begin_afresh(&text).await?,
        }
        self.after_step.clear();
        Ok(())
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
