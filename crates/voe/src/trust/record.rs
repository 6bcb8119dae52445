//! Whose a record is. A record can name a repository, a base and commands; one that somebody else wrote is only shown
//! unless the user says that they trust it.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use voe_agent::Strategy;
use voe_trace::event::Start;
use voe_trace::{ReadError, Trajectory};
use voe_untrusted::{UntrustedDir, atomic_write, private};

use voe_trace::layout::TRAJECTORY;

use crate::places::{ABOUT, AttemptPaths};
use crate::settings::Settings;
use crate::{UsageError, state};

/// Where voe keeps what it knows of records outside the state directory that it was asked to write (`--out`).
const ELSEWHERE: &str = "records-elsewhere";
/// More than a [`Memo`] is long. Bytes.
const MOST_MEMO: u64 = 1 << 20;

/// What voe knows of a record that it wrote outside the state directory. What lies next to such a record is not believed: an
/// update of the repository around it, or an archive unpacked over it, could have brought that.
#[derive(Debug, Serialize, Deserialize)]
struct Memo {
    places: AttemptPaths,
    /// Device and inode of the file.
    file: (u64, u64),
    /// The first so many bytes of the file.
    bytes: u64,
    /// Their hash.
    hash: String,
    /// Whether these are all: no command of voe's is at work on it.
    ended: bool,
}

impl Memo {
    /// Of the record as it is now.
    fn of(places: &AttemptPaths, mut file: File, ended: bool) -> std::io::Result<Self> {
        let (bytes, hash) = hashed(&mut file, u64::MAX)?;
        let meta = file.metadata()?;
        Ok(Self { places: places.clone(), file: (meta.dev(), meta.ino()), bytes, hash, ended })
    }

    /// Whether this file is the one that voe wrote. A killed voe may have written more than it noted.
    fn is_of(&self, mut file: File) -> std::io::Result<bool> {
        let meta = file.metadata()?;
        let length = if self.ended { meta.len() == self.bytes } else { meta.len() >= self.bytes };
        Ok((meta.dev(), meta.ino()) == self.file && length && hashed(&mut file, self.bytes)?.1 == self.hash)
    }

    fn path(dir: &Path) -> anyhow::Result<PathBuf> {
        let name = blake3::hash(dir.as_os_str().as_encoded_bytes()).to_hex();
        Ok(state::dir()?.join(ELSEWHERE).join(format!("{name}.json")))
    }

    fn write(&self) -> anyhow::Result<()> {
        let path = Self::path(&self.places.dir)?;
        state::open()?;
        private::dir(path.parent().unwrap_or(Path::new("/")))?;
        atomic_write(&path, |file| file.write_all(&serde_json::to_vec(self)?))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// What was noted of the record in `dir`; a directory that others could have written to is not believed.
    fn read(dir: &Path) -> Option<Self> {
        let path = Self::path(dir).ok()?;
        let notes = UntrustedDir::open(path.parent()?).ok()?;
        private::check_dir(&notes).ok()?;
        serde_json::from_slice(&notes.read(path.file_name()?, MOST_MEMO).ok()??).ok()
    }
}

/// The number and the hash of the first `most` bytes.
fn hashed(file: &mut File, most: u64) -> std::io::Result<(u64, String)> {
    file.rewind()?;
    let mut hasher = blake3::Hasher::new();
    let bytes = std::io::copy(&mut file.take(most), &mut hasher)?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

/// Remembers that voe makes (or, if `ended`, has made) the record in `places`, and the attempts of a search in it, so that they
/// can be resumed and run again. Does nothing for one in the state directory, where only voe writes.
pub(crate) fn remember(places: &AttemptPaths, ended: bool) -> anyhow::Result<()> {
    if is_below_state(&places.dir) {
        return Ok(());
    }
    let mut dirs = vec![places.dir.clone()];
    if ended && let Ok(attempts) = UntrustedDir::open(&places.dir.join("attempts")) {
        dirs.extend(attempts.entries()?.into_iter().map(|entry| attempts.path().join(entry.name)));
    }
    for dir in dirs {
        if let Some(file) = record_in(&dir) {
            let places = AttemptPaths { dir, ..places.clone() };
            Memo::of(&places, file, ended).with_context(|| format!("cannot read {}", places.dir.display()))?.write()?;
        }
    }
    Ok(())
}

fn record_in(dir: &Path) -> Option<File> {
    UntrustedDir::open(dir).ok().and_then(|dir| dir.open_file(TRAJECTORY).ok()?)
}

/// Where the parts of a record outside the state directory are, if voe wrote it and nothing in it was changed since.
fn remembered(path: &Path, dir: &Path) -> Option<AttemptPaths> {
    let memo = Memo::read(dir)?;
    let own = chain_is_private(dir, dir) && file_is_private(path, dir) && memo.is_of(record_in(dir)?).ok()?;
    own.then_some(memo.places)
}

/// Whether voe made a record for this user, or it comes from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordOrigin {
    /// Below voe's state directory, or in the user's `--out`; nobody else can write to it.
    Own,
    /// The same, but it began as a copy of one from elsewhere, whose commands are in it.
    Adopted,
    /// Copied, downloaded, unpacked, cloned; or others can write to it.
    Foreign,
}

/// A record that may be more than shown.
#[derive(Debug)]
pub(crate) struct TrustedRecord {
    /// What it says.
    pub(crate) trajectory: Trajectory,
    /// Its directory, canonical.
    pub(crate) dir: PathBuf,
    /// Whose it is. One from elsewhere was allowed by the user for this command.
    pub(crate) origin: RecordOrigin,
    /// Where its parts are; not known of one from elsewhere.
    pub(crate) places: Option<AttemptPaths>,
}

impl TrustedRecord {
    /// The strategy in it. One that somebody else wrote can't choose what is the user's to choose.
    ///
    /// # Errors
    /// It is not a strategy, or asks for too much.
    pub(crate) fn strategy(&self, start: &Start) -> anyhow::Result<Strategy> {
        let strategy = voe_agent::load::parse(&start.strategy_text)?;
        if self.origin != RecordOrigin::Own {
            voe_agent::load::check_foreign("in the record", &strategy)?;
        }
        Ok(strategy)
    }

