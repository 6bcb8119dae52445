//! Running a passing check again without the edits.
//!
//! The check runs in a fork of the base that also has the scratch files and the tests that the edits add or change, while other
//! work continues. The caller waits for the outcome at a fixed moment, so that the rest never depends on which was faster.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use voe_evidence::command::reads_source_only;
use voe_evidence::counterfactual::judge;
use voe_trace::{Check, Level, Outcome, Why};

use crate::workspace::{CallEnd, Workspace, WorkspaceError};
use crate::{Files, outcome};

/// The counterfactual runs of an attempt.
#[derive(Debug)]
pub struct Counterfactuals {
    on: bool,
    limit: Duration,
    skip_over: f64,
    /// (command, code) pairs that were run already.
    seen: HashSet<(String, String)>,
    /// Each command's last outcome without the edits.
    passed: HashMap<String, bool>,
    pending: Vec<PendingRun>,
    stop: watch::Receiver<bool>,
}

#[derive(Debug)]
struct PendingRun {
    check: Check,
    /// Paths of the patch that the fork does not have.
    absent: BTreeSet<String>,
    run: JoinHandle<Result<Outcome, Why>>,
}

/// The result of requesting a run without the edits.
#[derive(Debug)]
pub enum RequestedRun {
    /// It runs, or ran before on the same code, or runs are off: nothing to record now.
    Nothing,
    /// The outcome is known without a run, or no run is possible: the check as it is now.
    Known(Box<Check>),
    /// This sandbox can't fork, so there will be no such run: the reason.
    NoForks(String),
}

impl Counterfactuals {
    /// Each run has `limit`; checks that took longer than `skip_over` seconds with the edits are not run without them. Runs are
    /// canceled when `stop` becomes true. `on`: whether there are runs at all.
    pub fn new(on: bool, limit: Duration, skip_over: f64, stop: watch::Receiver<bool>) -> Self {
        let (seen, passed, pending) = (HashSet::new(), HashMap::new(), Vec::new());
        Self { on, limit, skip_over, seen, passed, pending, stop }
    }

    /// Registers checks that were run without the edits before the attempt was resumed.
    pub fn were_run<'a>(&mut self, checks: impl Iterator<Item = &'a Check>) {
        self.seen.extend(checks.map(|check| (check.command.clone(), check.code_tree.clone())));
    }

    /// Starts the run of `check` without the edits, whatever its outcome with them.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn start(&mut self, check: &Check, workspace: &mut Workspace) -> Result<RequestedRun, WorkspaceError> {
        if !self.on || !self.seen.insert((check.command.clone(), check.code_tree.clone())) {
            return Ok(RequestedRun::Nothing);
        }
        let known = |check: Check| Ok(RequestedRun::Known(Box::new(check)));
        if reads_source_only(&check.command) {
            return known(Check { level: Level::Inconclusive, why: Some(Why::ReadsSourceOnly), ..check.clone() });
        }
        if check.with.seconds > self.skip_over {
            let why = Some(not_run(format!("it takes longer than {} s", self.skip_over)));
            return known(Check { why, ..check.clone() });
        }
        let export = workspace.export().await?;
        let (tests, code): (Vec<_>, Vec<_>) = export.files.into_iter().partition(|file| !file.role.is_code());
        let absent = code
            .iter()
            .filter(|file| file.base.is_none())
            .map(|file| String::from_utf8_lossy(&file.path.0).into_owned())
            .collect();
        let files: Files = tests.into_iter().map(|file| (file.path, file.now)).collect();
        match workspace.fork_base(files).await {
            Ok(fork) => {
                let before = self.passed.get(&check.command).copied();
                let run = run(fork, check.command.clone(), self.limit, before, self.stop.clone());
                let run = tokio::spawn(run);
                self.pending.push(PendingRun { check: check.clone(), absent, run });
                Ok(RequestedRun::Nothing)
            }
            Err(WorkspaceError::Sandbox(_)) if *self.stop.borrow() => {
                known(Check { why: Some(not_run("interrupted")), ..check.clone() })
            }
            Err(WorkspaceError::Sandbox(error)) => {
                self.on = false;
                Ok(RequestedRun::NoForks(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for the runs under way and returns the checks with their new levels.
    pub async fn wait(&mut self) -> Vec<Check> {
        let mut judged = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            let (check, absent) = (pending.check, pending.absent);
            judged.push(match pending.run.await {
                Ok(Ok(without)) => {
                    self.passed.insert(check.command.clone(), without.exit == Some(0));
                    let (level, why) = judge(&check.command, &check.with, &without, &absent, self.limit);
                    let (with, exit, seconds) = (check.with.exit, without.exit, without.seconds);
                    tracing::info!(with, without = exit, seconds, level = ?level, "check run without the changes");
                    Check { level, why, without: Some(without), ..check }
                }
                Ok(Err(why)) => Check { why: Some(why), ..check },
                Err(error) => Check { why: Some(not_run(error)), ..check },
            });
        }
        judged
    }
}

/// Runs `command` in `fork`. `before`: whether it passed there the last time; a run with a different outcome is repeated once,
/// since either the check was changed or it is flaky.
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
    // The next start sweeps what could not be cleaned up.
    let _ = sandbox.close().await;
    called.unwrap_or_else(|| Err(not_run("interrupted")))
}

/// Runs once, or twice if the outcome differs from `before`.
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
        CallEnd::Result(result) => Ok(outcome(&result)),
        CallEnd::Died(why) => Err(not_run(why)),
    }
}

fn not_run(error: impl std::fmt::Display) -> Why {
    Why::NotRun { error: error.to_string() }
}

/// Resolves when `stop` becomes true; never if its sender is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
