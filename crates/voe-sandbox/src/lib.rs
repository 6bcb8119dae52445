//! Where work happens: isolation backends, limits, snapshots and forks.
//!
//! The toolbox runs *inside* the isolation and speaks with voe over its standard input and output; a backend is how that
//! process is started in there, and how it is forked.
//!
//! - [`Backend`]: what every backend does, [`Capabilities`]: what it can do; the backends are in `backends/`
//! - [`Spec`], [`Choice`]: what is asked for
//! - [`Sandbox`]: what was opened; [`Snapshot`]: a moment of it
//! - [`Images`]: the images of an engine, fetched and prepared
//! - [`probe()`]: which backends work here, and what to do about those that don't
//! - [`helper()`]: what the hidden subcommand `voe sandbox-init` runs
//! - [`sweep()`]: cleans up after a voe that was killed
//!
//! # Opening one, and forking it
//!
//! ```no_run
//! use voe_protocol::{BaseSource, Limits, Setup};
//! use voe_sandbox::{Choice, Sandbox, Spec};
//!
//! # async fn example() -> Result<(), voe_sandbox::SandboxError> {
//! let mut spec = Spec::new("/usr/local/bin/voe", "/home/me/project", "/var/tmp/voe/one");
//! spec.choice = Choice::Local;
//! let sandbox = Sandbox::open(spec).await?;
//!
//! // The workspace as it is now, in a second sandbox that shares nothing writable with the first.
//! let now = sandbox.snapshot().await?;
//! let fork = sandbox.fork(&now).await?;
//! fork.close().await?;
//! sandbox.close().await
//! # }
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod backend;
mod backends;
mod choice;
mod environment;
mod error;
mod fit;
mod groups;
mod helper;
mod hidden;
mod home;
mod init;
mod launch;
mod owner;
mod plan;
mod policy;
mod probe;
mod sandbox;
mod setup;
mod spec;
mod sweep;
mod sys;
mod watch;

pub use backend::{Backend, BoxFuture, Capabilities, Snapshot};
pub use backends::capabilities;
pub use backends::container::{Found, Images, PullError};
pub use choice::{Choice, UnknownChoice};
pub use environment::allowed as allowed_environment;
pub use error::SandboxError;
pub use fit::check as check_workspace;
pub use helper::helper;
pub use probe::{Probe, probe};
pub use sandbox::Sandbox;
pub use setup::SetupStep;
pub use spec::Spec;
pub use sweep::sweep;
