//! Reading and writing files below a directory without ever following a symbolic link.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawMode};
use rustix::io::Errno;
use voe_toolbox::protocol::{Bytes, FileState};

use crate::hazard::LINK;
use crate::objects::split;
use crate::snapshot::as_path;
use crate::{RepoError, Result};

/// A directory below which files are read and written.
pub(crate) struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or something of which a directory above is not one (a link, a file).
    Absent,
    /// A file or a symbolic link; its permissions beside.
    File(FileState, RawMode),
    /// A directory.
    Directory,
    /// A socket, a pipe, a device.
    Special,
}

impl Found {
    /// The file, if it is one.
    pub(crate) fn state(&self) -> Option<&FileState> {
        match self {
            Self::File(state, _) => Some(state),
            _ => None,
        }
    }

    fn permissions(&self) -> Option<RawMode> {
        match self {
            Self::File(state, permissions) if state.mode != LINK => Some(*permissions),
            _ => None,
        }
    }
}

/// A new content that waits in the file system of its place.
struct Staged {
    directory: OwnedFd,
    waits: Waits,
}

/// How a content waits. Under a name that nobody can know: a patch that had a file of that name would change places with it.
enum Waits {
    /// A file that has no name yet, so that a kill leaves nothing.
    Nameless(OwnedFd),
    /// A file under such a name, where a file system has none without.
    Named(String),
    /// The target of a symbolic link, which is made at the end.
    Link(Vec<u8>),
}

impl Staged {
    /// Gives the content a name of its own in its directory, to be renamed from.
    fn name(&mut self) -> rustix::io::Result<String> {
        let name = match &self.waits {
            Waits::Named(name) => return Ok(name.clone()),
            Waits::Nameless(file) => {
                let from = format!("/proc/self/fd/{}", file.as_raw_fd());
                fresh(|name| rustix::fs::linkat(CWD, &from, &self.directory, name, AtFlags::SYMLINK_FOLLOW))?.0
            }
            Waits::Link(target) => {
                fresh(|name| rustix::fs::symlinkat(OsStr::from_bytes(target), &self.directory, name))?.0
            }
        };
        self.waits = Waits::Named(name.clone());
        Ok(name)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Waits::Named(name) = &self.waits {
            // Gone already if it was put in its place.
            let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
        }
    }
}

/// Makes something under a name that is not taken and that nobody can foresee. `make` must not replace what is there.
fn fresh<T>(make: impl Fn(&str) -> rustix::io::Result<T>) -> rustix::io::Result<(String, T)> {
    loop {
        // Each hasher has a key of the system's randomness.
        let name = format!(".voe-{:016x}.tmp", RandomState::new().hash_one(std::process::id()));
        match make(&name) {
            Err(Errno::EXIST) => {}
            Ok(made) => return Ok((name, made)),
            Err(errno) => return Err(errno),
        }
    }
}

