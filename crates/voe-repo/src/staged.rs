//! New content that is written but not yet in its place.

use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode};
use rustix::io::Errno;
use voe_protocol::FileState;

use crate::hazard::LINK;

/// New content, waiting in the file system of its final path.
pub(crate) struct Staged {
    pub(crate) directory: OwnedFd,
    waits: StagedAs,
}

/// Where the content waits. Its name can't be guessed: a patch that contained a file of that name would otherwise collide
/// with it.
enum StagedAs {
    /// A file without a name, so that a kill leaves nothing.
    Nameless(OwnedFd),
    /// A file with a random name, on file systems that have no unnamed files.
    Named(String),
    /// The target of a symbolic link, which is made at the end.
    Link(Vec<u8>),
}

impl Staged {
    /// Writes content into the file system of `directory` until it is moved to its path. An existing file's permissions are
    /// kept, except for the executable bits.
    pub(crate) fn write(directory: OwnedFd, state: &FileState, like: Option<RawMode>) -> rustix::io::Result<Self> {
        if state.mode == LINK {
            return Ok(Staged { directory, waits: StagedAs::Link(state.content.0.clone()) });
        }
        let executable = state.mode & 0o100 != 0;
        let fresh_mode = Mode::from_raw_mode(if executable { 0o777 } else { 0o666 });
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let (file, waits) = match rustix::fs::openat(&directory, ".", flags | OFlags::TMPFILE, fresh_mode) {
            Ok(file) => (file.try_clone().map_err(errno)?, StagedAs::Nameless(file)),
            // Kernels that do not know the flag return ISDIR.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                let (name, file) = fresh(|name| rustix::fs::openat(&directory, name, flags, fresh_mode))?;
                (file, StagedAs::Named(name))
            }
            Err(errno) => return Err(errno),
        };
        let staged = Staged { directory, waits };
        if let Some(like) = like {
            let mode = match executable {
                // As in git: whoever may read it may execute it.
                true if like & 0o100 == 0 => like | ((like & 0o444) >> 2),
                true => like,
                false => like & !0o111,
            };
            rustix::fs::fchmod(file.as_fd(), Mode::from_raw_mode(mode & 0o777))?;
        }
        File::from(file).write_all(&state.content.0).map_err(errno)?;
        Ok(staged)
    }

    /// Gives the content a name in its directory, to be renamed from.
    pub(crate) fn name(&mut self) -> rustix::io::Result<String> {
        let name = match &self.waits {
            StagedAs::Named(name) => return Ok(name.clone()),
            StagedAs::Nameless(file) => {
                let from = format!("/proc/self/fd/{}", file.as_raw_fd());
                fresh(|name| rustix::fs::linkat(CWD, &from, &self.directory, name, AtFlags::SYMLINK_FOLLOW))?.0
            }
            StagedAs::Link(target) => {
                fresh(|name| rustix::fs::symlinkat(OsStr::from_bytes(target), &self.directory, name))?.0
            }
        };
        self.waits = StagedAs::Named(name.clone());
        Ok(name)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let StagedAs::Named(name) = &self.waits {
            // Already gone if it was moved to its path.
            let _ = rustix::fs::unlinkat(&self.directory, name, AtFlags::empty());
        }
    }
}

/// Makes something under an unused, unpredictable name. `make` must not replace an existing file.
fn fresh<T>(make: impl Fn(&str) -> rustix::io::Result<T>) -> rustix::io::Result<(String, T)> {
    loop {
        // Each hasher has a random key from the system.
        let name = format!(".voe-{:016x}.tmp", RandomState::new().hash_one(std::process::id()));
        match make(&name) {
            Err(Errno::EXIST) => {}
            Ok(made) => return Ok((name, made)),
            Err(errno) => return Err(errno),
        }
    }
}

/// The error number of an I/O error.
pub(crate) fn errno(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}
