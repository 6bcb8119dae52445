//! A directory that others can change.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::kind::{FileKind, open_dir_at};
use crate::{Error, remove, write};

/// One entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name, one component.
    pub name: OsString,
    /// Its kind when the directory was read.
    pub kind: FileKind,
}

/// An open directory below which others can write. Its methods take relative paths without `..`; a symbolic link on the way is
/// an error ([`Error::Link`]), never followed.
#[derive(Debug)]
pub struct UntrustedDir {
    fd: OwnedFd,
    /// For messages only.
    path: PathBuf,
}

impl UntrustedDir {
    /// Opens a directory by a path that the caller trusts: its own or the user's. The last component may not be a link;
    /// give a canonical path where it may.
    ///
    /// # Errors
    /// It is missing, a link or not a directory, or can't be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let fd = open_dir_at(CWD, path.as_os_str()).map_err(Error::io("open", path))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    pub(crate) fn of(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path }
    }

    /// A directory below this one.
    ///
    /// # Errors
    /// As [`UntrustedDir::open`]; a link on the way.
    pub fn dir(&self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let full = self.path.join(&path);
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        match self.at(path.as_ref(), flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path: full }),
            // With DIRECTORY a link is reported as "not a directory"; tell them apart.
            Err(Errno::NOTDIR) if self.kind(&path)? == Some(FileKind::Link) => Err(Error::Link(full)),
            Err(errno) => Err(self.because(errno, "open", &path)),
        }
    }

    /// A second handle on the same directory.
    ///
    /// # Errors
    /// The process is out of file descriptors.
    pub fn again(&self) -> Result<Self, Error> {
        Ok(Self { fd: self.fd.try_clone().map_err(cloned(&self.path))?, path: self.path.clone() })
    }

    /// Makes a directory (mode 0700, one component) and opens it.
    ///
    /// # Errors
    /// Something is there already, or the disk refuses.
    pub fn make_dir(&self, name: impl AsRef<OsStr>) -> Result<Self, Error> {
        let full = self.path.join(name.as_ref());
        let name = self.component(name.as_ref())?;
        rustix::fs::mkdirat(&self.fd, name, Mode::RWXU).map_err(Error::io("create", &full))?;
        let fd = open_dir_at(&self.fd, name).map_err(Error::io("open", &full))?;
        Ok(Self { fd, path: full })
    }

    /// The content of a regular file, at most `most` bytes. `None` if nothing is there.
    ///
    /// # Errors
    /// A link at the path or on the way, not a regular file, larger than `most`, not readable.
    pub fn read(&self, path: impl AsRef<Path>, most: u64) -> Result<Option<Vec<u8>>, Error> {
        let full = self.path.join(&path);
        let Some(mut file) = self.open_file(&path)? else { return Ok(None) };
        write::content(&mut file, full, most).map(Some)
    }

    /// The same for text.
    ///
    /// # Errors
    /// As [`UntrustedDir::read`]; not UTF-8.
    pub fn read_text(&self, path: impl AsRef<Path>, most: u64) -> Result<Option<String>, Error> {
        let full = self.path.join(&path);
        match self.read(path, most)? {
            Some(content) => String::from_utf8(content).map(Some).map_err(|_| Error::NotText(full)),
            None => Ok(None),
        }
    }

    /// A regular file, open for reading. `None` if nothing is there.
    ///
    /// # Errors
    /// A link at the path or on the way, not a regular file, not readable.
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<Option<File>, Error> {
        // Without NONBLOCK a named pipe would block here until a process writes to it.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match self.at(path.as_ref(), flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            // A socket.
            Err(Errno::NXIO) => return Err(Error::NotAFile(self.path.join(&path))),
            Err(errno) => return Err(self.because(errno, "read", &path)),
        };
        let stat = rustix::fs::fstat(&fd).map_err(Error::io("read", &self.path.join(&path)))?;
        if FileKind::of(stat.st_mode) != FileKind::File {
            return Err(Error::NotAFile(self.path.join(&path)));
        }
        Ok(Some(File::from(fd)))
    }

    /// A new regular file (one component, mode 0600), open for writing; an existing one is not touched.
    ///
    /// # Errors
    /// Something is there already (a dangling link counts), or the disk refuses.
    pub fn create_file(&self, name: impl AsRef<OsStr>) -> Result<File, Error> {
        let full = self.path.join(name.as_ref());
        let name = self.component(name.as_ref())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR);
        fd.map(File::from).map_err(Error::io("create", &full))
    }

    /// The kind of the entry at a path; `None` if nothing is there. Links are not followed.
    ///
    /// # Errors
    /// A link is on the way, or the directory can't be read.
    pub fn kind(&self, path: impl AsRef<Path>) -> Result<Option<FileKind>, Error> {
        match self.at(path.as_ref(), OFlags::PATH, Mode::empty()) {
            Ok(fd) => {
                let stat = rustix::fs::fstat(&fd).map_err(Error::io("read", &self.path.join(&path)))?;
                Ok(Some(FileKind::of(stat.st_mode)))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.because(errno, "read", &path)),
        }
    }

    /// The target of a symbolic link, as it is written in it.
    ///
    /// # Errors
    /// No link is there, or one is on the way.
    pub fn link_target(&self, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let full = self.path.join(&path);
        let path = path.as_ref();
        let name = path.file_name().ok_or_else(|| Error::Outside(full.clone()))?;
        let parent = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => self.dir(parent)?,
            None => self.again()?,
        };
        let target = rustix::fs::readlinkat(&parent.fd, name, Vec::new()).map_err(Error::io("read", &full))?;
        Ok(PathBuf::from(OsString::from_vec(target.into_bytes())))
    }

    /// The entries, without `.` and `..`, in the system's order; those that vanish meanwhile are left out.
    ///
    /// # Errors
    /// The directory can't be read.
    pub fn entries(&self) -> Result<Vec<DirEntry>, Error> {
        let read = || -> rustix::io::Result<Vec<DirEntry>> {
            let mut found = Vec::new();
            for entry in rustix::fs::Dir::read_from(&self.fd)? {
                let name: CString = entry?.file_name().to_owned();
                if matches!(name.as_bytes(), b"." | b"..") {
                    continue;
                }
                if let Ok(stat) = rustix::fs::statat(&self.fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                    found.push(DirEntry {
                        name: OsString::from_vec(name.into_bytes()),
                        kind: FileKind::of(stat.st_mode),
                    });
                }
            }
            Ok(found)
        };
        read().map_err(Error::io("list", &self.path))
    }

    /// Removes an entry (one component) with everything below it, whatever its permissions and depth. Links are removed, not
    /// followed. Needs a constant number of descriptors. A missing entry is not an error.
    ///
    /// # Errors
    /// Something can't be removed: files of another user, a mount, a directory to which others write meanwhile.
    pub fn remove(&self, name: impl AsRef<OsStr>) -> Result<(), Error> {
        let full = self.path.join(name.as_ref());
        let name = self.component(name.as_ref())?;
        remove::entry(self.fd.as_fd(), name).map_err(Error::io("remove", &full))
    }

    /// The directory's path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens beneath this directory, following nothing.
    pub(crate) fn at(&self, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        let mut parts = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => parts.push(name),
                Component::CurDir => {}
                _ => return Err(Errno::XDEV),
            }
        }
        let Some((last, above)) = parts.split_last() else { return Err(Errno::XDEV) };
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.fd, parts.iter().collect::<PathBuf>(), flags, mode, resolve) {
            // Linux before 5.6, or a filter that doesn't know the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
        let mut dir: Option<OwnedFd> = None;
        for name in above {
            dir = Some(open_dir_at(dir.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd), name)?);
        }
        let dir = dir.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
        rustix::fs::openat(dir, *last, flags, mode)
    }

    pub(crate) fn component<'n>(&self, name: &'n OsStr) -> Result<&'n OsStr, Error> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(one)), None) if one == name => Ok(name),
            _ => Err(Error::Outside(self.path.join(name))),
        }
    }

    fn because(&self, errno: Errno, action: &'static str, path: &impl AsRef<Path>) -> Error {
        Error::io(action, &self.path.join(path))(errno)
    }
}

impl AsFd for UntrustedDir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn cloned(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action: "open", path, source }
}

impl AsRef<OsStr> for DirEntry {
    fn as_ref(&self) -> &OsStr {
        OsStr::from_bytes(self.name.as_bytes())
    }
}
