//! Files and directories as they were last seen.

use std::collections::HashMap;
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use ignore::gitignore::Gitignore;
use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};

use super::rules::Rule;

/// What tells a file from its former self. The change time and the inode number are there because a tool can set size and
/// modification time to what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) mtime: i64,
    /// Nanoseconds since 1970.
    pub(crate) ctime: i64,
    pub(crate) mode: u32,
}

/// What the walk found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WalkDifference {
    /// A file that was not there, or did not count, before.
    New,
    /// A file whose metadata differ, or cannot be relied upon.
    Touched,
    /// A file that is gone.
    Gone,
    /// Something that did not count is gone.
    GoneUnseen,
    /// A file that does not count any more, since an ignore file changed.
    Hidden,
    /// A new by-product; of a directory only itself.
    Byproduct { directory: bool },
    /// A new socket, FIFO or device.
    Special,
}

/// A path relative to the workspace, and what was found there.
pub(crate) type Finding = (Vec<u8>, WalkDifference);

#[derive(Debug, Default)]
pub(super) struct WalkDir {
    /// By name. Hashing is a tenth of what a file costs, so it is a fast one (seeded: names may be meant to collide).
    pub(super) entries: HashMap<Box<[u8]>, WalkNode, foldhash::fast::RandomState>,
    pub(super) ignore: Option<(Stat, Rc<Gitignore>)>,
    /// Why only files of the base (and claimed ones) count in here, if so.
    pub(super) only: Option<Rule>,
}

#[derive(Debug)]
pub(super) struct WalkNode {
    pub(super) kind: WalkNodeKind,
    /// The round of the walk that last saw it.
    pub(super) seen: u32,
}

#[derive(Debug)]
pub(super) enum WalkNodeKind {
    File {
        stat: Stat,
        racy: bool,
    },
    Dir(Box<WalkDir>),
    /// Does not count.
    Out {
        directory: bool,
    },
}

/// Appends a name to a path and gives the length to truncate it to again.
pub(super) fn push(path: &mut Vec<u8>, name: &[u8]) -> usize {
    let length = path.len();
    if length > 0 {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    length
}

pub(super) fn open_directory(at: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

pub(super) fn stat_of(at: impl AsFd, name: &CStr) -> Option<Stat> {
    let at: BorrowedFd<'_> = at.as_fd();
    let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(Stat {
        dev: stat.st_dev,
        ino: stat.st_ino,
        size: stat.st_size as u64,
        mtime: (stat.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64),
        ctime: (stat.st_ctime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_ctime_nsec as i64),
        mode: stat.st_mode,
    })
}
