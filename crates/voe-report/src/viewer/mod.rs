//! The viewer: shows one attempt among thousands so that it is understood in a minute. Served on loopback, or exported as files.
//!
//! - [`index`](mod@index): the positions of all steps, read once and updated
//! - [`pages`]: the data for the browser, as JSON
//! - [`search`](mod@search): searches all attempts, streamed
//! - [`server`]: serves on loopback
//! - [`export`](mod@export): writes files that open from disk
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

/// Settings of the viewer.
#[derive(Debug, Clone, Default)]
pub struct ViewOptions {
    /// Run directories, arms of them (`runs/x:arm`), or trajectory files.
    pub inputs: Vec<String>,
    /// The tasks that count, with their difficulties; without it, the union of the submitted tasks.
    pub suite: Option<TaskSet>,
    /// The port to listen on; 0 chooses a free one.
    pub port: u16,
    /// A folder to write static files to, instead of serving.
    pub export: Option<PathBuf>,
}
