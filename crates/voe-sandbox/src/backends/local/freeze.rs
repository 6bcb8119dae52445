//! Copying a layer of an overlay with its marks: written files, deletions, and directories that replace others.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};

/// A layer with more entries than this is not copied but frozen in place. An edit of some files is far below; a build is above.
const MOST_ENTRIES: u32 = 2000;
const MOST_BYTES: u64 = 64 << 20;
/// Two descriptors are open for each level.
const MOST_DEPTH: u32 = 64;

/// The overlay's marks that say what a directory is. Those for its own use (`origin`, `impure`) are not copied.
const MARKS: [&CStr; 4] =
    [c"trusted.overlay.opaque", c"trusted.overlay.redirect", c"user.overlay.opaque", c"user.overlay.redirect"];

struct Budget {
    entries: u32,
    bytes: u64,
    depth: u32,
}

/// Copies the content of the layer `from` into the empty directory `to`. `false`: it is too large, or has something that
/// can't be copied; the partial copy is of no use.
pub(super) fn copy(from: &Path, to: &Path) -> bool {
    let mut budget = Budget { entries: MOST_ENTRIES, bytes: MOST_BYTES, depth: MOST_DEPTH };
    let copied = open_dir(rustix::fs::CWD, from)
        .and_then(|from| Ok((from, open_dir(rustix::fs::CWD, to)?)))
        .map_err(io::Error::from)
        .and_then(|(from, to)| dir(&from, &to, &mut budget));
    copied.is_ok()
}

fn open_dir<Fd: AsFd, P: rustix::path::Arg>(at: Fd, path: P) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn dir(from: &OwnedFd, to: &OwnedFd, budget: &mut Budget) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(from)? {
        let name: CString = entry?.file_name().to_owned();
        if matches!(name.as_bytes(), b"." | b"..") {
            continue;
        }
        budget.entries = budget.entries.checked_sub(1).ok_or(io::ErrorKind::FileTooLarge)?;
        let stat = rustix::fs::statat(from, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                rustix::fs::mkdirat(to, &name, Mode::RWXU)?;
                let (inner, copy) = (open_dir(from, &name)?, open_dir(to, &name)?);
                budget.depth = budget.depth.checked_sub(1).ok_or(io::ErrorKind::FileTooLarge)?;
                dir(&inner, &copy, budget)?;
                budget.depth += 1;
                for mark in MARKS {
                    let mut value = Vec::with_capacity(4096);
                    if rustix::fs::fgetxattr(&inner, mark, rustix::buffer::spare_capacity(&mut value)).is_ok() {
                        rustix::fs::fsetxattr(&copy, mark, &value, XattrFlags::empty())?;
                    }
                }
                rustix::fs::fchmod(&copy, mode(&stat))?;
            }
            FileType::RegularFile => file(from, to, &name, &stat, budget)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, &name, Vec::new())?;
                rustix::fs::symlinkat(&target, to, &name)?;
            }
            // A whiteout is a character device of number 0, which any user may make.
            FileType::CharacterDevice if stat.st_rdev == 0 => {
                rustix::fs::mknodat(to, &name, FileType::CharacterDevice, mode(&stat), 0)?;
            }
            FileType::Fifo => rustix::fs::mknodat(to, &name, FileType::Fifo, mode(&stat), 0)?,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        }
        finish(to, &name, &stat)?;
    }
    Ok(())
}

fn file(from: &OwnedFd, to: &OwnedFd, name: &CString, stat: &Stat, budget: &mut Budget) -> io::Result<()> {
    let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    budget.bytes = budget.bytes.checked_sub(size).ok_or(io::ErrorKind::FileTooLarge)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut source = File::from(rustix::fs::openat(from, name, flags, Mode::empty())?);
    // It may have been swapped for a pipe since, and it may grow.
    if !source.metadata()?.is_file() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut target = File::from(rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR)?);
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        io::copy(&mut io::Read::take(&mut source, size), &mut target)?;
    }
    Ok(rustix::fs::fchmod(&target, mode(stat))?)
}

/// Owner and times.
fn finish(to: &OwnedFd, name: &CString, stat: &Stat) -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
        rustix::fs::chownat(to, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        // A change of owner clears a directory's set-group-id bit.
        if stat.st_mode & 0o2000 != 0 && FileType::from_raw_mode(stat.st_mode).is_dir() {
            rustix::fs::chmodat(to, name, mode(stat), AtFlags::empty())?;
        }
    }
    let times = Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime as _, tv_nsec: stat.st_atime_nsec as _ },
        last_modification: Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ },
    };
    Ok(rustix::fs::utimensat(to, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// The permissions; no copy of a file runs as its owner or group.
fn mode(stat: &Stat) -> Mode {
    let set_id = if FileType::from_raw_mode(stat.st_mode).is_dir() { 0 } else { 0o6000 };
    Mode::from_raw_mode(stat.st_mode & 0o7777 & !set_id)
}
