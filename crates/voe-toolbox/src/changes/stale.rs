//! Python's compiled caches that would shadow an edit.
//!
//! A `.pyc` is taken for its source if the source's size and the second of its modification are those in the `.pyc`. Two
//! edits of the same size within one second are the same to it. Commands run with PYTHONDONTWRITEBYTECODE, but a user's own run
//! just before the attempt, or a command that sets its own environment, can leave such a cache.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Removes caches that claim to be of this very version of a source that has just changed, but are older than the change.
pub(crate) fn forget(root: &Path, path: &[u8]) {
    let source = root.join(OsStr::from_bytes(path));
    if source.extension() != Some(OsStr::new("py")) {
        return;
    }
    let (Some(directory), Some(stem)) = (source.parent(), source.file_stem()) else { return };
    let Ok(meta) = fs::symlink_metadata(&source) else { return };
    let mut prefix = stem.as_bytes().to_vec();
    prefix.push(b'.');
    for entry in fs::read_dir(directory.join("__pycache__")).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.as_bytes().starts_with(&prefix) && name.as_bytes().ends_with(b".pyc") && shadows(&entry.path(), &meta) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether a cache would be used for a source with these metadata although it was written before.
fn shadows(cache: &Path, source: &fs::Metadata) -> bool {
    let mut head = [0_u8; 16];
    let Ok(mut file) = fs::File::open(cache) else { return false };
    let Ok(meta) = file.metadata() else { return false };
    if file.read_exact(&mut head).is_err() {
        return false;
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    // PEP 552: flags of 0 mean that time and size decide.
    let by_time = word(4) == 0 && word(8) == source.mtime() as u32 && word(12) == source.size() as u32;
    by_time && (meta.mtime(), meta.mtime_nsec()) <= (source.ctime(), source.ctime_nsec())
}
