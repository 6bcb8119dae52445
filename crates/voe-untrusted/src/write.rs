//! Writing below a directory that others can change, and files and directories that the user names.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use crate::{Error, FileKind, UntrustedDir};

/// Permissions of files made for the user, before the umask.
const FILE: Mode = Mode::from_raw_mode(0o666);
const DIR: Mode = Mode::from_raw_mode(0o755);

impl UntrustedDir {
    /// Opens a directory that the user names: links on the way to it are followed, those below it are not.
    ///
    /// # Errors
    /// It is missing, not a directory, or can't be opened.
    pub fn named(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(Error::io("open", path))?;
        Ok(Self::of(fd, path.to_owned()))
    }

    /// Opens the directory at a path of any number of components, made with missing parents (others can't write to new ones).
    ///
    /// # Errors
    /// As [`UntrustedDir::dir`]; an I/O error.
    pub fn make_dirs(&self, path: impl AsRef<Path>) -> Result<Self, Error> {
        let mut dir = self.again()?;
        for part in path.as_ref().components() {
            let name = dir.component(part.as_os_str())?.to_owned();
            match rustix::fs::mkdirat(&dir, &*name, DIR) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(Error::io("create", &dir.path().join(&name))(errno)),
            }
            dir = dir.dir(name)?;
        }
        Ok(dir)
    }

    /// Writes a file whole or not at all. An existing file or link is replaced, never written into. The directory must exist;
    /// voe uses the name with `.new` appended meanwhile.
    ///
    /// # Errors
    /// A link on the way, a directory at the path, or an I/O error.
    pub fn replace(&self, path: impl AsRef<Path>, content: &[u8]) -> Result<(), Error> {
        let full = self.path().join(&path);
        let name = path.as_ref().file_name().ok_or_else(|| Error::Outside(full.clone()))?;
        let parent = self.parent(path.as_ref())?;
        let mut new = name.to_owned();
        new.push(".new");
        let (name, new) = (parent.component(name)?, parent.component(&new)?);
        match rustix::fs::unlinkat(&parent, new, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(Error::io("replace", &parent.path().join(new))(errno)),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&parent, new, flags, FILE).map_err(Error::io("create", &full))?;
        let written = File::from(file).write_all(content);
        let done = written
            .map_err(|source| Error::Io { action: "write", path: full.clone(), source })
            .and_then(|()| rustix::fs::renameat(&parent, new, &parent, name).map_err(Error::io("write", &full)));
        if done.is_err() {
            let _ = rustix::fs::unlinkat(&parent, new, AtFlags::empty());
        }
        done
    }

    /// A regular file, open for reading and appending, made if nothing is there.
    ///
    /// # Errors
    /// A link at the path or on the way, not a regular file, or an I/O error.
    pub fn append(&self, path: impl AsRef<Path>) -> Result<File, Error> {
        let full = self.path().join(&path);
        // Without NONBLOCK a named pipe could block.
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = match self.at(path.as_ref(), flags, FILE) {
            Ok(fd) => fd,
            // A socket, or a directory.
            Err(Errno::NXIO | Errno::ISDIR) => return Err(Error::NotAFile(full)),
            Err(errno) => return Err(Error::io("write", &full)(errno)),
        };
        regular(File::from(fd), full)
    }

    /// Removes an empty directory (one component); `false` if it is not empty or missing.
    pub fn remove_empty(&self, name: &str) -> bool {
        self.component(name.as_ref()).is_ok_and(|name| rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR).is_ok())
    }
}

/// Opens a regular file that the user names; a link to it is followed, a pipe is refused.
///
/// # Errors
/// It is missing, not a regular file, or can't be read.
pub fn named_file(path: &Path) -> Result<File, Error> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(Error::io("read", path))?;
    regular(File::from(fd), path.to_owned())
}

/// The content of a regular file that the user names, at most `most` bytes.
///
/// # Errors
/// As [`named_file`]; larger than `most`.
pub fn read_named(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    content(&mut named_file(path)?, path.to_owned(), most)
}

fn regular(file: File, path: PathBuf) -> Result<File, Error> {
    let stat = rustix::fs::fstat(&file).map_err(Error::io("read", &path))?;
    if FileKind::of(stat.st_mode) == FileKind::File { Ok(file) } else { Err(Error::NotAFile(path)) }
}

/// The content of an open file, at most `most` bytes.
pub(crate) fn content(file: &mut File, path: PathBuf, most: u64) -> Result<Vec<u8>, Error> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action: "read", path, source }
    };
    // A sparse file takes memory even for its holes.
    if file.metadata().map_err(io(&path))?.len() > most {
        return Err(Error::TooLarge { path, most });
    }
    let mut content = Vec::new();
    // Reads one byte more than allowed: the file may grow meanwhile.
    file.take(most.saturating_add(1)).read_to_end(&mut content).map_err(io(&path))?;
    if content.len() as u64 > most { Err(Error::TooLarge { path, most }) } else { Ok(content) }
}
