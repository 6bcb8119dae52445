//! Where voe keeps what is the user's: settings, records, downloads. By the XDG base directories, which a variable of voe's own
//! overrides. [`crate::private`] makes them, for the user alone.

use std::path::PathBuf;

use etcetera::base_strategy::{BaseStrategy, Xdg};

/// The directory of voe's part below each of the system's.
const VOE: &str = "voe";

/// The directory of the user's own settings: `$XDG_CONFIG_HOME/voe`. `None` if the user has no home.
pub fn config() -> Option<PathBuf> {
    Some(xdg()?.config_dir().join(VOE)).filter(|dir| dir.is_absolute())
}

/// The directory of records and undo points: `VOE_STATE_DIR`, else `$XDG_STATE_HOME/voe`. `None` if the user has no home.
pub fn state() -> Option<PathBuf> {
    own("VOE_STATE_DIR", || xdg()?.state_dir())
}

/// The directory of downloads, checkouts and environments: `VOE_CACHE_DIR`, else `$XDG_CACHE_HOME/voe`. `None` if the user has
/// no home.
pub fn cache() -> Option<PathBuf> {
    own("VOE_CACHE_DIR", || Some(xdg()?.cache_dir()))
}

/// What the variable names, from the current directory if it is not absolute; else voe's part of `usual`.
fn own(variable: &str, usual: impl FnOnce() -> Option<PathBuf>) -> Option<PathBuf> {
    match std::env::var_os(variable).filter(|dir| !dir.is_empty()) {
        Some(dir) => std::path::absolute(dir).ok(),
        None => Some(usual()?.join(VOE)).filter(|dir| dir.is_absolute()),
    }
}

/// The system's directories; variables that are not absolute paths are ignored, as the specification says.
fn xdg() -> Option<Xdg> {
    Xdg::new().ok()
}