    /// Commands of a record from elsewhere never run without a sandbox, whatever the user sets; nor those of a copy of one.
    ///
    /// # Errors
    /// The settings ask for no sandbox.
    pub(crate) fn refuse_no_sandbox(&self, settings: &Settings) -> anyhow::Result<()> {
        if !voe_sandbox::capabilities(settings.sandbox()).isolates && self.origin != RecordOrigin::Own {
            let text = format!(
                "{} was not begun by your voe; its commands never run without a sandbox: use another than --sandbox none",
                self.trajectory.path.display()
            );
            return Err(UsageError(text).into());
        }
        Ok(())
    }
}

/// Reads a record that is to be resumed or run again.
///
/// # Errors
/// It can't be read, or it comes from elsewhere and `trust` is not set.
pub(crate) fn open(path: &Path, trust: bool) -> anyhow::Result<TrustedRecord> {
    let unread = |source| ReadError::Io { path: path.to_owned(), source };
    let path = std::fs::canonicalize(path).map_err(unread)?;
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    let places = if is_below_state(&dir) && file_is_private(&path, &dir) {
        // An attempt of a search has its places with the search.
        Some(AttemptPaths::load(dir.ancestors().take(3).find(|dir| dir.join(ABOUT).is_file()).unwrap_or(&dir))?)
    } else {
        remembered(&path, &dir)
    };
    let origin = match &places {
        None => RecordOrigin::Foreign,
        Some(places) if places.adopted => RecordOrigin::Adopted,
        Some(_) => RecordOrigin::Own,
    };
    if origin == RecordOrigin::Foreign && !trust {
        let text = format!(
            "{} was not written by your voe, or others can change it, so it can only be shown (voe replay FILE); to run \
             its commands in a sandbox, add --trust",
            path.display()
        );
        return Err(UsageError(text).into());
    }
    Ok(TrustedRecord { trajectory: Trajectory::read(&path)?, dir, origin, places })
}

/// Whether voe made a record for this user, as opposed to somebody who sent it.
pub(crate) fn is_own(path: &Path) -> bool {
    open(path, false).is_ok_and(|record| record.origin == RecordOrigin::Own)
}

/// Whether `dir` is in voe's state directory, and nobody else can write on the way.
fn is_below_state(dir: &Path) -> bool {
    let state = state::dir().and_then(|dir| Ok(dir.canonicalize()?));
    state.is_ok_and(|state| private::check_way(&state).is_ok() && chain_is_private(&state, dir))
}

/// Whether `dir` is `top` or lies below it, and each directory from there down is the user's alone to write.
fn chain_is_private(top: &Path, dir: &Path) -> bool {
    let Ok(below) = dir.strip_prefix(top) else { return false };
    let Ok(mut at) = UntrustedDir::open(top) else { return false };
    for part in below.components() {
        if private::check_dir(&at).is_err() {
            return false;
        }
        match at.dir(Path::new(part.as_os_str())) {
            Ok(next) => at = next,
            Err(_) => return false,
        }
    }
    private::check_dir(&at).is_ok()
}

fn file_is_private(path: &Path, dir: &Path) -> bool {
    let Some(name) = path.file_name().filter(|name| *name == TRAJECTORY) else { return false };
    let Ok(dir) = UntrustedDir::open(dir) else { return false };
    matches!(dir.open_file(name), Ok(Some(file)) if private::check_file(path, &file).is_ok())
}
