//! Removing a tree that others made: any depth, any permissions, no link followed, two descriptors.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use crate::kind::open_dir_at;

/// Rounds over one directory with new entries each time, after which it is given up: others are writing there.
const MOST_ROUNDS: usize = 1 << 20;

/// Removes `name` in `parent`. A directory's subdirectories are moved up to be its siblings and then removed in turn, so
/// neither depth nor path length matters.
pub(crate) fn entry(parent: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(errno) if !is_dir(parent, name) => return Err(errno),
        Err(_) => {}
    }
    if rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR).is_ok() {
        return Ok(());
    }
    let top = open_writable(parent, name)?;
    let mut moved: u64 = 0;
    for _ in 0..MOST_ROUNDS {
        let mut first = Ok(());
        let mut any = false;
        for child in names(top.as_fd())? {
            any = true;
            let done = flatten(top.as_fd(), &child, &mut moved);
            first = first.and(done);
        }
        if !any {
            return rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR);
        }
        first?;
    }
    Err(Errno::NOTEMPTY)
}

/// Removes one entry of `top`; a directory's own subdirectories become entries of `top`.
fn flatten(top: BorrowedFd<'_>, name: &CString, moved: &mut u64) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(top, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(errno) if !is_dir(top, os(name)) => return Err(errno),
        Err(_) => {}
    }
    if rustix::fs::unlinkat(top, name, AtFlags::REMOVEDIR).is_ok() {
        return Ok(());
    }
    let dir = open_writable(top, os(name))?;
    for child in names(dir.as_fd())? {
        if !is_dir(dir.as_fd(), os(&child)) {
            rustix::fs::unlinkat(&dir, &child, AtFlags::empty())?;
        } else if rustix::fs::unlinkat(&dir, &child, AtFlags::REMOVEDIR).is_err() {
            // Moving a directory changes its `..`, for which it must be writable itself.
            drop(open_writable(dir.as_fd(), os(&child))?);
            loop {
                *moved += 1;
                let to = format!(".voe-remove-{moved}");
                let flags = rustix::fs::RenameFlags::NOREPLACE;
                match rustix::fs::renameat_with(&dir, &child, top, &*to, flags) {
                    Err(Errno::EXIST) => {}
                    done => break done?,
                }
            }
        }
    }
    rustix::fs::unlinkat(top, name, AtFlags::REMOVEDIR)
}

fn os(name: &CString) -> &OsStr {
    OsStr::from_bytes(name.as_bytes())
}

fn is_dir(at: BorrowedFd<'_>, name: &OsStr) -> bool {
    rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Opens a directory and makes it readable and writable for its owner.
fn open_writable(at: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<std::os::fd::OwnedFd> {
    match open_dir_at(at, name) {
        Ok(dir) => {
            let mode = Mode::from_raw_mode(rustix::fs::fstat(&dir)?.st_mode & 0o7777);
            if !mode.contains(Mode::RWXU) {
                rustix::fs::fchmod(&dir, Mode::RWXU)?;
            }
            Ok(dir)
        }
        Err(Errno::ACCESS) => {
            // Not readable, so it can only be opened with O_PATH, and such a descriptor is changed through /proc.
            let flags = rustix::fs::OFlags::PATH
                | rustix::fs::OFlags::DIRECTORY
                | rustix::fs::OFlags::NOFOLLOW
                | rustix::fs::OFlags::CLOEXEC;
            let path = rustix::fs::openat(at, name, flags, Mode::empty())?;
            let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&path));
            rustix::fs::chmod(link, Mode::RWXU)?;
            open_dir_at(path.as_fd(), OsStr::new("."))
        }
        Err(errno) => Err(errno),
    }
}

fn names(dir: BorrowedFd<'_>) -> rustix::io::Result<Vec<CString>> {
    let mut found = Vec::new();
    for entry in rustix::fs::Dir::read_from(dir)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.as_bytes(), b"." | b"..") {
            found.push(name);
        }
    }
    Ok(found)
}
