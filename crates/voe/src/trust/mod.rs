//! What the user trusts: records that voe made for them, settings that a repository asks for, and paths that a run names.

pub(crate) mod config;
pub(crate) mod path;
pub(crate) mod record;

use std::path::Path;

use anyhow::Context;
use voe_untrusted::{UntrustedDir, private};

use crate::state;

/// A set of facts that the user has confirmed, kept in voe's state directory: one file each, named by a hash.
struct Remembered(&'static str);

impl Remembered {
    /// Whether `fact` was remembered. A directory that others could have written to is not believed.
    fn has(&self, fact: &[impl AsRef<[u8]>]) -> bool {
        let look = || -> Option<bool> {
            let state = UntrustedDir::open(&state::dir().ok()?).ok()?;
            private::check_dir(&state).ok()?;
            let dir = state.dir(self.0).ok()?;
            private::check_dir(&dir).ok()?;
            Some(dir.open_file(name(fact)).ok()?.is_some())
        };
        look().unwrap_or(false)
    }

    /// Remembers `fact`; `about` is what a person who looks into the directory reads.
    fn add(&self, fact: &[impl AsRef<[u8]>], about: &Path) -> anyhow::Result<()> {
        use std::io::Write;
        let dir = private::dir(&state::open()?.join(self.0))?;
        let name = name(fact);
        if dir.open_file(&name)?.is_some() {
            return Ok(());
        }
        let mut file = dir.create_file(&name)?;
        file.write_all(about.as_os_str().as_encoded_bytes())
            .with_context(|| format!("cannot write {}", dir.path().join(&name).display()))
    }
}

/// Parts are hashed with their lengths, so that no two lists of parts are the same fact.
fn name(fact: &[impl AsRef<[u8]>]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in fact.iter().map(AsRef::as_ref) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}
