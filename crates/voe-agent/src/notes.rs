//! A repository's notes for agents.

use std::path::Path;

use voe_untrusted::{Error, UntrustedDir};

/// The file, at the top of the work tree.
pub const FILE: &str = "AGENTS.md";

/// More than any notes have; a strategy passes on a part of them only. Bytes.
const MOST: u64 = 1 << 20;

/// The notes of the repository whose work tree is at `top`; empty if it has none. The repository is not trusted: a file
/// that is a link would put whatever it leads to (a key, the environment) before the model.
///
/// # Errors
/// The file is a link, not a regular file, not text, or larger than 1 MiB.
pub fn read(top: &Path) -> Result<String, Error> {
    Ok(UntrustedDir::open(top)?.read_text(FILE, MOST)?.unwrap_or_default())
}
