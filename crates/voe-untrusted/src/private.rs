//! Directories of voe's own, which nobody else can read or change.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, Stat};

use crate::{Error, UntrustedDir};

/// Opens voe's own directory at `path`, made (with missing parents, 0700) if nothing is there. One that others can read
/// is closed to them; one that others own, or into which they can write, is refused: they may have prepared it.
///
/// # Errors
/// The last component is a link, belongs to another user, or can be written by others; the disk refuses.
pub fn dir(path: &Path) -> Result<UntrustedDir, Error> {
    let dir = made(path)?;
    close(&dir)?;
    Ok(dir)
}

/// The same for a directory that the user names, in a setting or as a flag: a link of the user's own (or root's) to it is
/// followed, since people move caches to other disks. One of somebody else's is not.
///
/// # Errors
/// As [`dir`].
pub fn named(path: &Path) -> Result<UntrustedDir, Error> {
    dir(&resolved(path)?)
}

/// A directory that the user names for voe's output. One that is there already is closed to others if it is empty or
/// contains one of `own` (an earlier output); a directory with other things in it stays as it is, so it has to be closed.
///
/// # Errors
/// As [`named`]; others can read it and it has something else in it.
pub fn output(path: &Path, own: &[&str]) -> Result<UntrustedDir, Error> {
    let dir = made(&resolved(path)?)?;
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    check(dir.path(), &stat)?;
    if stat.st_mode & 0o077 == 0 {
        return Ok(dir);
    }
    let entries = dir.entries()?;
    if !entries.is_empty() && !entries.iter().any(|entry| own.iter().any(|name| entry.name == *name)) {
        return Err(Error::Readable { path: dir.path().to_owned(), mode: stat.st_mode & 0o7777 });
    }
    close(&dir)?;
    Ok(dir)
}

/// The same as [`dir`] below a directory that is open; `name` is one component.
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
    close(&dir)?;
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

/// Makes the directory if nothing is there, and opens it; not checked yet.
fn made(path: &Path) -> Result<UntrustedDir, Error> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_all(parent)?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(Error::io("create", path)(errno)),
    }
    UntrustedDir::open(path)
}

/// Checks whose the directory is, and closes it to everybody else.
fn close(dir: &UntrustedDir) -> Result<(), Error> {
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    check(dir.path(), &stat)?;
    if stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(dir.as_fd(), Mode::RWXU).map_err(Error::io("close to others", dir.path()))?;
    }
    Ok(())
}

/// Where a link of the user's own leads; any other path as it is.
fn resolved(path: &Path) -> Result<PathBuf, Error> {
    use std::os::unix::fs::MetadataExt;
    let own = rustix::process::geteuid().as_raw();
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() && (meta.uid() == own || meta.uid() == 0) => {
            std::fs::canonicalize(path).map_err(|source| Error::Io { action: "open", path: path.to_owned(), source })
        }
        _ => Ok(path.to_owned()),
    }
}

fn make_all(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| Error::Io { action: "create", path: path.to_owned(), source })
}
