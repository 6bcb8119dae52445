//! The directory that a sandbox and its forks share on the host: layers, and a directory for each sandbox.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use voe_untrusted::{Error, FileKind, UntrustedDir, private};

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::home::index::{self, HomeRecord, IndexFile};

/// The directory that a sandbox and its forks share. Removed with the last of them.
#[derive(Debug)]
pub(crate) struct SandboxRoot {
    id: String,
    dir: PathBuf,
    numbers: AtomicU64,
    /// Its entry in the index of open sandboxes, if the caller has one.
    entry: Option<IndexFile>,
}

/// One layer: the changes between two snapshots. Removed when no sandbox and no snapshot needs it any more.
#[derive(Debug)]
pub(crate) struct Layer {
    root: Arc<SandboxRoot>,
    pub(crate) number: u64,
}

/// The start of each such directory's name, followed by its id.
const PREFIX: &str = "sandbox-";

/// A file in the directory with its id, by which it is recognized as the one that was made.
const MARK: &str = "id";

/// Makes the parent of all these directories, for this user alone, and returns its canonical path.
pub(crate) fn home(path: &Path) -> Result<PathBuf, SandboxError> {
    private::dir(path)?;
    path.canonicalize().map_err(SandboxError::io("open", path))
}

impl SandboxRoot {
    /// Makes the directory in `home`; `engine` is where its containers will be.
    pub(crate) fn create(home: &Path, spec: &SandboxConfig, engine: Option<&str>) -> Result<Arc<Self>, SandboxError> {
        let path = self::home(home)?;
        let home = UntrustedDir::open(&path)?;
        private::check_dir(&home)?;
        let id = index::new_id();
        let name = format!("{PREFIX}{id}");
        let dir = path.join(&name);
        // The index first: it names everything that was made at any moment.
        let entry = spec
            .state
            .as_ref()
            .map(|state| IndexFile::add(state, &id, &HomeRecord::new(dir.clone(), engine.map(Into::into))));
        let root = Arc::new(Self { id, dir, numbers: AtomicU64::new(0), entry: entry.transpose()? });
        let made = home.make_dir(&name)?;
        let mut mark = made.create_file(MARK)?;
        mark.write_all(root.id.as_bytes()).map_err(SandboxError::io("write", root.dir.join(MARK)))?;
        for name in ["layers", "boxes"] {
            let dir = root.dir.join(name);
            fs::create_dir(&dir).map_err(SandboxError::io("create", &dir))?;
        }
        Ok(root)
    }

    /// Its name in the index, and that of its containers in their engine.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn layers(&self) -> PathBuf {
        self.dir.join("layers")
    }

    pub(crate) fn next(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// A new, empty layer for this many trees.
    pub(crate) fn layer(self: &Arc<Self>, trees: usize) -> Result<Arc<Layer>, SandboxError> {
        let number = self.next();
        for tree in 0..trees {
            let upper = self.dir.join(format!("layers/{number}/{tree}/u"));
            fs::create_dir_all(&upper).map_err(SandboxError::io("create", &upper))?;
        }
        Ok(Arc::new(Layer { root: Arc::clone(self), number }))
    }

    /// The directory of one sandbox, with the parts that every sandbox has.
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

impl Drop for SandboxRoot {
    fn drop(&mut self) {
        if let (Some(parent), Some(name)) = (self.dir.parent(), self.dir.file_name())
            && let Ok(parent) = UntrustedDir::open(parent)
        {
            let _ = remove_marked(&parent, name);
        }
        // A directory that can't be removed stays in the index, and the next start tries again.
        if let Some(entry) = self.entry.as_ref().filter(|_| fs::symlink_metadata(&self.dir).is_err()) {
            entry.forget();
        }
    }
}

impl Layer {
    pub(crate) fn dir(&self) -> PathBuf {
        self.root.dir.join(format!("layers/{}", self.number))
    }
}

impl Drop for Layer {
    fn drop(&mut self) {
        remove(&self.dir());
    }
}

/// Removes a directory, whatever commands left in it: closed permissions, trees of any depth. Its parent is voe's own.
pub(crate) fn remove(dir: &Path) {
    if let (Some(parent), Some(name)) = (dir.parent(), dir.file_name())
        && let Ok(parent) = UntrustedDir::open(parent)
    {
        let _ = parent.remove(name);
    }
}

/// Removes the directories in the index of `state` whose owners are dead.
pub(crate) fn sweep(state: &Path) -> Vec<(String, HomeRecord)> {
    let mut swept = Vec::new();
    for (entry, record) in index::dead(state) {
        match clear(entry.id(), &record) {
            // Something else is at the path now, which is not voe's to remove.
            Ok(()) | Err(Error::Link(_) | Error::Owner { .. } | Error::NotAFile(_)) => entry.forget(),
            Err(error) => tracing::warn!("cannot remove what a dead voe left: {error}"),
        }
        swept.push((entry.id().to_owned(), record));
    }
    swept
}

/// Removes the directory that `record` names, if it is the one that was made for it.
fn clear(id: &str, record: &HomeRecord) -> Result<(), Error> {
    let path = Path::new(&record.dir);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    if name != OsStr::new(&format!("{PREFIX}{id}")) {
        return Ok(());
    }
    let parent = match UntrustedDir::open(parent) {
        Err(error) if error.is_not_found() => return Ok(()),
        parent => parent?,
    };
    private::check_dir(&parent)?;
    match parent.kind(name)? {
        None => return Ok(()),
        Some(FileKind::Dir) => {}
        Some(_) => return Err(Error::NotAFile(path.to_owned())),
    }
    let dir = parent.dir(name)?;
    private::check_dir(&dir)?;
    if dir.read(MARK, id.len() as u64)?.as_deref() != Some(id.as_bytes()) {
        // Its owner died before the mark was written, so it contains nothing but perhaps that file, unfinished.
        dir.remove(MARK)?;
        return match rustix::fs::unlinkat(&parent, name, rustix::fs::AtFlags::REMOVEDIR) {
            Ok(()) => Ok(()),
            Err(errno) => Err(Error::Io { action: "remove", path: path.to_owned(), source: errno.into() }),
        };
    }
    remove_marked(&parent, name)
}

/// Removes a directory, its mark last: if that is interrupted, the next start still recognizes the rest.
fn remove_marked(parent: &UntrustedDir, name: &OsStr) -> Result<(), Error> {
    let dir = parent.dir(name)?;
    let mut removed = Ok(());
    for entry in dir.entries()?.iter().filter(|entry| entry.name != MARK) {
        removed = removed.and(dir.remove(&entry.name));
    }
    removed.and_then(|()| parent.remove(name))
}
