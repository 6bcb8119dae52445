//! Running a passing check again without the edits.
//!
//! The check runs in a fork of the base that also holds the agent's scratch files and the tests that it added or changed,
//! beside the model's next reply. Its outcome is waited for at the next tool result (or at the gate), always: what the
//! conversation holds never depends on which of the two was faster.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use voe_evidence::command::reads_source_only;
use voe_evidence::counterfactual::judge;
use voe_protocol::{FileState, RawBytes};
use voe_trace::{Check, Event, Level, Outcome, Why};

use crate::attempt::{AttemptError, outcome, stopped};
use crate::log::Log;
use crate::prompt::HARNESS;
use crate::strategy::{Counterfactual, EvidenceKeys};
use crate::user_tree::UserTree;
use crate::workspace::{Called, Workspace, WorkspaceError};

/// The counterfactual runs of an attempt.
pub(crate) struct Counterfactuals {
    mode: Counterfactual,
    limit: Duration,
    skip_over: f64,
    /// (command, code) pairs that were run already.
    seen: HashSet<(String, String)>,
    /// How each command came out without the edits the last time.
    passed: HashMap<String, bool>,
    pending: Vec<Pending>,
    stop: watch::Receiver<bool>,
}

struct Pending {
    check: Check,
    /// Paths of the patch that the fork does not hold.
    absent: BTreeSet<String>,
    run: JoinHandle<Result<Outcome, Why>>,
}

impl Counterfactuals {
    pub(crate) fn new(keys: &EvidenceKeys, stop: watch::Receiver<bool>) -> Self {
        Self {
            mode: keys.counterfactual,
            limit: Duration::try_from_secs_f64(keys.timeout_s).unwrap_or_default(),
            skip_over: keys.skip_over_s,
            seen: HashSet::new(),
            passed: HashMap::new(),
            pending: Vec::new(),
            stop,
        }
    }

