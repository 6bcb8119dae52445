//! The client against real HTTP servers on this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod anthropic;
mod captures;
mod failures;
mod hostile;
mod probes;
mod replies;
mod server;
