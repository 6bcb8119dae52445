//! Reports, comparisons and the viewer: folds of trajectories and grades.
//!
//! - [`data`]: suites, official reports, attempts, and the arms made of them
//! - [`figure`]: SVG that stands in a paper
//! - [`report`]: arms side by side
//! - [`stats`]: intervals, tests, power
//! - [`viewer`]: one attempt among thousands, served or exported
//! - [`commands`]: what the commands of the same names do, without a command line

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod commands;
pub mod data;
pub mod figure;
pub mod report;
pub mod stats;
pub mod viewer;

mod error;
mod format;
mod output;

pub use error::Error;
