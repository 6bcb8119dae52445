//! The drivers of an attempt. Each owns a [`crate::session::Session`].
//!
//! - `loop.rs`: driven by the model: one reply, its calls, and what follows
//! - `call`: one call, and the actions of policies on it
//! - `verify`: verification by other means, one file a method; `recovery`: what follows when it fails
//! - `pipeline`: driven by the harness, each question in a fresh context
//! - [`search_host`]: a search over several attempts, which sends no requests itself

#[path = "loop.rs"] // `loop` is a keyword
mod agent_loop;
mod call;
pub(crate) mod pipeline;
mod recovery;
pub mod search_host;
pub(crate) mod verify;

pub(crate) use agent_loop::Loop;
pub(crate) use pipeline::PipelineDriver;
pub use search_host::SearchHost;
