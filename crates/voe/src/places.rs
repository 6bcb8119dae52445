//! The paths of an attempt's parts, kept next to its record.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use voe_repo::Base;
use voe_trace::layout;
use voe_untrusted::{UntrustedDir, atomic_write};

use crate::UsageError;

/// The file next to an attempt's record, and in its undo point, that says where the attempt's parts are.
pub(crate) const ABOUT: &str = "attempt.json";
/// Where a base is kept that would otherwise be gone.
pub(crate) const STORE: &str = "store";
/// More than [`ABOUT`] is long. Bytes.
const MOST_ABOUT: u64 = 1 << 20;

/// Where an attempt's parts are; kept next to the record, for resuming.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AttemptPaths {
    /// The attempt's directory.
    pub(crate) dir: PathBuf,
    /// The top of the work tree.
    pub(crate) repository: PathBuf,
    /// The directory for the undo point; `None` where the tree is a copy that goes away.
    pub(crate) undo: Option<PathBuf>,
    /// The base.
    pub(crate) base: Base,
    /// Whether the record began as a copy of one from elsewhere.
    #[serde(default)]
    pub(crate) adopted: bool,
}

impl AttemptPaths {
    pub(crate) fn trajectory(&self) -> PathBuf {
        self.dir.join(layout::TRAJECTORY)
    }

    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        if let Some(undo) = &self.undo {
            put(&undo.join(ABOUT), &text)?;
        }
        put(&self.dir.join(ABOUT), &text)
    }

    /// The attempt of the undo point in `undo`, which is in the state directory.
    pub(crate) fn of_undo(undo: &Path) -> Option<Self> {
        let text = UntrustedDir::open(undo).ok()?.read(ABOUT, MOST_ABOUT).ok()??;
        serde_json::from_slice(&text).ok()
    }

    /// Removes what was made for an attempt that did not begin.
    pub(crate) fn forget(&self) {
        if let Some(undo) = &self.undo {
            let _ = std::fs::remove_dir_all(undo);
        }
        let _ = std::fs::remove_file(self.dir.join(ABOUT));
        // It may be the user's own directory: only if it is empty.
        let _ = std::fs::remove_dir(self.dir.join("sandbox"));
        let _ = std::fs::remove_dir(&self.dir);
    }

    /// Reads what [`AttemptPaths::save`] wrote in `dir`. Only voe's own records have it read, but it may have moved, and an
    /// object's name goes to git as an argument.
    pub(crate) fn load(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(ABOUT);
        let broken =
            |why: String| UsageError(format!("this attempt can't be resumed or run again: {}: {why}", path.display()));
        let text = UntrustedDir::open(dir).and_then(|dir| dir.read(ABOUT, MOST_ABOUT));
        let text = text.map_err(|e| broken(e.to_string()))?.ok_or_else(|| broken("no such file".into()))?;
        let places: Self = serde_json::from_slice(&text).map_err(|e| broken(e.to_string()))?;
        let ids = [Some(&places.base.tree), places.base.commit.as_ref()];
        if let Some(id) = ids.into_iter().flatten().find(|id| !is_object_id(id)) {
            return Err(broken(format!("{id:?} is not an object id")).into());
        }
        Ok(Self { dir: dir.to_owned(), ..places })
    }
}

/// Writes a file next to a record: whole or not at all, and in the place of what is there, which may be a link.
pub(crate) fn put(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    atomic_write(path, |file| file.write_all(content)).with_context(|| format!("cannot write {}", path.display()))
}

/// Whether a text is git's name of an object: SHA-1 or SHA-256 in hexadecimal.
pub(crate) fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
