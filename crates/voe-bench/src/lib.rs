//! Suites, workspaces for tasks, the run queue, resuming, predictions and grading.
//!
//! - [`suite`]: suites by name and from files, filtered; [`shipped`]: those that ship with voe
//! - [`experiment`]: what to run, resolved into arms
//! - [`name`]: names that are used as directory names
//! - [`models`], [`script`]: the models that answer
//! - [`workspace`]: workspaces of tasks; [`native`]: those of official suites without Docker; [`docker`]: in containers
//! - [`run`]: running and resuming
//! - [`grade`]: grading of patches, logs and predictions
//! - [`cache`]: where downloads, checkouts and environments are kept
//!
//! # Reading a suite
//!
//! ```
//! use voe_bench::{Filter, Suite};
//!
//! let mut suite = Suite::shipped("mini")?;
//! let task = suite.task("mini__pages-1").expect("the suite has it");
//! assert!(!task.problem_statement.is_empty() && !task.fail_to_pass.is_empty());
//!
//! let three = Filter { sample: Some(3), seed: 1, ..Filter::default() };
//! assert!(three.apply(&mut suite).is_empty(), "no id is unknown");
//! assert_eq!(suite.tasks.len(), 3);
//! # Ok::<(), voe_bench::SuiteError>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cache;
pub mod docker;
pub mod experiment;
pub mod grade;
pub mod models;
pub mod name;
pub mod native;
pub mod run;
pub mod script;
pub mod shipped;
pub mod suite;
pub mod workspace;

pub use experiment::{Arm, Experiment, ExperimentError};
pub use suite::filter::Filter;
pub use suite::hub::Hub;
pub use suite::{Suite, SuiteError};
