//! Copying files that commands wrote, without following links.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};

/// At most this many bytes of temporary files and of the private home are copied into a fork.
pub(crate) const MOST_BYTES: u64 = 1 << 30;

/// Copies the content of `from` into `to`: files, directories and links with modes and times, up to `most` bytes of content.
/// Returns the bytes copied. Left out are sockets, pipes, entries that vanish or can't be read, those beyond a large number of
/// entries, and set-id bits.
pub(crate) fn contents(from: &Path, to: &Path, most: u64) -> io::Result<u64> {
    let mut left = CopyBudget { bytes: most, entries: MOST_ENTRIES };
    dir(&open_dir(rustix::fs::CWD, from)?, &open_dir(rustix::fs::CWD, to)?, &mut left, 0)?;
    Ok(most - left.bytes)
}

/// The budget that is left.
struct CopyBudget {
    bytes: u64,
    entries: u32,
}

/// Entries. More than any real `/tmp` has; empty files cost time and inodes, too.
const MOST_ENTRIES: u32 = 500_000;
/// Deeper than any real tree; keeps the recursion and the open descriptors bounded.
const MOST_DEPTH: usize = 128;

fn open_dir<Fd: std::os::fd::AsFd, P: rustix::path::Arg>(at: Fd, path: P) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

fn dir(from: &OwnedFd, to: &OwnedFd, left: &mut CopyBudget, depth: usize) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(from)? {
        let Ok(entry) = entry else { continue };
        let name: CString = entry.file_name().to_owned();
        if matches!(name.as_bytes(), b"." | b"..") {
            continue;
        }
        let Some(entries) = left.entries.checked_sub(1) else { return Ok(()) };
        left.entries = entries;
        let Ok(stat) = rustix::fs::statat(from, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
        let mode = Mode::from_raw_mode(stat.st_mode & 0o1777);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if depth < MOST_DEPTH => {
                let Ok(inner) = open_dir(from, &name) else { continue };
                match rustix::fs::mkdirat(to, &name, Mode::RWXU) {
                    Ok(()) | Err(rustix::io::Errno::EXIST) => {}
                    Err(error) => return Err(error.into()),
                }
                let copy = open_dir(to, &name)?;
                dir(&inner, &copy, left, depth + 1)?;
                let _ = rustix::fs::fchmod(&copy, mode);
            }
            FileType::RegularFile => file(from, to, &name, mode, left)?,
            FileType::Symlink => {
                let Ok(target) = rustix::fs::readlinkat(from, &name, Vec::new()) else { continue };
                let _ = rustix::fs::symlinkat(&target, to, &name);
            }
            _ => continue,
        }
        let times = Timestamps {
            last_access: Timespec { tv_sec: stat.st_atime as _, tv_nsec: stat.st_atime_nsec as _ },
            last_modification: Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ },
        };
        let _ = rustix::fs::utimensat(to, &name, &times, AtFlags::SYMLINK_NOFOLLOW);
    }
    Ok(())
}

fn file(from: &OwnedFd, to: &OwnedFd, name: &CString, mode: Mode, left: &mut CopyBudget) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(source) = rustix::fs::openat(from, name, flags, Mode::empty()) else { return Ok(()) };
    let mut source = File::from(source);
    let meta = source.metadata()?;
    // It may have been replaced since.
    if !meta.is_file() || meta.len() > left.bytes {
        return Ok(());
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(target) = rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR) else { return Ok(()) };
    let mut target = File::from(target);
    if rustix::fs::ioctl_ficlone(&target, &source).is_err() {
        // It may grow meanwhile.
        io::copy(&mut io::Read::take(&mut source, meta.len()), &mut target)?;
    }
    left.bytes = left.bytes.saturating_sub(target.metadata()?.len());
    Ok(rustix::fs::fchmod(&target, mode)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn links_are_copied_as_links_and_modes_and_times_are_kept_without_set_id_bits() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("sub/run.sh"), "x").unwrap();
        fs::set_permissions(from.join("sub/run.sh"), fs::Permissions::from_mode(0o6755)).unwrap();
        symlink("/etc", from.join("etc")).unwrap();
        fs::write(from.join("large"), vec![0; 100]).unwrap();
        assert_eq!(contents(&from, &to, 50).unwrap(), 1);
        assert_eq!(fs::read_link(to.join("etc")).unwrap(), Path::new("/etc"));
        assert!(!to.join("large").exists());
        let (a, b) = (fs::metadata(from.join("sub/run.sh")).unwrap(), fs::metadata(to.join("sub/run.sh")).unwrap());
        assert_eq!((a.mode() & 0o1777, a.modified().unwrap()), (b.mode() & 0o7777, b.modified().unwrap()));
    }

    use std::os::unix::fs::MetadataExt;
}
