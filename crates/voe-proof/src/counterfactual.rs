//! Running a passing check again without the edits.
//!
//! The check runs in a fork of the base that also has the scratch files and the tests that the edits add or change, while other
//! work continues. The caller waits for the outcome at a fixed moment, so that the rest never depends on which was faster.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use voe_evidence::check::origin;
use voe_evidence::command::reads_source_only;
use voe_evidence::counterfactual::{ChangeFacts, CheckRuns, FileVersions, judge};
use voe_protocol::{Export, ExportedFile, FileState};
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
    /// For each command that passed with some state of the edits, the hashes of that code.
    green: HashMap<String, HashSet<String>>,
    pending: Vec<PendingRun>,
    stop: watch::Receiver<bool>,
}

#[derive(Debug)]
struct PendingRun {
    check: Check,
    change: ChangeFacts,
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
        let (seen, passed, green, pending) = (HashSet::new(), HashMap::new(), HashMap::new(), Vec::new());
        Self { on, limit, skip_over, seen, passed, green, pending, stop }
    }

    /// Registers checks that were run without the edits before the attempt was resumed.
    pub fn were_run<'a>(&mut self, checks: impl Iterator<Item = &'a Check>) {
        for check in checks {
            self.seen.insert((check.command.clone(), check.code_tree.clone()));
            self.passed_with(check);
        }
    }

    /// Registers a check that passed with the edits, as they are at its code.
    fn passed_with(&mut self, check: &Check) {
        if check.with.passed() {
            self.green.entry(check.command.clone()).or_default().insert(check.code_tree.clone());
        }
    }

    /// Whether a check passed on another state of the edits.
    fn was_green(&self, check: &Check) -> bool {
        self.green.get(&check.command).is_some_and(|codes| codes.iter().any(|code| *code != check.code_tree))
    }

    /// Starts the run of `check` without the edits, whatever its outcome with them.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn start(&mut self, check: &Check, workspace: &mut Workspace) -> Result<RequestedRun, WorkspaceError> {
        self.passed_with(check);
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
        let mut check = check.clone();
        let own: Vec<_> = export.files.iter().filter(|file| !file.role.is_code()).map(path).collect();
        let at = workspace.sandbox().workspace().to_string_lossy().into_owned();
        check.origin = origin(&check.command, own.iter().map(String::as_str), &at);
        let mut change = facts(&check.command, &export);
        change.own.extend(workspace.scratch_texts(&check.command).await?);
        let tests = export.files.into_iter().filter(|file| !file.role.is_code());
        let files: Files = tests.map(|file| (file.path, file.now)).collect();
        match workspace.fork_base(files).await {
            Ok(fork) => {
                let before = self.passed.get(&check.command).copied();
                let run = run(fork, check.command.clone(), self.limit, before, self.stop.clone());
                let run = tokio::spawn(run);
                self.pending.push(PendingRun { check, change, run });
                Ok(RequestedRun::Nothing)
            }
            Err(WorkspaceError::Sandbox(_)) if *self.stop.borrow() => {
                known(Check { why: Some(not_run("interrupted")), ..check })
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
            let check = pending.check;
            judged.push(match pending.run.await {
                Ok(Ok(without)) => self.judged(check, without, &pending.change),
                Ok(Err(why)) => Check { why: Some(why), ..check },
                Err(error) => Check { why: Some(not_run(error)), ..check },
            });
        }
        judged
    }

    /// `check` with the level that its two runs give it.
    fn judged(&mut self, check: Check, without: Outcome, change: &ChangeFacts) -> Check {
        self.passed.insert(check.command.clone(), without.passed());
        let judged = judge(&CheckRuns {
            command: &check.command,
            with: &check.with,
            without: &without,
            change,
            origin: check.origin,
            was_green: self.was_green(&check),
            limit: self.limit,
        });
        let (with, exit, seconds) = (check.with.exit_code(), without.exit_code(), without.seconds);
        tracing::info!(with, without = exit, seconds, level = ?judged.level, "check run without the changes");
        Check { without: Some(without), ..judged.onto(check) }
    }
}

/// What judging needs to know about the change.
fn facts(command: &str, export: &Export) -> ChangeFacts {
    let text =
        |state: &Option<FileState>| state.as_ref().map(|state| String::from_utf8_lossy(&state.content.0).into_owned());
    let texts: Vec<_> =
        export.files.iter().map(|file| (path(file), file.role, text(&file.base), text(&file.now))).collect();
    ChangeFacts::of(
        command,
        texts.iter().map(|(path, role, base, now)| FileVersions {
            path,
            role: *role,
            base: base.as_deref(),
            now: now.as_deref(),
        }),
    )
}

fn path(file: &ExportedFile) -> String {
    String::from_utf8_lossy(&file.path.0).into_owned()
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
    if before.is_some_and(|before| before != first.passed())
        && let Ok(second) = once(fork, command, limit).await
        && second.passed() != first.passed()
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
