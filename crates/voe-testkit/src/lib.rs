//! A test kit: an attempt in a temporary directory, without the binary and without isolation.
//!
//! - [`main`]: the `main` of a test program, which is also the toolbox that its sandboxes start
//! - [`TestBackend`]: a sandbox that is a plain directory; a test can take capabilities away from it
//! - [`Lab`]: a small repository; [`Lab::play`] runs an attempt on it with replies from a script
//! - [`Played`]: the record of the attempt
//! - [`replies`]: replies for scripts
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backend;
mod lab;
mod played;
pub mod replies;
mod start;

pub use backend::TestBackend;
pub use lab::{Lab, STATS};
pub use played::Played;
pub use start::main;
