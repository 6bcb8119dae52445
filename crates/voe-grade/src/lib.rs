//! SWE-bench's verdict: a test log becomes statuses, statuses become a verdict. Pure: reads no files and runs nothing.
//!
//! The reference is the official package, `swebench` 5.0.2: for each row and log [`grade`] gives the same verdict, test by
//! test, in the same order.
//!
//! - [`instance`]: one row of a suite, with SWE-bench's field names
//! - [`log`]: the tests' output in a log, and the harness's own messages
//! - [`parser`]: the seven parsers that Verified and Lite need
//! - [`status`]: the result of a test, and the map of all tests of a log
//! - [`verdict`]: from a row and a log to the verdict
//! - [`infra`]: the official signs in a log that the environment is broken, not the patch
//! - [`cause`]: why a log is not resolved, by voe's own rules; [`log_parts`]: which lines of a log belong to the install step
//!   and which to the tests; `patch_names`: files and modules named by patches; `signs`: signs in a line
//! - [`known`]: tasks whose own solutions are known not to pass, and why
//! - [`report`]: the official report of one task
//! - [`run_report`]: the official report of a run (schema 2), and the paths of official files
//! - [`prediction`]: reads, writes and checks predictions
//! - [`log_files`]: which task a log belongs to, by its file name, and its verdict as a line of JSON
//! - [`eval_script`]: the eval script with the changes that the official runner makes
//! - [`text`]: text as Python sees it
//!
//! # Grading a log
//!
//! ```
//! use serde_json::json;
//! use voe_grade::{Instance, Resolution, grade};
//!
//! let row = Instance::from_value(json!({
//!     "repo": "pallets/flask",
//!     "instance_id": "pallets__flask-1",
//!     "base_commit": "4c288bc97ea371817199908d0d9b12de9dae327e",
//!     "patch": "",
//!     "test_patch": "",
//!     "problem_statement": "It crashes.",
//!     "hints_text": "",
//!     "created_at": "",
//!     "version": "2.0",
//!     "FAIL_TO_PASS": ["tests/test_app.py::test_crash"],
//!     "PASS_TO_PASS": [],
//! }))?;
//! let log = ">>>>> Start Test Output\nPASSED tests/test_app.py::test_crash\n>>>>> End Test Output\n";
//!
//! let graded = grade(&row, log)?;
//! assert!(graded.report.resolved);
//! assert_eq!(graded.resolution(), Resolution::Full);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod cause;
mod cause_sign;
pub mod eval_script;
pub mod infra;
pub mod instance;
pub mod known;
pub mod log;
pub mod log_files;
pub mod log_parts;
mod official_json;
pub mod parser;
mod patch_names;
pub mod prediction;
pub mod report;
pub mod run_report;
mod signs;
pub mod status;
pub mod text;
pub mod verdict;

pub use cause::FailureCause;
pub use cause_sign::{Blame, CauseSign};
pub use infra::{InfraFailure, Tier};
pub use instance::{EvalType, Instance, RowError};
pub use log_files::{GradedLog, LogNames};
pub use parser::{LogParser, ParserStops, UnsupportedParser, parse_log};
pub use prediction::{Prediction, Predictions, PredictionsError, Problem};
pub use report::{InstanceFile, InstanceReport, Outcomes, TestsStatus};
pub use run_report::{PredictionOutcome, RunReport};
pub use status::{Statuses, TestStatus};
pub use verdict::{GradeError, Graded, NotFound, Resolution, grade};
