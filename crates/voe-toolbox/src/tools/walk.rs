//! The files that `grep` and `glob` go through.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::{Walk, WalkBuilder};

use crate::place::AllowedPath;

/// All files below a place that are not ignored, hidden ones included, in the order of their names. Links are not followed.
pub(super) fn files(place: &AllowedPath, workspace: &Path) -> Walk {
    let mut builder = WalkBuilder::new(&place.path);
    builder
        .hidden(false)
        .git_global(false)
        .require_git(false)
        // Ignore files above the workspace are not meant for it.
        .parents(place.path != workspace && place.path.starts_with(workspace))
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(std::cmp::Ord::cmp);
    builder.build()
}

/// A path, relative to the workspace if it is inside.
pub(super) fn relative<'p>(path: &'p Path, workspace: &Path) -> &'p [u8] {
    path.strip_prefix(workspace).unwrap_or(path).as_os_str().as_bytes()
}
