//! Starting the user's programs.

use std::ffi::{OsStr, OsString};
use std::process::Command;

/// The search path if `PATH` is not set.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";

/// A program found by name on `PATH`, without entries that depend on the current directory (`.`, an empty one): that may be a
/// repository with a program of this name.
pub fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    // The program is searched on the PATH that it gets.
    command.env("PATH", search_path());
    command
}

/// `PATH` without entries that depend on the current directory.
pub fn search_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_else(|| USUAL.into());
    let kept = std::env::split_paths(&path).filter(|entry| entry.is_absolute());
    std::env::join_paths(kept).unwrap_or_else(|_| USUAL.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_of_the_current_directory_is_not_found() {
        let kept = std::env::split_paths(&search_path()).all(|entry| entry.is_absolute());
        assert!(kept);
        // A test runs in its package's directory, where this is.
        assert!(program("src").env("PATH", search_path()).spawn().is_err());
    }
}
