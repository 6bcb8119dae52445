//! The work tree as a git tree, byte for byte, without touching the repository.
//!
//! The work is done in a git directory of voe's own (the store) with its own index, which starts as a copy of the user's:
//! for most files a comparison of time stamps is enough. In the store no attribute has an effect, so no filter runs and no
//! line ending is converted; files for which the user's index may differ from their bytes (a filter, line endings, an
//! encoding) are read again.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use std::collections::BTreeSet;

use crate::git::GitCommand;
use crate::index::{GitIndexEntry, copy_index, copy_with_time, feed, index_name, list_index, mark};
use crate::objects::{init_bare, printable};
use crate::{Repo, RepoError, Result};

/// In the store all content is taken as it is. This file has the highest precedence of all attributes.
pub(crate) const NO_ATTRIBUTES: &str = "* -text !eol !crlf -ident !filter !working-tree-encoding !diff !merge\n";

/// The maximum depth of nested repositories.
const DEEPEST_NESTING: usize = 8;

/// Which files of the work tree are part of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Those in the user's index, and those that are new and not ignored.
    UserIndex,
    /// Those of the last snapshot in this store, and those that are new and not ignored.
    LastSnapshot,
}

/// A work tree at one moment.
pub(crate) struct TreeSnapshot {
    pub(crate) tree: String,
    pub(crate) skipped: Vec<String>,
}

/// Makes the store if it is missing.
pub(crate) fn open_store(repo: &Repo, store: &Path) -> Result<PathBuf> {
    if !store.join("HEAD").exists() || !store.join("info/attributes").exists() {
        init_bare(store, &repo.settings.object_format)?;
        write(&store.join("info/attributes"), NO_ATTRIBUTES.as_bytes())?;
    }
    store.canonicalize().map_err(RepoError::io("read", store))
}

/// Takes the snapshot.
pub(crate) fn take(repo: &Repo, store: &Path, since: Since) -> Result<TreeSnapshot> {
    let mut skipped = Vec::new();
    let tree = Nesting { store, since, skipped: &mut skipped }.tree_of(repo, b"", 0)?;
    Ok(TreeSnapshot { tree, skipped })
}

struct Nesting<'a> {
    store: &'a Path,
    since: Since,
    skipped: &'a mut Vec<String>,
}

