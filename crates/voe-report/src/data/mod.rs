//! The input of reports: suites, reports of gradings, attempts, and the arms made from them.
//!
//! - [`suite`]: the tasks that make the denominator
//! - [`attempt`]: the facts of one attempt, folded from its trajectory
//! - [`arm`]: verdicts and attempts of one arm, trial by trial
//! - [`load`]: arms from run directories and report files; [`parts`]: whether these are parts of one experiment
//! - [`failure`]: why an attempt was not resolved; `failed`: details from grading
//! - [`place`]: the files of a run directory, read without following links

pub mod arm;
pub mod attempt;
pub mod cell;
pub mod failure;
pub mod load;
pub mod parts;
pub mod place;
pub mod suite;

pub(crate) mod failed;
pub(crate) mod light;
mod paths;
pub(crate) mod run_dir;
mod verdict_table;
