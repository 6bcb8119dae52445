//! The viewer: one attempt understood in a minute, among thousands. Served on loopback, or exported as files.
//!
//! - [`index`](mod@index): where each step of each attempt is, read once and kept up with
//! - [`pages`]: what the browser is told, as JSON
//! - [`search`](mod@search): over all attempts, streamed
//! - [`server`]: on loopback
//! - [`export`](mod@export): as files that open from disk
//!
//! Text from models is untrusted. It reaches the page as JSON only, the page's script puts it into text nodes only, and the
//! page's policy runs no script but its own.

pub mod export;
pub mod index;
pub mod pages;
pub mod search;
pub mod server;

mod assets;
mod connections;
mod source;
mod token;

use std::path::PathBuf;

use crate::data::suite::TaskSet;

/// What is viewed.
#[derive(Debug, Clone, Default)]
pub struct ViewOptions {
    /// Run directories, arms of them (`runs/x:arm`), or trajectory files.
    pub inputs: Vec<String>,
    /// The tasks that count, with their difficulties; without it, the union of what was submitted.
    pub suite: Option<TaskSet>,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
    /// A folder to write static files to, instead of serving.
    pub export: Option<PathBuf>,
}
