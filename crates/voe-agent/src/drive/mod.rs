//! Who leads an attempt. Each driver owns a [`crate::session::Session`].
//!
//! - `loop.rs`: the model leads: one reply, the calls in it, and what follows from them
//! - `call`: one call, and carrying out what policies want done about it
//! - `verify`: verification by other means, one file a method; `recovery`: what follows when it fails
//! - `pipeline`: the harness leads, one question a fresh context
//! - [`search_host`]: a search over several attempts, which asks nothing itself

#[path = "loop.rs"] // `loop` is a keyword
mod agent_loop;
mod call;
pub(crate) mod pipeline;
mod recovery;
pub mod search_host;
pub(crate) mod verify;

pub(crate) use agent_loop::Loop;
pub(crate) use pipeline::Led;
pub use search_host::SearchHost;