    /// Takes note of checks that were run without the edits before the attempt was gone on with.
    pub(crate) fn were_run<'a>(&mut self, checks: impl Iterator<Item = &'a Check>) {
        self.seen.extend(checks.map(|check| (check.command.clone(), check.code_tree.clone())));
    }

    /// Starts the run of `check` without the edits, whatever it showed with them.
    pub(crate) async fn start(
        &mut self,
        check: &Check,
        workspace: &mut Workspace,
        log: &mut Log,
    ) -> Result<(), AttemptError> {
        if self.mode == Counterfactual::Off
            || log.ledger.void().is_some()
            || !self.seen.insert((check.command.clone(), check.code_tree.clone()))
        {
            return Ok(());
        }
        if reads_source_only(&check.command) {
            let (level, why) = (Level::Inconclusive, Some(Why::ReadsSourceOnly));
            log.write(Event::Check(Box::new(Check { level, why, ..check.clone() })))?;
            return Ok(());
        }
        if check.with.seconds > self.skip_over {
            let why = Some(Why::NotRun { error: format!("it takes longer than {} s", self.skip_over) });
            log.write(Event::Check(Box::new(Check { why, ..check.clone() })))?;
            return Ok(());
        }
        let export = workspace.export().await?;
        let (tests, code): (Vec<_>, Vec<_>) = export.files.into_iter().partition(|file| file.test);
        let absent = code
            .iter()
            .filter(|file| file.base.is_none())
            .map(|file| String::from_utf8_lossy(&file.path.0).into_owned())
            .collect();
        let files: Vec<(RawBytes, Option<FileState>)> = tests.into_iter().map(|file| (file.path, file.now)).collect();
        match workspace.fork_base(files).await {
            Ok(fork) => {
                let before = self.passed.get(&check.command).copied();
                let run = run(fork, check.command.clone(), self.limit, before, self.stop.clone());
                let run = tokio::spawn(run);
                self.pending.push(Pending { check: check.clone(), absent, run });
            }
            Err(WorkspaceError::Sandbox(_)) if *self.stop.borrow() => {
                let why = Some(not_run("interrupted"));
                log.write(Event::Check(Box::new(Check { why, ..check.clone() })))?;
            }
            Err(WorkspaceError::Sandbox(error)) => {
                // This sandbox can't fork: said once, and the level stays at `ran`.
                self.mode = Counterfactual::Off;
                log.write(Event::Note { text: format!("checks are not run without the edits: {error}") })?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Waits for the runs under way, records what they show, and says it in words for the model. What they rest on is the
    /// user's tree as it was meanwhile: if that is no longer `tree` at the start, they show nothing.
    pub(crate) async fn due(&mut self, log: &mut Log, tree: Option<&UserTree>) -> Result<Vec<String>, AttemptError> {
        let mut judged = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            let (check, absent) = (pending.check, pending.absent);
            judged.push(match pending.run.await {
                Ok(Ok(without)) => {
                    self.passed.insert(check.command.clone(), without.exit == Some(0));
                    let (level, why) = judge(&check.command, &check.with, &without, &absent, self.limit);
                    Check { level, why, without: Some(without), ..check }
                }
                Ok(Err(why)) => Check { why: Some(why), ..check },
                Err(error) => Check { why: Some(not_run(error)), ..check },
            });
        }
        if let Some(tree) = tree.filter(|_| !judged.is_empty()) {
            tree.look(log).await?;
        }
        let mut facts = Vec::new();
        for judged in judged {
            let judged = log.ledger.counted(judged);
            facts.push(fact(&judged));
            log.write(Event::Check(Box::new(judged)))?;
        }
        Ok(facts)
    }
}

/// Runs `command` in `fork`. `before`: whether it passed there the last time; a run that says otherwise is repeated once,
/// since either the check was changed or chance decides.
async fn run(
    mut fork: Workspace,
    command: String,
    limit: Duration,
    before: Option<bool>,
    mut stop: watch::Receiver<bool>,
) -> Result<Outcome, Why> {
    let called = tokio::select! {
        biased;
        () = stopped(&mut stop) => None,
        called = twice(&mut fork, &command, limit, before) => Some(called),
    };
    if called.is_none() {
        fork.interrupt();
    }
    let sandbox = fork.close().await;
    // What could not be cleaned up is swept at the next start.
    let _ = sandbox.close().await;
    called.unwrap_or_else(|| Err(not_run("interrupted")))
}

/// Once, or twice where the outcome is another than `before`.
async fn twice(fork: &mut Workspace, command: &str, limit: Duration, before: Option<bool>) -> Result<Outcome, Why> {
    let first = once(fork, command, limit).await?;
    let passes = |outcome: &Outcome| outcome.exit == Some(0);
    if before.is_some_and(|before| before != passes(&first))
        && let Ok(second) = once(fork, command, limit).await
        && passes(&second) != passes(&first)
    {
        return Err(Why::ChanceWithout);
    }
    Ok(first)
}

async fn once(fork: &mut Workspace, command: &str, limit: Duration) -> Result<Outcome, Why> {
    match fork.check(command, limit).await.map_err(not_run)? {
        Called::Result(result) => Ok(outcome(&result)),
        Called::Died(why) => Err(not_run(why)),
    }
}

fn not_run(error: impl std::fmt::Display) -> Why {
    Why::NotRun { error: error.to_string() }
}

/// What a check showed, in words for the model.
pub(crate) fn fact(check: &Check) -> String {
    let name = short(&check.command);
    let with = &check.with;
    let why = check.why.as_ref().map(Why::to_string);
    let Some(without) = &check.without else {
        let why = why.unwrap_or_else(|| "no run without your changes was made".to_owned());
        return format!("{HARNESS} `{name}`: {why}.");
    };
    let both = format!("{HARNESS} `{name}` was also run on a copy without your changes: {without}; with them: {with}.");
    match check.level {
        Level::Proven => {
            let line = why.map(|line| format!(" Without them it says: {line}")).unwrap_or_default();
            format!("{both} So it shows that the change makes the difference.{line}")
        }
        Level::Vacuous => format!(
            "{both} It passes either way, so it shows nothing about your change. A check that shows something fails \
             without the change."
        ),
        Level::Refuted if without.exit == Some(0) => {
            format!("{both} So your changes break it.")
        }
        Level::Refuted => format!("{both} It failed before your changes too."),
        _ => {
            format!("{both} That proves nothing: {}.", why.as_deref().unwrap_or("it could not run without them"))
        }
    }
}

/// A command in one short line.
pub(crate) fn short(command: &str) -> String {
    let line = command.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(100).collect();
    if cut.len() < command.trim_end().len() { format!("{cut} …") } else { cut }
}