impl Nesting<'_> {
    /// The tree of one repository's files; `prefix` is its path in the outermost work tree (empty or ending in `/`).
    fn tree_of(&mut self, repo: &Repo, prefix: &[u8], depth: usize) -> Result<String> {
        borrow_objects(self.store, repo)?;
        let kept = self.store.join(index_name(prefix));
        let index = tempfile::Builder::new()
            .prefix("index-")
            .tempfile_in(self.store)
            .map_err(RepoError::io("write", self.store))?
            .into_temp_path();
        let fresh = self.since == Since::UserIndex || !kept.exists();
        if fresh {
            copy_index(repo, self.store, &index)?;
        } else {
            copy_with_time(&kept, &index)?;
        }
        let git = GitCommand::private(self.store).work_tree(&repo.top).index(&index);
        let nested = self.refresh(repo, &git, prefix, fresh)?;
        if !index.exists() {
            git.run(&["read-tree", "--empty"])?;
        }
        copy_with_time(&index, &kept)?;
        for path in nested {
            self.graft(repo, &git, prefix, &path, depth)?;
        }
        git.line(&["write-tree", "--missing-ok"])
    }

    /// Updates the index to the work tree. Returns the directories that are repositories of their own.
    fn refresh(&mut self, repo: &Repo, git: &GitCommand, prefix: &[u8], fresh: bool) -> Result<BTreeSet<Vec<u8>>> {
        let mut nested = BTreeSet::new();
        let mut update = BTreeSet::new();
        let listed = if fresh { list_index(git)? } else { Vec::new() };
        if fresh {
            mark(git, "--no-assume-unchanged", listed.iter().filter(|entry| entry.tag.is_ascii_lowercase()))?;
            mark(git, "--no-skip-worktree", listed.iter().filter(|entry| entry.tag.eq_ignore_ascii_case(&b's')))?;
            for entry in &listed {
                if entry.mode == 0o160000 {
                    nested.insert(entry.path.clone());
                } else if entry.stage != 0 {
                    update.insert(entry.path.clone());
                }
            }
        }
        feed(git, &["update-index", "-z", "--force-remove", "--stdin"], &nested)?;
        let changes = list_changes(repo, git)?;
        // Removed from the index, so that they are read again whatever their time stamps.
        let converted = converted(repo, git, &listed, &changes)?;
        feed(git, &["update-index", "-z", "--force-remove", "--stdin"], &converted)?;
        update.extend(converted);
        for (tag, path) in changes {
            match path.strip_suffix(b"/") {
                Some(directory) => nested.insert(directory.to_vec()),
                None if tag == b'?' && repo.top.join(as_path(&path)).join(".git").exists() => nested.insert(path),
                None => update.insert(path),
            };
        }
        let (mut present, mut absent) = (BTreeSet::new(), BTreeSet::new());
        for path in update {
            match standing(&repo.top, &path) {
                IndexedPath::There => present.insert(path),
                IndexedPath::Gone => absent.insert(path),
                IndexedPath::Skipped(why) => {
                    self.skipped.push(format!("{}{}: {why}", printable(prefix), printable(&path)));
                    absent.insert(path)
                }
            };
        }
        feed(git, &["update-index", "-z", "--force-remove", "--stdin"], &absent)?;
        feed(git, &["update-index", "-z", "--add", "--remove", "--replace", "--stdin"], &present)?;
        Ok(nested)
    }

    /// Adds the files of a nested repository to the index, under its path.
    fn graft(&mut self, repo: &Repo, git: &GitCommand, prefix: &[u8], path: &[u8], depth: usize) -> Result<()> {
        let directory = repo.top.join(as_path(path));
        let place = [prefix, path, b"/"].concat();
        let is_link = directory.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
        // A submodule that is not checked out is an empty directory: it has no files, so it is not in the tree.
        if is_link || !directory.join(".git").exists() {
            return Ok(());
        }
        let inner = match Repo::discover(&directory) {
            Ok(inner) if inner.top == directory && depth < DEEPEST_NESTING => inner,
            Ok(_) => {
                self.skipped.push(format!("{}: a repository nested too deeply", printable(&place)));
                return Ok(());
            }
            Err(error) => {
                self.skipped.push(format!("{}: {error}", printable(&place)));
                return Ok(());
            }
        };
        if inner.settings.object_format != repo.settings.object_format {
            self.skipped.push(format!("{}: a repository with another hash format", printable(&place)));
            return Ok(());
        }
        let tree = self.tree_of(&inner, &place, depth + 1)?;
        let mut at = OsString::from("--prefix=");
        at.push(as_path(path));
        at.push("/");
        git.run(&["read-tree".as_ref(), at.as_os_str(), tree.as_ref()])?;
        Ok(())
    }
}

/// The paths for which the user's index may differ from their bytes, although it lists them as unchanged.
fn converted(
    repo: &Repo,
    git: &GitCommand,
    listed: &[GitIndexEntry],
    changes: &[(u8, Vec<u8>)],
) -> Result<BTreeSet<Vec<u8>>> {
    let files: Vec<&GitIndexEntry> =
        listed.iter().filter(|entry| entry.stage == 0 && matches!(entry.mode, 0o100644 | 0o100755)).collect();
    let by_attributes = files.iter().any(|entry| entry.path.ends_with(b".gitattributes"))
        || repo.top.join(".gitattributes").exists()
        || repo.common_dir.join("info/attributes").exists()
        || repo.settings.attributes_file
        || changes.iter().any(|(_, path)| path.ends_with(b".gitattributes"));
    if !by_attributes && !repo.settings.converts_line_ends {
        return Ok(BTreeSet::new());
    }
    let mut found = BTreeSet::new();
    // A conversion of line endings changes the size.
    let ids: String = files.iter().map(|entry| format!("{}\n", entry.id)).collect();
    let sizes = git.run_with(&["cat-file", "--batch-check=%(objectsize)"], ids.as_bytes())?;
    for (entry, size) in files.iter().zip(sizes.split(|byte| *byte == b'\n')) {
        let size: Option<u64> = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
        let there = repo.top.join(as_path(&entry.path)).symlink_metadata().ok().map(|meta| meta.len());
        if there.is_some() && there != size {
            found.insert(entry.path.clone());
        }
    }
    if by_attributes {
        let paths: Vec<u8> = files.iter().flat_map(|entry| [&entry.path[..], b"\0"].concat()).collect();
        let out = repo.git().run_with(&["check-attr", "-z", "--stdin", "filter", "working-tree-encoding"], &paths)?;
        let fields: Vec<&[u8]> = out.split(|byte| *byte == 0).collect();
        for triple in fields.chunks_exact(3) {
            if !matches!(triple[2], b"unspecified" | b"unset") {
                found.insert(triple[0].to_vec());
            }
        }
    }
    Ok(found)
}

