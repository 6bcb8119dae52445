//! A change as two states of the repository's files: before and after. Both are reached from the work tree as it is, so that what
//! git ignores (installed packages, builds) is there in both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use voe_protocol::{Export, ExportedFile, FileState, RawBytes};

use crate::git::GitCommand;
use crate::index::edited_tree;
use crate::objects::{Blobs, Difference, differences, printable};
use crate::{Base, Repo, RepoError, Result};

/// The mode of a submodule in a tree.
const SUBMODULE: u32 = 0o160_000;

/// The first line of a file that stands for one kept by git-lfs.
/// <https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>
const LFS: &[u8] = b"version https://git-lfs.github.com/spec/";

/// A file's mode and blob.
type Entry = Option<(u32, String)>;

/// What a change is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSource<'a> {
    /// The work tree, against a revision.
    WorkTree {
        /// The revision before the change.
        base: &'a str,
    },
    /// Two revisions: `A..B` or `A...B`. Before the change is their merge base, as in a pull request.
    Range(&'a str),
    /// A patch, as `git apply` takes it.
    Patch {
        /// The revision that it applies to; `None`: the work tree as it is.
        base: Option<&'a str>,
        /// Its text.
        text: &'a [u8],
    },
}

/// A change, with the files that lead from the work tree to each of its sides.
#[derive(Debug, Clone)]
pub struct TreeChange {
    /// The state before the change. `commit` is that of the revision.
    pub base: Base,
    /// The commit after the change; `None` for a work tree or a patch.
    pub now: Option<String>,
    /// The files that differ, with their contents on both sides.
    pub export: Export,
    /// What to write into the work tree to get the state before the change.
    pub to_base: Vec<(RawBytes, Option<FileState>)>,
    /// What to write into the work tree to get the state after it.
    pub to_now: Vec<(RawBytes, Option<FileState>)>,
    /// What could not be taken into account, one line each.
    pub notes: Vec<String>,
}

impl Repo {
    /// Reads a change. `store`: a directory outside the repository for voe's own objects, as for [`Repo::base`].
    ///
    /// # Errors
    /// A revision is unknown, the patch does not apply, a submodule has changes of its own, or git failed.
    pub fn change(&self, source: &ChangeSource<'_>, store: &Path) -> Result<TreeChange> {
        let work = self.base(store)?;
        let git = GitCommand::private(&work.git_dir);
        let sides = ChangeSides { repo: self, git: &git, store: &work.git_dir, work: &work.tree };
        match source {
            ChangeSource::WorkTree { base } => {
                let base = sides.commit(base)?;
                let head = self.head()?;
                let to_base = sides.differences(&base, head.as_deref(), Untracked::IsNew)?;
                sides.change(&work, Some(base), None, to_base, Steps::default())
            }
            ChangeSource::Range(range) => {
                let (base, now) = sides.range(range)?;
                let head = self.head()?;
                let to_base = sides.differences(&base, head.as_deref(), Untracked::Stays)?;
                let to_now = sides.differences(&now, head.as_deref(), Untracked::Stays)?;
                sides.change(&work, Some(base), Some(now), to_base, to_now)
            }
            ChangeSource::Patch { base, text } => {
                let (base, to_base) = match base {
                    None => (work.commit.clone(), Steps::default()),
                    Some(base) => {
                        let base = sides.commit(base)?;
                        let to_base = sides.differences(&base, self.head()?.as_deref(), Untracked::Stays)?;
                        (Some(base), to_base)
                    }
                };
                let before = sides.tree_with(&to_base.files)?;
                let after = sides.tree_with_patch(&before, text)?;
                let to_now = Steps { files: steps(differences(&git, &work.tree, &after)?), notes: Vec::new() };
                sides.change(&work, base, None, to_base, to_now)
            }
        }
    }
}

/// What becomes of files of the work tree that git does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untracked {
    /// They are part of the change: before it they are not there.
    IsNew,
    /// They are on both sides, as what git ignores.
    Stays,
}

/// What leads from the work tree to another state.
#[derive(Debug, Default)]
struct Steps {
    files: BTreeMap<Vec<u8>, Entry>,
    notes: Vec<String>,
}

fn steps(differences: Vec<Difference>) -> BTreeMap<Vec<u8>, Entry> {
    differences.into_iter().map(|difference| (difference.path, difference.new)).collect()
}

struct ChangeSides<'a> {
    repo: &'a Repo,
    git: &'a GitCommand,
    /// The git directory of voe's own that has all objects.
    store: &'a Path,
    /// The tree of the work tree.
    work: &'a str,
}

