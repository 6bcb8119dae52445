//! Errors of file access.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// An access that failed or was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A symbolic link where a file or directory was expected, or on the way to it.
    #[error("{0} is a symbolic link or is behind one; voe does not follow links there")]
    Link(PathBuf),
    /// The path leads out of the directory (`..`, absolute) or is empty.
    #[error("{0} is not a path below its directory")]
    Outside(PathBuf),
    /// A directory, a named pipe, a socket or a device where a regular file was expected.
    #[error("{0} is not a regular file")]
    NotAFile(PathBuf),
    /// Larger than the caller allows.
    #[error("{path} is larger than {most} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        most: u64,
    },
    /// An archive has more entries than the caller allows.
    #[error("the archive for {path} has more than {most} entries, directories on the way to them included")]
    TooMany {
        /// Where it was to be unpacked.
        path: PathBuf,
        /// The limit.
        most: u64,
    },
    /// An archive's entry is deeper than the caller allows, or its path is longer than a path may be.
    #[error("an entry of the archive for {path} is more than {most} directories deep, or its path is too long")]
    TooDeep {
        /// Where it was to be unpacked.
        path: PathBuf,
        /// The limit in directories.
        most: usize,
    },
    /// Not UTF-8 where text was expected.
    #[error("{0} is not UTF-8 text")]
    NotText(PathBuf),
    /// A directory that has to be private belongs to another user.
    #[error("{path} belongs to user {owner}, not to you; remove it or name another directory")]
    Owner {
        /// The directory.
        path: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// A directory that has to be private can be written by others.
    #[error("{path} can be written by others (mode {mode:o}); run: chmod go-w {}", path.display())]
    Writable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A directory above one that has to be private belongs to another user, who could replace it.
    #[error("{path} is in {above}, which belongs to user {owner}, who could replace it; name a directory elsewhere")]
    OwnerAbove {
        /// The directory.
        path: PathBuf,
        /// The one above.
        above: PathBuf,
        /// Its owner's user id.
        owner: u32,
    },
    /// A directory above one that has to be private can be written by every user.
    #[error("{path} is in {above}, where every user can replace it; name a directory elsewhere or run: chmod o-w {}", above.display())]
    WritableAbove {
        /// The directory.
        path: PathBuf,
        /// The one above.
        above: PathBuf,
    },
    /// A directory named for voe's output can be read by others, and contains other files.
    #[error("{path} can be read by others (mode {mode:o}) and is not empty; name a new directory or run: chmod go-rwx {}", path.display())]
    Readable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system reported an error.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// The action, as a verb.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(Errno) -> Self {
        let path = path.to_owned();
        move |errno| match errno {
            Errno::LOOP => Self::Link(path),
            Errno::XDEV => Self::Outside(path),
            errno => Self::Io { action, path, source: errno.into() },
        }
    }

    /// Whether the access was refused because of what was found, instead of failing.
    pub fn is_refusal(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }

    /// Whether the path does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
