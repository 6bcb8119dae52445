//! State that must outlive a killed toolbox: the base's metadata, contents of changed files, names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use voe_untrusted::atomic_write;

use super::ContentKey;
use super::content::HashedContent;
use super::node::Stat;
use super::tree::WorkspaceTree;

/// Files in the toolbox's own part of the scratch directory.
#[derive(Debug)]
pub(crate) struct TrackerStore {
    tree: PathBuf,
    names: PathBuf,
    contents: PathBuf,
}

/// The first line of the file with the base's metadata.
const FORMAT: &[u8] = b"voe tree 1\n";
/// Bytes of numbers after each path in it.
const NUMBERS: usize = 5 * 8 + 4;

impl TrackerStore {
    pub(crate) fn new(own: &Path) -> io::Result<Self> {
        let store = Self { tree: own.join("tree"), names: own.join("names"), contents: own.join("contents") };
        fs::create_dir_all(&store.contents)?;
        Ok(store)
    }

    /// Deletes the files of an earlier attempt.
    pub(crate) fn forget(&self) -> io::Result<()> {
        for file in [&self.tree, &self.names] {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Saves the metadata of all files as they are at base.
    pub(crate) fn keep_tree(&self, tree: &WorkspaceTree) -> io::Result<()> {
        atomic_write(&self.tree, |file| write_tree(tree, BufWriter::new(file)))
    }

    /// Loads them into an empty tree; false if there are none.
    pub(crate) fn recall_tree(&self, tree: &mut WorkspaceTree) -> bool {
        let Ok(bytes) = fs::read(&self.tree) else { return false };
        let Some(bytes) = bytes.strip_prefix(FORMAT) else { return false };
        let Some((began, mut rest)) = bytes.split_first_chunk::<8>() else { return false };
        tree.began = i64::from_le_bytes(*began);
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some((path, numbers)) = after.split_at_checked(length) else { return false };
            let Some((numbers, after)) = numbers.split_at_checked(NUMBERS) else { return false };
            let number = |n: usize| numbers[n * 8..].first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            let stat = Stat {
                dev: number(0),
                ino: number(1),
                size: number(2),
                mtime: number(3) as i64,
                ctime: number(4) as i64,
                mode: numbers[40..].first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes)),
            };
            tree.assume(path, stat);
            rest = after;
        }
        true
    }

    /// Saves names, each set under a mark of its own.
    pub(crate) fn keep_names<'a>(&self, sets: impl IntoIterator<Item = (u8, &'a BTreeSet<Vec<u8>>)>) -> io::Result<()> {
        let mut bytes = Vec::new();
        for (mark, names) in sets {
            for name in names {
                bytes.push(mark);
                bytes.extend_from_slice(name);
                bytes.push(0);
            }
        }
        atomic_write(&self.names, |file| file.write_all(&bytes))
    }

    /// Those names, by their marks.
    pub(crate) fn recall_names(&self) -> BTreeMap<u8, BTreeSet<Vec<u8>>> {
        let mut sets: BTreeMap<u8, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for name in fs::read(&self.names).unwrap_or_default().split(|&b| b == 0) {
            if let Some((mark, name)) = name.split_first() {
                sets.entry(*mark).or_default().insert(name.to_vec());
            }
        }
        sets
    }

    /// Saves the content of a changed file, to compare the next change with.
    pub(crate) fn keep_content(&self, content: &HashedContent) {
        let path = self.path(&content.hash);
        if let Some(bytes) = &content.bytes
            && !path.exists()
            && fs::write(&path, bytes).is_err()
        {
            // A full disk: a partial content is worse than none.
            let _ = fs::remove_file(&path);
        }
    }

    /// The content of a changed file as it was last seen, without bytes if they were not kept.
    pub(crate) fn content(&self, (mode, hash): ContentKey) -> HashedContent {
        match fs::read(self.path(&hash)) {
            Ok(bytes) => HashedContent { mode, hash, size: bytes.len() as u64, bytes: Some(bytes) },
            Err(_) => HashedContent { mode, hash, size: 0, bytes: None },
        }
    }

    fn path(&self, hash: &[u8; 32]) -> PathBuf {
        self.contents.join(blake3::Hash::from_bytes(*hash).to_hex().as_str())
    }
}

/// The metadata of all files, as [`TrackerStore::recall_tree`] reads it.
fn write_tree(tree: &WorkspaceTree, mut file: impl Write) -> io::Result<()> {
    file.write_all(FORMAT)?;
    file.write_all(&tree.began.to_le_bytes())?;
    let mut failed = None;
    tree.each(&mut |path, stat| {
        let mut record = (path.len() as u32).to_le_bytes().to_vec();
        record.extend_from_slice(path);
        for number in [stat.dev, stat.ino, stat.size, stat.mtime as u64, stat.ctime as u64] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(&stat.mode.to_le_bytes());
        if let Err(error) = file.write_all(&record) {
            failed = Some(error);
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    file.flush()
}
