//! Suites, workspaces for tasks, the run queue, resuming, predictions and grading.
//!
//! - [`mini`]: the suite that ships with voe
//! - [`suite`]: suites by name and from files, filtered
//! - [`cache`]: where downloads, checkouts and environments are kept

pub mod cache;
pub mod mini;
pub mod suite;

pub use suite::filter::Filter;
pub use suite::hub::Hub;
pub use suite::{Suite, SuiteError};
