//! Restores the state before an attempt. Each step can be repeated: what is already as before is left alone.

use std::collections::BTreeSet;
use std::path::PathBuf;

use voe_protocol::{FileState, RawBytes};

use super::hidden::IgnoredFiles;
use super::shape::{RepoState, StoredFile, covered, git_dirs, index_entries};
use super::{Phase, UndoPoint, UndoReport, WholeState, write_json};
use crate::files::{FilesRoot, PathState};
use crate::git::GitCommand;
use crate::hazard::names_git_dir;
use crate::objects::{Blobs, Difference, differences, printable, split};
use crate::{Base, Repo, RepoError, Result};

/// The changes to make.
struct RestorePlan {
    files: Vec<Difference>,
    hidden: IgnoredFiles,
    git: Vec<GitFile>,
}

/// A file of git's own to restore.
struct GitFile {
    /// The index into [`git_dirs`].
    dir: usize,
    path: Vec<u8>,
    before: Option<StoredFile>,
    after: Option<StoredFile>,
    is_index: bool,
}

impl GitFile {
    fn shown(&self) -> String {
        format!(".git/{}", printable(&self.path))
    }
}

impl UndoPoint {
    /// Restores everything.
    pub(super) fn put_back(&mut self, repo: &Repo, whole: &WholeState, force: bool) -> Result<UndoReport> {
        let repo = &whole.repository(repo, &self.dir)?;
        let before = self.before()?;
        let after = self.after(repo, whole, &before)?;
        let git = GitCommand::private(&whole.store());
        let plan = RestorePlan::make(repo, whole, &before, &after)?;
        let all = plan.named();
        if self.point.unsealed && !all.is_empty() && !force {
            return Err(RepoError::Unsealed { paths: all });
        }
        let changed_since = whole.changed_since(repo, &git, &plan, &before, &after)?;
        if !changed_since.is_empty() && !force {
            return Err(RepoError::ChangedSince { paths: changed_since });
        }
        refuse_if_busy(repo, &after)?;
        let mut redo = self.keep_present_state(repo, whole, &before, &after, &plan, !changed_since.is_empty())?;

        let mut report = UndoReport {
            overwritten: changed_since,
            unsealed: self.point.unsealed,
            redo: Some(redo.dir.clone()),
            ..UndoReport::default()
        };
        put_back_files(repo, &git, &plan, &before, &after, &mut report)?;
        self.put_back_git(repo, &plan, &mut report)?;

        if redo.point.phase == Phase::Taken {
            // Without a seal, --force is needed to use it.
            let _ = redo.seal(repo);
        }
        self.point.phase = Phase::Undone;
        self.save()?;
        Ok(report)
    }

    /// The state that the attempt left; if that was not recorded, the current state.
    fn after(&mut self, repo: &Repo, whole: &WholeState, before: &RepoState) -> Result<RepoState> {
        let file = self.dir.join("after.json");
        if self.point.phase != Phase::Taken && file.exists() {
            return super::read_json(&self.dir, "after.json");
        }
        let mut after = whole.look_again(repo, before)?;
        // It is not known who made these.
        after.listed.clear();
        if self.point.phase == Phase::Taken {
            self.point.unsealed = true;
        }
        Ok(after)
    }

