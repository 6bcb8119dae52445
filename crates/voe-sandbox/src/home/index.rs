//! The index of open sandboxes: one file for each in voe's own state directory, locked by its owner as long as that lives.
//!
//! A lock is visible across process id namespaces and goes with its process, whatever ended it. So a file whose lock can be
//! taken was left by a dead voe, and what it names, and nothing else, is cleaned up.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_untrusted::{Error, UntrustedDir, private};

/// The directory of the files, below voe's state directory.
const DIR: &str = "sandboxes";

/// Bytes. More than any such file, which has a few paths.
const MOST_BYTES: u64 = 64 << 10;

/// The things of a sandbox that have to be cleaned up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HomeRecord {
    /// The id of the machine's boot.
    boot: String,
    /// The machine's name.
    host: String,
    /// Its directory.
    pub(crate) dir: OsString,
    /// The address of the engine that has its containers.
    pub(crate) engine: Option<String>,
}

impl HomeRecord {
    pub(crate) fn new(dir: PathBuf, engine: Option<String>) -> Self {
        let (boot, host) = machine();
        Self { boot, host, dir: dir.into(), engine }
    }

    /// Whether its owner's lock would be visible here. Two machines that share a directory over a network may not see each
    /// other's locks.
    fn is_of_this_machine(&self) -> bool {
        let (boot, host) = machine();
        self.boot == boot || self.host == host
    }
}

/// A file of the index, locked.
#[derive(Debug)]
pub(crate) struct IndexFile {
    dir: UntrustedDir,
    name: String,
    /// Open, to keep the lock.
    _file: File,
}

impl IndexFile {
    /// Adds the sandbox `id` to the index in `state`.
    pub(crate) fn add(state: &Path, id: &str, record: &HomeRecord) -> Result<Self, Error> {
        let io = |action, path: PathBuf| move |source| Error::Io { action, path, source };
        let dir = private::dir_in(&private::named(state)?, DIR)?;
        let path = dir.path().join(id);
        let line = serde_json::to_vec(record).map_err(|error| io("write", path.clone())(error.into()))?;
        loop {
            let mut file = dir.create_file(id)?;
            match file.try_lock() {
                Ok(()) => {}
                // Between the two calls another process's sweep may find the file unlocked, and remove it.
                Err(TryLockError::WouldBlock) => {
                    file.lock().map_err(io("lock", path.clone()))?;
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(io("lock", path)(error)),
            }
            if is_removed(&file) {
                continue;
            }
            file.write_all(&line).map_err(io("write", path))?;
            return Ok(Self { dir, name: id.to_owned(), _file: file });
        }
    }

    /// Removes the sandbox from the index, once nothing is left of it.
    pub(crate) fn forget(&self) {
        let _ = self.dir.remove(&self.name);
    }

    /// The sandbox's id.
    pub(crate) fn id(&self) -> &str {
        &self.name
    }
}

/// A random name, which nobody can guess and prepare something at.
pub(crate) fn new_id() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", random(), random())
}

/// The sandboxes in the index whose owners are dead. Locked, so that two sweeps don't clean up the same one.
pub(crate) fn dead(state: &Path) -> Vec<(IndexFile, HomeRecord)> {
    let Some(dir) = open(state) else { return Vec::new() };
    let entries = dir.entries().unwrap_or_default();
    entries.iter().filter_map(|entry| take(&dir, entry.name.to_str()?)).collect()
}

fn open(state: &Path) -> Option<UntrustedDir> {
    // As `private::named` would have it, but nothing is made.
    let state = UntrustedDir::open(&state.canonicalize().ok()?).ok()?;
    private::check_dir(&state).ok()?;
    let dir = state.dir(DIR).ok()?;
    private::check_dir(&dir).ok()?;
    Some(dir)
}

fn take(dir: &UntrustedDir, name: &str) -> Option<(IndexFile, HomeRecord)> {
    let file = dir.open_file(name).ok()??;
    private::check_file(&dir.path().join(name), &file).ok()?;
    file.try_lock().ok()?;
    if is_removed(&file) {
        return None;
    }
    let entry = IndexFile { dir: UntrustedDir::open(dir.path()).ok()?, name: name.to_owned(), _file: file };
    let text = dir.read(name, MOST_BYTES).ok()??;
    match serde_json::from_slice::<HomeRecord>(&text) {
        Ok(record) => record.is_of_this_machine().then_some((entry, record)),
        // Its owner died before writing it, so before it made anything.
        Err(_) => {
            entry.forget();
            None
        }
    }
}

fn is_removed(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().map_or(true, |meta| meta.nlink() == 0)
}

fn machine() -> (String, String) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    (boot.trim().to_owned(), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> HomeRecord {
        HomeRecord::new("/nowhere".into(), None)
    }

    #[test]
    fn an_entry_is_dead_when_its_lock_is_free_and_not_before() {
        let state = tempfile::tempdir().unwrap();
        let entry = IndexFile::add(state.path(), "one", &record()).unwrap();
        assert!(dead(state.path()).is_empty());
        drop(entry);
        let found = dead(state.path());
        assert_eq!((found.len(), found[0].0.id(), &found[0].1.dir), (1, "one", &OsString::from("/nowhere")));
        assert!(dead(state.path()).is_empty(), "another sweep has it");
        found[0].0.forget();
        drop(found);
        assert!(dead(state.path()).is_empty());
    }

    #[test]
    fn an_entry_of_another_machine_is_left_alone_and_an_empty_one_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let other = HomeRecord { boot: "x".into(), host: "y".into(), ..record() };
        drop(IndexFile::add(state.path(), "other", &other).unwrap());
        std::fs::write(state.path().join("sandboxes/empty"), "").unwrap();
        assert!(dead(state.path()).is_empty());
        assert!(state.path().join("sandboxes/other").exists());
        assert!(!state.path().join("sandboxes/empty").exists());
        // A reboot of this machine.
        let before = HomeRecord { boot: "x".into(), ..record() };
        drop(IndexFile::add(state.path(), "before", &before).unwrap());
        assert_eq!(dead(state.path()).len(), 1);
    }

    #[test]
    fn an_index_that_others_can_write_is_ignored() {
        use std::os::unix::fs::PermissionsExt;
        let state = tempfile::tempdir().unwrap();
        drop(IndexFile::add(state.path(), "one", &record()).unwrap());
        for dir in [state.path().to_path_buf(), state.path().join("sandboxes")] {
            let set = |mode| std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(mode)).unwrap();
            set(0o777);
            assert!(dead(state.path()).is_empty());
            assert!(IndexFile::add(state.path(), "two", &record()).is_err());
            set(0o700);
        }
        assert_eq!(dead(state.path()).len(), 1);
    }
}
