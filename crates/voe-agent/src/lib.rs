//! One attempt: the loop, the conversation, strategies, evidence, compaction, stuck detection.
//!
//! - [`strategy`]: what a strategy file says, key by key; [`load`](mod@load): finding and reading such files
//! - [`attempt`]: the loop; `ask`: one request; [`ending`]: the gate and the last look
//! - [`log`](mod@log): the record while it is being written, and who watches
//! - [`ledger`]: which files were edited, what was run since, and what that shows
//! - `counterfactual`: running a check without the edits; [`red`]: what its outcome says
//! - [`nudge`]: when the model is asked to verify
//! - `compaction`: keeping the conversation within the window
//! - `resume`: what an attempt that is gone on with has to know beside its folds
//! - [`done`], [`stuck`]: how replies and calls in a row are read
//! - [`prompt`], [`tools`]: what the model is told and offered
//! - [`workspace`]: a toolbox in a sandbox that is started again when it dies

mod ask;
pub mod attempt;
mod compaction;
mod counterfactual;
pub mod done;
pub mod ending;
mod installs;
pub mod ledger;
pub mod load;
pub mod log;
pub mod nudge;
pub mod prompt;
pub mod red;
mod resume;
pub mod strategy;
pub mod stuck;
pub mod tools;
pub mod workspace;

pub use attempt::{Attempt, AttemptError, Plan};
pub use ending::Ended;
pub use ledger::Ledger;
pub use load::{LoadError, load};
pub use log::Observer;
pub use strategy::Strategy;
