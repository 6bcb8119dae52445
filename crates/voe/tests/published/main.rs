//! The published arms: what they send, and what they do that voe's own strategies do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod behaviour;
mod requests;
