//! Copies of whole trees: by reflink, else by bytes, never by hard link. A write to a hard link, or a change of its mode,
//! would reach the file that it was made from.
//!
//! All work is done by descriptor and no link is followed: a snapshot is taken of a tree that commands wrote.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use crate::error::SandboxError;

/// Deeper than any real tree; two descriptors are open for each level.
const MOST_DEPTH: usize = 200;

/// Bytes of the disk that a copy leaves free.
const KEEP_FREE: u64 = 256 << 20;

/// Mode bits that are copied. Set-id files have no place in a tree that commands work in.
const MODE_BITS: u32 = 0o1777;

/// The kind of tree that is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TreeOwner {
    /// The user's: it is not changed in any way, and an unreadable entry is an error.
    User,
    /// A tree that commands wrote: entries that they made unreadable are read all the same.
    Commands,
}

/// A copy in progress.
pub(super) struct Copier<'a> {
    source: TreeOwner,
    /// Names at the top that are left out.
    without: &'a [&'a str],
    reflink: bool,
    /// Bytes that may still be written.
    room: u64,
    /// The current path, for messages.
    at: PathBuf,
    /// Bytes of disk that the copy takes, not counting shared blocks.
    bytes: u64,
}

impl<'a> Copier<'a> {
    pub(super) fn new(source: TreeOwner, without: &'a [&'a str]) -> Self {
        Self { source, without, reflink: true, room: 0, at: PathBuf::new(), bytes: 0 }
    }

    /// Copies the content of the directory `from` into the directory `to`; entries of `to` stay. Returns the bytes of disk
    /// that the copy takes. A partial copy is an error; sockets, pipes and devices are left out.
    pub(super) fn contents(mut self, from: &Path, to: &Path) -> Result<u64, SandboxError> {
        let to_dir = open_dir(rustix::fs::CWD, to).map_err(|errno| SandboxError::io("open", to)(errno.into()))?;
        let disk = rustix::fs::fstatvfs(&to_dir).map_err(|errno| SandboxError::io("open", to)(errno.into()))?;
        self.room = (disk.f_bavail * disk.f_frsize).saturating_sub(KEEP_FREE);
        self.at = from.to_path_buf();
        let done = open_dir(rustix::fs::CWD, from)
            .map_err(io::Error::from)
            .and_then(|from_dir| self.dir(&from_dir, &to_dir, 0));
        match done {
            Ok(()) => Ok(self.bytes),
            Err(error) => Err(SandboxError::io("copy", self.at)(error)),
        }
    }

    fn dir(&mut self, from: &OwnedFd, to: &OwnedFd, depth: usize) -> io::Result<()> {
        if depth > MOST_DEPTH {
            return Err(io::Error::other(format!("it is more than {MOST_DEPTH} directories deep")));
        }
        for entry in rustix::fs::Dir::read_from(from)? {
            let name: CString = entry?.file_name().to_owned();
            if matches!(name.as_bytes(), b"." | b"..")
                || (depth == 0 && self.without.iter().any(|left_out| left_out.as_bytes() == name.as_bytes()))
            {
                continue;
            }
            self.at.push(OsStr::from_bytes(name.as_bytes()));
            match self.entry(from, to, &name, depth) {
                // It vanished after it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
            self.at.pop();
        }
        Ok(())
    }

    fn entry(&mut self, from: &OwnedFd, to: &OwnedFd, name: &CString, depth: usize) -> io::Result<()> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = Mode::from_raw_mode(stat.st_mode & MODE_BITS);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let inner = self.readable(from, name, &stat, OFlags::RDONLY | OFlags::DIRECTORY)?;
                match rustix::fs::mkdirat(to, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno.into()),
                }
                let copy = open_dir(to, name)?;
                self.dir(&inner, &copy, depth + 1)?;
                rustix::fs::fchmod(&copy, mode)?;
                if self.source == TreeOwner::Commands && !enterable(&stat) {
                    rustix::fs::fchmod(&inner, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
                }
            }
            FileType::RegularFile => self.file(from, to, name, &stat)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(from, name, Vec::new())?;
                match rustix::fs::symlinkat(&target, to, name) {
                    Ok(()) => {}
                    Err(Errno::EXIST) => return Ok(()),
                    Err(errno) => return Err(errno.into()),
                }
            }
            _ => return Ok(()),
        }
        self.bytes += stat.st_blocks as u64 * 512;
        let times = Timestamps {
            last_access: Timespec { tv_sec: stat.st_atime as _, tv_nsec: stat.st_atime_nsec as _ },
            last_modification: Timespec { tv_sec: stat.st_mtime as _, tv_nsec: stat.st_mtime_nsec as _ },
        };
        Ok(rustix::fs::utimensat(to, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn file(&mut self, from: &OwnedFd, to: &OwnedFd, name: &CString, stat: &Stat) -> io::Result<()> {
        let source = File::from(self.readable(from, name, stat, OFlags::RDONLY | OFlags::NONBLOCK)?);
        let meta = rustix::fs::fstat(&source)?;
        if FileType::from_raw_mode(meta.st_mode) != FileType::RegularFile {
            return Err(io::Error::other("it was replaced while it was copied"));
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let target = match rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR) {
            Ok(target) => File::from(target),
            Err(Errno::EXIST) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        if meta.st_size > 0 && !(self.reflink && self.cloned(&source, &target)?) {
            self.by_bytes(&source, &target, &meta)?;
        }
        Ok(rustix::fs::fchmod(&target, Mode::from_raw_mode(meta.st_mode & MODE_BITS))?)
    }

    /// Whether the copy could share the blocks of its source.
    fn cloned(&mut self, source: &File, target: &File) -> io::Result<bool> {
        match rustix::fs::ioctl_ficlone(target, source) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::NOTTY | Errno::NOSYS) => {
                // Assume the same for all other files of this tree.
                self.reflink = false;
                Ok(false)
            }
            Err(Errno::INVAL | Errno::PERM | Errno::TXTBSY) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn by_bytes(&mut self, mut source: &File, mut target: &File, meta: &Stat) -> io::Result<()> {
        let size = u64::try_from(meta.st_size).unwrap_or(0);
        let on_disk = meta.st_blocks as u64 * 512;
        self.room = self.room.checked_sub(on_disk.min(size)).ok_or_else(|| {
            io::Error::other(
                "the disk has too little room for a copy of the workspace; free some, or use --sandbox local",
            )
        })?;
        if on_disk >= size {
            let mut limited = io::Read::take(&mut source, size);
            return io::copy(&mut limited, &mut target).map(drop);
        }
        // Holes are not filled, or a sparse file could fill the disk.
        target.set_len(size)?;
        let mut buffer = vec![0; 64 << 10];
        let mut at = 0;
        while at < size {
            let begin = match rustix::fs::seek(source, SeekFrom::Data(at)) {
                Ok(begin) => begin,
                Err(Errno::NXIO) => break,
                Err(errno) => return Err(errno.into()),
            };
            let end = rustix::fs::seek(source, SeekFrom::Hole(begin))?.min(size);
            at = begin;
            while at < end {
                let most = buffer.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
                let read = source.read_at(&mut buffer[..most], at)?;
                if read == 0 {
                    return Ok(());
                }
                target.write_all_at(&buffer[..read], at)?;
                at += read as u64;
            }
        }
        Ok(())
    }

    /// Opens for reading. An entry that commands made unreadable is made readable meanwhile: a descriptor refers to the
    /// inode, so that no other can be put in its place.
    fn readable(&self, from: &OwnedFd, name: &CString, stat: &Stat, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let errno = match rustix::fs::openat(from, name, flags, Mode::empty()) {
            // A directory that can be listed but not entered is of no use.
            Ok(_) if self.source == TreeOwner::Commands && !enterable(stat) => Errno::ACCESS,
            Ok(fd) => return Ok(fd),
            Err(errno) => errno,
        };
        if errno != Errno::ACCESS || self.source == TreeOwner::User {
            return Err(errno.into());
        }
        let inode = rustix::fs::openat(from, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        let now = rustix::fs::fstat(&inode)?;
        let kind = FileType::from_raw_mode(now.st_mode);
        if kind != FileType::from_raw_mode(stat.st_mode) {
            return Err(io::Error::other("it was replaced while it was copied"));
        }
        let through = format!("/proc/self/fd/{}", inode.as_raw_fd());
        let before = Mode::from_raw_mode(now.st_mode & 0o7777);
        rustix::fs::chmod(&through, before | Mode::RUSR | if kind.is_dir() { Mode::XUSR } else { Mode::empty() })?;
        let opened = rustix::fs::open(&through, flags - OFlags::NOFOLLOW, Mode::empty());
        if !kind.is_dir() {
            rustix::fs::chmod(&through, before)?;
        }
        Ok(opened?)
    }
}

/// Whether its owner can list and enter it, if it is a directory; true for anything else.
fn enterable(stat: &Stat) -> bool {
    !FileType::from_raw_mode(stat.st_mode).is_dir() || stat.st_mode & 0o500 == 0o500
}

fn open_dir<Fd: AsFd, P: rustix::path::Arg>(at: Fd, path: P) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn two(dir: &Path) -> (PathBuf, PathBuf) {
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::create_dir(&to).unwrap();
        (from, to)
    }

    #[test]
    fn a_copy_shares_no_inode_and_keeps_modes_times_and_links_but_no_set_id_bits() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = two(dir.path());
        fs::write(from.join("sub/run.sh"), "x").unwrap();
        fs::set_permissions(from.join("sub/run.sh"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::hard_link(from.join("sub/run.sh"), from.join("twin")).unwrap();
        symlink("/etc", from.join("etc")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, from.join("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        Copier::new(TreeOwner::User, &[]).contents(&from, &to).unwrap();
        let (a, b) = (fs::metadata(from.join("sub/run.sh")).unwrap(), fs::metadata(to.join("sub/run.sh")).unwrap());
        assert_ne!(a.ino(), b.ino());
        assert_eq!((b.nlink(), b.mode() & 0o7777, b.modified().unwrap()), (1, 0o755, a.modified().unwrap()));
        assert_eq!(fs::read_link(to.join("etc")).unwrap(), Path::new("/etc"));
        assert!(to.join("pipe").symlink_metadata().is_err());
    }

    #[test]
    fn holes_stay_holes_and_the_data_between_them_is_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = two(dir.path());
        let file = File::create(from.join("sparse")).unwrap();
        file.set_len(1 << 40).unwrap();
        file.write_all_at(b"middle", 1 << 30).unwrap();
        Copier::new(TreeOwner::Commands, &[]).contents(&from, &to).unwrap();
        let copy = File::open(to.join("sparse")).unwrap();
        let mut read = [0; 6];
        copy.read_exact_at(&mut read, 1 << 30).unwrap();
        let meta = copy.metadata().unwrap();
        assert_eq!((&read, meta.len()), (b"middle", 1 << 40));
        assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
    }

    #[test]
    fn a_tree_that_is_too_deep_is_an_error_not_a_partial_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = two(dir.path());
        fs::create_dir_all(from.join("d/".repeat(MOST_DEPTH + 2))).unwrap();
        let error = Copier::new(TreeOwner::User, &[]).contents(&from, &to).unwrap_err().to_string();
        assert!(error.contains("directories deep"), "{error}");
    }
}