/// The differences between work tree and index: `C` changed, `R` removed, `?` new and not ignored. A directory that is a
/// repository of its own ends in `/`.
fn list_changes(repo: &Repo, git: &GitCommand) -> Result<Vec<(u8, Vec<u8>)>> {
    let (git, args) = ignoring(repo, git);
    let mut all: Vec<OsString> =
        ["ls-files", "-z", "-t", "--modified", "--deleted", "--others"].map(OsString::from).to_vec();
    all.extend(args);
    let out = git.run(&all)?;
    let records = out.split(|byte| *byte == 0).filter(|record| record.len() > 2);
    Ok(records.map(|record| (record[0], record[2..].to_vec())).collect())
}

/// Ignored files, and directories (ending in `/`) that are ignored as a whole.
pub(crate) fn list_ignored(repo: &Repo, store: &Path) -> Result<Vec<Vec<u8>>> {
    let index = store.join(index_name(b""));
    let (git, args) = ignoring(repo, &GitCommand::private(store).work_tree(&repo.top).index(&index));
    let mut all: Vec<OsString> =
        ["ls-files", "-z", "--others", "--ignored", "--directory"].map(OsString::from).to_vec();
    all.extend(args);
    let out = git.run(&all)?;
    Ok(out.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(<[u8]>::to_vec).collect())
}

/// The user's own ignore rules: `.gitignore`, `info/exclude`, the user's excludes file.
fn ignoring(repo: &Repo, git: &GitCommand) -> (GitCommand, Vec<OsString>) {
    let mut setting = OsString::from("core.excludesFile=");
    setting.push(repo.settings.excludes_file.as_deref().unwrap_or(Path::new("/dev/null")));
    let mut args = vec![OsString::from("--exclude-standard")];
    let exclude = repo.common_dir.join("info/exclude");
    if exclude.is_file() {
        let mut arg = OsString::from("--exclude-from=");
        arg.push(exclude);
        args.push(arg);
    }
    (git.clone().setting(setting), args)
}

/// The state of a path that differs from the index.
enum IndexedPath {
    There,
    Gone,
    Skipped(String),
}

fn standing(top: &Path, path: &[u8]) -> IndexedPath {
    // A file seen through a symbolic link is not at this path.
    let mut at = top.to_path_buf();
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    for part in &parts[..parts.len() - 1] {
        at.push(as_path(part));
        if !at.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            return IndexedPath::Gone;
        }
    }
    at.push(as_path(parts[parts.len() - 1]));
    match at.symlink_metadata() {
        Ok(meta) if meta.is_symlink() => IndexedPath::There,
        Ok(meta) if meta.is_file() => match std::fs::File::open(&at) {
            Ok(_) => IndexedPath::There,
            Err(error) => IndexedPath::Skipped(error.to_string()),
        },
        Ok(meta) if meta.is_dir() => IndexedPath::Gone,
        Ok(_) => IndexedPath::Skipped("neither a file nor a symbolic link".to_owned()),
        Err(_) => IndexedPath::Gone,
    }
}

/// Lets the store read the repository's objects.
fn borrow_objects(store: &Path, repo: &Repo) -> Result<()> {
    let file = store.join("objects/info/alternates");
    let mut text = std::fs::read(&file).unwrap_or_default();
    let line = alternate(&repo.common_dir.join("objects"));
    if text.split(|byte| *byte == b'\n').any(|known| known == line) {
        return Ok(());
    }
    text.extend_from_slice(&line);
    text.push(b'\n');
    write(&file, &text)
}

/// A path in the format of `objects/info/alternates`; one with a newline needs quotes.
pub(crate) fn alternate(objects: &Path) -> Vec<u8> {
    let path = objects.as_os_str().as_bytes();
    if !path.contains(&b'\n') {
        return path.to_vec();
    }
    let mut quoted = vec![b'"'];
    for byte in path {
        match byte {
            b'\n' => quoted.extend_from_slice(b"\\n"),
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', *byte]),
            _ => quoted.push(*byte),
        }
    }
    quoted.push(b'"');
    quoted
}

pub(crate) fn as_path(bytes: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(bytes))
}

/// Writes a file and makes the directories above it.
pub(crate) fn write(file: &Path, content: &[u8]) -> Result<()> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(RepoError::io("make", parent))?;
    }
    std::fs::write(file, content).map_err(RepoError::io("write", file))
}
