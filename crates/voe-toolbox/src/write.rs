//! Writes a file atomically.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::place::open_plain;

/// Replaces the file at `path` (absolute, without links) with `content`, or creates it, with its directories.
///
/// A file with one name is replaced by renaming a new one over it: mode and owner stay, and a failure (a full disk) leaves it
/// as it was. One with several names (hard links) is written in place, since a rename would separate them; so is one in a
/// directory that is not writable.
pub(crate) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = path.parent().ok_or_else(|| io::Error::other("it has no directory"))?;
    let old = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => Some(meta),
        Ok(_) => return Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    fs::create_dir_all(parent)?;
    if let Some(old) = &old {
        if old.nlink() > 1 {
            return in_place(path, content);
        }
        return match replace(path, parent, content, Some(old)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied) => in_place(path, content),
            other => other,
        };
    }
    replace(path, parent, content, None)
}

fn replace(path: &Path, parent: &Path, content: &[u8], old: Option<&fs::Metadata>) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::other("it has no name"))?;
    let directory = open_plain(parent, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let (new, file) = temporary(&directory)?;
    let mut file = File::from(file);
    let written = (|| {
        file.write_all(content)?;
        if let Some(old) = old {
            let meta = file.metadata()?;
            if (meta.uid(), meta.gid()) != (old.uid(), old.gid()) {
                // Not allowed for an ordinary user: the file is theirs then.
                let _ = std::os::unix::fs::fchown(&file, Some(old.uid()), Some(old.gid()));
            }
            // Without the set-id bits: no sandbox allows setting them, and writing to such a file clears them anyway.
            file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o1777))?;
        }
        Ok(rustix::fs::renameat(&directory, &new, &directory, name)?)
    })();
    if written.is_err() {
        let _ = rustix::fs::unlinkat(&directory, &new, AtFlags::empty());
    }
    written
}

/// A new file in a directory, with the mode that the umask leaves.
fn temporary(directory: impl AsFd) -> io::Result<(PathBuf, rustix::fd::OwnedFd)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    for n in 0..100 {
        let name = PathBuf::from(format!(".voe-{}-{n}.tmp", std::process::id()));
        match rustix::fs::openat(&directory, &name, flags, Mode::from_raw_mode(0o666)) {
            Ok(file) => return Ok((name, file)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other("no name is left for a temporary file"))
}

/// Overwrites the content of the file itself. If that fails half-way, the old content is restored as far as possible.
fn in_place(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = File::from(open_plain(path, OFlags::RDWR | OFlags::NONBLOCK)?);
    let mut before = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(0)];
    file.read_exact_at(&mut before, 0)?;
    let put = |bytes: &[u8]| file.write_all_at(bytes, 0).and_then(|()| file.set_len(bytes.len() as u64));
    put(content).inspect_err(|_| drop(put(&before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_hard_links_survive_and_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (script, twin) = (root.join("run"), root.join("twin"));
        fs::write(&script, "a").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o750)).unwrap();
        write(&script, b"b").unwrap();
        assert_eq!(fs::metadata(&script).unwrap().mode() & 0o7777, 0o750);
        fs::hard_link(&script, &twin).unwrap();
        write(&script, b"longer").unwrap();
        write(&script, b"c").unwrap();
        assert_eq!(fs::read(&twin).unwrap(), b"c");
        write(&root.join("new/deep/file"), b"d").unwrap();
        assert_eq!(fs::read(root.join("new/deep/file")).unwrap(), b"d");
        assert!(write(&root, b"x").is_err());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 3);
    }
}
