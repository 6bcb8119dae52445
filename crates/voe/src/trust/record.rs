//! Whose a record is. A record can name a repository, a base and commands; one that somebody else wrote is only shown
//! unless the user says that they trust it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use voe_trace::Trajectory;
use voe_untrusted::{UntrustedDir, private};

use super::Remembered;
use crate::session::TRAJECTORY;
use crate::settings::Settings;
use crate::{Usage, state};

/// Records outside the state directory that voe was asked to write (`--out`).
const OUT: Remembered = Remembered("records-elsewhere");

/// Remembers that voe made the record in `dir`, so that it can be resumed and run again. Another file that takes its place
/// (an update of the repository around it, an archive unpacked over it) is not that record.
pub(crate) fn remember(dir: &Path) -> anyhow::Result<()> {
    let file = UntrustedDir::open(dir)?.open_file(TRAJECTORY)?;
    match file.and_then(|file| identity(dir, &file)) {
        Some(identity) => OUT.add(&identity, dir),
        None => Ok(()),
    }
}

/// Which file a record is: its directory's path, and its device and inode.
fn identity(dir: &Path, file: &File) -> Option<[Vec<u8>; 3]> {
    let meta = file.metadata().ok()?;
    let path = dir.as_os_str().as_encoded_bytes().to_vec();
    Some([path, meta.dev().to_le_bytes().to_vec(), meta.ino().to_le_bytes().to_vec()])
}

/// Whether voe made the record in `dir` on the user's word.
fn is_remembered(dir: &Path) -> bool {
    let file = UntrustedDir::open(dir).ok().and_then(|dir| dir.open_file(TRAJECTORY).ok()?);
    file.and_then(|file| identity(dir, &file)).is_some_and(|identity| OUT.has(&identity))
}

/// Whether voe made a record for this user, or it comes from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Below voe's state directory, or in a directory that the user named with `--out`; nobody else can write to it.
    Own,
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
    pub(crate) origin: Origin,
}

impl TrustedRecord {
    /// Commands of a record from elsewhere never run without a sandbox, whatever the user sets.
    ///
    /// # Errors
    /// The settings ask for no sandbox.
    pub(crate) fn refuse_no_sandbox(&self, settings: &Settings) -> anyhow::Result<()> {
        let none = settings.text("sandbox.backend").as_deref() == Some(voe_sandbox::Choice::None.word());
        if none && self.origin == Origin::Foreign {
            let text = format!(
                "{} was not made by your voe; its commands never run without a sandbox: use another than --sandbox none",
                self.trajectory.path.display()
            );
            return Err(Usage(text).into());
        }
        Ok(())
    }
}

/// Reads a record that is to be resumed or run again.
///
/// # Errors
/// It can't be read, or it comes from elsewhere and `trust` is not set.
pub(crate) fn open(path: &Path, trust: bool) -> anyhow::Result<TrustedRecord> {
    let path = std::fs::canonicalize(path).map_err(|e| Usage(format!("cannot read {}: {e}", path.display())))?;
    let dir = path.parent().unwrap_or(Path::new("/")).to_owned();
    let origin = if is_own(&path, &dir) { Origin::Own } else { Origin::Foreign };
    if origin == Origin::Foreign && !trust {
        let text = format!(
            "{} was not written by your voe, or others can change it, so it can only be shown (voe replay FILE); to run \
             its commands in a sandbox, add --trust",
            path.display()
        );
        return Err(Usage(text).into());
    }
    Ok(TrustedRecord { trajectory: Trajectory::read(&path)?, dir, origin })
}

fn is_own(path: &Path, dir: &Path) -> bool {
    let state = state::dir().and_then(|dir| Ok(dir.canonicalize()?));
    let below_state = state.is_ok_and(|state| chain_is_private(&state, dir));
    // A search keeps the records of its attempts two levels below its own.
    let named = || dir.ancestors().take(3).any(|top| is_remembered(top) && chain_is_private(top, dir));
    (below_state || named()) && file_is_private(path, dir)
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
