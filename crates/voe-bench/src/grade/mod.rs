//! Grading: a patch on a fresh workspace, the eval script, the verdict.
//!
//! - [`cell`]: one patch graded; [`script`]: what runs inside for it
//! - [`batch`]: many, in parallel, with the official files and reports
//! - [`run`]: the predictions of a run; [`grading`]: how its grades are made
//! - `ran`: where a patch was graded, next to its official files
//! - [`logs`]: logs that are there already
//! - [`official`]: the installed official package, for whoever wants its word
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

pub use batch::{Batch, Entry, Row, write_cause};
pub use cell::{Cell, CellError};
pub use grading::Grading;
pub use ran::Setting;
pub use run::RunGrades;
