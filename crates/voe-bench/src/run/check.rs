//! Whether a run directory is one that voe can have made: somebody else may have sent it.

use std::path::Path;

use voe_untrusted::{Kind, UntrustedDir};

use super::dir::DirError;

/// How deep files of voe's own lie: `grades/official/logs/run_evaluation/<run>/<model>/<id>/…`.
const DEPTH: usize = 8;

/// Looks at the kinds of files; names are looked at where `run.toml` is read.
///
/// # Errors
/// A link or a special file among what voe reads and writes.
pub(super) fn run(path: &Path) -> Result<(), DirError> {
    let Ok(path) = path.canonicalize() else { return Ok(()) };
    plain(&UntrustedDir::open(&path)?, 0)
}

/// Whether nothing but files and directories is in a directory.
pub(crate) fn plain(dir: &UntrustedDir, depth: usize) -> Result<(), DirError> {
    for entry in dir.entries()? {
        match entry.kind {
            Kind::File => {}
            // Written by commands, and left to those who know that: `work` in a run and in its grades, `tmp` in an attempt.
            Kind::Dir if entry.name == "work" || (entry.name == "tmp" && depth == 3) => {}
            Kind::Dir if depth < DEPTH => {
                // A directory that goes away meanwhile belonged to an attempt under way.
                match dir.dir(&entry.name) {
                    Err(error) if error.is_not_found() => {}
                    inner => plain(&inner?, depth + 1)?,
                }
            }
            kind => return Err(DirError::Foreign { path: dir.path().join(&entry.name), kind }),
        }
    }
    Ok(())
}
