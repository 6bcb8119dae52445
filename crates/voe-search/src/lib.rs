//! Several attempts as one, chosen by evidence. [`Work`] is what callers run, whether a strategy makes one attempt or many.
//!
//! - [`work`]: one attempt or a search: the common entry point
//! - `search`: what all searches share: a record of their own, one budget, rollouts side by side; `shared`: what each rollout needs
//! - `rollout`, `steps`: one attempt of a search, from the beginning or from the middle of another; going on after a kill
//! - `budget`: what is left, and what one attempt gets of it
//! - `ralph`, `best_of`, `bst`, `mcts`: the searches; `tree`: the tree of the last, as numbers
//! - `value`: what a state is worth; `told`: what an attempt is told of others
//! - `cross`: the cross-examination of attempts, and the choice by it
//!
//! # Running a strategy, whatever it makes of a task
//!
//! ```no_run
//! use voe_agent::{Observer, Plan};
//! use voe_search::{SearchError, Work};
//! use voe_trace::Writer;
//!
//! # async fn example(plan: Plan, writer: Writer, observer: Box<dyn Observer>) -> Result<(), SearchError> {
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
mod ralph;
mod rollout;
mod run;
mod search;
mod shared;
mod steps;
mod told;
mod tree;
mod value;
pub mod work;

pub use shared::SearchError;
pub use work::Work;
