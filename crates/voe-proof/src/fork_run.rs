//! Runs a check's command in a fork of the workspace, and finds the exit code that it hides.

use std::time::Duration;

use tokio::sync::watch;
use voe_evidence::hidden_exit::{by_second_run, by_summary};
use voe_trace::{Outcome, Why};

use crate::outcome;
use crate::workspace::{CallEnd, Workspace};

/// A command to run in a fork.
#[derive(Debug, Clone)]
pub(crate) struct ForkCommand {
    /// The command.
    pub(crate) command: String,
    /// The form of it that does not hide its exit code, if it hides it.
    pub(crate) second: Option<String>,
    /// Whether only that form is run.
    pub(crate) only_second: bool,
    /// The time limit of a run.
    pub(crate) limit: Duration,
}

/// How a command ended in a fork.
#[derive(Debug, Clone, Default)]
pub(crate) struct RanInFork {
    pub(crate) outcome: Outcome,
    /// Its output, with the paths of the workspace that was forked.
    pub(crate) output: String,
}

/// Runs `command` in `fork` and closes it. `before`: whether it passed there the last time; a run with a different outcome is repeated
/// once, since either the check was changed or it is flaky.
pub(crate) async fn run(
    mut fork: Workspace,
    command: ForkCommand,
    before: Option<bool>,
    mut stop: watch::Receiver<bool>,
) -> Result<RanInFork, Why> {
    let called = tokio::select! {
        biased;
        () = stopped(&mut stop) => None,
        called = twice(&mut fork, &command, before) => Some(called),
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
async fn twice(fork: &mut Workspace, command: &ForkCommand, before: Option<bool>) -> Result<RanInFork, Why> {
    let first = once(fork, command).await?;
    let passed = first.outcome.passed();
    if before.is_some_and(|before| before != passed)
        && let Ok(second) = once(fork, command).await
        && second.outcome.passed() != passed
    {
        return Err(Why::ChanceWithout);
    }
    Ok(first)
}

/// Runs a command; if it hides its exit code and its runner reports nothing, also the form that does not.
async fn once(fork: &mut Workspace, command: &ForkCommand) -> Result<RanInFork, Why> {
    let Some(second) = &command.second else { return call(fork, &command.command, command.limit).await };
    let shown = if command.only_second { second } else { &command.command };
    let mut ran = call(fork, shown, command.limit).await?;
    ran.outcome.hidden = by_summary(&command.command, &ran.outcome);
    if ran.outcome.hidden.is_none() && ran.outcome.exit.is_some() {
        let again = match command.only_second {
            true => None,
            false => Some(call(fork, second, command.limit).await?.outcome),
        };
        let by_exit = by_second_run(again.as_ref().unwrap_or(&ran.outcome));
        ran.outcome.hidden = Some(by_exit.ok_or(Why::ExitHidden)?);
    }
    Ok(ran)
}

async fn call(fork: &mut Workspace, command: &str, limit: Duration) -> Result<RanInFork, Why> {
    match fork.check(command, limit).await.map_err(not_run)? {
        CallEnd::Result(result) => {
            Ok(RanInFork { outcome: outcome(&result), output: fork.as_in_original(&result.output) })
        }
        CallEnd::Died(why) => Err(not_run(why)),
    }
}

pub(crate) fn not_run(error: impl std::fmt::Display) -> Why {
    Why::NotRun { error: error.to_string() }
}

/// Resolves when `stop` becomes true; never if its sender is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
