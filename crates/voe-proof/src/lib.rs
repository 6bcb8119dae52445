//! Runs checks with and without a change. `voe_evidence` judges the outcomes; nothing here writes a record or talks to a model.
//!
//! - [`workspace`]: a toolbox in a sandbox that is started again when it dies; its forks
//! - `scratch`: the scratch files of a workspace, packed for another
//! - [`counterfactual`]: running a check without the edits; `fork_run`: one such run, and the exit code that its command hides
//! - `copies`: running a check whose files are gone, from copies of them
//! - [`own_tests`]: the repository's own tests that touch the changed files; `runners` finds their commands
//! - [`Prover`]: proving a change that somebody made; [`Proof`]: what came of it
//! - [`cross`]: running the checks of several changes with each of them
//!
//! # A check with and without the edits
//!
//! ```no_run
//! use std::time::Duration;
//! use tokio::sync::watch;
//! use voe_evidence::check;
//! use voe_proof::{CallEnd, Counterfactuals, Workspace, WorkspaceError, outcome};
//!
//! # async fn example(mut workspace: Workspace, stop: watch::Receiver<bool>) -> Result<(), WorkspaceError> {
//! let limit = Duration::from_secs(120);
//! let mut counterfactuals = Counterfactuals::new(true, limit, 300.0, stop);
//! let state = workspace.state().await?;
//! if let CallEnd::Result(result) = workspace.check("python3 repro.py", limit).await? {
//!     let check = check::of_run("python3 repro.py", 1, &state.code_tree, outcome(&result));
//!     // Runs in a fork of the base while other work continues.
//!     counterfactuals.start(&check, &mut workspace).await?;
//! }
//! for check in counterfactuals.wait().await {
//!     println!("{}: {:?}", check.command, check.level);
//! }
//! # Ok(())
//! # }
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod change_roles;
mod copies;
pub mod counterfactual;
pub mod cross;
mod fork_run;
pub mod own_tests;
pub mod proof;
mod prove;
mod runners;
mod scratch;
pub mod workspace;

pub use counterfactual::Counterfactuals;
pub use proof::{Proof, ProofVerdict, is_code};
pub use prove::{OwnTestsToRun, ProveOptions, Prover};
pub use workspace::{CallEnd, Workspace, WorkspaceError};

use voe_protocol::CallResult;
use voe_trace::Outcome;

/// The files of a change, by path relative to the workspace; `None` for those that it deletes.
pub type Files = Vec<(voe_protocol::RawBytes, Option<voe_protocol::FileState>)>;

/// A command's outcome, for the record of a check.
pub fn outcome(result: &CallResult) -> Outcome {
    Outcome {
        exit: result.exit,
        ended_by: result.ended_by,
        seconds: result.seconds,
        tail: result.tail.clone(),
        tests: result.tests.clone(),
        ..Outcome::default()
    }
}
