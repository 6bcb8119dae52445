//! Where downloads, checkouts and environments are kept.

use std::path::PathBuf;

use voe_untrusted::{Error, private};

pub use voe_untrusted::user_dirs::cache as dir;

/// Opens [`dir`], created if missing, for this user alone: its files are executed, and private code may be among them.
///
/// # Errors
/// Another user owns it or can write to it, or it can't be created.
pub fn open() -> Result<Option<PathBuf>, Error> {
    let dir = dir();
    if let Some(dir) = &dir {
        private::named(dir)?;
    }
    Ok(dir)
}
