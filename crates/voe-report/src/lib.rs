//! Reports, comparisons and the viewer: folds of trajectories and grades.
//!
//! - [`data`]: suites, official reports, attempts, and the arms made from them
//! - [`figure`]: SVG figures, ready for a paper
//! - [`metric`]: the table of metrics: each number of an attempt, its meaning and format
//! - [`report`]: comparison of arms
//! - [`stats`]: intervals, tests, power
//! - [`viewer`]: shows attempts in the browser, served or exported
//! - [`commands`]: the functions behind the commands of the same names
//!
//! # Statistics
//!
//! ```
//! use voe_report::stats::{paired, proportion, trials};
//!
//! // 33 of 100 resolved, with its 95 % interval.
//! let interval = proportion::wilson(33, 100).expect("there are tasks");
//! assert!(interval.0 > 0.24 && interval.1 < 0.43);
//!
//! // Two arms on the same tasks: 15 that only the first resolved against 4 that only the second did, of 100.
//! assert!(paired::mcnemar(15, 4) < 0.05);
//! let difference = paired::tango(15, 4, 100).expect("there are tasks");
//! assert!(difference.0 > 0.0 && difference.1 < 0.25);
//! assert!(trials::pass_at(1, 4, 2).is_some_and(|rate| (rate - 0.5).abs() < 1e-9));
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod commands;
pub mod data;
pub mod figure;
pub mod metric;
pub mod report;
pub mod stats;
pub mod viewer;

mod error;
mod format;
mod markup;
mod output;

pub use error::ReportError;