impl ChangeSides<'_> {
    /// The commit of a revision.
    fn commit(&self, revision: &str) -> Result<String> {
        let name = format!("{revision}^{{commit}}");
        let args = ["rev-parse", "--quiet", "--verify", "--end-of-options", &name];
        let output = self.repo.git().output(&args, &[])?;
        match output.code {
            Some(0) => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            _ => Err(RepoError::NoRevision { revision: revision.to_owned(), shallow: self.shallow() }),
        }
    }

    fn shallow(&self) -> bool {
        self.repo.common_dir().join("shallow").exists()
    }

    /// The two sides of a range: the merge base, and its end.
    fn range(&self, range: &str) -> Result<(String, String)> {
        let (from, to) = match range.split_once("...").or_else(|| range.split_once("..")) {
            Some((from, to)) => (from, to),
            None => (range, "HEAD"),
        };
        let or_head = |name: &str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
        let (from, to) = (self.commit(&or_head(from))?, self.commit(&or_head(to))?);
        let output = self.repo.git().output(&["merge-base", &from, &to], &[])?;
        match output.code {
            Some(0) => Ok((String::from_utf8_lossy(&output.stdout).trim().to_owned(), to)),
            _ => Err(RepoError::NoMergeBase { range: range.to_owned(), shallow: self.shallow() }),
        }
    }

    /// What leads from the work tree to a commit. `head`: the commit that is checked out, by which files count as tracked.
    fn differences(&self, commit: &str, head: Option<&str>, untracked: Untracked) -> Result<Steps> {
        let tree = self.git.line(&["rev-parse", &format!("{commit}^{{tree}}")])?;
        let known = self.tracked(head)?;
        let mut blobs = Blobs::open(self.git)?;
        let mut found = Steps::default();
        let all = differences(self.git, self.work, &tree)?;
        let is_submodule = |entry: &Entry| entry.as_ref().is_some_and(|(mode, _)| *mode == SUBMODULE);
        let mut submodules: BTreeMap<Vec<u8>, String> = BTreeMap::new();
        for (path, (mode, id)) in &known {
            if *mode == SUBMODULE {
                submodules.insert(path.clone(), id.clone());
            }
        }
        for difference in all.iter().filter(|difference| is_submodule(&difference.new)) {
            let id = difference.new.as_ref().map(|(_, id)| id.clone()).unwrap_or_default();
            match submodules.insert(difference.path.clone(), id.clone()) {
                Some(then) if then == id => {}
                _ => found.notes.push(format!(
                    "{}: a submodule of another commit there; its files stay as they are checked out",
                    printable(&difference.path)
                )),
            }
        }
        for (path, id) in &submodules {
            self.clean(path, known.get(path).map(|(_, id)| id), id)?;
        }
        for difference in all {
            let Difference { path, old, new } = difference;
            let inside = |submodule: &Vec<u8>| path == *submodule || path.starts_with(&[&submodule[..], b"/"].concat());
            if submodules.keys().any(inside) {
                continue;
            }
            let tracked = known.get(&path);
            if new.is_none() && tracked.is_none() && untracked == Untracked::Stays {
                continue;
            }
            // The commit has the file as it is checked out, in another form: other line ends, or a pointer of git-lfs.
            if let (Some((old_mode, old_id)), Some((new_mode, new_id))) = (&old, &new)
                && tracked == Some(&(*new_mode, new_id.clone()))
                && old_mode == new_mode
                && converted(&blobs.get(old_id)?, &blobs.get(new_id)?)
            {
                continue;
            }
            found.files.insert(path, new);
        }
        Ok(found)
    }

    /// The files of the commit that is checked out.
    fn tracked(&self, head: Option<&str>) -> Result<BTreeMap<Vec<u8>, (u32, String)>> {
        match head {
            Some(head) => crate::objects::list_tree(self.git, head),
            None => Ok(BTreeMap::new()),
        }
    }

    /// Refuses a submodule that has changes of its own. One that is not checked out has none.
    fn clean(&self, path: &[u8], checked_out: Option<&String>, commit: &str) -> Result<()> {
        let commit = checked_out.map_or(commit, |id| id);
        let at = [self.work.as_bytes(), b":", path].concat();
        let at = String::from_utf8_lossy(&at).into_owned();
        let output = self.git.output(&["rev-parse", "--quiet", "--verify", "--end-of-options", &at], &[])?;
        if output.code != Some(0) {
            return Ok(());
        }
        let there = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let name = format!("{commit}^{{tree}}");
        let output = self.git.output(&["rev-parse", "--quiet", "--verify", "--end-of-options", &name], &[])?;
        let recorded = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.code == Some(0) && recorded != there {
            return Err(RepoError::DirtySubmodule(printable(path)));
        }
        Ok(())
    }

    /// The work tree with some files replaced, as a tree.
    fn tree_with(&self, files: &BTreeMap<Vec<u8>, Entry>) -> Result<String> {
        if files.is_empty() {
            return Ok(self.work.to_owned());
        }
        edited_tree(self.git, self.store, self.work, |git| {
            let zero = "0".repeat(self.work.len());
            let mut input = Vec::new();
            // A file in the place of a directory, or the reverse, needs the old ones removed first.
            for removes in [true, false] {
                for (path, entry) in files.iter().filter(|(_, entry)| entry.is_none() == removes) {
                    let (mode, id) = entry.as_ref().map_or((0, &zero), |(mode, id)| (*mode, id));
                    input.extend_from_slice(format!("{mode:o} {id}\t").as_bytes());
                    input.extend_from_slice(path);
                    input.push(0);
                }
            }
            git.run_with(&["update-index", "-z", "--index-info"], &input)?;
            Ok(())
        })
    }

    /// A tree with a patch applied.
    fn tree_with_patch(&self, tree: &str, patch: &[u8]) -> Result<String> {
        edited_tree(self.git, self.store, tree, |git| {
            match git.run_with(&["apply", "--cached", "--whitespace=nowarn", "-"], patch) {
                Ok(_) => Ok(()),
                Err(RepoError::Git { detail, .. }) => Err(RepoError::PatchDoesNotApply { detail }),
                Err(error) => Err(error),
            }
        })
    }

    /// The change between two states, each given by what leads to it from the work tree.
    fn change(
        &self,
        work: &Base,
        base: Option<String>,
        now: Option<String>,
        to_base: Steps,
        to_now: Steps,
    ) -> Result<TreeChange> {
        let tree = self.tree_with(&to_base.files)?;
        let mut blobs = Blobs::open(self.git)?;
        let paths: BTreeSet<&Vec<u8>> = to_base.files.keys().chain(to_now.files.keys()).collect();
        let there = self.entries(&paths)?;
        let mut files = Vec::new();
        for path in paths {
            let at = |steps: &Steps| steps.files.get(path).cloned().unwrap_or_else(|| there.get(path).cloned());
            let (old, new) = (at(&to_base), at(&to_now));
            if old == new {
                continue;
            }
            files.push(ExportedFile {
                path: RawBytes(path.clone()),
                base: state(&mut blobs, old)?,
                now: state(&mut blobs, new)?,
                role: voe_evidence::role_by_path(path),
            });
        }
        let mut written = |steps: &Steps| -> Result<Vec<(RawBytes, Option<FileState>)>> {
            let files = steps.files.iter();
            files.map(|(path, entry)| Ok((RawBytes(path.clone()), state(&mut blobs, entry.clone())?))).collect()
        };
        let (to_base_files, to_now_files) = (written(&to_base)?, written(&to_now)?);
        let mut notes = work.skipped.clone();
        notes.extend(to_base.notes);
        notes.extend(to_now.notes);
        notes.dedup();
        Ok(TreeChange {
            base: Base { commit: base, tree, git_dir: work.git_dir.clone(), skipped: Vec::new() },
            now,
            export: Export { files, skipped: Vec::new() },
            to_base: to_base_files,
            to_now: to_now_files,
            notes,
        })
    }

    /// The entries of the work tree at these paths.
    fn entries(&self, paths: &BTreeSet<&Vec<u8>>) -> Result<BTreeMap<Vec<u8>, (u32, String)>> {
        if paths.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(crate::objects::list_tree(self.git, self.work)?
            .into_iter()
            .filter(|(path, _)| paths.contains(path))
            .collect())
    }
}

fn state(blobs: &mut Blobs, entry: Entry) -> Result<Option<FileState>> {
    entry.map(|(mode, id)| Ok(FileState { mode, content: RawBytes(blobs.get(&id)?) })).transpose()
}

/// Whether a file of the work tree is the committed one in another form.
fn converted(there: &[u8], committed: &[u8]) -> bool {
    if committed.starts_with(LFS) {
        return true;
    }
    let plain = |bytes: &[u8]| -> Vec<u8> {
        let mut plain = Vec::with_capacity(bytes.len());
        for (at, byte) in bytes.iter().enumerate() {
            if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
                plain.push(*byte);
            }
        }
        plain
    };
    plain(there) == plain(committed)
}
