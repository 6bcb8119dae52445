//! Mounting at paths inside the new root without ever following a link that a command may have put there.

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags};

use crate::setup::{InStep, SetupFailure, SetupResult, SetupStep};
use crate::sys;

// From linux/mount.h.
const RDONLY: u64 = 0x1;
const NOSUID: u64 = 0x2;
pub(crate) const NODEV: u64 = 0x4;

/// The directory that becomes the root.
pub(crate) struct NewRoot(OwnedFd);

/// The kind of file that is made at a path inside if nothing is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum MountPointKind {
    Dir,
    File,
}

impl NewRoot {
    /// A new file system at `stage`, empty but for what is mounted into it.
    pub(crate) fn create(stage: &Path) -> SetupResult<Self> {
        tmpfs_at(stage, 16 << 20, 0o755).step(SetupStep::Mounts, || format!("a root at {}", stage.display()))?;
        let fd = rustix::fs::open(stage, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .step(SetupStep::Mounts, || "root".into())?;
        Ok(Self(fd))
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Opens a path inside, making missing parts. A link on the way is an error: nothing that voe puts into the root is
    /// behind one.
    pub(crate) fn place(&self, path: &Path, kind: MountPointKind) -> SetupResult<OwnedFd> {
        let parts: Vec<&OsStr> = path
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => Some(name),
                _ => None,
            })
            .collect();
        let named = |what: &str| format!("{what} {} inside", path.display());
        let mut at = self.0.try_clone().step(SetupStep::Mounts, || named("open"))?;
        for (index, name) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = match rustix::fs::openat(&at, *name, flags, Mode::empty()) {
                Err(Errno::NOENT) if last && kind == MountPointKind::File => {
                    let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                    rustix::fs::openat(&at, *name, create, Mode::from_raw_mode(0o644))
                        .step(SetupStep::Mounts, || named("make"))?;
                    rustix::fs::openat(&at, *name, flags, Mode::empty())
                }
                Err(Errno::NOENT) => {
                    rustix::fs::mkdirat(&at, *name, Mode::from_raw_mode(0o755))
                        .step(SetupStep::Mounts, || named("make"))?;
                    rustix::fs::openat(&at, *name, flags, Mode::empty())
                }
                other => other,
            }
            .step(SetupStep::Mounts, || named("open"))?;
            let stat = rustix::fs::fstat(&next).step(SetupStep::Mounts, || named("stat"))?;
            let is = rustix::fs::FileType::from_raw_mode(stat.st_mode);
            if is.is_symlink() || (!last && !is.is_dir()) {
                return Err(SetupFailure::new(SetupStep::Mounts, named("open"), "a link or a file is in the way"));
            }
            at = next;
        }
        Ok(at)
    }

    /// Whether a path exists, as seen inside.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let relative = path.strip_prefix("/").unwrap_or(path);
        rustix::fs::statat(&self.0, relative, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Binds `from` (a path outside) to `to` (a path inside), with what is mounted below it.
    pub(crate) fn bind(&self, from: &Path, to: &Path, write: bool) -> SetupResult {
        let named = || format!("bind {} to {}", from.display(), to.display());
        let meta = fs::symlink_metadata(from).step(SetupStep::Mounts, named)?;
        let target = self.place(to, if meta.is_dir() { MountPointKind::Dir } else { MountPointKind::File })?;
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let tree = rustix::mount::open_tree(rustix::fs::CWD, from, flags).step(SetupStep::Mounts, named)?;
        let device =
            rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&tree).step(SetupStep::Mounts, named)?.st_mode)
                .is_char_device();
        let set = NOSUID | if write { 0 } else { RDONLY } | if device { 0 } else { NODEV };
        // Devices below a bound directory can't be used, only those that voe binds itself.
        sys::mount_attributes(tree.as_fd(), set, 0, 0, true)
            .step(SetupStep::Mounts, || format!("{}: attributes", named()))?;
        attach(tree.as_fd(), target.as_fd()).step(SetupStep::Mounts, named)
    }

    /// A new tmpfs inside.
    pub(crate) fn tmpfs(&self, to: &Path, bytes: u64, mode: u32) -> SetupResult {
        let target = self.place(to, MountPointKind::Dir)?;
        tmpfs_at(&through_fd(target.as_fd()), bytes, mode).step(SetupStep::Mounts, || format!("empty {}", to.display()))
    }

    /// Makes the file system at a path inside read-only; what is mounted into it stays as it is.
    pub(crate) fn seal(&self, path: &Path) -> SetupResult {
        let top = self.place(path, MountPointKind::Dir)?;
        sys::mount_attributes(top.as_fd(), RDONLY | NOSUID | NODEV, 0, 0, false)
            .step(SetupStep::Mounts, || format!("seal {}", path.display()))
    }
}

/// A path to an open file, whatever its name.
pub(crate) fn through_fd(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(tree, c"", target, c"", flags)
}

fn tmpfs_at(path: &Path, bytes: u64, mode: u32) -> rustix::io::Result<()> {
    let options = CString::new(format!("size={bytes},mode={mode:o}")).unwrap_or_default();
    rustix::mount::mount("tmpfs", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
}