impl Root {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let dir = rustix::fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| RepoError::io("open", path)(errno.into()))?;
        Ok(Self { dir, path: path.to_path_buf() })
    }

    fn failed(&self, action: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> RepoError {
        let path = self.path.join(as_path(path));
        move |errno| RepoError::Io { action, path, source: errno.into() }
    }

    /// What is at `path`.
    pub(crate) fn read(&self, path: &[u8]) -> Result<Found> {
        self.look(path).map_err(self.failed("read", path))
    }

    /// The target of the symbolic link at `path`; `None` where there is none or it can't be read.
    pub(crate) fn link(&self, path: &[u8]) -> Option<Vec<u8>> {
        let (above, name) = split(path);
        let parent = self.descend(above).ok()??;
        rustix::fs::readlinkat(&parent, OsStr::from_bytes(name), Vec::new()).ok().map(CString::into_bytes)
    }

    fn look(&self, path: &[u8]) -> rustix::io::Result<Found> {
        let (above, name) = split(path);
        let Some(parent) = self.descend(above)? else { return Ok(Found::Absent) };
        let name = OsStr::from_bytes(name);
        let stat = match rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Found::Absent),
            Err(errno) => return Err(errno),
        };
        let permissions = stat.st_mode & 0o7777;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&parent, name, Vec::new())?.into_bytes();
                Found::File(FileState { mode: LINK, content: Bytes(target) }, permissions)
            }
            FileType::RegularFile => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                let mut file = File::from(rustix::fs::openat(&parent, name, flags, Mode::empty())?);
                let mut content = Vec::new();
                file.read_to_end(&mut content).map_err(errno)?;
                let mode = if permissions & 0o100 != 0 { 0o100755 } else { 0o100644 };
                Found::File(FileState { mode, content: Bytes(content) }, permissions)
            }
            FileType::Directory => Found::Directory,
            _ => Found::Special,
        })
    }

    /// The directory at `path`; `None` if it or one above is missing or not a directory.
    fn descend(&self, path: &[u8]) -> rustix::io::Result<Option<OwnedFd>> {
        let (directory, rest) = self.descend_while_there(path)?;
        Ok(rest.is_empty().then_some(directory))
    }

    /// The deepest directory on the way to `path`, and the parts of the way that are left.
    fn descend_while_there<'p>(&self, path: &'p [u8]) -> rustix::io::Result<(OwnedFd, Vec<&'p [u8]>)> {
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

    /// The directory at `path`, made if it is missing.
    fn make_way(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
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

    /// Writes a content into the file system of `directory` until it is put in its place; an existing file's permissions are
    /// kept, but for the executable bits.
    fn stage(directory: OwnedFd, state: &FileState, like: Option<RawMode>) -> rustix::io::Result<Staged> {
        if state.mode == LINK {
            return Ok(Staged { directory, waits: Waits::Link(state.content.0.clone()) });
        }
        let executable = state.mode & 0o100 != 0;
        let fresh_mode = Mode::from_raw_mode(if executable { 0o777 } else { 0o666 });
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let (file, waits) = match rustix::fs::openat(&directory, ".", flags | OFlags::TMPFILE, fresh_mode) {
            Ok(file) => (file.try_clone().map_err(errno)?, Waits::Nameless(file)),
            // ISDIR: from before the kernel had them.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let (name, file) = fresh(|name| rustix::fs::openat(&directory, name, flags, fresh_mode))?;
                (file, Waits::Named(name))
            }
            Err(errno) => return Err(errno),
        };
        let staged = Staged { directory, waits };
        if let Some(like) = like {
            let mode = match executable {
                // Who may read it may run it, as git does.
                true if like & 0o100 == 0 => like | ((like & 0o444) >> 2),
                true => like,
                false => like & !0o111,
            };
            rustix::fs::fchmod(file.as_fd(), Mode::from_raw_mode(mode & 0o777))?;
        }
        File::from(file).write_all(&state.content.0).map_err(errno)?;
        Ok(staged)
    }

    /// Puts a staged content in its place.
    fn place(&self, path: &[u8], staged: &mut Staged) -> rustix::io::Result<()> {
        let (above, name) = split(path);
        let parent = self.make_way(above)?;
        let (own, name) = (staged.name()?, OsStr::from_bytes(name));
        match rustix::fs::renameat(&staged.directory, &own, &parent, name) {
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                // An empty directory gives way.
                rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?;
                rustix::fs::renameat(&staged.directory, &own, &parent, name)
            }
            other => other,
        }
    }

    /// Makes the file at `path` be `state`; `None` removes it. Either it happens or not.
    pub(crate) fn put(&self, path: &[u8], state: Option<&FileState>) -> Result<()> {
        match state {
            Some(state) => {
                let like = self.read(path)?.permissions();
                let staged = self.make_way(split(path).0).and_then(|parent| Self::stage(parent, state, like));
                staged.and_then(|mut staged| self.place(path, &mut staged)).map_err(self.failed("write", path))
            }
            None => self.remove(path),
        }
    }

    fn remove(&self, path: &[u8]) -> Result<()> {
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

    /// Removes a directory if it is there and empty; says whether it did.
    pub(crate) fn remove_empty(&self, path: &[u8]) -> bool {
        let (above, name) = split(path);
        let parent = self.descend(above).ok().flatten();
        parent.is_some_and(|parent| rustix::fs::unlinkat(parent, OsStr::from_bytes(name), AtFlags::REMOVEDIR).is_ok())
    }

    /// Makes a directory, and those above it.
    pub(crate) fn make_directory(&self, path: &[u8]) -> Result<()> {
        self.make_way(path).map(drop).map_err(self.failed("make", path))
    }

    /// Changes all of these files or none: everything is written first, and what was done is taken
    /// back if something fails. Directories that become empty go.
    pub(crate) fn put_all(&self, changes: &[(Vec<u8>, Option<FileState>)]) -> Result<()> {
        let mut staged = Vec::new();
        let mut before = Vec::new();
        for (path, state) in changes {
            let found = self.read(path)?;
            if let Some(state) = state {
                // No directory is made before everything is written.
                let near = self.descend_while_there(split(path).0);
                let new = near.and_then(|(near, _)| Self::stage(near, state, found.permissions()));
                staged.push((path, new.map_err(self.failed("write", path))?));
            }
            before.push((path, found));
        }
        let result = (|| {
            // Removing first: a file may be in the way of a directory, and the other way round.
            for (path, _) in changes.iter().filter(|(_, state)| state.is_none()) {
                self.remove(path)?;
                let mut above = split(path).0;
                while !above.is_empty() && self.remove_empty(above) {
                    above = split(above).0;
                }
            }
            for (path, staged) in &mut staged {
                self.place(path, staged).map_err(self.failed("write", path))?;
            }
            Ok(())
        })();
        if result.is_err() {
            self.take_back(&before);
        }
        result
    }

    /// Puts back what was there before a change that failed half way, as far as that can be done.
    fn take_back(&self, before: &[(&Vec<u8>, Found)]) {
        let was_there = |found: &Found| matches!(found, Found::File(..));
        for (path, _) in before.iter().filter(|(_, found)| !was_there(found)) {
            if matches!(self.read(path), Ok(Found::File(..))) {
                let _ = self.remove(path);
                let mut above = split(path).0;
                while !above.is_empty() && self.remove_empty(above) {
                    above = split(above).0;
                }
            }
        }
        for (path, found) in before.iter().filter(|(_, found)| was_there(found)) {
            if self.read(path).ok().as_ref() != Some(found) {
                let Some(state) = found.state() else { continue };
                // What can't be put back is in the undo point.
                let way = self.make_way(split(path).0);
                let staged = way.and_then(|parent| Self::stage(parent, state, found.permissions()));
                let _ = staged.and_then(|mut staged| self.place(path, &mut staged));
            }
        }
    }
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn file(text: &str) -> FileState {
        FileState { mode: 0o100644, content: Bytes(text.as_bytes().to_vec()) }
    }

    #[test]
    fn a_link_on_the_way_is_not_followed() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(outside.path().join("x"), "secret").unwrap();
        symlink(outside.path(), inside.path().join("d")).unwrap();
        let root = Root::open(inside.path()).unwrap();
        assert_eq!(root.read(b"d/x").unwrap(), Found::Absent);
        assert!(root.put(b"d/x", Some(&file("changed"))).is_err());
        root.put(b"d/x", None).unwrap();
        assert!(root.put(b"../x", Some(&file(""))).is_err());
        assert_eq!(std::fs::read(outside.path().join("x")).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(inside.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_link_at_the_place_is_replaced_and_its_target_left_alone() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("x");
        std::fs::write(&target, "secret").unwrap();
        symlink(&target, inside.path().join("x")).unwrap();
        Root::open(inside.path()).unwrap().put(b"x", Some(&file("mine"))).unwrap();
        assert_eq!(std::fs::read(target).unwrap(), b"secret");
        assert_eq!(std::fs::read(inside.path().join("x")).unwrap(), b"mine");
    }

    #[test]
    fn permissions_survive_a_change_and_follow_the_executable_bit() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, "a").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        root.put(b"x", Some(&file("b"))).unwrap();
        assert_eq!(mode(), 0o640);
        root.put(b"x", Some(&FileState { mode: 0o100755, ..file("b") })).unwrap();
        assert_eq!(mode(), 0o750);
    }

    #[test]
    fn when_one_file_fails_all_are_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        for (name, text) in [("a", "1"), ("gone", "2")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        // A directory that is not empty can't give way to a file.
        std::fs::create_dir_all(dir.path().join("z/full")).unwrap();
        let changes = [
            (b"a".to_vec(), Some(file("changed"))),
            (b"gone".to_vec(), None),
            (b"new/deep/file".to_vec(), Some(file("new"))),
            (b"z".to_vec(), Some(file("in the way"))),
        ];
        assert!(root.put_all(&changes).is_err());
        assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"1");
        assert_eq!(std::fs::read(dir.path().join("gone")).unwrap(), b"2");
        assert!(!dir.path().join("new").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "nothing is left behind");
    }

    #[test]
    fn files_that_are_called_like_staged_ones_stay_apart_from_the_others() {
        let (dir, of_kill) = (tempfile::tempdir().unwrap(), ".voe-0123456789abcdef.tmp");
        std::fs::write(dir.path().join(of_kill), "the user's").unwrap();
        // What this path was staged under when the names came from the paths.
        let guessed = format!(".voe-{}.tmp", &blake3::hash(b"tool.py").to_hex()[..16]);
        let link = FileState { mode: LINK, content: Bytes(b"tool.py".to_vec()) };
        let changes = [
            (guessed.clone().into_bytes(), Some(file("other"))),
            (b"link".to_vec(), Some(link)),
            (b"tool.py".to_vec(), Some(file("shown"))),
        ];
        Root::open(dir.path()).unwrap().put_all(&changes).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            [read("tool.py"), read("link"), read(&guessed), read(of_kill)],
            ["shown", "shown", "other", "the user's"]
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "nothing is left behind");
    }

    #[test]
    fn files_and_directories_change_places() {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("a"), "file").unwrap();
        std::fs::create_dir_all(dir.path().join("b/c")).unwrap();
        std::fs::write(dir.path().join("b/c/d"), "deep").unwrap();
        let changes = [
            (b"a".to_vec(), None),
            (b"a/x".to_vec(), Some(file("below"))),
            (b"b".to_vec(), Some(file("flat"))),
            (b"b/c/d".to_vec(), None),
        ];
        root.put_all(&changes).unwrap();
        assert_eq!(std::fs::read(dir.path().join("a/x")).unwrap(), b"below");
        assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"flat");
    }
}
