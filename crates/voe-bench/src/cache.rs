//! Where downloads, checkouts and environments are kept.

use std::path::PathBuf;

/// voe's cache directory: `VOE_CACHE_DIR`, else the system's place for such things; `None` if the environment names no
/// home either.
pub fn dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    set("VOE_CACHE_DIR")
        .or_else(|| Some(set("XDG_CACHE_HOME")?.join("voe")))
        .or_else(|| Some(set("HOME")?.join(".cache/voe")))
        .and_then(|dir| std::path::absolute(dir).ok())
}
