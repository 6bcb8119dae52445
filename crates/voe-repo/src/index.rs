//! Index files: a copy of the user's that may be changed, and voe's own in a store.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use voe_untrusted::UntrustedDir;

use crate::git::GitCommand;
use crate::objects::unknown;
use crate::{Repo, RepoError, Result};

/// An index entry.
pub(crate) struct GitIndexEntry {
    /// In lower case: assumed unchanged; `S`: not in the work tree (sparse checkout).
    pub(crate) tag: u8,
    pub(crate) mode: u32,
    pub(crate) id: String,
    pub(crate) stage: u8,
    pub(crate) path: Vec<u8>,
}

/// All entries of an index.
pub(crate) fn list_index(git: &GitCommand) -> Result<Vec<GitIndexEntry>> {
    let out = git.run(&["ls-files", "-z", "-v", "--stage"])?;
    let mut listed = Vec::new();
    for record in out.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let tab = record.iter().position(|byte| *byte == b'\t').ok_or_else(|| unknown("ls-files", "no tab"))?;
        let head = String::from_utf8_lossy(&record[..tab]);
        let words: Vec<&str> = head.split(' ').collect();
        let [tag, mode, id, stage] = words[..] else { return Err(unknown("ls-files", &head)) };
        let parsed = (tag.bytes().next(), u32::from_str_radix(mode, 8), stage.parse());
        let (Some(tag), Ok(mode), Ok(stage)) = parsed else { return Err(unknown("ls-files", &head)) };
        listed.push(GitIndexEntry { tag, mode, id: id.to_owned(), stage, path: record[tab + 1..].to_vec() });
    }
    Ok(listed)
}

/// Copies the user's index, with the part that several indexes may share.
pub(crate) fn copy_index(repo: &Repo, store: &Path, to: &Path) -> Result<()> {
    let index = repo.git_dir.join("index");
    // git accepts a missing index, not an empty file.
    std::fs::remove_file(to).map_err(RepoError::io("remove", to))?;
    if !index.exists() {
        return Ok(());
    }
    copy_with_time(&index, to)?;
    for entry in std::fs::read_dir(&repo.git_dir).map_err(RepoError::io("read", &repo.git_dir))? {
        let entry = entry.map_err(RepoError::io("read", &repo.git_dir))?;
        if entry.file_name().as_bytes().starts_with(b"sharedindex.") {
            let mut to = std::fs::File::create(store.join(entry.file_name())).map_err(RepoError::io("write", store))?;
            let mut from = open(&entry.path())?;
            std::io::copy(&mut from, &mut to).map_err(RepoError::io("copy", entry.path()))?;
        }
    }
    Ok(())
}

/// Copies an index with its time stamp: git trusts a file's time only if it is older than the index. The copy is atomic:
/// git refuses to work with half an index, which a kill would leave.
pub(crate) fn copy_with_time(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    let mut source = open(from)?;
    let time = source.metadata().and_then(|meta| meta.modified()).map_err(RepoError::io("read", from))?;
    let mut copy = std::fs::File::create(&part).map_err(RepoError::io("write", &part))?;
    std::io::copy(&mut source, &mut copy).map_err(RepoError::io("copy", from))?;
    let set = || {
        copy.set_modified(time)?;
        std::fs::rename(&part, to)
    };
    set().map_err(RepoError::io("write", to))
}

/// Opens a part of an index in a git directory, which may come from an archive: it must be a regular file, not a link.
fn open(path: &Path) -> Result<std::fs::File> {
    let dir = UntrustedDir::open(path.parent().unwrap_or(path))?;
    let name = path.file_name().unwrap_or_default();
    dir.open_file(name)?.ok_or_else(|| RepoError::io("read", path)(std::io::ErrorKind::NotFound.into()))
}

/// Sets or clears a flag of these entries.
pub(crate) fn mark<'a>(git: &GitCommand, flag: &str, entries: impl Iterator<Item = &'a GitIndexEntry>) -> Result<()> {
    // Entries in conflict have no flags.
    let paths = entries.filter(|entry| entry.stage == 0).map(|entry| entry.path.clone()).collect();
    feed(git, &["update-index", flag, "-z", "--stdin"], &paths)
}

/// Runs git with paths on its standard input; does nothing if there are none.
pub(crate) fn feed(git: &GitCommand, args: &[&str], paths: &BTreeSet<Vec<u8>>) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    let input: Vec<u8> = paths.iter().flat_map(|path| [&path[..], b"\0"].concat()).collect();
    git.run_with(args, &input)?;
    Ok(())
}

/// The name, in the store, of the index for the repository at this path of the work tree.
pub(crate) fn index_name(prefix: &[u8]) -> String {
    if prefix.is_empty() { "index".to_owned() } else { format!("index-of-{}", &blake3::hash(prefix).to_hex()[..16]) }
}

/// The tree that comes of `tree` by an edit of an index with its files. `store`: the git directory, in which that index lies for so
/// long: attempts share a base, so each has a name of its own.
pub(crate) fn edited_tree(
    git: &GitCommand,
    store: &Path,
    tree: &str,
    edit: impl FnOnce(&GitCommand) -> Result<()>,
) -> Result<String> {
    let dir = tempfile::Builder::new().prefix("index-").tempdir_in(store).map_err(RepoError::io("write", store))?;
    let git = git.clone().index(&dir.path().join("index"));
    git.run(&["read-tree", tree])?;
    edit(&git)?;
    git.line(&["write-tree", "--missing-ok"])
}
