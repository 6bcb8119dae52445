//! How an attempt ends: the gate, the last look at the evidence, the patch.

use std::time::Duration;

use voe_evidence::{Require, check};
use voe_proof::counterfactual::Asked;
use voe_proof::outcome;
use voe_proof::{Called, WorkspaceError};
use voe_protocol::{BaseSource, Export};
use voe_repo::{Base, Patch};
use voe_trace::event::{Applied, Finish, Seconds};
use voe_trace::{Change, Check, Event, Level, Reason};

use crate::attempt::{Attempt, AttemptError, End, stopped};
use crate::facts::{fact, short};
use crate::prompt::HARNESS;
use crate::strategy::Counterfactual;

/// Proofs older than the last edit that are run again at the end, and failing checks that are looked into.
const AGAIN: usize = 5;

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

impl Attempt {
    /// The model says that it is done. `None`: so it is; else what the model is told.
    pub(crate) async fn gate(&mut self) -> Result<Option<String>, End> {
        self.hear_counterfactuals().await?;
        if self.strategy.gate.require != Require::Nothing && self.log.ledger.edited() {
            let fact = self.users_check_if_due().await?;
            self.untold.extend(fact.filter(|_| self.tells()));
        }
        let step = self.log.conversation.step;
        let level = self.log.ledger.level();
        let require = self.strategy.gate.require;
        // Once evidence is void, nothing that the model could do would change that.
        let accepted = self.log.ledger.void().is_some() || require.accepts(level);
        if accepted || self.log.counters.refusals >= self.strategy.gate.refusals {
            return Ok(None);
        }
        let mut parts = std::mem::take(&mut self.untold);
        parts.push(format!("{HARNESS} {}", self.refusal(level)));
        let text = parts.join("\n\n");
        self.log.write(Event::Gate { step, accepted: false, level, text: text.clone() })?;
        Ok(Some(text))
    }

    /// Why the gate does not hold yet, and the way out.
    fn refusal(&self, level: Level) -> String {
        let ledger = &self.log.ledger;
        let marker = &self.strategy.done.marker;
        if !ledger.edited() {
            return format!("Not yet: the source is unchanged. If nothing is to be changed, answer {marker} again.");
        }
        if let Some(broken) = ledger.regression() {
            return format!(
                "Not yet: `{}` passes without your changes and fails with them. Mend that, run it again, then answer {marker}.",
                short(&broken.command)
            );
        }
        let state = match level {
            Level::None => "nothing was run since your last edit".to_owned(),
            Level::Refuted => "the checks that were run since your last edit failed".to_owned(),
            Level::Vacuous => "the checks that passed pass without your changes too, so they show nothing".to_owned(),
            Level::Inconclusive => {
                "the checks that passed could not run without your changes, so they show nothing".to_owned()
            }
            Level::Ran | Level::Proven => {
                "no check was seen to fail without your changes and pass with them".to_owned()
            }
        };
        match self.strategy.gate.require {
            Require::Proven => format!(
                "Not yet: {state}. Write a script in /tmp that shows the problem from the statement (it must fail on the old \
                 code and pass on the new) and run it; voe runs it on a copy without your changes by itself. If the problem \
                 can't be shown by a command, answer {marker} again."
            ),
            _ => format!("Not yet: {state}. Run a check of your change, then answer {marker}."),
        }
    }

    /// The last look at the evidence, the patch, and the finish event for the caller to complete and to write. The patch
    /// is taken whatever the reason.
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
    pub async fn close(mut self, finish: Finish) -> Result<(), AttemptError> {
        self.log.write(Event::Finish(Box::new(finish)))?;
        self.log.sync()?;
        let sandbox = self.workspace.close().await;
        sandbox.close().await.map_err(|e| AttemptError::Workspace(e.into()))
    }

    /// Runs the user's own check at the gate, unless it was run on this code already, and says what it showed.
    async fn users_check_if_due(&mut self) -> Result<Option<String>, AttemptError> {
        let due = self.task.check.as_ref().is_some_and(|command| self.log.ledger.find(command).is_none());
        Ok(if due { self.users_check().await?.as_ref().map(fact) } else { None })
    }

    /// What the user's own check shows of the code as it stands, with its counterfactual; it is run unless it was already.
    async fn users_check(&mut self) -> Result<Option<Check>, AttemptError> {
        let Some(command) = self.task.check.clone() else { return Ok(None) };
        if let Some(known) = self.log.ledger.find(&command) {
            return Ok(Some(known.clone()));
        }
        let check = self.run_check(&command).await?;
        if let Some(check) = &check
            && self.log.ledger.edited()
        {
            self.run_without(check).await?;
            self.due().await?;
        }
        Ok(self.log.ledger.find(&command).cloned().or(check))
    }

