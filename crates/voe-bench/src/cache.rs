//! Where downloads, checkouts and environments are kept.

use std::path::PathBuf;

use voe_untrusted::{Error, private};

/// voe's cache directory: `VOE_CACHE_DIR`, else the system's place for such things; `None` if the environment names no
/// home either.
pub fn dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    set("VOE_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute())?.join("voe")))
        .or_else(|| Some(set("HOME")?.join(".cache/voe")))
        .and_then(|dir| std::path::absolute(dir).ok())
}

/// The same, made if it isn't there, and for this user alone: what is in it is run, and private code may be in it.
///
/// # Errors
/// Somebody else owns it or can write to it; the disk.
pub fn open() -> Result<Option<PathBuf>, Error> {
    let dir = dir();
    if let Some(dir) = &dir {
        private::named(dir)?;
    }
    Ok(dir)
}
