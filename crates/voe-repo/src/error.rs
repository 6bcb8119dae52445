//! What can go wrong, one line each: what happened, to which thing, what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// A repository could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// There is no `git` program.
    #[error("git was not found on PATH; install git 2.25 or newer")]
    GitMissing,
    /// `git` is older than what is needed.
    #[error("git {0} is too old; install git 2.25 or newer")]
    GitTooOld(String),
    /// The directory does not exist or is not one.
    #[error("{0} is not a directory; name one that is inside a git repository")]
    NoDirectory(PathBuf),
    /// The directory is not in a repository.
    #[error(
        "{0} is not in a git repository; run `git init` there, or change to the directory of the project you want fixed"
    )]
    NotARepository(PathBuf),
    /// The repository has no work tree.
    #[error("{0} is a bare repository; voe needs a work tree: make one with `git worktree add` or `git clone`")]
    Bare(PathBuf),
    /// The repository's configuration names another directory as its work tree, and that knows nothing of it.
    #[error(
        "{git_dir}: its configuration (core.worktree) makes {top} the work tree, whose own .git does not lead there; \
         voe works only in a directory whose .git is the repository"
    )]
    ForeignWorkTree {
        /// The repository.
        git_dir: PathBuf,
        /// The directory that it names.
        top: PathBuf,
    },
    /// The user changed a file while a patch was put into the tree.
    #[error(
        "{0} was changed while the patch was being applied, so nothing was applied; apply the saved patch.diff yourself"
    )]
    ChangedMeanwhile(PathBuf),
    /// The directory is git's own.
    #[error("{0} is inside a .git directory; change to the work tree")]
    InsideGitDir(PathBuf),
    /// The repository belongs to another user, and git does not trust it.
    #[error(
        "{0} belongs to another user, so git refuses it (safe.directory); if you trust it: git config --global --add safe.directory {0:?}"
    )]
    NotTrusted(PathBuf),
    /// A run of git failed.
    #[error("git {command} failed: {detail}")]
    Git {
        /// The subcommand.
        command: String,
        /// What git said last.
        detail: String,
    },
    /// A run of git took too long and was ended.
    #[error("git {command} took longer than {seconds} s and was ended; is the file system slow or the disk full?")]
    GitTimeout {
        /// The subcommand.
        command: String,
        /// The limit.
        seconds: u64,
    },
    /// git said something that could not be understood.
    #[error("git {command} answered in a form that is not known: {detail}")]
    GitAnswer {
        /// The subcommand.
        command: String,
        /// What it was.
        detail: String,
    },
    /// A clone lacks a commit.
    #[error("{clone} has no commit {commit}; fetch it first")]
    NoCommit {
        /// The clone.
        clone: PathBuf,
        /// The commit.
        commit: String,
    },
    /// A clone has not all of its history.
    #[error("{0} is a shallow clone, which lacks the history; fetch the rest (git fetch --unshallow)")]
    Shallow(PathBuf),
    /// A checkout no longer stands where it was made.
    #[error("it was at {base:.12} and is now at {at:.12}")]
    MovedOn {
        /// The commit that it was made at.
        base: String,
        /// The commit that it is at.
        at: String,
    },
    /// A place where others can write could not be read or changed.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// "read", "write", "remove" …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What the toolbox exported contradicts itself; nothing was made of it.
    #[error("the export of the workspace contradicts itself at {path}: {why}")]
    Export {
        /// The path, made printable.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Files that undo would write were changed after the attempt. Nothing was written.
    #[error("{} changed since the attempt ended: {}; --force puts back the older state (a copy of the newer one is kept)", if paths.len() == 1 { "this file was" } else { "these files were" }, named(paths))]
    ChangedSince {
        /// The files, relative to the work tree; git's own begin with `.git/`.
        paths: Vec<String>,
    },
    /// The attempt was killed before it noted what it left, so nobody knows what of this is the user's. Nothing was written.
    #[error(
        "the attempt was cut off, so what it changed can't be told from what you changed since it began: {}; --force puts all of it back (a copy of the state now is kept)",
        named(paths)
    )]
    Unsealed {
        /// All that would be written, relative to the work tree; git's own begin with `.git/`.
        paths: Vec<String>,
    },
    /// Something stands where undo would have to put a file or a directory and could not keep what is there. Nothing was
    /// written.
    #[error("in the way of what undo would put back: {}; move {} away and undo again", named(paths), if paths.len() == 1 { "it" } else { "them" })]
    InTheWay {
        /// What it is, relative to the work tree.
        paths: Vec<String>,
    },
    /// There is nothing to undo for this repository.
    #[error("there is no attempt to undo in {0}")]
    NothingToUndo(PathBuf),
    /// This point was undone before.
    #[error("this attempt was undone already; nothing was changed")]
    AlreadyUndone,
    /// The undo point can't be read.
    #[error("the undo point {path} cannot be used: {why}")]
    UndoBroken {
        /// Its directory.
        path: PathBuf,
        /// The reason, in one line.
        why: String,
    },
    /// Another git process holds a lock.
    #[error(
        "another git process is at work in this repository ({0} exists); wait for it, or remove that file if it crashed"
    )]
    Busy(PathBuf),
}

/// The most paths that a message names.
const MOST_NAMED: usize = 20;

fn named(paths: &[String]) -> String {
    match paths.get(..MOST_NAMED).filter(|_| paths.len() > MOST_NAMED + 1) {
        Some(some) => format!("{} and {} more", some.join(", "), paths.len() - some.len()),
        None => paths.join(", "),
    }
}

impl RepoError {
    /// For `map_err`: an error of the system with what was tried on which file.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
