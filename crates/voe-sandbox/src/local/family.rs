//! The directory that a sandbox and its forks share on the host: layers, and a place for each.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::SandboxError;
use crate::owner::Owner;

/// What a sandbox and its forks share. Removed with the last of them.
#[derive(Debug)]
pub(crate) struct Family {
    dir: PathBuf,
    numbers: AtomicU64,
}

/// One layer: what was written between two snapshots. Removed when no sandbox and no snapshot needs it any more.
#[derive(Debug)]
pub(crate) struct Layer {
    family: Arc<Family>,
    pub(crate) number: u64,
}

/// What every family's directory is called, with its owner and a number.
const PREFIX: &str = "sandbox-";

impl Family {
    /// Makes the directory in `home`.
    pub(crate) fn create(home: &Path) -> Result<Arc<Self>, SandboxError> {
        fs::create_dir_all(home).map_err(SandboxError::io("create", home))?;
        // The owner stands in the name, so that there is no moment without it.
        let owner = Owner::own().word();
        for number in 0..10_000 {
            let dir = home.join(format!("{PREFIX}{owner}-{number}"));
            match fs::create_dir(&dir) {
                Ok(()) => {
                    let family = Arc::new(Self { dir, numbers: AtomicU64::new(0) });
                    for name in ["layers", "boxes"] {
                        let dir = family.dir.join(name);
                        fs::create_dir(&dir).map_err(SandboxError::io("create", &dir))?;
                    }
                    return Ok(family);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(SandboxError::io("create", &dir)(error)),
            }
        }
        Err(SandboxError::Failed(format!("{} is full of sandboxes", home.display())))
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.dir.join("layers")
    }

    pub(crate) fn next(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A new, empty layer for as many trees.
    pub(crate) fn layer(self: &Arc<Self>, trees: usize) -> Result<Arc<Layer>, SandboxError> {
        let number = self.next();
        for tree in 0..trees {
            let upper = self.dir.join(format!("layers/{number}/{tree}/u"));
            fs::create_dir_all(&upper).map_err(SandboxError::io("create", &upper))?;
        }
        Ok(Arc::new(Layer { family: Arc::clone(self), number }))
    }

    /// The directory of one sandbox, with what every sandbox has.
    pub(crate) fn place(&self, trees: usize) -> Result<PathBuf, SandboxError> {
        let dir = self.dir.join(format!("boxes/{}", self.next()));
        let make = |name: &str| {
            let path = dir.join(name);
            fs::create_dir_all(&path).map_err(SandboxError::io("create", &path))
        };
        for name in ["stage", "tmp", "var-tmp", "user", "scratch", "empty/dir"] {
            make(name)?;
        }
        for tree in 0..trees {
            make(&format!("lower/{tree}"))?;
        }
        for name in ["tmp", "var-tmp"] {
            let path = dir.join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).map_err(SandboxError::io("open", &path))?;
        }
        let file = dir.join("empty/file");
        fs::write(&file, "").map_err(SandboxError::io("create", &file))?;
        Ok(dir)
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        remove(&self.dir);
    }
}

impl Layer {
    pub(crate) fn dir(&self) -> PathBuf {
        self.family.dir.join(format!("layers/{}", self.number))
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        remove(&self.dir());
    }
}

/// Removes a directory, whatever permissions the commands left in it.
pub(crate) fn remove(dir: &Path) {
    if fs::remove_dir_all(dir).is_err() {
        open_up(dir);
        let _ = fs::remove_dir_all(dir);
    }
}

fn open_up(dir: &Path) {
    let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Removes the families in `dir` whose owners are dead, and those of directories below it, down to `depth`.
pub(crate) fn sweep(dir: &Path, depth: usize) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let path = entry.path();
        let name = entry.file_name();
        if let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) {
            if Owner::in_name(name).is_some_and(|owner| !owner.is_alive()) {
                remove(&path);
            }
        } else if depth > 0 {
            sweep(&path, depth - 1);
        }
    }
}
