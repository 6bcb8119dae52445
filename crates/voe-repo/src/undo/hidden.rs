//! What an attempt made and the repository ignores. No tree holds these files, so each is known by its size and time: an
//! undo removes what the attempt left and nothing that the user put there since.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use voe_protocol::RawBytes;

use super::shape::{Shape, Stamp, covered, walk};
use crate::files::Root;
use crate::git::{Git, failure};
use crate::hazard::LINK;
use crate::objects::{Blobs, above, differences, init_bare, list_tree, printable, split};
use crate::snapshot::{as_path, write};
use crate::{Repo, RepoError, Result};

/// The rules of a directory.
const RULES: &[u8] = b".gitignore";

/// Ignored files and directories that go with an undo.
#[derive(Default)]
pub(super) struct Hidden {
    pub(super) files: BTreeMap<RawBytes, Stamp>,
    /// Directories that go if they are empty then.
    pub(super) directories: BTreeSet<RawBytes>,
    /// The same for people: a directory that goes as a whole is named once.
    pub(super) named: Vec<String>,
}

impl Hidden {
    /// Finds what there is now: all in directories that the attempt made, and in `.git` of repositories that it made; and what
    /// is no longer ignored once the rules are as before.
    pub(super) fn find(repo: &Repo, store: &Path, before: &Shape, after: &Shape) -> Result<Self> {
        let (git, root) = (Git::private(store), Root::open(&repo.top)?);
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

    /// Adds what is at a path and below. What is neither a file nor a link stays where it is.
    fn add(&mut self, repo: &Repo, root: &Root, before: &Shape, path: &[u8]) -> Result<()> {
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

/// Which of these are not ignored by the rules from before, and those in ignored directories, which stay.
fn shown_again(repo: &Repo, git: &Git, root: &Root, before: &Shape, asked: &Hidden) -> Result<BTreeSet<RawBytes>> {
    if asked.files.is_empty() {
        return Ok(BTreeSet::new());
    }
    // A work tree with nothing but rules.
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
    if let Some(state) = Root::open(&repo.common_dir)?.read(b"info/exclude")?.state() {
        write(&git_dir.join("info/exclude"), &state.content.0)?;
    }
    let mut excludes = std::ffi::OsString::from("core.excludesFile=");
    excludes.push(repo.settings.excludes_file.as_deref().unwrap_or(Path::new("/dev/null")));
    // It takes no literal paths, and none that begins with a colon.
    let git = Git::private(&git_dir).work_tree(&tree).setting(excludes).variable("GIT_LITERAL_PATHSPECS", "0");
    let paths: Vec<u8> = asked.files.keys().flat_map(|path| [b"./", &path.0[..], b"\0"].concat()).collect();
    let output = git.output(&["check-ignore", "-z", "--verbose", "--stdin", "--no-index"], &paths)?;
    if !matches!(output.code, Some(0 | 1)) {
        return Err(failure("check-ignore", &output));
    }
    let mut shown: BTreeSet<RawBytes> = asked.files.keys().cloned().collect();
    let fields: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
    // Where the rule is, its line, the rule, the path. One that begins with `!` is an exception.
    for answer in fields.chunks_exact(4).filter(|answer| !answer[2].starts_with(b"!")) {
        shown.remove(&RawBytes(answer[3].strip_prefix(b"./").unwrap_or(answer[3]).to_vec()));
    }
    Ok(shown)
}
