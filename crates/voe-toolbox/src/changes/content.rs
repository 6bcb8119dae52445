//! A file's content, by its hash and, if it is not too large, by its bytes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::place::open_plain;

/// File modes as in git.
pub(crate) const PLAIN: u32 = 0o100_644;
pub(crate) const EXECUTABLE: u32 = 0o100_755;
pub(crate) const LINK: u32 = 0o120_000;
pub(crate) const GITLINK: u32 = 0o160_000;

/// Contents up to this size are kept for counting lines. Bytes.
pub(crate) const KEPT: u64 = 4 << 20;
/// Files above this size are compared by their metadata: reading one after each command would take too long. Bytes.
const HASHED: u64 = 256 << 20;

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HashedContent {
    pub(crate) mode: u32,
    pub(crate) hash: [u8; 32],
    pub(crate) size: u64,
    /// `None`: too large to be kept.
    pub(crate) bytes: Option<Vec<u8>>,
}

impl HashedContent {
    pub(crate) fn of(mode: u32, bytes: Vec<u8>) -> Self {
        Self { mode, hash: *blake3::hash(&bytes).as_bytes(), size: bytes.len() as u64, bytes: Some(bytes) }
    }

    /// Reads to the end of `from`, which is expected to be `size` bytes away.
    pub(crate) fn read(mode: u32, from: &mut impl Read, size: u64, keep: u64) -> io::Result<Self> {
        if size <= keep {
            let mut bytes = Vec::with_capacity(size as usize);
            from.read_to_end(&mut bytes)?;
            return Ok(Self::of(mode, bytes));
        }
        let mut hasher = blake3::Hasher::new();
        let size = io::copy(from, &mut hasher)?;
        Ok(Self { mode, hash: *hasher.finalize().as_bytes(), size, bytes: None })
    }

    /// Reads a file of the workspace, or a link's target; `None` if there is neither.
    pub(crate) fn in_workspace(root: &Path, path: &[u8], keep: u64) -> io::Result<Option<Self>> {
        let path = root.join(OsStr::from_bytes(path));
        let meta = match fs::symlink_metadata(&path) {
            Ok(meta) => meta,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        if meta.is_symlink() {
            return Ok(Some(Self::of(LINK, fs::read_link(&path)?.into_os_string().into_vec())));
        }
        if !meta.is_file() {
            return Ok(None);
        }
        let mode = git_mode(meta.mode());
        if meta.len() > HASHED {
            let identity =
                format!("{} {} {} {} {}", meta.ino(), meta.len(), meta.mtime(), meta.ctime(), meta.ctime_nsec());
            return Ok(Some(Self {
                mode,
                hash: *blake3::hash(identity.as_bytes()).as_bytes(),
                size: meta.len(),
                bytes: None,
            }));
        }
        let mut file = File::from(open_plain(&path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        Self::read(mode, &mut file, meta.len(), keep).map(Some)
    }

    /// Whether it is binary by git's rule: a NUL near the beginning.
    pub(crate) fn binary(&self) -> bool {
        self.text().is_none()
    }

    /// The bytes, if they are text.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        self.bytes.as_deref().filter(|bytes| memchr::memchr(0, &bytes[..bytes.len().min(8000)]).is_none())
    }
}

/// git's mode for a regular file: only the owner's execute bit counts.
pub(crate) fn git_mode(mode: u32) -> u32 {
    if mode & 0o100 != 0 { EXECUTABLE } else { PLAIN }
}
