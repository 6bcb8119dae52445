//! The whole state of a repository that an attempt in place may change.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_protocol::{FileState, RawBytes};
use voe_untrusted::atomic_write;

use crate::files::{FilesRoot, PathState};
use crate::git::GitCommand;
use crate::index::copy_index;
use crate::objects::{Entries, write_blobs, write_tree};
use crate::snapshot::{as_path, list_ignored};
use crate::{Repo, RepoError, Result};

/// Left out: what git keeps in bulk and only adds to, what belongs to extensions, and what voe may keep there.
const BULK: [&str; 5] = ["objects", "lfs", "annex", "svn", "voe"];

/// Ignored files up to this size in bytes are kept (`.env`, local settings, small databases).
const LARGEST_IGNORED: u64 = 2 << 20;

/// The most bytes of ignored files that are kept.
const ALL_IGNORED: u64 = 16 << 20;

/// The most ignored files that are kept.
const MOST_IGNORED: usize = 1000;

/// Contents are written to the store in portions of about this size in bytes.
const AT_ONCE: usize = 16 << 20;

/// Identifies the version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Size in bytes.
    pub(super) size: u64,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
}

/// A repository at one moment.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct RepoState {
    /// The tree of the work tree's files that are not ignored.
    pub(super) tree: String,
    /// The tree of small ignored files (of those that existed when the point was taken), and of those that an undo is about to remove.
    pub(super) ignored_tree: String,
    /// Ignored files, and directories (ending in `/`) that are ignored as a whole; also git directories inside the work tree.
    pub(super) ignored: BTreeSet<RawBytes>,
    /// The ignored files that an undo would remove now. Older points have none.
    #[serde(default)]
    pub(super) listed: BTreeMap<RawBytes, Stamp>,
    /// The work tree's directories, without ignored ones.
    pub(super) directories: BTreeSet<RawBytes>,
    /// The files of each of [`git_dirs`].
    pub(super) git: Vec<BTreeMap<RawBytes, StoredFile>>,
    /// Hash of the index entries: the index file itself also changes when only a file's time stamp did.
    pub(super) index: String,
}

/// A file whose content is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredFile {
    pub(super) mode: u32,
    /// Hash of its content; also its name among the saved files.
    pub(super) hash: String,
}

impl RepoState {
    /// Whether it is the same apart from what git changes itself: the index also changes when only a file's time stamp did.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let same_git = |(one, other): (&BTreeMap<RawBytes, StoredFile>, &BTreeMap<RawBytes, StoredFile>)| {
            one.keys().chain(other.keys()).all(|path| path.0 == b"index" || one.get(path) == other.get(path))
        };
        self.tree == other.tree
            && self.ignored_tree == other.ignored_tree
            && self.index == other.index
            && self.git.iter().zip(&other.git).all(same_git)
    }
}

/// The directories in which git keeps everything but the work tree.
pub(super) fn git_dirs(repo: &Repo) -> Vec<PathBuf> {
    let mut dirs = vec![repo.common_dir.clone()];
    if !repo.git_dir.starts_with(&repo.common_dir) {
        dirs.push(repo.git_dir.clone());
    }
    dirs
}

