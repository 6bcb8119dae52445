//! Where the file tools may go: the workspace, voe's scratch directory and `/tmp`.
//!
//! A path is resolved by hand, symbolic links included, so that one that leads out by `..`, by a link or through
//! `/proc/self/root` is refused with a line that names its target. The result has no links, and is opened
//! without following any: what was checked is what is opened.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::names;

/// How a tool will use a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// The directories that the file tools may enter.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    workspace: PathBuf,
    /// All that may be entered, the workspace first; canonical.
    roots: Vec<PathBuf>,
    /// Not writable although it is in a root: voe's own records.
    guarded: Vec<PathBuf>,
}

/// A path that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedPath {
    /// Absolute, without links, `.` and `..`.
    pub(crate) path: PathBuf,
    /// Relative to the workspace, if it is inside; empty for the workspace itself.
    pub(crate) relative: Option<Vec<u8>>,
}

impl AllowedPath {
    /// The path for a line of text: relative where that is possible.
    pub(crate) fn shown(&self) -> String {
        match &self.relative {
            Some(relative) if relative.is_empty() => ".".into(),
            Some(relative) => names::shown(relative),
            None => names::shown(self.path.as_os_str().as_bytes()),
        }
    }

    /// Opens for reading, whatever it is, without waiting (a FIFO) and without following a link.
    pub(crate) fn open(&self) -> io::Result<File> {
        Ok(File::from(open_plain(&self.path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?))
    }
}

/// Opens a path without following any link.
pub(crate) fn open_plain(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(CWD, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6 and seccomp filters that do not know the call, voe's own among them.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => Ok(by_steps(path, flags)?),
        other => Ok(other?),
    }
}

/// The same without the system call that does all of it.
fn by_steps(path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let step = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let start = if path.is_absolute() { "/" } else { "." };
    let mut at = rustix::fs::open(start, step, Mode::empty())?;
    let mut names = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir)).peekable();
    while let Some(name) = names.next() {
        if names.peek().is_none() {
            return rustix::fs::openat(&at, name.as_os_str(), flags | OFlags::NOFOLLOW, Mode::empty());
        }
        at = rustix::fs::openat(&at, name.as_os_str(), step, Mode::empty())?;
    }
    rustix::fs::openat(&at, ".", flags, Mode::empty())
}

/// A chain of links longer than this is a loop (the kernel's own number).
const MOST_LINKS: usize = 40;

impl Places {
    pub(crate) fn new(workspace: &Path, scratch: &Path, guarded: Vec<PathBuf>) -> io::Result<Self> {
        let workspace = workspace.canonicalize()?;
        let scratch = scratch.canonicalize()?;
        let mut roots = vec![workspace.clone(), scratch];
        roots.extend(Path::new("/tmp").canonicalize().ok());
        let guarded = guarded.into_iter().map(|path| path.canonicalize().unwrap_or(path)).collect();
        Ok(Self { workspace, roots, guarded })
    }

    /// The workspace, canonical.
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Resolves `given` (absolute or relative to the workspace), or returns in one line why it is refused.
    pub(crate) fn resolve(&self, given: &str, access: Access) -> Result<AllowedPath, String> {
        if given.is_empty() {
            return Err("path is empty: name a file, relative to the workspace or absolute".into());
        }
        if given.contains('\0') {
            return Err("path holds a NUL byte, which no file name can".into());
        }
        let first = self.resolve_path(Path::new(given), given, access);
        if first.as_ref().map_or(true, |place| !exists(&place.path))
            && let Some(other) = names::unescaped(given)
            && let Ok(place) = self.resolve_path(&other, given, access)
            && exists(&place.path)
        {
            return Ok(place);
        }
        first
    }

    /// The same for a path of any bytes. If it does not exist, it is read as escaped by [`names::shown`].
    pub(crate) fn resolve_bytes(&self, given: &[u8], access: Access) -> Result<AllowedPath, String> {
        match std::str::from_utf8(given) {
            Ok(text) => self.resolve(text, access),
            Err(_) if given.contains(&0) => Err("path holds a NUL byte, which no file name can".into()),
            Err(_) => self.resolve_path(Path::new(OsStr::from_bytes(given)), &names::shown(given), access),
        }
    }

    fn resolve_path(&self, given: &Path, text: &str, access: Access) -> Result<AllowedPath, String> {
        let path = follow(&self.workspace.join(given)).map_err(|error| format!("{text}: {error}"))?;
        let Some(_) = self.roots.iter().find(|root| path.starts_with(root)) else {
            return Err(format!(
                "{text} leads outside the workspace (to {}): refused. File tools work in {}, voe's scratch directory and /tmp",
                names::shown(path.as_os_str().as_bytes()),
                names::shown(self.workspace.as_os_str().as_bytes()),
            ));
        };
        let relative = path.strip_prefix(&self.workspace).ok().map(|p| p.as_os_str().as_bytes().to_vec());
        if access == Access::Write {
            if let Some(relative) = &relative
                && in_git_dir(relative)
            {
                return Err(format!("{text} is git's own: files under .git are not for writing. Use git in bash"));
            }
            if self.guarded.iter().any(|guarded| path.starts_with(guarded)) {
                return Err(format!("{text} is a record of voe's: it can be read, not written"));
            }
        }
        Ok(AllowedPath { path, relative })
    }
}

