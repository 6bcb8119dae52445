//! Reads and writes files below a directory without ever following a symbolic link.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode};
use rustix::io::Errno;
use voe_protocol::{FileState, RawBytes};

use crate::hazard::LINK;
use crate::objects::split;
use crate::snapshot::as_path;
use crate::staged::{Staged, errno};
use crate::{RepoError, Result};

/// A file's path and its new state; `None` deletes it.
pub(crate) type FileChange = (Vec<u8>, Option<FileState>);

/// A directory below which files are read and written.
pub(crate) struct FilesRoot {
    dir: OwnedFd,
    pub(crate) path: PathBuf,
}

/// The entry at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PathState {
    /// Nothing, or a path below something that is not a directory (a link, a file).
    Absent,
    /// A file or a symbolic link, with its permissions.
    File(FileState, RawMode),
    /// A directory.
    Directory,
    /// A socket, a pipe or a device.
    Special,
}

impl PathState {
    /// The file, if it is one.
    pub(crate) fn state(&self) -> Option<&FileState> {
        match self {
            Self::File(state, _) => Some(state),
            _ => None,
        }
    }

    pub(crate) fn permissions(&self) -> Option<RawMode> {
        match self {
            Self::File(state, permissions) if state.mode != LINK => Some(*permissions),
            _ => None,
        }
    }
}

/// Inode, size in bytes, and time of the last change.
pub(crate) type FileMark = (u64, i64, i64, u64);

