//! Isolation backends, limits, snapshots and forks.
//!
//! The toolbox runs *inside* the isolation and exchanges messages with voe over its standard input and output; a backend
//! starts that process inside, and forks its workspace.
//!
//! - [`Backend`]: the interface of a backend; [`Capabilities`]: its capabilities; the backends and their table are in `backends/`
//! - [`SandboxConfig`], [`BackendChoice`]: the configuration of a sandbox, and the choice of its backend
//! - [`Sandbox`]: an open sandbox; [`Snapshot`]: the state of its workspace at one moment
//! - [`Images`]: the images of a container engine, pulled and prepared
//! - [`probe()`]: which backends work here, and what to do about the others
//! - [`helper()`]: the code of the hidden subcommand `voe sandbox-init`
//! - [`sweep()`]: cleans up after a voe that was killed
//!
//! Inside: `policy/` has the rules for commands (Landlock, seccomp, limits, privileges), `init/` the helper that applies them and
//! supervises the toolbox, `home/` voe's own directories on the host and the paths of homes that are shown or hidden.
//!
//! # Opening one, and forking it
//!
//! ```no_run
//! use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};
//!
//! # async fn example() -> Result<(), voe_sandbox::SandboxError> {
//! let mut spec = SandboxConfig::new("/usr/local/bin/voe", "/home/me/project", "/var/tmp/voe/one");
//! spec.choice = BackendChoice::Local;
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
mod config;
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
mod sweep;
mod sys;
mod watch;

pub use backend::{Backend, BoxFuture, Capabilities, Snapshot};
pub use backends::capabilities;
pub use backends::container::{EngineImage, Images, PullError};
pub use choice::{BackendChoice, UnknownChoice};
pub use config::SandboxConfig;
pub use environment::allowed as allowed_environment;
pub use error::SandboxError;
pub use fit::check as check_workspace;
pub use helper::helper;
pub use probe::{BackendProbe, probe};
pub use sandbox::Sandbox;
pub use setup::SetupStep;
pub use sweep::sweep;