/// Which ignored files are kept.
pub(super) enum Ignored<'a> {
    /// Small ones, up to the limits, and all of these.
    Small(Vec<&'a [u8]>),
    /// Those that were kept before.
    Before(&'a Entries),
}

/// Records everything but the work tree's files, whose tree the caller has just made in `store`. With `save`, the
/// contents of git's own files are copied there.
pub(super) fn look(
    repo: &Repo,
    store: &Path,
    tree: &str,
    which: Ignored<'_>,
    save: Option<&Path>,
) -> Result<RepoState> {
    let root = FilesRoot::open(&repo.top)?;
    let mut ignored: BTreeSet<RawBytes> = list_ignored(repo, store)?.into_iter().map(RawBytes).collect();
    let ignored_tree = match which {
        Ignored::Before(before) => keep(&root, store, before.keys().map(Vec::as_slice), &BTreeSet::new())?,
        Ignored::Small(all) => {
            let (small, all) = (small_ignored(repo, &ignored)?, BTreeSet::from_iter(all));
            let small = small.iter().map(Vec::as_slice).filter(|path| !all.contains(path));
            keep(&root, store, small.chain(all.iter().copied()), &all)?
        }
    };
    let mut directories = BTreeSet::new();
    walk(&repo.top, Vec::new(), &mut |path, is_dir| {
        if path == b".git" || path.ends_with(b"/.git") {
            if path.len() > 4 {
                ignored.insert(RawBytes([path, b"/"].concat()));
            }
            return Ok(false);
        }
        let wanted = is_dir && !ignored.contains(&RawBytes([path, b"/"].concat()));
        if wanted {
            directories.insert(RawBytes(path.to_vec()));
        }
        Ok(wanted)
    })?;
    let git = git_dirs(repo).iter().map(|dir| look_at_git_dir(dir, save)).collect::<Result<_>>()?;
    let index = index_entries(repo, store)?;
    Ok(RepoState { tree: tree.to_owned(), ignored_tree, ignored, listed: BTreeMap::new(), directories, git, index })
}

/// The ignored files to keep: single ones first, then directories that fit as a whole.
fn small_ignored(repo: &Repo, ignored: &BTreeSet<RawBytes>) -> Result<Vec<Vec<u8>>> {
    let (mut kept, mut left) = (Vec::new(), ALL_IGNORED);
    let size = |path: &[u8]| {
        let meta = repo.top.join(as_path(path)).symlink_metadata();
        meta.map_or(u64::MAX, |meta| meta.len())
    };
    let (directories, files): (Vec<&RawBytes>, Vec<&RawBytes>) =
        ignored.iter().partition(|path| path.0.ends_with(b"/"));
    for path in files {
        let size = size(&path.0);
        if size <= LARGEST_IGNORED.min(left) && kept.len() < MOST_IGNORED {
            left -= size;
            kept.push(path.0.clone());
        }
    }
    for directory in directories {
        let plain = &directory.0[..directory.0.len() - 1];
        let (mut inside, mut sum) = (Vec::new(), 0u64);
        let room = MOST_IGNORED.saturating_sub(kept.len());
        walk(&repo.top, plain.to_vec(), &mut |path, is_dir| {
            if !is_dir && inside.len() <= room && sum <= left {
                sum = sum.saturating_add(size(path));
                inside.push(path.to_vec());
            }
            // Over the limit, the rest of it is not read.
            Ok(is_dir && inside.len() <= room && sum <= left)
        })?;
        if inside.len() <= room && sum <= left {
            left -= sum;
            kept.append(&mut inside);
        }
    }
    Ok(kept)
}

/// Writes these files to the store. Returns their tree. One that can't be read is left out (the agent can't have read it either),
/// unless it is required.
fn keep<'a>(
    root: &FilesRoot,
    store: &Path,
    paths: impl Iterator<Item = &'a [u8]>,
    needed: &BTreeSet<&[u8]>,
) -> Result<String> {
    let git = GitCommand::private(store);
    let mut entries = Entries::new();
    let mut write = |some: &mut Vec<(&[u8], FileState)>| -> Result<()> {
        let contents: Vec<&[u8]> = some.iter().map(|(_, state)| &state.content.0[..]).collect();
        let ids = write_blobs(&git, store, &contents)?;
        entries.extend(some.drain(..).zip(ids).map(|((path, state), id)| (path.to_vec(), (state.mode, id))));
        Ok(())
    };
    let (mut some, mut size) = (Vec::new(), 0);
    for path in paths {
        match root.read(path) {
            Ok(PathState::File(state, _)) => {
                size += state.content.0.len();
                some.push((path, state));
            }
            Err(error) if needed.contains(path) => return Err(error),
            _ => {}
        }
        if size > AT_ONCE {
            write(&mut some)?;
            size = 0;
        }
    }
    write(&mut some)?;
    write_tree(&git, &entries)
}

