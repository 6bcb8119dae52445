//! Proves a change that somebody made: runs checks, and the repository's own tests, with and without it, each run in a sandbox of
//! its own that starts from the work tree as it is.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use voe_evidence::check;
use voe_evidence::command::{hides_exit, reads_source_only};
use voe_evidence::counterfactual::{CheckRuns, judge};
use voe_evidence::difference;
use voe_protocol::{CallLimits, RawBytes, Setup, SyntaxCheck};
use voe_repo::TreeChange;
use voe_sandbox::Sandbox;
use voe_trace::{Change, Check, CheckOrigin, Level, Why};

use crate::Files;
use crate::change_roles;
use crate::counterfactual::facts;
use crate::fork_run::{ForkCommand, RanInFork, not_run, run};
use crate::own_tests::Commands;
use crate::proof::Proof;
use crate::workspace::{Workspace, WorkspaceError};

/// Which of the repository's own tests run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnTestsToRun {
    /// Those that touch the changed code, as far as they are found.
    Found,
    /// None.
    Off,
    /// This command.
    Command(String),
}

/// How a change is proven.
#[derive(Debug, Clone)]
pub struct ProveOptions {
    /// Commands that should fail without the change and pass with it. Empty: the tests that the change adds or changes.
    pub checks: Vec<String>,
    /// The repository's own tests.
    pub own_tests: OwnTestsToRun,
    /// The time limit of each run.
    pub limit: Duration,
    /// Runs at a time.
    pub parallel: usize,
}

/// Proves changes in a sandbox.
pub struct Prover {
    workspace: Workspace,
    change: TreeChange,
    options: ProveOptions,
    stop: watch::Receiver<bool>,
}

/// Both runs of a command, under way.
struct BothRuns {
    command: String,
    origin: CheckOrigin,
    with: JoinHandle<Result<RanInFork, Why>>,
    without: JoinHandle<Result<RanInFork, Why>>,
}

impl Prover {
    /// Starts with the sandbox of a work tree. Runs are canceled when `stop` becomes true.
    ///
    /// # Errors
    /// The toolbox can't be started in the sandbox.
    pub async fn open(
        sandbox: Sandbox,
        mut change: TreeChange,
        options: ProveOptions,
        stop: watch::Receiver<bool>,
    ) -> Result<Self, WorkspaceError> {
        let checks = options.checks.clone();
        let change = tokio::task::spawn_blocking(move || change_roles::set(&mut change, &checks).map(|()| change))
            .await
            .map_err(|error| WorkspaceError::Patch(error.to_string()))?
            .map_err(|error| WorkspaceError::Patch(error.to_string()))?;
        let seconds = options.limit.as_secs_f64();
        let setup = Setup {
            workspace: sandbox.workspace().to_owned(),
            scratch: PathBuf::new(),
            pristine: change.base.pristine(),
            limits: CallLimits { timeout_s: seconds, max_timeout_s: seconds, ..CallLimits::default() },
            env: std::collections::BTreeMap::new(),
            syntax: SyntaxCheck::Off,
            byproducts: Vec::new(),
            resumed: false,
            earlier_commands: Vec::new(),
            unwatched: true,
        };
        let pristine = change.base.pristine();
        let workspace = Workspace::open(sandbox, setup, &pristine).await?;
        Ok(Self { workspace, change, options, stop })
    }

    /// Runs everything, and judges it.
    ///
    /// # Errors
    /// The sandbox can't be forked, or its toolbox can't be reached any more.
    pub async fn prove(&mut self) -> Result<Proof, WorkspaceError> {
        let files = self.files().await?;
        let (checks, own) = self.commands(&files).await?;
        let slots = Arc::new(Semaphore::new(self.options.parallel.max(1)));
        let mut runs: Vec<BothRuns> = Vec::new();
        let made = checks.into_iter().map(|command| (command, CheckOrigin::Made));
        for (command, origin) in made.chain(own.into_iter().map(|command| (command, CheckOrigin::Repository))) {
            if !runs.iter().any(|run| run.command == command) {
                runs.push(self.start(command, origin, &slots).await?);
            }
        }
        let (mut made, mut kept) = (Vec::new(), Vec::new());
        for run in runs {
            let origin = run.origin;
            let check = self.judged(run).await?;
            if origin == CheckOrigin::Made { made.push(check) } else { kept.push(check) }
        }
        let proof = Proof::new(files, made, kept);
        Ok(Proof {
            base: self.change.base.commit.clone(),
            now: self.change.now.clone(),
            notes: self.change.notes.clone(),
            ..proof
        })
    }

    /// Ends the sandbox.
    ///
    /// # Errors
    /// Something could not be cleaned up.
    pub async fn close(self) -> Result<(), WorkspaceError> {
        Ok(self.workspace.close().await.close().await?)
    }

    /// The level of a check from its two runs.
    fn judge(&self, check: Check, with: &RanInFork, without: RanInFork) -> Check {
        let RanInFork { outcome, output } = without;
        let judged = judge(&CheckRuns {
            command: &check.command,
            with: &check.with,
            without: &outcome,
            change: &facts(&check.command, &self.change.export),
            origin: check.origin,
            was_green: false,
            limit: self.options.limit,
        });
        let both = check.with.passed() && outcome.passed() && check.with.tests.is_none();
        let difference = if both { difference::between(&with.output, &output) } else { None };
        Check { without: Some(outcome), difference, ..judged.onto(check) }
    }

