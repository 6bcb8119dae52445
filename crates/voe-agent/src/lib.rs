//! One attempt: the loop, the conversation, strategies, evidence.
//!
//! - [`attempt`]: an attempt as its callers see it
//! - `drive`: the drivers: the agent loop (`drive/loop.rs`), the pipeline that the harness leads, and search
//! - `policy`: parts of a strategy that react to what happens, one file each
//! - [`session`]: what every driver works with: record, workspace, model, limits
//! - [`record`]: the record while it is being written, its observers and its folds
//! - [`strategy`]: the keys of a strategy file; [`load`](mod@load): finding and reading such files
//! - `facts`: what checks showed, as text for the model; [`prompt`], [`tools`]: its other texts and its tools
//! - [`done`]: whether a reply declares that the work is done
//! - [`user_tree`]: whether the user changes the tree meanwhile; [`notes`]: the repository's notes for agents
//!
//! # Loading a strategy
//!
//! ```
//! use std::path::Path;
//! use voe_agent::load;
//! use voe_evidence::Require;
//!
//! let strategy = load("prove-on-edit", Path::new("."))?;
//! assert_eq!(strategy.gate.require, Require::Proven);
//! assert!(load("no-such-strategy", Path::new(".")).is_err());
//! # Ok::<(), voe_agent::LoadError>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod attempt;
pub mod done;
pub mod drive;
mod end;
mod facts;
pub mod keys;
pub mod load;
pub mod notes;
mod plan;
mod policy;
pub mod prompt;
pub mod record;
pub mod session;
pub mod strategy;
pub mod tools;
pub mod user_tree;

pub use attempt::Attempt;
pub use drive::SearchHost;
pub use end::AttemptError;
pub use load::{LoadError, load};
pub use plan::AttemptPlan;
pub use record::Observer;
pub use session::finish::EndedAttempt;
pub use strategy::Strategy;
pub use user_tree::UserTree;