impl FilesRoot {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let dir = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| RepoError::io("open", path)(errno.into()))?;
        Ok(Self { dir, path: path.to_path_buf() })
    }

    pub(crate) fn failed(&self, action: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> RepoError {
        let path = self.path.join(as_path(path));
        move |errno| RepoError::Io { action, path, source: errno.into() }
    }

    /// The entry at `path`.
    pub(crate) fn read(&self, path: &[u8]) -> Result<PathState> {
        self.look(path).map_err(self.failed("read", path))
    }

    /// Whether a directory is at `path`, with no link above it.
    pub(crate) fn is_directory(&self, path: &[u8]) -> Result<bool> {
        self.descend(path).map(|directory| directory.is_some()).map_err(self.failed("read", path))
    }

    /// The target of the symbolic link at `path`; `None` if there is none or it can't be read.
    pub(crate) fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (above, name) = split(path);
        let parent = self.descend(above).ok()??;
        rustix::fs::readlinkat(&parent, OsStr::from_bytes(name), Vec::new()).ok().map(CString::into_bytes)
    }

    fn look(&self, path: &[u8]) -> rustix::io::Result<PathState> {
        let (above, name) = split(path);
        let Some(parent) = self.descend(above)? else { return Ok(PathState::Absent) };
        let name = OsStr::from_bytes(name);
        let stat = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(PathState::Absent),
            Err(errno) => return Err(errno),
        };
        let permissions = stat.st_mode & 0o7777;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&parent, name, Vec::new())?.into_bytes();
                PathState::File(FileState { mode: LINK, content: RawBytes(target) }, permissions)
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let mut file = File::from(rustix::fs::openat(&parent, name, flags, Mode::empty())?);
                let mut content = Vec::new();
                file.read_to_end(&mut content).map_err(errno)?;
                let mode = if permissions & 0o100 != 0 { 0o100755 } else { 0o100644 };
                PathState::File(FileState { mode, content: RawBytes(content) }, permissions)
            }
            FileType::Directory => PathState::Directory,
            _ => PathState::Special,
        })
    }

    /// Opens the directory at `path`; `None` if it or one above is missing or not a directory.
    fn descend(&self, path: &[u8]) -> rustix::io::Result<Option<OwnedFd>> {
        let (directory, rest) = self.descend_while_there(path)?;
        Ok(rest.is_empty().then_some(directory))
    }

    /// Opens the deepest existing directory above `path`; also returns the rest of the path.
    pub(crate) fn descend_while_there<'p>(&self, path: &'p [u8]) -> rustix::io::Result<(OwnedFd, Vec<&'p [u8]>)> {
        let mut directory = self.dir.try_clone().map_err(errno)?;
        let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        parts.reverse();
        while let Some(part) = parts.last() {
            if matches!(*part, b"." | b"..") {
                return Err(Errno::INVAL);
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match rustix::fs::openat(&directory, OsStr::from_bytes(part), flags, Mode::empty()) {
                Ok(next) => directory = next,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => break,
                Err(errno) => return Err(errno),
            }
            parts.pop();
        }
        parts.reverse();
        Ok((directory, parts))
    }

    /// Opens the directory at `path`, which is made if it is missing.
    pub(crate) fn make_way(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let (mut directory, rest) = self.descend_while_there(path)?;
        for part in rest {
            let name = OsStr::from_bytes(part);
            match rustix::fs::mkdirat(&directory, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            directory = rustix::fs::openat(&directory, name, flags, Mode::empty())?;
        }
        Ok(directory)
    }

    /// Moves staged content to its path.
    pub(crate) fn place(&self, path: &[u8], staged: &mut Staged) -> rustix::io::Result<()> {
        let (above, name) = split(path);
        let parent = self.make_way(above)?;
        let (own, name) = (staged.name()?, OsStr::from_bytes(name));
        match rustix::fs::renameat(&staged.directory, &own, &parent, name) {
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                // An empty directory is replaced.
                rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
                rustix::fs::renameat(&staged.directory, &own, &parent, name)
            }
            other => other,
        }
    }

    /// Makes the file at `path` be `state`; `None` deletes it. Atomic.
    pub(crate) fn put(&self, path: &[u8], state: Option<&FileState>) -> Result<()> {
        match state {
            Some(state) => {
                let like = self.read(path)?.permissions();
                let staged = self.make_way(split(path).0).and_then(|parent| Staged::write(parent, state, like));
                staged.and_then(|mut staged| self.place(path, &mut staged)).map_err(self.failed("write", path))
            }
            None => self.remove(path),
        }
    }

    pub(crate) fn remove(&self, path: &[u8]) -> Result<()> {
        let (above, name) = split(path);
        let removed = self.descend(above).and_then(|parent| match parent {
            Some(parent) => rustix::fs::unlinkat(parent, OsStr::from_bytes(name), AtFlags::empty()),
            None => Ok(()),
        });
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed("remove", path)(errno)),
        }
    }

    /// Removes a directory if it exists and is empty. Returns whether it did.
    pub(crate) fn remove_empty(&self, path: &[u8]) -> bool {
        let (above, name) = split(path);
        let parent = self.descend(above).ok().flatten();
        parent.is_some_and(|parent| rustix::fs::unlinkat(parent, OsStr::from_bytes(name), AtFlags::REMOVEDIR).is_ok())
    }

    /// Removes the directories above `path` that are empty.
    pub(crate) fn remove_empty_above(&self, path: &[u8]) {
        let mut above = split(path).0;
        while !above.is_empty() && self.remove_empty(above) {
            above = split(above).0;
        }
    }

    /// Makes a directory and those above it.
    pub(crate) fn make_directory(&self, path: &[u8]) -> Result<()> {
        self.make_way(path).map(drop).map_err(self.failed("make", path))
    }

    /// Identifies an unchanged entry at another time; `None` where there is none.
    pub(crate) fn mark(&self, path: &[u8]) -> Result<Option<FileMark>> {
        let look = || {
            let (above, name) = split(path);
            let Some(parent) = self.descend(above)? else { return Ok(None) };
            match rustix::fs::statat(&parent, OsStr::from_bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Ok(Some((stat.st_ino, stat.st_size, stat.st_mtime, stat.st_mtime_nsec))),
                Err(Errno::NOENT) => Ok(None),
                Err(errno) => Err(errno),
            }
        };
        look().map_err(self.failed("read", path))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn file(text: &str) -> FileState {
        FileState { mode: 0o100644, content: RawBytes(text.as_bytes().to_vec()) }
    }

    #[test]
    fn a_link_above_a_path_is_not_followed() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("x"), "secret").unwrap();
        symlink(outside.path(), inside.path().join("d")).unwrap();
        let root = FilesRoot::open(inside.path()).unwrap();
        assert_eq!(root.read(b"d/x").unwrap(), PathState::Absent);
        assert!(root.put(b"d/x", Some(&file("changed"))).is_err());
        root.put(b"d/x", None).unwrap();
        assert!(root.put(b"../x", Some(&file(""))).is_err());
        assert_eq!(std::fs::read(outside.path().join("x")).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(inside.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_link_at_the_place_is_replaced_and_its_target_left_alone() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("x");
        std::fs::write(&target, "secret").unwrap();
        symlink(&target, inside.path().join("x")).unwrap();
        FilesRoot::open(inside.path()).unwrap().put(b"x", Some(&file("mine"))).unwrap();
        assert_eq!(std::fs::read(target).unwrap(), b"secret");
        assert_eq!(std::fs::read(inside.path().join("x")).unwrap(), b"mine");
    }

    #[test]
    fn permissions_survive_a_change_and_follow_the_executable_bit() {
        let dir = tempfile::tempdir().unwrap();
        let root = FilesRoot::open(dir.path()).unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "a").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        root.put(b"x", Some(&file("b"))).unwrap();
        assert_eq!(mode(), 0o640);
        root.put(b"x", Some(&FileState { mode: 0o100755, ..file("b") })).unwrap();
        assert_eq!(mode(), 0o750);
    }
}
