//! voe's own directories, which nobody else can read or change.

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, Stat};

use crate::{Error, UntrustedDir};

/// Opens voe's own directory at `path`, made (with missing parents, 0700) if nothing is there. If others can read it, it is
/// closed to them; if others own it or can write to it, it is refused, since they may have prepared it.
///
/// # Errors
/// The last component is a link, belongs to another user, or can be written by others; the disk refuses.
pub fn dir(path: &Path) -> Result<UntrustedDir, Error> {
    let dir = made(path)?;
    close(&dir)?;
    Ok(dir)
}

/// The same for a directory that the user names, in a setting or as a flag: a link to it that the user (or root) owns is
/// followed, since people move caches to other disks. Another user's link is not.
///
/// # Errors
/// As [`dir`].
pub fn named(path: &Path) -> Result<UntrustedDir, Error> {
    dir(&resolved(path)?)
}

/// A directory that the user names for voe's output. An existing one is closed to others if it is empty or contains one of
/// `own` (an earlier output); a directory with other content stays as it is, so it has to be closed already.
///
/// # Errors
/// As [`named`]; others can read it and it has other content.
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

/// As [`dir`], below an open directory; `name` is one component.
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

/// Checks that the directory is this user's, and that nobody else can write to it. Others may be able to read it.
///
/// # Errors
/// Another user owns the directory or can write to it.
pub fn check_dir(dir: &UntrustedDir) -> Result<(), Error> {
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    check(dir.path(), &stat)
}

/// Checks that the directory is this user's, and returns its permission bits.
///
/// # Errors
/// The directory belongs to another user.
pub fn check_owner(dir: &UntrustedDir) -> Result<u32, Error> {
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    owner(dir.path(), &stat).map(|()| stat.st_mode & 0o7777)
}

/// Checks that an open file is this user's, and that nobody else can write to it.
///
/// # Errors
/// Another user owns the file or can write to it.
pub fn check_file(path: &Path, file: &std::fs::File) -> Result<(), Error> {
    let stat = rustix::fs::fstat(file).map_err(Error::io("read", path))?;
    check(path, &stat)
}

/// Checks that the directory is this user's, and takes write permission from others. For one of voe's own below a directory
/// that [`check_dir`] accepts, which an earlier voe made with the umask's permissions.
///
/// # Errors
/// The directory belongs to another user.
pub fn take(dir: &UntrustedDir) -> Result<(), Error> {
    let mode = check_owner(dir)?;
    if mode & 0o022 != 0 {
        let closed = Mode::from_raw_mode(mode & !0o022);
        rustix::fs::fchmod(dir.as_fd(), closed).map_err(Error::io("close to others", dir.path()))?;
    }
    Ok(())
}

fn owner(path: &Path, stat: &Stat) -> Result<(), Error> {
    let own = rustix::process::geteuid().as_raw();
    if stat.st_uid == own { Ok(()) } else { Err(Error::Owner { path: path.to_owned(), owner: stat.st_uid }) }
}

fn check(path: &Path, stat: &Stat) -> Result<(), Error> {
    owner(path, stat)?;
    if stat.st_mode & 0o022 != 0 {
        return Err(Error::Writable { path: path.to_owned(), mode: stat.st_mode & 0o7777 });
    }
    Ok(())
}

/// Makes the directory if nothing is there, and opens it, without checks.
fn made(path: &Path) -> Result<UntrustedDir, Error> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_all(parent)?;
    }
    check_way(path)?;
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(Error::io("create", path)(errno)),
    }
    UntrustedDir::open(path)
}

/// Checks that nobody else can put another directory in the place of this one: each directory above is the user's or root's, and
/// has the sticky bit (as `/tmp`) if every user can write to it. Directories above that a group can write are accepted: home
/// directories and projects are often the group's, and whoever made the group decided who is in it.
///
/// # Errors
/// Names the directory above that fails the check.
pub fn check_way(path: &Path) -> Result<(), Error> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action: "open", path, source }
    };
    let parent = std::fs::canonicalize(parent).map_err(failed(parent))?;
    let own = rustix::process::geteuid().as_raw();
    for dir in parent.ancestors() {
        let stat = rustix::fs::stat(dir).map_err(Error::io("read", dir))?;
        if stat.st_uid != own && stat.st_uid != 0 && !is_unmapped(stat.st_uid) {
            return Err(Error::OwnerAbove { path: path.to_owned(), above: dir.to_owned(), owner: stat.st_uid });
        }
        if stat.st_mode & 0o002 != 0 && stat.st_mode & STICKY == 0 {
            return Err(Error::WritableAbove { path: path.to_owned(), above: dir.to_owned() });
        }
    }
    Ok(())
}

/// In a directory with this bit only an entry's owner can rename or remove it.
const STICKY: u32 = 0o1000;

/// Whether the id stands for users of the host without an id in this user namespace (a container): the host's root is shown as
/// this user.
fn is_unmapped(user: u32) -> bool {
    const WHOLE: &str = "4294967295";
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let all = read("/proc/self/uid_map").split_ascii_whitespace().eq(["0", "0", WHOLE]);
    !all && read("/proc/sys/kernel/overflowuid").trim().parse() == Ok(user)
}

/// Checks the directory's owner, and closes it to all others.
fn close(dir: &UntrustedDir) -> Result<(), Error> {
    let stat = rustix::fs::fstat(dir.as_fd()).map_err(Error::io("read", dir.path()))?;
    check(dir.path(), &stat)?;
    if stat.st_mode & 0o077 != 0 {
        rustix::fs::fchmod(dir.as_fd(), Mode::RWXU).map_err(Error::io("close to others", dir.path()))?;
    }
    Ok(())
}

/// The target of a link that the user owns; any other path as it is.
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_could_replace_is_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let shared = temporary.path().join("shared");
        fs::create_dir(&shared).unwrap();
        let mode = |mode| fs::set_permissions(&shared, fs::Permissions::from_mode(mode)).unwrap();
        let inside = shared.join("a/b");
        for refused in [0o777, 0o757] {
            mode(refused);
            let above = fs::canonicalize(&shared).unwrap();
            for made in [dir(&inside), named(&inside), output(&inside, &[])] {
                assert!(matches!(made, Err(Error::WritableAbove { above: found, .. }) if found == above));
            }
        }
        for accepted in [0o1777, 0o775, 0o755, 0o700] {
            mode(accepted);
            dir(&inside).unwrap();
        }
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&shared, Some(1234), None).unwrap();
            assert!(matches!(dir(&inside), Err(Error::OwnerAbove { owner: 1234, .. })));
        }
    }
}
