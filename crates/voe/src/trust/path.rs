//! Paths that the user gave to the bench. A run names the files that it was begun with, so that it can be resumed without
//! naming them again; one that somebody else made may name any file of this user's, and commands with a network would see
//! what is in it. So a path that a run names is used only if the user gave it to voe before.

use std::path::Path;

use super::Remembered;

const GIVEN: Remembered = Remembered("bench-paths");

/// Remembers that the user gave `path`, which is absolute.
pub(crate) fn given(path: &Path) -> anyhow::Result<()> {
    GIVEN.add(&[path.as_os_str().as_encoded_bytes()], path)
}

/// Whether the user gave `path` before.
pub(crate) fn is_given(path: &Path) -> bool {
    GIVEN.has(&[path.as_os_str().as_encoded_bytes()])
}
