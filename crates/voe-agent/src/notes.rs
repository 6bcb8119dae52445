//! A repository's notes for agents.

use std::path::Path;

use voe_untrusted::{Error, UntrustedDir};

/// The file, at the top of the work tree.
pub const FILE: &str = "AGENTS.md";

/// Size limit in bytes, more than any notes need; a strategy passes on only a part of them.
const MOST: u64 = 1 << 20;

/// The notes of the repository whose work tree is at `top`; empty if it has none. The repository is not trusted: a link
/// would show its target (a key, the environment) to the model.
///
/// # Errors
/// The file is a link, not a regular file, not text, or larger than 1 MiB.
pub fn read(top: &Path) -> Result<String, Error> {
    Ok(UntrustedDir::open(top)?.read_text(FILE, MOST)?.unwrap_or_default())
}
