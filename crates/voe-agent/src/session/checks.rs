//! Runs commands as checks of the current work, with and without the edits.

use std::time::Duration;

use voe_evidence::check::{self, awaits_counterfactual};
use voe_proof::counterfactual::{RequestedRun, hidden};
use voe_proof::{CallEnd, outcome};
use voe_trace::{Check, CheckFile, CheckFileCopy, Event, Level, Why, WriteError};

use super::{Session, stopped};
use crate::end::AttemptError;
use crate::facts::fact;
use crate::strategy::Counterfactual;

/// How many proofs older than the last edit are run again at the end, and how many failing checks are compared with the base.
const AGAIN: usize = 5;

impl Session {
    /// Runs the user's own check at the gate, unless it was run on this code already, and reports the result.
    pub(crate) async fn users_check_if_due(&mut self) -> Result<Option<String>, AttemptError> {
        let due = self.task.check.as_ref().is_some_and(|command| self.log.ledger.find(command).is_none());
        Ok(if due { self.users_check().await?.as_ref().map(fact) } else { None })
    }

    /// The result of the user's own check on the current code, with its counterfactual. Runs it unless that was done already.
    pub(crate) async fn users_check(&mut self) -> Result<Option<Check>, AttemptError> {
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

    /// Runs proofs again that are older than the last edit, and finds out whether failing checks passed at the base.
    pub(crate) async fn settle_evidence(&mut self) -> Result<(), AttemptError> {
        if !self.log.ledger.edited()
            || self.log.ledger.void().is_some()
            || self.strategy.evidence.counterfactual == Counterfactual::Off
        {
            return Ok(());
        }
        let ledger = &self.log.ledger;
        let mut stale: Vec<Check> = Vec::new();
        for check in ledger.checks().iter().rev() {
            let again = check.level == Level::Proven && ledger.find(&check.command).is_none();
            if again && !stale.iter().any(|other| other.command == check.command) && stale.len() < AGAIN {
                stale.push(check.clone());
            }
        }
        for check in stale {
            if let Some(check) = self.run_again(&check).await? {
                self.log.write(Event::Check(Box::new(check.clone())))?;
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

    /// Runs a command of voe's own as a check of the current code, and records it.
    pub(crate) async fn run_check(&mut self, command: &str) -> Result<Option<Check>, AttemptError> {
        let check = self.run_command(command).await?;
        if let Some(check) = &check {
            self.log.write(Event::Check(Box::new(check.clone())))?;
        }
        Ok(check)
    }

    /// The same without recording it.
    pub(crate) async fn run_command(&mut self, command: &str) -> Result<Option<Check>, AttemptError> {
        self.run_within(command, self.check_limit()).await
    }

    /// The same with a time limit of its own.
    pub(super) async fn run_within(&mut self, command: &str, limit: Duration) -> Result<Option<Check>, AttemptError> {
        let step = self.log.conversation.step;
        let called = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => None,
            called = self.workspace.check(command, limit) => Some(called?),
        };
        let mut result = match called {
            Some(CallEnd::Result(result)) => result,
            Some(CallEnd::Died(why)) => {
                self.log.write(Event::ToolboxRestarted { step, why })?;
                return Ok(None);
            }
            None => {
                self.workspace.interrupt();
                return Ok(None);
            }
        };
        let copies = std::mem::take(&mut result.check_files);
        let files = copies.iter().map(file_of).collect();
        self.keep_copies(copies)?;
        let check = Check { files, ..check::of_run(command, step, &result.state.code_tree, outcome(&result)) };
        self.counterfactuals.keep_output(&check, &result.output);
        Ok(Some(check))
    }

    /// Runs a check on the current code, without recording it. If files of it are gone, it runs in a fork into which their copies are
    /// put back. `None`: it can't be run.
    async fn run_again(&mut self, check: &Check) -> Result<Option<Check>, AttemptError> {
        let missing: Vec<String> =
            self.workspace.missing(&check.files).await?.into_iter().map(|file| file.hash.clone()).collect();
        if missing.is_empty() {
            return self.run_command(&check.command).await;
        }
        let copies = self.log.copies(check);
        if !missing.iter().all(|hash| copies.iter().any(|copy| copy.hash == *hash)) {
            return Ok(None);
        }
        let limit = self.check_limit();
        let called = tokio::select! {
            biased;
            () = stopped(&mut self.stop) => None,
            called = self.workspace.check_from_copies(&check.command, &copies, limit) => called?,
        };
        let step = self.log.conversation.step;
        let code = self.log.ledger.code_tree();
        Ok(called.map(|result| {
            let files = check.files.clone();
            Check { files, ..check::of_run(&check.command, step, code, outcome(&result)) }
        }))
    }

    /// Records copies of a check's files that the record does not have.
    pub(crate) fn keep_copies(&mut self, copies: Vec<CheckFileCopy>) -> Result<(), WriteError> {
        let files: Vec<_> =
            copies.into_iter().filter(|copy| !copy.hash.is_empty() && !self.log.has_copy(copy)).collect();
        if files.is_empty() {
            return Ok(());
        }
        let step = self.log.conversation.step;
        self.log.write(Event::CheckFiles { step, files })
    }

    fn check_limit(&self) -> Duration {
        Duration::from_secs_f64(self.strategy.tools.timeout_s.max(self.strategy.evidence.timeout_s))
    }

    /// What a command shows about the current code, and without the edits where that is possible. It is not run again if the
    /// result is known.
    pub(crate) async fn check_with_and_without(&mut self, command: &str) -> Result<Option<Check>, AttemptError> {
        self.collect_counterfactuals().await?;
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

    /// Waits for running counterfactuals and keeps their facts for the next message to the model.
    pub(crate) async fn collect_counterfactuals(&mut self) -> Result<(), AttemptError> {
        let facts = self.due().await?;
        if self.tells() {
            self.pending_facts.extend(facts);
        }
        Ok(())
    }

    /// Starts the run of `check` without the edits, unless evidence is void, and records what is known without waiting.
    pub(crate) async fn run_without(&mut self, check: &Check) -> Result<(), AttemptError> {
        if self.log.ledger.void().is_some() {
            return Ok(());
        }
        let copies = self.log.copies(check);
        match self.counterfactuals.start_with(check, &copies, &mut self.workspace).await? {
            RequestedRun::Nothing => Ok(()),
            RequestedRun::Known(check) => Ok(self.log.write(Event::Check(check))?),
            // Reported once, and the level stays at `ran`.
            RequestedRun::NoForks(why) => {
                self.log.write(Event::Note { text: format!("checks are not run without the edits: {why}") })?;
                hidden(check).map_or(Ok(()), |check| Ok(self.log.write(Event::Check(Box::new(check)))?))
            }
        }
    }

    /// Waits for running counterfactuals, records what they show, and returns it as text for the model. They depend on the
    /// user's tree: if it has changed since the start, they show nothing.
    pub(crate) async fn due(&mut self) -> Result<Vec<String>, AttemptError> {
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

    /// Whether the model gets the results of runs without the edits.
    pub(crate) fn tells(&self) -> bool {
        self.strategy.evidence.counterfactual == Counterfactual::Tell
    }

    /// The evidence, one line per check; for the model and for people.
    pub fn facts(&self) -> Vec<String> {
        self.log.ledger.current().map(fact).collect()
    }

    /// Restarts the runs without the edits that were under way when the record ended. Files that a check needs, such as a script
    /// in `/tmp`, may be gone with the sandbox of then: their copies are used. Without copies it fails whatever the code is, so it must
    /// pass again first.
    pub(crate) async fn start_again(&mut self) -> Result<(), AttemptError> {
        let pending = |check: &&Check| awaits_counterfactual(check);
        let checks: Vec<Check> = self.log.ledger.checks().to_vec();
        self.counterfactuals.were_run(checks.iter().filter(|check| !pending(check)));
        let under_way: Vec<Check> = self.log.ledger.current().filter(pending).cloned().collect();
        for check in under_way {
            match self.run_again(&check).await? {
                // voe was stopped, or the toolbox died: it stays open for the next resume.
                None => {}
                Some(again) if again.code_tree != check.code_tree => {}
                Some(again) if again.with.passed() => self.run_without(&check).await?,
                Some(_) => {
                    let error = "after the attempt was resumed, it does not pass with the changes either".to_owned();
                    self.log.write(Event::Check(Box::new(Check { why: Some(Why::NotRun { error }), ..check })))?;
                }
            }
        }
        Ok(())
    }
}

/// What a check's record has of a copy.
pub(crate) fn file_of(copy: &CheckFileCopy) -> CheckFile {
    CheckFile { path: copy.path.clone(), role: copy.role, hash: copy.hash.clone() }
}