/// Whether a relative path goes through a `.git`.
pub(crate) fn in_git_dir(relative: &[u8]) -> bool {
    relative.split(|&b| b == b'/').any(|part| part.eq_ignore_ascii_case(b".git"))
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The absolute path without links, `.` and `..`. What does not exist is kept unchanged, except that `..` may not follow it.
fn follow(path: &Path) -> Result<PathBuf, String> {
    let mut rest: VecDeque<OsString> = parts(path);
    let (mut done, mut links) = (PathBuf::from("/"), 0);
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            done.pop();
            continue;
        }
        let next = done.join(&part);
        match next.symlink_metadata() {
            Ok(meta) if meta.file_type().is_symlink() => {
                links += 1;
                if links > MOST_LINKS {
                    return Err("too many symbolic links (a loop?)".into());
                }
                let target = next.read_link().map_err(|error| error.to_string())?;
                if target.is_absolute() {
                    done = PathBuf::from("/");
                }
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            }
            Ok(meta) if !rest.is_empty() && !meta.is_dir() => {
                return Err(format!("{} is a file, not a directory", names::shown(next.as_os_str().as_bytes())));
            }
            Ok(_) => done = next,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if rest.iter().any(|part| part == "..") {
                    return Err(format!("{} does not exist", names::shown(next.as_os_str().as_bytes())));
                }
                done = next;
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(done)
}

fn parts(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn places() -> (tempfile::TempDir, Places, PathBuf) {
        // Not below /tmp, which is a root itself: otherwise nothing could lead out.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let work = dir.path().join("work");
        std::fs::create_dir_all(work.join(".git")).unwrap();
        std::fs::create_dir_all(dir.path().join("scratch/toolbox")).unwrap();
        std::fs::write(dir.path().join("secret"), "s").unwrap();
        let scratch = dir.path().join("scratch");
        let places = Places::new(&work, &scratch, vec![scratch.join("toolbox")]).unwrap();
        let work = work.canonicalize().unwrap();
        (dir, places, work)
    }

    #[test]
    fn paths_inside_are_resolved_relative_and_absolute() {
        let (_dir, places, work) = places();
        let place = places.resolve("a/../b.txt", Access::Write);
        assert!(place.is_err(), "nothing goes up from a directory that does not exist");
        let place = places.resolve("new dir/b.txt", Access::Write).unwrap();
        assert_eq!(place.relative.as_deref(), Some(&b"new dir/b.txt"[..]));
        let place = places.resolve(work.join("x").to_str().unwrap(), Access::Write).unwrap();
        assert_eq!(place.shown(), "x");
        assert_eq!(places.resolve("/tmp/x", Access::Write).unwrap().relative, None);
    }

    #[test]
    fn whatever_leads_out_is_refused() {
        let (dir, places, work) = places();
        symlink("../secret", work.join("link")).unwrap();
        symlink(dir.path(), work.join("up")).unwrap();
        symlink("/nowhere/else", work.join("dangling")).unwrap();
        symlink("loop", work.join("loop")).unwrap();
        let secret = dir.path().canonicalize().unwrap().join("secret");
        let through_proc = format!("/proc/self/root{}", secret.display());
        for path in ["../secret", "link", "up/secret", "dangling", "/etc/passwd", "/proc/self/environ", &through_proc] {
            let error = places.resolve(path, Access::Read).unwrap_err();
            assert!(error.contains("outside the workspace"), "{path}: {error}");
        }
        assert!(places.resolve("loop", Access::Read).unwrap_err().contains("loop"));
    }

    #[test]
    fn git_and_records_are_not_written() {
        let (dir, places, work) = places();
        symlink(".git", work.join("g")).unwrap();
        for path in [".git/config", "g/hooks/pre-commit", "sub/.git/config", ".GIT/config"] {
            assert!(places.resolve(path, Access::Write).unwrap_err().contains(".git"), "{path}");
        }
        assert!(places.resolve(".git/config", Access::Read).is_ok());
        assert!(places.resolve(".gitignore", Access::Write).is_ok());
        let record = dir.path().join("scratch/toolbox/x");
        assert!(places.resolve(record.to_str().unwrap(), Access::Write).is_err());
        assert!(places.resolve(record.to_str().unwrap(), Access::Read).is_ok());
    }
}
