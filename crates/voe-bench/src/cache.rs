//! Where downloads, checkouts and environments are kept.

use std::path::PathBuf;

use voe_untrusted::{Error, private};

pub use voe_untrusted::user_dirs::cache as dir;

/// [`dir`], made if it isn't there, and for this user alone: what is in it is run, and private code may be in it.
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
