//! Suites, workspaces for tasks, the run queue, resuming and predictions.
//!
//! - [`mini`]: the suite that ships with voe

pub mod mini;
