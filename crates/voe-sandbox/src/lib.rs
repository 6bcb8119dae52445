//! Where work happens: isolation backends, limits, snapshots and forks.
//!
//! The toolbox runs *inside* the isolation and speaks with voe over its standard input and output; a backend is how that
//! process is started in there, and how it is forked.
//!
//! - [`Spec`], [`Choice`]: what is asked for
//! - [`Sandbox`]: what was got; [`Snapshot`]: a moment of it
//! - [`Images`]: the images of an engine, fetched and prepared
//! - [`probe`]: which backends work here, and what to do about those that don't
//! - [`helper`]: what the hidden subcommand `voe sandbox-init` runs
//! - [`sweep`]: cleans up after a voe that was killed

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod choice;
mod container;
mod environment;
mod error;
mod fit;
mod groups;
mod hidden;
mod in_place;
mod index;
mod init;
mod landlock;
mod launch;
mod local;
mod owner;
mod plan;
mod probe;
mod sandbox;
mod spec;
mod sweep;
mod watch;

pub use choice::{Choice, UnknownChoice};
pub use container::{Found, Images, PullError};
pub use environment::allowed as allowed_environment;
pub use error::SandboxError;
pub use fit::check as check_workspace;
pub use init::helper;
pub use probe::{Probe, probe};
pub use sandbox::{Sandbox, Snapshot};
pub use spec::Spec;
pub use sweep::sweep;
