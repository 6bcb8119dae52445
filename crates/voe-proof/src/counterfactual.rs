//! Running a passing check again without the edits.
//!
//! The check runs in a fork of the base that also has the scratch files and the tests that the edits add or change, while other
//! work continues. The caller waits for the outcome at a fixed moment, so that the rest never depends on which was faster.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use voe_evidence::check::origin;
use voe_evidence::command::{hides_exit, reads_source_only};
use voe_evidence::counterfactual::{ChangeFacts, CheckRuns, FileVersions, judge};
use voe_evidence::{difference, hidden_exit};
use voe_protocol::{Export, ExportedFile, FileState};
use voe_trace::{Check, CheckFileCopy, Level, Why};

use crate::Files;
use crate::fork_run::{ForkCommand, RanInFork, not_run, run};
use crate::workspace::{Workspace, WorkspaceError};

pub use crate::fork_run::stopped;

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
    /// The outputs of checks that passed and await their run, by (command, code).
    outputs: HashMap<(String, String), String>,
    pending: Vec<PendingRun>,
    stop: watch::Receiver<bool>,
}

#[derive(Debug)]
struct PendingRun {
    check: Check,
    change: ChangeFacts,
    /// The output with the edits, where it is to be compared.
    output: Option<String>,
    runs: JoinHandle<Result<ForkRuns, Why>>,
}

/// What was run in forks.
#[derive(Debug)]
struct ForkRuns {
    /// With the edits, where the check's command hides its exit code.
    with: Option<RanInFork>,
    without: RanInFork,
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
        Self {
            on,
            limit,
            skip_over,
            seen: HashSet::new(),
            passed: HashMap::new(),
            green: HashMap::new(),
            outputs: HashMap::new(),
            pending: Vec::new(),
            stop,
        }
    }

    /// Registers checks that were run without the edits before the attempt was resumed.
    pub fn were_run<'a>(&mut self, checks: impl Iterator<Item = &'a Check>) {
        for check in checks {
            self.seen.insert((check.command.clone(), check.code_tree.clone()));
            self.passed_with(check);
        }
    }

    /// Keeps the output of a check until its run without the edits ends, to compare both. Single tests say more than an output.
    pub fn keep_output(&mut self, check: &Check, output: &str) {
        let key = (check.command.clone(), check.code_tree.clone());
        if self.on && check.with.passed() && check.with.tests.is_none() && !self.seen.contains(&key) {
            self.outputs.insert(key, output.to_owned());
        }
    }

    /// Registers a check that passed with the edits, as they are at its code.
    fn passed_with(&mut self, check: &Check) {
        if check.with.passed() && hidden_exit::unknown(&check.command, &check.with).is_none() {
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
        self.start_with(check, &[], workspace).await
    }

    /// The same with copies of the check's files, for those that are missing.
    ///
    /// # Errors
    /// The workspace can't be reached.
    pub async fn start_with(
        &mut self,
        check: &Check,
        copies: &[CheckFileCopy],
        workspace: &mut Workspace,
    ) -> Result<RequestedRun, WorkspaceError> {
        self.passed_with(check);
        let key = (check.command.clone(), check.code_tree.clone());
        if !self.on || !self.seen.insert(key.clone()) {
            return Ok(RequestedRun::Nothing);
        }
        let output = self.outputs.remove(&key);
        let known = |check: Check| Ok(RequestedRun::Known(Box::new(check)));
        if reads_source_only(&check.command) {
            return known(Check { level: Level::Inconclusive, why: Some(Why::ReadsSourceOnly), ..check.clone() });
        }
        if check.with.seconds > self.skip_over {
            let why = Some(not_run(format!("it takes longer than {} s", self.skip_over)));
            return known(hidden(check).unwrap_or_else(|| Check { why, ..check.clone() }));
        }
        let export = workspace.export().await?;
        let mut check = check.clone();
        let own: Vec<_> = export.files.iter().filter(|file| !file.role.is_code()).map(path).collect();
        let at = workspace.sandbox().workspace().to_string_lossy().into_owned();
        check.origin = origin(&check.command, own.iter().map(String::as_str), &at);
        let mut change = facts(&check.command, &export);
        change.own.extend(workspace.scratch_texts(&check.command).await?);
        match self.forks(&check, export, copies, workspace).await {
            Ok(runs) => {
                self.pending.push(PendingRun { check, change, output, runs });
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

    /// Starts the runs in forks: without the edits, and before that with them where the command hides its exit code.
    async fn forks(
        &self,
        check: &Check,
        export: Export,
        copies: &[CheckFileCopy],
        workspace: &mut Workspace,
    ) -> Result<JoinHandle<Result<ForkRuns, Why>>, WorkspaceError> {
        let all: Vec<_> = export.files.into_iter().map(|file| (file.role, (file.path, file.now))).collect();
        let own: Files = all.iter().filter(|(role, _)| !role.is_code()).map(|(_, file)| file.clone()).collect();
        let (limit, stop) = (self.limit, self.stop.clone());
        let only_second = hidden_exit::unknown(&check.command, &check.with).is_some();
        let second = hides_exit(&check.command).filter(|_| check.with.exit == Some(0));
        let command = ForkCommand { command: check.command.clone(), second, only_second, limit };
        let with = match only_second {
            true => Some(workspace.fork_edits(all.into_iter().map(|(_, file)| file).collect(), copies).await?),
            false => None,
        };
        let base = workspace.fork_without(own, copies).await?;
        let before = self.passed.get(&check.command).copied();
        Ok(tokio::spawn(async move {
            let without = run(base, command.clone(), before, stop.clone());
            let with = match with {
                Some(fork) => Some(run(fork, command, None, stop).await),
                None => None,
            };
            let without = without.await;
            Ok(ForkRuns { with: with.transpose()?, without: without? })
        }))
    }

    /// Waits for the runs under way and returns the checks with their new levels.
    pub async fn wait(&mut self) -> Vec<Check> {
        let mut judged = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            let check = pending.check;
            judged.push(match pending.runs.await {
                Ok(Ok(runs)) => self.judged(check, runs, &pending.change, pending.output),
                Ok(Err(Why::ExitHidden)) => hidden(&check).unwrap_or(check),
                Ok(Err(why)) => Check { why: Some(why), ..check },
                Err(error) => Check { why: Some(not_run(error)), ..check },
            });
        }
        judged
    }

    /// `check` with the level that its two runs give it.
    fn judged(&mut self, mut check: Check, runs: ForkRuns, change: &ChangeFacts, output: Option<String>) -> Check {
        let ForkRuns { with, without: RanInFork { outcome: without, output: output_without } } = runs;
        self.passed.insert(check.command.clone(), without.passed());
        let output = with.as_ref().map(|with| with.output.clone()).or(output);
        if let Some(with) = with {
            check.with.hidden = with.outcome.hidden;
            // It was ended early.
            if let Some(hidden) = hidden(&check) {
                return hidden;
            }
            self.passed_with(&check);
        }
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
        let both = check.with.passed() && without.passed();
        let difference = output.filter(|_| both).and_then(|output| difference::between(&output, &output_without));
        Check { without: Some(without), difference, ..judged.onto(check) }
    }
}

/// `check` as one whose exit code says nothing; `None` if it is known.
pub fn hidden(check: &Check) -> Option<Check> {
    hidden_exit::unknown(&check.command, &check.with)?;
    Some(Check { level: Level::Inconclusive, why: Some(Why::ExitHidden), ..check.clone() })
}

/// What judging needs to know about the change.
pub(crate) fn facts(command: &str, export: &Export) -> ChangeFacts {
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
