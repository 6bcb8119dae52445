//! Putting everything back.

use std::path::{Path, PathBuf};

use crate::{Base, Repo, RepoError, Result};

/// All that is needed to put a repository back to what it was: its files, index, HEAD, branches, stash, configuration.
#[derive(Debug, Clone)]
pub struct UndoPoint {
    dir: PathBuf,
}

/// What an undo did. Paths are relative to the work tree and printable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files whose content or mode was put back, or that were deleted and are there again.
    pub restored: Vec<String>,
    /// Files that the attempt had made and that are gone.
    pub removed: Vec<String>,
    /// What of git's own was put back (`.git/index`, `.git/refs/heads/main` …).
    pub git: Vec<String>,
    /// Files that were changed after the attempt and were overwritten all the same.
    pub overwritten: Vec<String>,
    /// The attempt was killed before it could note what it left, so everything that changed since it began was put back.
    pub unsealed: bool,
    /// Where the state before this undo is kept; [`UndoPoint::open`] and [`UndoPoint::undo`] bring it back.
    pub redo: Option<PathBuf>,
}

impl UndoPoint {
    /// Saves what is needed in `dir`, which is made. To be taken before anything is changed, with a base just made;
    /// `base.git_dir` must be kept as long as the point (put it inside `dir`).
    ///
    /// # Errors
    /// git failed, or the disk.
    pub fn take(repo: &Repo, base: &Base, dir: &Path) -> Result<Self> {
        let _ = (repo, base);
        Err(RepoError::NoDirectory(dir.to_path_buf()))
    }

    /// Notes what the attempt left, at its end, so that later changes of the user can be told from its own.
    ///
    /// # Errors
    /// git failed, or the disk.
    pub fn seal(&mut self, repo: &Repo) -> Result<()> {
        Err(RepoError::NothingToUndo(repo.top().to_path_buf()))
    }

    /// Puts everything back. May be repeated if it was interrupted.
    ///
    /// # Errors
    /// [`RepoError::ChangedSince`] without `force` if the user changed what it would write; [`RepoError::AlreadyUndone`];
    /// git failed, or the disk.
    pub fn undo(&mut self, repo: &Repo, force: bool) -> Result<Report> {
        let _ = force;
        Err(RepoError::NothingToUndo(repo.top().to_path_buf()))
    }

    /// The point in `dir`.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn open(dir: &Path) -> Result<Self> {
        Err(RepoError::NoDirectory(dir.to_path_buf()))
    }

    /// The newest point for this repository among the directories in `state_dir`, undone or not.
    ///
    /// # Errors
    /// `state_dir` can't be read. A point that can't be read is passed over.
    pub fn latest(state_dir: &Path, repo: &Repo) -> Result<Option<Self>> {
        let _ = repo;
        Err(RepoError::NoDirectory(state_dir.to_path_buf()))
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}
