//! One attempt: the loop, the conversation, strategies, evidence, compaction, stuck detection.
//!
//! - [`strategy`]: what a strategy file says, key by key; [`load`](mod@load): finding and reading such files
//! - [`attempt`]: the loop; `calls`: one call; `ask`: one request; [`ending`]: the gate and the last look
//! - [`record`]: the record while it is being written, who watches, and what is folded from it
//! - `facts`: what checks showed, in words for the model
//! - `verify`: verification by other means, one file a method; `recovery`: what follows when it fails
//! - `red_first`: a failing check before the first edit
//! - `pipeline`: the harness leads, one question a fresh context
//! - [`user_tree`]: whether the user changes the tree meanwhile
//! - `several`: what a search over several attempts needs of each
//! - [`nudge`]: when the model is asked to verify
//! - `compaction`, `restart`: keeping the conversation within the window
//! - [`done`], [`stuck`]: how replies and calls in a row are read
//! - [`prompt`], [`tools`]: what the model is told and offered

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod ask;
pub mod attempt;
mod calls;
mod compaction;
pub mod done;
pub mod ending;
mod facts;
pub mod load;
pub mod notes;
pub mod nudge;
mod pipeline;
pub mod prompt;
pub mod record;
mod recovery;
mod red_first;
mod restart;
mod several;
pub mod strategy;
pub mod stuck;
pub mod tools;
pub mod user_tree;
mod verify;

pub use attempt::{Attempt, AttemptError, Plan};
pub use ending::Ended;
pub use load::{LoadError, load};
pub use record::Observer;
pub use strategy::Strategy;
pub use user_tree::UserTree;
