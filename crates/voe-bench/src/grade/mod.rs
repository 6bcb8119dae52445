//! Grading: a patch on a fresh workspace, the eval script, the verdict.
//!
//! - [`cell`]: grades one patch; [`script`]: what runs inside the sandbox for it
//! - [`batch`]: grades many in parallel and writes the official files and reports
//! - [`run`]: grades the predictions of a run; [`grading`]: with which settings
//! - `ran`: records where a patch was graded, next to its official files
//! - [`logs`]: grades existing logs
//! - [`official`]: calls the installed official package
//! - [`gold`]: which gold patches pass on this machine; [`known`]: which are known not to, and why

pub mod batch;
pub mod cell;
pub mod gold;
pub mod grading;
pub mod known;
pub mod logs;
pub mod official;
mod ran;
pub mod run;
mod script;

pub use batch::{Batch, GradeRow, PatchToGrade, write_cause};
pub use cell::{CellError, GradedCell};
pub use grading::Grading;
pub use ran::GradeSetting;
pub use run::RunGrades;
