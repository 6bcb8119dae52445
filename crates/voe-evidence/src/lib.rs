//! The rules of evidence: what is a test, what is a check, what a run without the change shows. Pure functions and folds; they
//! run nothing.
//!
//! - [`is_test`]: which files are tests, by their paths
//! - [`change`]: which files of a change are code, tests and check files
//! - [`command`]: what a shell command does: read, write, run, install?
//! - [`check`]: which commands are checks
//! - [`counterfactual`]: what a run without the edits shows
//! - [`tests`]: what test runners print about single tests
//! - [`difference`]: where the outputs of two runs differ
//! - [`hidden_exit`]: the exit code that a command hides behind a pipe or `|| true`
//! - [`reproduction`]: whether a command that fails on the unchanged code shows the problem
//! - [`ledger`]: which files were edited, which checks ran since, and their levels
//! - [`examination`]: the matrix of a cross-examination, and the choice from it
//! - [`gate`]: what the gate requires; [`value`]: the value of a state to a search
//!
//! # Judging a check
//!
//! ```
//! use std::time::Duration;
//! use voe_evidence::counterfactual::{ChangeFacts, CheckRuns, judge};
//! use voe_trace::{CheckOrigin, Level, Outcome};
//!
//! let run = |exit: i32, tail: &str| Outcome { exit: Some(exit), ended_by: None, seconds: 0.2, tail: tail.to_owned(), ..Outcome::default() };
//! let level = |without: Outcome| {
//!     judge(&CheckRuns {
//!         command: "python3 repro.py",
//!         with: &run(0, "ok"),
//!         without: &without,
//!         change: &ChangeFacts::default(),
//!         origin: CheckOrigin::Made,
//!         was_green: false,
//!         limit: Duration::from_secs(60),
//!     })
//!     .level
//! };
//!
//! assert_eq!(level(run(1, "AssertionError: page_count is 2, not 3")), Level::Proven);
//! assert_eq!(level(run(0, "ok")), Level::Vacuous);
//! assert_eq!(level(run(127, "python3: command not found")), Level::Inconclusive);
//! ```
//!
//! # Recognizing tests and checks
//!
//! ```
//! use voe_evidence::command::is_check;
//! use voe_evidence::is_test;
//!
//! assert!(is_test("tests/test_pages.py") && !is_test("pages/paginator.py"));
//! assert!(is_check("cd src && pytest -q") && !is_check("git diff | head"));
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod change;
pub mod check;
pub mod command;
pub mod counterfactual;
pub mod difference;
pub mod examination;
pub mod gate;
pub mod hidden_exit;
pub mod ledger;
pub mod reproduction;
mod test_path;
pub mod tests;
pub mod value;
mod whole_word;

pub use change::is_documentation;
pub use gate::Require;
pub use ledger::Ledger;
pub use test_path::{is_test, is_test_bytes, role_by_path};
