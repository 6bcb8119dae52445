//! Ignored files that an attempt made. No tree contains them, so each is identified by its size and time: an undo removes
//! what the attempt left, and nothing that the user wrote since.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use voe_protocol::RawBytes;

use super::shape::{RepoState, Stamp, covered, walk};
use crate::files::FilesRoot;
use crate::git::{GitCommand, failure};
use crate::hazard::LINK;
use crate::objects::{Blobs, above, differences, init_bare, list_tree, printable, split};
use crate::snapshot::{as_path, write};
use crate::{Repo, RepoError, Result};

/// The ignore rules of a directory.
const RULES: &[u8] = b".gitignore";

/// Ignored files and directories that an undo removes.
#[derive(Default)]
pub(super) struct IgnoredFiles {
    pub(super) files: BTreeMap<RawBytes, Stamp>,
    /// Directories that are removed if they are empty by then.
    pub(super) directories: BTreeSet<RawBytes>,
    /// The paths for people: a directory that is removed as a whole is listed once.
    pub(super) named: Vec<String>,
}

impl IgnoredFiles {
    /// Finds the current ones: everything in directories that the attempt made and in `.git` of repositories that it made, and
    /// files that are no longer ignored under the earlier rules.
    pub(super) fn find(repo: &Repo, store: &Path, before: &RepoState, after: &RepoState) -> Result<Self> {
        let (git, root) = (GitCommand::private(store), FilesRoot::open(&repo.top)?);
        let made: BTreeSet<&[u8]> =
            after.directories.difference(&before.directories).map(|directory| &directory.0[..]).collect();
        let within_made = |path: &[u8]| above(path).any(|directory| made.contains(directory));
        let other_rules = differences(&git, &before.tree, &after.tree)?.iter().any(|file| split(&file.path).1 == RULES);
        let (mut found, mut asked) = (Self::default(), Self::default());
        for path in after.ignored.iter().filter(|path| !covered(&before.ignored, &path.0)) {
            let plain = path.0.strip_suffix(b"/").unwrap_or(&path.0);
            if within_made(plain) || split(plain).1 == b".git" {
                let known = found.files.len();
                found.add(repo, &root, before, plain)?;
                if found.files.len() > known {
                    found.named.push(printable(&path.0));
                }
            } else if other_rules {
                asked.add(repo, &root, before, plain)?;
            }
        }
        let shown = shown_again(repo, &git, &root, before, &asked)?;
        for (path, stamp) in asked.files.into_iter().filter(|(path, _)| shown.contains(path)) {
            found.named.push(printable(&path.0));
            let emptied =
                above(&path.0).filter(|directory| !before.directories.contains(&RawBytes(directory.to_vec())));
            found.directories.extend(emptied.map(|directory| RawBytes(directory.to_vec())));
            found.files.insert(path, stamp);
        }
        Ok(found)
    }

    /// Adds the path and everything below it. Anything but files, links and directories is left where it is.
    fn add(&mut self, repo: &Repo, root: &FilesRoot, before: &RepoState, path: &[u8]) -> Result<()> {
        let mut add = |path: &[u8]| {
            let meta = repo.top.join(as_path(path)).symlink_metadata();
            let file = meta.ok().filter(|meta| meta.is_file() || meta.is_symlink());
            if let Some(meta) = file.filter(|_| !covered(&before.ignored, path)) {
                let stamp = Stamp { size: meta.len(), modified: (meta.mtime(), meta.mtime_nsec()) };
                self.files.insert(RawBytes(path.to_vec()), stamp);
            }
        };
        if !root.is_directory(path)? {
            if root.is_directory(split(path).0)? {
                add(path);
            }
            return Ok(());
        }
        self.directories.insert(RawBytes(path.to_vec()));
        walk(&repo.top, path.to_vec(), &mut |path, is_dir| {
            if is_dir {
                self.directories.insert(RawBytes(path.to_vec()));
            } else {
                add(path);
            }
            Ok(is_dir)
        })
    }
}

/// The files that the earlier rules do not ignore. Those in directories that these rules ignore are left out, and so they stay.
fn shown_again(
    repo: &Repo,
    git: &GitCommand,
    root: &FilesRoot,
    before: &RepoState,
    asked: &IgnoredFiles,
) -> Result<BTreeSet<RawBytes>> {
    if asked.files.is_empty() {
        return Ok(BTreeSet::new());
    }
    // A work tree with nothing but the rules.
    let scratch = tempfile::tempdir().map_err(RepoError::io("make", std::env::temp_dir()))?;
    let (git_dir, tree) = (scratch.path().join("git"), scratch.path().join("tree"));
    init_bare(&git_dir, "sha1")?;
    std::fs::create_dir(&tree).map_err(RepoError::io("make", &tree))?;
    let is_rules = |path: &[u8]| split(path).1 == RULES;
    let mut blobs = Blobs::open(git)?;
    for (path, (mode, id)) in list_tree(git, &before.tree)? {
        if is_rules(&path) && mode != LINK {
            write(&tree.join(as_path(&path)), &blobs.get(&id)?)?;
        }
    }
    for path in asked.files.keys().filter(|path| is_rules(&path.0)) {
        if let Some(state) = root.read(&path.0)?.state().filter(|state| state.mode != LINK) {
            write(&tree.join(as_path(&path.0)), &state.content.0)?;
        }
    }
    if let Some(state) = FilesRoot::open(&repo.common_dir)?.read(b"info/exclude")?.state() {
        write(&git_dir.join("info/exclude"), &state.content.0)?;
    }
    let mut excludes = std::ffi::OsString::from("core.excludesFile=");
    excludes.push(repo.settings.excludes_file.as_deref().unwrap_or(Path::new("/dev/null")));
    // It takes no literal paths, and none that begins with a colon.
    let git = GitCommand::private(&git_dir).work_tree(&tree).setting(excludes).variable("GIT_LITERAL_PATHSPECS", "0");
    let paths: Vec<u8> = asked.files.keys().flat_map(|path| [b"./", &path.0[..], b"\0"].concat()).collect();
    let output = git.output(&["check-ignore", "-z", "--verbose", "--stdin", "--no-index"], &paths)?;
    if !matches!(output.code, Some(0 | 1)) {
        return Err(failure("check-ignore", &output));
    }
    let mut shown: BTreeSet<RawBytes> = asked.files.keys().cloned().collect();
    let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    // The rule's file, line and text, then the path. A rule that begins with `!` is an exception.
    for answer in fields.chunks_exact(4).filter(|answer| !answer[2].starts_with(b"!")) {
        shown.remove(&RawBytes(answer[3].strip_prefix(b"./").unwrap_or(answer[3]).to_vec()));
    }
    Ok(shown)
}