    /// Copies the current state, from which the undo can itself be undone.
    fn keep_present_state(
        &mut self,
        repo: &Repo,
        whole: &WholeState,
        before: &RepoState,
        after: &RepoState,
        plan: &RestorePlan,
        overwrites: bool,
    ) -> Result<UndoPoint> {
        let mut dir = self.dir.join("redo");
        if self.point.phase == Phase::Undoing {
            if !overwrites {
                return Self::open(&dir);
            }
            // The user changed something since the copy that the interrupted undo made.
            let mut others = (2..).map(|number: u32| self.dir.join(format!("redo-{number}")));
            dir = others.find(|dir| !dir.exists()).unwrap_or(dir);
        } else if dir.exists() {
            // Left by an undo that was interrupted before it changed anything.
            std::fs::remove_dir_all(&dir).map_err(RepoError::io("remove", &dir))?;
        }
        let store = whole.store();
        let base = Base { commit: None, tree: repo.tree_now(&store)?, git_dir: store, skipped: Vec::new() };
        let redo = Self::take_with(repo, &base, &dir, plan.hidden.files.keys().map(|path| &path.0[..]).collect())?;
        // Before anything is removed: a repository may be removed, with its objects.
        whole.own_objects(&redo.before()?, before)?;
        if self.point.unsealed && self.point.phase == Phase::Taken {
            // From here on the work tree is no longer what the attempt left.
            write_json(&self.dir.join("after.json"), after)?;
        }
        self.point.phase = Phase::Undoing;
        self.save()?;
        Ok(redo)
    }

    fn put_back_git(&self, repo: &Repo, plan: &RestorePlan, report: &mut UndoReport) -> Result<()> {
        let dirs = open_git_dirs(repo)?;
        let saved = self.dir.join("files");
        // Removals first: a branch may be at the path of a directory of branches. The index last: once it is as
        // before, git trusts it for the rest.
        let gone = plan.git.iter().filter(|file| file.before.is_none());
        let there = plan.git.iter().filter(|file| file.before.is_some() && !file.is_index);
        let index = plan.git.iter().filter(|file| file.before.is_some() && file.is_index);
        for file in gone.chain(there).chain(index) {
            let dir = &dirs[file.dir];
            let now = dir.read(&file.path)?.state().map(StoredFile::of);
            if now == file.before {
                continue;
            }
            let state = file.before.as_ref().map(|kept| kept.load(&saved)).transpose()?;
            dir.put(&file.path, state.as_ref())?;
            if state.is_none() {
                let mut above = split(&file.path).0;
                // `refs/heads` and the like must stay, empty or not.
                while above.iter().filter(|byte| **byte == b'/').count() > 1 && dir.remove_empty(above) {
                    above = split(above).0;
                }
            }
            report.git.push(file.shown());
        }
        Ok(())
    }
}

impl WholeState {
    /// The paths that the plan would write and that the user changed after the attempt.
    fn changed_since(
        &self,
        repo: &Repo,
        git: &GitCommand,
        plan: &RestorePlan,
        before: &RepoState,
        after: &RepoState,
    ) -> Result<Vec<String>> {
        let root = FilesRoot::open(&repo.top)?;
        let mut blobs = Blobs::open(git)?;
        let mut changed = Vec::new();
        for file in &plan.files {
            let now = root.read(&file.path)?;
            let mut is = |side: &Option<(u32, String)>| -> Result<bool> {
                Ok(match (side, &now) {
                    (None, PathState::Absent | PathState::Directory) => true,
                    (Some((mode, id)), PathState::File(state, _)) => {
                        *mode == state.mode && blobs.get(id)? == state.content.0
                    }
                    _ => false,
                })
            };
            if !is(&file.new)? && !is(&file.old)? {
                changed.push(printable(&file.path));
            }
        }
        let differs = plan.hidden.files.iter().filter(|(path, stamp)| after.listed.get(path) != Some(stamp));
        changed.extend(differs.map(|(path, _)| printable(&path.0)));
        let dirs = open_git_dirs(repo)?;
        for file in &plan.git {
            let now = dirs[file.dir].read(&file.path)?.state().map(StoredFile::of);
            let same_entries = || -> Result<bool> {
                let now = index_entries(repo, &self.store())?;
                Ok(now == after.index || now == before.index)
            };
            if now != file.after && now != file.before && !(file.is_index && same_entries()?) {
                changed.push(file.shown());
            }
        }
        Ok(changed)
    }
}

