//! Records what voe writes into a work tree before it is written: enough to take back exactly that.
//!
//! Both states of each file are known then, so a write that was killed half way needs no seal: a file is as before, or as
//! voe left it, or was changed by somebody else since.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use voe_protocol::RawBytes;

use super::shape::StoredFile;
use super::{Phase, PointKind, UndoPoint, UndoReport};
use crate::files::{FileChange, FilesRoot, PathState};
use crate::objects::{above, printable};
use crate::{Repo, RepoError, Result};

/// The writes of one or more patches.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Journal {
    files: BTreeMap<RawBytes, JournalEntry>,
    /// The directories above the files, and whether they existed before.
    directories: BTreeMap<RawBytes, bool>,
}

/// One file; `None` stands for no file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct JournalEntry {
    before: Option<StoredFile>,
    /// What voe wrote there, in order: after a kill the file may be in any of these states.
    left: Vec<Option<StoredFile>>,
}

/// The writes that an undo would make.
#[derive(Default)]
struct UndoWrites {
    changes: Vec<FileChange>,
    /// The state of each of them when the plan was made.
    seen: Vec<Option<StoredFile>>,
    /// The files among them that are neither as before nor as voe left them.
    changed_since: Vec<String>,
    /// Paths where neither a file nor a link is in the place of a file, or where one is in the place of a directory.
    in_the_way: BTreeSet<String>,
}

impl Journal {
    /// Records what is about to be written, and saves what it replaces in `saved`.
    fn note(&mut self, root: &FilesRoot, saved: &Path, changes: &[FileChange]) -> Result<()> {
        for (path, state) in changes {
            for directory in above(path) {
                self.directories.entry(RawBytes(directory.to_vec())).or_insert(root.is_directory(directory)?);
            }
            let found = root.read(path)?;
            if matches!(found, PathState::Directory) {
                // An empty directory, which will be replaced.
                self.directories.entry(RawBytes(path.clone())).or_insert(true);
            }
            let now = found.state().map(|state| StoredFile::save(state, saved)).transpose()?;
            let fresh = JournalEntry { before: now.clone(), left: Vec::new() };
            let noted = self.files.entry(RawBytes(path.clone())).or_insert(fresh);
            if now != noted.before && !noted.left.contains(&now) {
                // Changed by the user between two writes: an undo restores that state.
                *noted = JournalEntry { before: now, left: Vec::new() };
            }
            noted.left.push(state.as_ref().map(StoredFile::of));
        }
        Ok(())
    }

    fn plan(&self, repo: &Repo, root: &FilesRoot, saved: &Path) -> Result<UndoWrites> {
        let mut plan = UndoWrites::default();
        let mut found_at = Vec::new();
        for (path, noted) in &self.files {
            let found = root.read(&path.0)?;
            let now = found.state().map(StoredFile::of);
            if now == noted.before {
                continue;
            }
            if !noted.left.contains(&now) {
                plan.changed_since.push(printable(&path.0));
            }
            let before = noted.before.as_ref().map(|kept| kept.load(saved)).transpose()?;
            plan.changes.push((path.0.clone(), before));
            plan.seen.push(now);
            found_at.push(found);
        }
        let removed: BTreeSet<&[u8]> =
            plan.changes.iter().filter(|(_, state)| state.is_none()).map(|(path, _)| &path[..]).collect();
        for ((path, state), found) in plan.changes.iter().zip(found_at) {
            let free = match found {
                PathState::File(..) => true,
                PathState::Directory => repo.emptied(root, path, &|at| removed.contains(at))?,
                PathState::Special => false,
                PathState::Absent => true,
            };
            if !free {
                plan.in_the_way.insert(printable(path));
            }
            for on_the_way in above(path).filter(|path| state.is_some() && !removed.contains(*path)) {
                if matches!(root.read(on_the_way)?, PathState::File(..) | PathState::Special) {
                    plan.in_the_way.insert(printable(on_the_way));
                }
            }
        }
        Ok(plan)
    }

    /// Carries the plan out. Each step can be repeated.
    fn write(&self, root: &FilesRoot, plan: &UndoWrites) -> Result<()> {
        let put = |removing: bool| -> Result<()> {
            let changes = plan.changes.iter().zip(&plan.seen).filter(|((_, state), _)| state.is_none() == removing);
            for ((path, state), seen) in changes {
                if root.read(path)?.state().map(StoredFile::of) != *seen {
                    return Err(RepoError::ChangedSince { paths: vec![printable(path)] });
                }
                root.put(path, state.as_ref())?;
            }
            Ok(())
        };
        put(true)?;
        // The deepest first.
        for (made, _) in self.directories.iter().rev().filter(|(_, there)| !**there) {
            root.remove_empty(&made.0);
        }
        put(false)?;
        for (directory, _) in self.directories.iter().filter(|(_, there)| **there) {
            if matches!(root.read(&directory.0)?, PathState::Absent) {
                root.make_directory(&directory.0)?;
            }
        }
        Ok(())
    }
}

impl UndoPoint {
    /// Makes a point in `dir` (made if it is missing) for an attempt that has changed nothing yet: [`Repo::apply`] will record
    /// there what it writes. Until then an undo has nothing to take back, and does not take back the attempt before.
    ///
    /// # Errors
    /// The point can't be written, or `dir` has one that was already undone, or one of an attempt in the repository itself.
    pub fn begin(repo: &Repo, dir: &Path) -> Result<Self> {
        Self::note(repo, dir, &[])
    }

    /// Records in `dir`, which is made if it is missing, what is about to be written. An existing point of earlier writes is
    /// extended.
    pub(crate) fn note(repo: &Repo, dir: &Path, changes: &[FileChange]) -> Result<Self> {
        let mut journal = match Self::open(dir) {
            Ok(Self {
                point: super::Point { what: PointKind::Written { written }, phase: Phase::Sealed, .. }, ..
            }) => written,
            Ok(_) => {
                let why = "it belongs to another kind of attempt, or was already undone".to_owned();
                return Err(RepoError::UndoBroken { path: dir.to_path_buf(), why });
            }
            Err(_) if !dir.join(super::POINT).exists() => Journal::default(),
            Err(error) => return Err(error),
        };
        let saved = dir.join("files");
        std::fs::create_dir_all(&saved).map_err(RepoError::io("make", &saved))?;
        journal.note(&FilesRoot::open(&repo.top)?, &saved, changes)?;
        Self::make(repo, dir, Phase::Sealed, PointKind::Written { written: journal })
    }

    /// Takes back what was written.
    pub(super) fn take_back(&mut self, repo: &Repo, journal: &Journal, force: bool) -> Result<UndoReport> {
        let root = FilesRoot::open(&repo.top)?;
        let plan = journal.plan(repo, &root, &self.dir.join("files"))?;
        if !plan.in_the_way.is_empty() {
            return Err(RepoError::InTheWay { paths: plan.in_the_way.into_iter().collect() });
        }
        if !plan.changed_since.is_empty() && !force {
            return Err(RepoError::ChangedSince { paths: plan.changed_since });
        }
        let mut report = UndoReport { overwritten: plan.changed_since.clone(), ..UndoReport::default() };
        if !plan.changes.is_empty() {
            let redo = Self::note(repo, &self.dir.join("redo"), &plan.changes)?;
            report.redo = Some(redo.dir);
        }
        journal.write(&root, &plan)?;
        for (path, state) in &plan.changes {
            if state.is_some() { &mut report.restored } else { &mut report.removed }.push(printable(path));
        }
        self.point.phase = Phase::Undone;
        self.save()?;
        Ok(report)
    }
}
