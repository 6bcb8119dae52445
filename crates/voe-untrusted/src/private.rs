//! Directories of voe's own, which nobody else can read or change.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, Stat};

use crate::{Error, UntrustedDir};

/// From now on new files and directories of this process are for the user alone. To be called first in `main`.
pub fn umask() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Opens voe's own directory at `path`, made (with missing parents, 0700) if nothing is there. One that others can read
/// is closed to them; one that others own, or into which they can write, is refused: they may have prepared it.
///
/// # Errors
/// The last component is a link, belongs to another user, or can be written by others; the disk refuses.
pub fn dir(path: &Path) -> Result<UntrustedDir, Error> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_all(parent)?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(Error::io("create", path)(errno)),
    }
    let dir = UntrustedDir::open(path)?;
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", path))?;
    check(path, &stat)?;
    if stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(dir.as_fd(), Mode::RWXU).map_err(Error::io("close to others", path))?;
    }
    Ok(dir)
}

/// The same below a directory that is open; `name` is one component.
///
/// # Errors
/// As [`dir`].
pub fn dir_in(parent: &UntrustedDir, name: &str) -> Result<UntrustedDir, Error> {
    let made = parent.make_dir(name);
    let dir = match made {
        Ok(dir) => dir,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            parent.dir(Path::new(OsStr::new(name)))?
        }
        Err(error) => return Err(error),
    };
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    check(dir.path(), &stat)?;
    Ok(dir)
}

/// Whether the directory is this user's, and nobody else can write to it. It need not be closed to readers.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_dir(dir: &UntrustedDir) -> Result<(), Error> {
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    check(dir.path(), &stat)
}

/// The same for a file that is open.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_file(path: &Path, file: &std::fs::File) -> Result<(), Error> {
    let stat = rustix::fs::fstat(file).map_err(Error::io("read", path))?;
    check(path, &stat)
}

fn check(path: &Path, stat: &Stat) -> Result<(), Error> {
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid != own {
        return Err(Error::Owner { path: path.to_owned(), owner: stat.st_uid });
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(Error::Writable { path: path.to_owned(), mode: stat.st_mode & 0o7777 });
    }
    Ok(())
}

fn make_all(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| Error::Io { action: "create", path: path.to_owned(), source })
}
