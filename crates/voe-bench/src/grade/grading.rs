//! How the grades of a run are made: `grading.toml` next to the official files, so that they are added to as they were begun.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::run::dir::replace;

/// The file's name.
const FILE: &str = "grading.toml";

/// What decides over verdicts besides the place and the patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grading {
    /// Seconds for a task's tests.
    pub timeout_s: u64,
    /// Whether tests may use the network.
    pub network: bool,
}

impl Grading {
    /// How the grades in `dir` are made; `None` where nothing says so.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn read(dir: &Path) -> Result<Option<Self>, String> {
        let path = dir.join(FILE);
        let fail = |why: &str| format!("cannot read {}: {why}", path.display());
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map(Some).map_err(|error| fail(error.message())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fail(&error.to_string())),
        }
    }

    /// Keeps it in `dir`.
    ///
    /// # Errors
    /// The disk.
    pub fn write(self, dir: &Path) -> std::io::Result<()> {
        let text = toml::to_string(&self).map_err(std::io::Error::other)?;
        replace(&dir.join(FILE), text.as_bytes())
    }
}
