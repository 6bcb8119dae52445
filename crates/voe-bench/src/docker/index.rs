//! Records in a file which images voe made and fetched. An image's labels can't be trusted: its author chooses them.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use voe_untrusted::atomic_write;

/// The part of the file about one engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    path: PathBuf,
    engine: String,
}

/// An image that voe made from an official one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImageEntry {
    /// The engine that has it.
    pub(super) engine: String,
    /// The image's name.
    pub(super) name: String,
    /// The image's id.
    pub(super) id: String,
    /// The official image's name.
    pub(super) of: String,
    /// The official image's id.
    pub(super) of_id: String,
    /// Whether voe fetched the official image; voe removes only those.
    pub(super) fetched: bool,
}

impl Index {
    pub(super) fn new(cache: &Path, engine: String) -> Self {
        Self { path: cache.join("images.json"), engine }
    }

    /// The images that voe recorded for this engine, the oldest first; empty if the file can't be read.
    pub(super) fn entries(&self) -> Vec<ImageEntry> {
        self.all().into_iter().filter(|entry| entry.engine == self.engine).collect()
    }

    pub(super) fn find(&self, name: &str) -> Option<ImageEntry> {
        self.entries().into_iter().find(|entry| entry.name == name)
    }

    /// Records an image; replaces one of the same name.
    pub(super) fn put(&self, entry: ImageEntry) -> std::io::Result<()> {
        let entry = ImageEntry { engine: self.engine.clone(), ..entry };
        self.change(|all| {
            all.retain(|old| (&old.engine, &old.name) != (&entry.engine, &entry.name));
            all.push(entry);
        })
    }

    /// Removes an image's entry.
    pub(super) fn forget(&self, name: &str) -> std::io::Result<()> {
        self.change(|all| all.retain(|entry| entry.engine != self.engine || entry.name != name))
    }

    fn all(&self) -> Vec<ImageEntry> {
        fs::read(&self.path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<ImageEntry>)) -> std::io::Result<()> {
        if let Some(cache) = self.path.parent() {
            fs::create_dir_all(cache)?;
        }
        let lock = File::create(self.path.with_extension("lock"))?;
        lock.lock()?;
        let mut all = self.all();
        change(&mut all);
        atomic_write(&self.path, |file| file.write_all(&serde_json::to_vec_pretty(&all)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_by_engine_and_name_and_the_last_entry_counts() {
        let cache = tempfile::tempdir().unwrap();
        let (here, there) = (Index::new(cache.path(), "here".into()), Index::new(cache.path(), "there".into()));
        let entry = |id: &str| ImageEntry {
            engine: String::new(),
            name: "voe-sealed:x".into(),
            id: id.into(),
            of: "x".into(),
            of_id: "o".into(),
            fetched: true,
        };
        assert!(here.entries().is_empty());
        here.put(entry("1")).unwrap();
        there.put(entry("2")).unwrap();
        here.put(entry("3")).unwrap();
        assert_eq!(here.find("voe-sealed:x").unwrap().id, "3");
        assert_eq!(there.entries().len(), 1);
        here.forget("voe-sealed:x").unwrap();
        assert!(here.find("voe-sealed:x").is_none() && there.find("voe-sealed:x").is_some());
    }
}