impl RestorePlan {
    /// All paths that it would write, for people.
    fn named(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| printable(&file.path)).chain(self.hidden.named.iter().cloned());
        files.chain(self.git.iter().map(GitFile::shown)).collect()
    }

    fn make(repo: &Repo, whole: &WholeState, before: &RepoState, after: &RepoState) -> Result<Self> {
        let git = &GitCommand::private(&whole.store());
        let mut files = differences(git, &before.tree, &after.tree)?;
        // A file that was ignored and no longer is was not made by the attempt.
        files.retain(|file| file.old.is_some() || !covered(&before.ignored, &file.path));
        // No file of the work tree has this name; an index from an archive may claim it.
        files.retain(|file| !file.path.split(|byte| *byte == b'/').any(names_git_dir));
        files.extend(differences(git, &before.ignored_tree, &after.ignored_tree)?);
        let mut found = Vec::new();
        for (dir, (path_of_dir, (old, new))) in
            git_dirs(repo).into_iter().zip(before.git.iter().zip(&after.git)).enumerate()
        {
            let paths: BTreeSet<&RawBytes> = old.keys().chain(new.keys()).collect();
            for path in paths.into_iter().filter(|path| old.get(path) != new.get(path)) {
                let is_index = path_of_dir.join(crate::snapshot::as_path(&path.0)) == repo.git_dir.join("index");
                let (before, after) = (old.get(path).cloned(), new.get(path).cloned());
                found.push(GitFile { dir, path: path.0.clone(), before, after, is_index });
            }
        }
        let hidden = IgnoredFiles::find(repo, &whole.store(), before, after)?;
        Ok(Self { files, hidden, git: found })
    }
}

fn put_back_files(
    repo: &Repo,
    git: &GitCommand,
    plan: &RestorePlan,
    before: &RepoState,
    after: &RepoState,
    report: &mut UndoReport,
) -> Result<()> {
    let root = FilesRoot::open(&repo.top)?;
    for file in plan.files.iter().filter(|file| file.old.is_none()) {
        if matches!(root.read(&file.path)?, PathState::File(..)) {
            root.put(&file.path, None)?;
            report.removed.push(printable(&file.path));
        }
    }
    for path in plan.hidden.files.keys() {
        root.put(&path.0, None)?;
    }
    report.removed.extend(plan.hidden.named.iter().cloned());
    // The deepest first.
    let made: BTreeSet<&RawBytes> =
        after.directories.difference(&before.directories).chain(&plan.hidden.directories).collect();
    for directory in made.iter().rev() {
        root.remove_empty(&directory.0);
    }
    let mut blobs = Blobs::open(git)?;
    for file in &plan.files {
        let Some((mode, id)) = &file.old else { continue };
        let state = FileState { mode: *mode, content: RawBytes(blobs.get(id)?) };
        if root.read(&file.path)?.state() != Some(&state) {
            root.put(&file.path, Some(&state))?;
            report.restored.push(printable(&file.path));
        }
    }
    for directory in &before.directories {
        if !matches!(root.read(&directory.0)?, PathState::Directory) {
            root.make_directory(&directory.0)?;
        }
    }
    Ok(())
}

fn open_git_dirs(repo: &Repo) -> Result<Vec<FilesRoot>> {
    git_dirs(repo).iter().map(|dir| FilesRoot::open(dir)).collect()
}

/// A lock that the attempt did not leave belongs to a running git.
fn refuse_if_busy(repo: &Repo, after: &RepoState) -> Result<()> {
    let locks: [PathBuf; 2] = [repo.git_dir.join("index.lock"), repo.git_dir.join("HEAD.lock")];
    let dirs = git_dirs(repo);
    for lock in locks {
        let left = dirs.iter().zip(&after.git).any(|(dir, files)| {
            lock.strip_prefix(dir).is_ok_and(|path| {
                use std::os::unix::ffi::OsStrExt;
                files.contains_key(&RawBytes(path.as_os_str().as_bytes().to_vec()))
            })
        });
        if lock.exists() && !left {
            return Err(RepoError::Busy(lock));
        }
    }
    Ok(())
}
