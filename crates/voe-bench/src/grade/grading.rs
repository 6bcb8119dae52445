//! How the grades of a run are made: `grading.toml` next to the official files, so that later grades use the same settings.

use std::path::Path;

use serde::{Deserialize, Serialize};
use voe_untrusted::UntrustedDir;

/// The file's name.
const FILE: &str = "grading.toml";

/// Most bytes read from it.
const LONGEST: u64 = 1 << 16;

/// Settings that affect verdicts, besides the place and the patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grading {
    /// Time limit of a task's tests, in seconds.
    pub timeout_s: u64,
    /// Whether tests may use the network.
    pub network: bool,
}

impl Grading {
    /// Reads the settings of the grades in the directory `dir` of `grades`; `None` if the file does not exist.
    ///
    /// # Errors
    /// A message: the file can't be read, or is not a valid `grading.toml`.
    pub fn read(grades: &UntrustedDir, dir: &str) -> Result<Option<Self>, String> {
        let at = Path::new(dir).join(FILE);
        let fail = |why: &str| format!("cannot read {}: {why}", grades.path().join(&at).display());
        match grades.read_text(&at, LONGEST).map_err(|error| error.to_string())? {
            Some(text) => toml::from_str(&text).map(Some).map_err(|error: toml::de::Error| fail(error.message())),
            None => Ok(None),
        }
    }

    /// Writes it to `dir`.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(self, dir: &UntrustedDir) -> std::io::Result<()> {
        let text = toml::to_string(&self).map_err(std::io::Error::other)?;
        dir.replace(FILE, text.as_bytes()).map_err(std::io::Error::other)
    }
}
