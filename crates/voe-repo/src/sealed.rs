//! A checkout that knows nothing of what came after its commit.

use std::path::Path;

use crate::{RepoError, Result};

/// What a sealed checkout holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The commit, as a full id.
    pub commit: String,
    /// The tags that are reachable from it, in the order of their names.
    pub tags: Vec<String>,
    /// The number of objects in the repository.
    pub objects: u64,
}

/// Makes a repository at `dir` (missing or empty) from the clone or mirror `source`: `commit` on `main`, its ancestors
/// and the tags among them, checked out; no remotes, alternates, reflogs or promises, and no object that is not
/// reachable from these.
///
/// # Errors
/// The commit is not in `source`, git failed, or the disk.
pub fn sealed_checkout(source: &Path, commit: &str, dir: &Path) -> Result<Sealed> {
    let _ = (source, commit);
    Err(RepoError::NoDirectory(dir.to_path_buf()))
}