    /// Runs proofs again that are older than the last edit, and looks into failing checks: did they pass at base?
    async fn settle_evidence(&mut self) -> Result<(), AttemptError> {
        if !self.log.ledger.edited()
            || self.log.ledger.void().is_some()
            || self.strategy.evidence.counterfactual == Counterfactual::Off
        {
            return Ok(());
        }
        let ledger = &self.log.ledger;
        let mut stale: Vec<String> = Vec::new();
        for check in ledger.checks().iter().rev() {
            let again = check.level == Level::Proven && ledger.find(&check.command).is_none();
            if again && !stale.contains(&check.command) && stale.len() < AGAIN {
                stale.push(check.command.clone());
            }
        }
        for command in stale {
            if let Some(check) = self.run_check(&command).await? {
                self.run_without(&check).await?;
            }
        }
        let failing: Vec<Check> =
            self.log.ledger.current().filter(|c| c.level == Level::Refuted && c.without.is_none()).cloned().collect();
        for check in failing.iter().rev().take(AGAIN) {
            self.run_without(check).await?;
        }
        self.due().await?;
        Ok(())
    }

    /// Runs a command of voe's own as a check of the code as it stands, and records it.
    pub(crate) async fn run_check(&mut self, command: &str) -> Result<Option<Check>, AttemptError> {
        let check = self.run_command(command).await?;
        if let Some(check) = &check {
            self.log.write(Event::Check(Box::new(check.clone())))?;
        }
        Ok(check)
    }

    /// The same without recording it.
    pub(crate) async fn run_command(&mut self, command: &str) -> Result<Option<Check>, AttemptError> {
        let limit = Duration::from_secs_f64(self.strategy.tools.timeout_s.max(self.strategy.evidence.timeout_s));
        let step = self.log.conversation.step;
        let called = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => None,
            called = self.workspace.check(command, limit) => Some(called?),
        };
        let result = match called {
            Some(Called::Result(result)) => result,
            Some(Called::Died(why)) => {
                self.log.write(Event::ToolboxRestarted { step, why })?;
                return Ok(None);
            }
            None => {
                self.workspace.interrupt();
                return Ok(None);
            }
        };
        Ok(Some(check::of_run(command, step, &result.state.code_tree, outcome(&result))))
    }

    /// What a command shows of the code as it stands, without the edits too where that can be had. It is not run again if that
    /// is known.
    pub(crate) async fn check_with_and_without(&mut self, command: &str) -> Result<Option<Check>, AttemptError> {
        self.hear_counterfactuals().await?;
        let check = match self.log.ledger.find(command) {
            Some(known) => known.clone(),
            None => match self.run_check(command).await? {
                Some(check) => check,
                None => return Ok(None),
            },
        };
        if check.without.is_none() && self.log.ledger.edited() {
            self.run_without(&check).await?;
            self.due().await?;
        }
        Ok(self.log.ledger.find(command).cloned().or(Some(check)))
    }

    /// Waits for the runs without the edits that are under way and keeps what they show for the next thing said to the model.
    pub(crate) async fn hear_counterfactuals(&mut self) -> Result<(), AttemptError> {
        let facts = self.due().await?;
        if self.tells() {
            self.untold.extend(facts);
        }
        Ok(())
    }

    /// Starts the run of `check` without the edits, unless evidence is void anyway, and records what is known without waiting.
    pub(crate) async fn run_without(&mut self, check: &Check) -> Result<(), AttemptError> {
        if self.log.ledger.void().is_some() {
            return Ok(());
        }
        match self.counterfactuals.start(check, &mut self.workspace).await? {
            Asked::Nothing => Ok(()),
            Asked::Known(check) => Ok(self.log.write(Event::Check(check))?),
            // Reported once, and the level stays at `ran`.
            Asked::NoForks(why) => {
                Ok(self.log.write(Event::Note { text: format!("checks are not run without the edits: {why}") })?)
            }
        }
    }

    /// Waits for the runs without the edits that are under way, records what they show, and returns it in words for the model.
    /// What they rest on is the user's tree as it was meanwhile: if that is another than at the start, they show nothing.
    async fn due(&mut self) -> Result<Vec<String>, AttemptError> {
        let judged = self.counterfactuals.wait().await;
        if let Some(tree) = self.user_tree.as_ref().filter(|_| !judged.is_empty()) {
            tree.look(&mut self.log).await?;
        }
        let mut facts = Vec::new();
        for judged in judged {
            let judged = self.log.ledger.counted(judged);
            facts.push(fact(&judged));
            self.log.write(Event::Check(Box::new(judged)))?;
        }
        Ok(facts)
    }

    /// Whether the model is told what runs without the edits show.
    fn tells(&self) -> bool {
        self.strategy.evidence.counterfactual == Counterfactual::Tell
    }

    /// What the evidence says, a line a check; for the model and for people.
    pub fn facts(&self) -> Vec<String> {
        self.log.ledger.current().map(fact).collect()
    }
}

/// The reason of an attempt that the user stopped during its last look.
fn stopped_at_the_end(reason: Reason) -> Reason {
    match reason {
        Reason::ModelError | Reason::Internal => reason,
        _ => Reason::Interrupted,
    }
}
