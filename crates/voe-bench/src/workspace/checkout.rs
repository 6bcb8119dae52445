//! Checkouts of tasks at their base: made once, kept in the cache, read-only from then on.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use voe_repo::{Base, Repo};
use voe_untrusted::atomic_write;

use super::error::PrepareError;

/// A task's repository at its base.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The work tree. Nothing may write to it.
    pub dir: PathBuf,
    /// Its contents, recorded next to it.
    pub base: Base,
}

/// The file that is written last; it marks a checkout as complete.
const DONE: &str = "base.json";

/// The checkout called `key`, if it exists.
pub(crate) fn there(cache: &Path, key: &str) -> Option<Checkout> {
    let place = cache.join("checkouts").join(key).canonicalize().ok()?;
    read(&place)
}

fn read(place: &Path) -> Option<Checkout> {
    let base = serde_json::from_slice(&fs::read(place.join(DONE)).ok()?).ok()?;
    Some(Checkout { dir: place.join("tree"), base })
}

/// The checkout called `key`, made by `make` if missing. Other processes wait meanwhile.
pub(crate) fn get(
    cache: &Path,
    key: &str,
    make: impl FnOnce(&Path) -> Result<(), PrepareError>,
) -> Result<Checkout, PrepareError> {
    let place = cache.join("checkouts").join(key);
    fs::create_dir_all(&place).map_err(PrepareError::io("make", &place))?;
    let place = place.canonicalize().map_err(PrepareError::io("open", &place))?;
    let lock = place.join("lock");
    let lock = File::create(&lock).map_err(PrepareError::io("open", &lock))?;
    lock.lock().map_err(PrepareError::io("lock", &place))?;
    let (dir, store, done) = (place.join("tree"), place.join("store"), place.join(DONE));
    if let Some(there) = read(&place) {
        tracing::debug!(key, "checkout is in the cache");
        return Ok(there);
    }
    tracing::info!(key, "checkout is made");
    for left in [&dir, &store] {
        if left.exists() {
            fs::remove_dir_all(left).map_err(PrepareError::io("remove", left))?;
        }
    }
    make(&dir)?;
    let base = Repo::discover(&dir)?.base(&store)?;
    let text = serde_json::to_vec(&base).map_err(|error| PrepareError::io("write", &done)(error.into()))?;
    atomic_write(&done, |file| file.write_all(&text)).map_err(PrepareError::io("write", &done))?;
    Ok(Checkout { dir, base })
}