    /// The changed files with their roles.
    async fn files(&self) -> Result<Vec<Change>, WorkspaceError> {
        let export = self.change.export.clone();
        let made = tokio::task::spawn_blocking(move || voe_repo::make_patch(&export, None)).await;
        let patch = made.map_err(|error| WorkspaceError::Patch(error.to_string()))?;
        Ok(patch.map_err(|error| WorkspaceError::Patch(error.to_string()))?.files)
    }

    /// The commands that could prove the change, and the repository's own tests.
    async fn commands(&mut self, files: &[Change]) -> Result<(Vec<String>, Vec<String>), WorkspaceError> {
        let checks = match &self.options.checks[..] {
            [] => None,
            named => Some(named.to_vec()),
        };
        if checks.is_some() && self.options.own_tests != OwnTestsToRun::Found {
            return Ok((checks.unwrap_or_default(), self.own_command()));
        }
        let mut here = self.workspace.fork_base(self.change.to_now.clone()).await?;
        let there = |change: &&Change| change.kind != voe_trace::ChangeKind::Deleted;
        let changed: Vec<String> = files.iter().filter(there).map(|change| change.path.clone()).collect();
        let checks = match checks {
            Some(checks) => checks,
            None => self.found(here.changed_tests(&changed).await?),
        };
        let own = match self.options.own_tests {
            OwnTestsToRun::Found => {
                let tests: BTreeSet<&str> =
                    files.iter().filter(|file| !file.role.is_code()).map(|file| file.path.as_str()).collect();
                let code: Vec<String> = changed.iter().filter(|path| !tests.contains(path.as_str())).cloned().collect();
                let found = here.own_tests_of(&code, &tests).await?;
                self.found(found)
            }
            _ => self.own_command(),
        };
        // The next start sweeps what could not be cleaned up.
        let _ = here.close().await.close().await;
        Ok((checks, own))
    }

    /// The commands that were found; why there are none, if the search was cut off, is in the notes.
    fn found(&mut self, commands: Commands) -> Vec<String> {
        match commands {
            Commands::Found(commands) => commands,
            Commands::Died(why) => {
                self.change.notes.push(format!("tests could not be looked for: {why}"));
                Vec::new()
            }
        }
    }

    fn own_command(&self) -> Vec<String> {
        match &self.options.own_tests {
            OwnTestsToRun::Command(command) => vec![command.clone()],
            OwnTestsToRun::Found | OwnTestsToRun::Off => Vec::new(),
        }
    }

    /// Starts both runs of a command.
    async fn start(
        &mut self,
        command: String,
        origin: CheckOrigin,
        slots: &Arc<Semaphore>,
    ) -> Result<BothRuns, WorkspaceError> {
        let with = self.run_with(self.change.to_now.clone(), &command, slots).await?;
        let without = self.run_with(self.without(), &command, slots).await?;
        Ok(BothRuns { command, origin, with, without })
    }

    /// What leads from the work tree to the state before the change, with the change's tests and check files.
    fn without(&self) -> Files {
        let mut files = self.change.to_base.clone();
        let along = self.change.export.files.iter().filter(|file| !file.role.is_code());
        let along: Files = along.map(|file| (file.path.clone(), file.now.clone())).collect();
        let paths: BTreeSet<&RawBytes> = along.iter().map(|(path, _)| path).collect();
        files.retain(|(path, _)| !paths.contains(path));
        files.extend(along);
        files
    }

    /// Runs a command in a fork with these files, once there is room for it.
    async fn run_with(
        &mut self,
        files: Files,
        command: &str,
        slots: &Arc<Semaphore>,
    ) -> Result<JoinHandle<Result<RanInFork, Why>>, WorkspaceError> {
        let slot = Arc::clone(slots).acquire_owned().await;
        let fork = self.workspace.fork_base(files).await?;
        let stop = self.stop.clone();
        let command = ForkCommand {
            command: command.to_owned(),
            second: hides_exit(command),
            only_second: false,
            limit: self.options.limit,
        };
        Ok(tokio::spawn(async move {
            let ran = run(fork, command, None, stop).await;
            drop(slot);
            ran
        }))
    }

    /// Waits for both runs, and judges them.
    async fn judged(&mut self, run: BothRuns) -> Result<Check, WorkspaceError> {
        let BothRuns { command, origin, with, without } = run;
        let (with, without) = (ended(with.await), ended(without.await));
        let inconclusive = |why: Why| Check {
            command: command.clone(),
            origin,
            level: Level::Inconclusive,
            why: Some(why),
            ..Check::default()
        };
        let with = match with {
            Ok(with) => with,
            Err(why) => return Ok(inconclusive(why)),
        };
        let check = Check { origin, ..check::of_run(&command, 0, "", with.outcome.clone()) };
        if check.with.passed() && reads_source_only(&command) {
            return Ok(Check { level: Level::Inconclusive, why: Some(Why::ReadsSourceOnly), ..check });
        }
        let without = match without {
            Ok(without) => without,
            Err(why) => return Ok(Check { why: Some(why), ..check }),
        };
        let judged = self.judge(check, &with, without);
        if !check::regressed(&judged) {
            return Ok(judged);
        }
        // A test that fails by chance must not count against the change: it has to fail again.
        let slots = Arc::new(Semaphore::new(1));
        let again = self.run_with(self.change.to_now.clone(), &command, &slots).await?;
        Ok(match ended(again.await) {
            Ok(again) if again.outcome.passed() => {
                Check { level: Level::Inconclusive, why: Some(Why::Chance), ..judged }
            }
            _ => judged,
        })
    }
}

fn ended(run: Result<Result<RanInFork, Why>, tokio::task::JoinError>) -> Result<RanInFork, Why> {
    run.unwrap_or_else(|error| Err(not_run(error)))
}