/// Hash of the index entries, without times.
pub(super) fn index_entries(repo: &Repo, store: &Path) -> Result<String> {
    let copy = tempfile::NamedTempFile::new_in(store).map_err(RepoError::io("write", store))?.into_temp_path();
    copy_index(repo, store, &copy)?;
    let out = GitCommand::private(store).work_tree(&repo.top).index(&copy).run(&["ls-files", "-z", "-v", "--stage"])?;
    Ok(blake3::hash(&out).to_hex().to_string())
}

fn look_at_git_dir(dir: &Path, save: Option<&Path>) -> Result<BTreeMap<RawBytes, StoredFile>> {
    let root = FilesRoot::open(dir)?;
    let mut found = BTreeMap::new();
    walk(dir, Vec::new(), &mut |path, is_dir| {
        if is_dir {
            let (above, name) = crate::objects::split(path);
            // A branch may be called `objects`; a git directory has a HEAD next to it.
            let bulk = BULK.iter().any(|bulk| bulk.as_bytes() == name);
            return Ok(!(bulk && dir.join(as_path(above)).join("HEAD").exists()));
        }
        if save.is_some() && path.ends_with(b".lock") {
            return Ok(false);
        }
        if let PathState::File(state, _) = root.read(path)? {
            let kept = match save {
                Some(saved) => StoredFile::save(&state, saved)?,
                None => StoredFile::of(&state),
            };
            found.insert(RawBytes(path.to_vec()), kept);
        }
        Ok(false)
    })?;
    Ok(found)
}

impl StoredFile {
    pub(super) fn of(state: &FileState) -> Self {
        Self { mode: state.mode, hash: blake3::hash(&state.content.0).to_hex().to_string() }
    }

    /// Saves a file's content atomically.
    pub(super) fn save(state: &FileState, saved: &Path) -> Result<Self> {
        let kept = Self::of(state);
        let file = saved.join(&kept.hash);
        if !file.exists() {
            let write = |new: &mut std::fs::File| new.write_all(&state.content.0);
            atomic_write(&file, write).map_err(RepoError::io("write", &file))?;
        }
        Ok(kept)
    }

    /// Loads the file from where it was saved.
    pub(super) fn load(&self, saved: &Path) -> Result<FileState> {
        let file = saved.join(&self.hash);
        let content = std::fs::read(&file).map_err(RepoError::io("read", &file))?;
        Ok(FileState { mode: self.mode, content: RawBytes(content) })
    }
}

/// Calls `visit` with each path below `path` in `dir` and whether it is a directory; a directory is entered if `visit` returns true.
pub(super) fn walk(dir: &Path, path: Vec<u8>, visit: &mut impl FnMut(&[u8], bool) -> Result<bool>) -> Result<()> {
    let here = dir.join(as_path(&path));
    let entries = match std::fs::read_dir(&here) {
        Ok(entries) => entries,
        // Gone since, or not readable: then it is not to be restored either.
        Err(_) if !path.is_empty() => return Ok(()),
        Err(error) => return Err(RepoError::io("read", &here)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(RepoError::io("read", &here))?;
        let mut below = path.clone();
        if !below.is_empty() {
            below.push(b'/');
        }
        below.extend_from_slice(entry.file_name().as_bytes());
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if visit(&below, is_dir)? {
            walk(dir, below, visit)?;
        }
    }
    Ok(())
}

/// Whether a path is in `list` or below a directory in it.
pub(super) fn covered(list: &BTreeSet<RawBytes>, path: &[u8]) -> bool {
    let plain = path.strip_suffix(b"/").unwrap_or(path);
    let above = plain.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &plain[..=at]);
    list.contains(&RawBytes(plain.to_vec()))
        || list.contains(&RawBytes([plain, b"/"].concat()))
        || above.into_iter().any(|directory| list.contains(&RawBytes(directory.to_vec())))
}
