//! The rules of evidence: what is a test, what is a check, what a run without the change shows. Pure functions and folds; nothing
//! here runs anything.
//!
//! - [`is_test`]: which files are tests, by their paths
//! - [`command`]: what a shell command is about: does it look, write, run, install?
//! - [`check`]: which runs of commands are checks
//! - [`counterfactual`]: what a run without the edits shows
//! - [`reproduction`]: whether a command that fails on the unchanged code shows the problem
//! - [`ledger`]: which files were edited, what was run since, and what that shows
//! - [`examination`]: the matrix of a cross-examination, and the choice by it
//! - [`gate`]: what the gate asks for; [`value`]: what a state is worth to a search

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod check;
pub mod command;
pub mod counterfactual;
pub mod examination;
pub mod gate;
pub mod ledger;
pub mod reproduction;
mod test_path;
pub mod value;

pub use gate::Require;
pub use ledger::Ledger;
pub use test_path::{is_test, is_test_bytes};
