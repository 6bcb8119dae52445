//! Several attempts as one, chosen by evidence. [`Work`] is what callers run, whether a strategy makes one attempt or many.
//!
//! - [`work`]: one attempt or a search: the common entry point
//! - `search`: common to all searches: a record of their own, one budget, parallel rollouts; `shared`: the context of rollouts
//! - `rollout`, `steps`: one attempt of a search, from the beginning or from the middle of another; resuming after a kill
//! - `budget`: what is left, and the share of one attempt
//! - `ralph`, `best_of`, `bst`, `mcts`: the searches; `tree`: the tree of the last, as numbers
//! - `value`: the value of a state; `prior_attempts`: messages to an attempt about others
//! - `cross`: the cross-examination of attempts, and the choice by it
//!
//! # Running a strategy, be it one attempt or a search
//!
//! ```no_run
//! use voe_agent::{Observer, AttemptPlan};
//! use voe_search::{SearchError, Work};
//! use voe_trace::Writer;
//!
//! # async fn example(plan: AttemptPlan, writer: Writer, observer: Box<dyn Observer>) -> Result<(), SearchError> {
//! let path = writer.path().display().to_string();
//! let mut work = Work::start(plan, writer, observer).await?;
//! let (reason, error) = work.run().await;
//! let ended = work.finish(reason, error, path).await?;
//! println!("{} lines of patch", ended.patch.text.lines().count());
//! work.close(ended.finish).await
//! # }
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod best_of;
mod bst;
mod budget;
mod cross;
mod mcts;
mod prior_attempts;
mod ralph;
mod rollout;
mod run;
mod search;
mod shared;
mod steps;
mod tree;
mod value;
pub mod work;

pub use shared::SearchError;
pub use work::Work;
