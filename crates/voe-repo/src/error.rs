//! Errors of this crate, one line each: what happened, to which thing, what to do next.

use std::io;
use std::path::{Path, PathBuf};

/// A repository could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// `git` is not installed.
    #[error("git was not found on PATH; install git 2.25 or newer")]
    GitMissing,
    /// `git` is too old.
    #[error("git {0} is too old; install git 2.25 or newer")]
    GitTooOld(String),
    /// The directory does not exist, or is not a directory.
    #[error("{0} is not a directory; name one that is inside a git repository")]
    NoDirectory(PathBuf),
    /// The directory is not in a repository.
    #[error("{0} is not in a git repository; run `git init` there, or change to the directory of your project")]
    NotARepository(PathBuf),
    /// The repository has no work tree.
    #[error("{0} is a bare repository; voe needs a work tree: make one with `git worktree add` or `git clone`")]
    Bare(PathBuf),
    /// The repository's configuration names another directory as its work tree, and that directory does not belong to it.
    #[error(
        "{git_dir}: its configuration (core.worktree) makes {top} the work tree, whose own .git does not point back to it; \
         voe works only in a directory whose .git is the repository"
    )]
    ForeignWorkTree {
        /// The repository.
        git_dir: PathBuf,
        /// The directory that it names.
        top: PathBuf,
    },
    /// The user changed a file while a patch was being applied.
    #[error(
        "{0} was changed while the patch was being applied, so nothing was applied; apply the saved patch.diff yourself"
    )]
    ChangedMeanwhile(PathBuf),
    /// The directory is inside a git directory.
    #[error("{0} is inside a .git directory; change to the work tree")]
    InsideGitDir(PathBuf),
    /// The repository belongs to another user, and git does not trust it.
    #[error(
        "{0} belongs to another user, so git refuses it (safe.directory); if you trust it: git config --global --add safe.directory {0:?}"
    )]
    NotTrusted(PathBuf),
    /// A name is not that of a commit.
    #[error("{revision} is not a commit of this repository{}", fetch_hint(*shallow, revision))]
    NoRevision {
        /// The name, as given.
        revision: String,
        /// The clone is shallow, so that the commit may only be missing.
        shallow: bool,
    },
    /// Two revisions have no common ancestor here.
    #[error("{range}: the two have no common ancestor here{}", fetch_hint(*shallow, "the base branch"))]
    NoMergeBase {
        /// The range, as given.
        range: String,
        /// The clone is shallow.
        shallow: bool,
    },
    /// A submodule has changes of its own.
    #[error("the submodule {0} has changes of its own; commit or stash them, or prove the change inside the submodule")]
    DirtySubmodule(String),
    /// A patch does not apply.
    #[error("the patch does not apply ({detail}); name the revision that it was made for with --base")]
    PatchDoesNotApply {
        /// The first reason that git gives.
        detail: String,
    },
    /// git failed.
    #[error("git {command} failed: {detail}")]
    Git {
        /// The subcommand.
        command: String,
        /// The last error line that git printed.
        detail: String,
    },
    /// git took too long and was stopped.
    #[error("git {command} took longer than {seconds} s and was stopped; check for a slow file system or a full disk")]
    GitTimeout {
        /// The subcommand.
        command: String,
        /// The time limit in seconds.
        seconds: u64,
    },
    /// git printed something unexpected.
    #[error("git {command} printed unexpected output: {detail}")]
    GitAnswer {
        /// The subcommand.
        command: String,
        /// The unexpected output.
        detail: String,
    },
    /// A clone lacks a commit.
    #[error("{clone} has no commit {commit}; fetch it first")]
    NoCommit {
        /// The path of the clone.
        clone: PathBuf,
        /// The commit id.
        commit: String,
    },
    /// A clone is shallow.
    #[error("{0} is a shallow clone, which lacks the history; fetch the rest (git fetch --unshallow)")]
    Shallow(PathBuf),
    /// A checkout is at another commit than it was made at.
    #[error("the checkout was made at {base:.12} and is now at {at:.12}")]
    MovedOn {
        /// The commit that it was made at.
        base: String,
        /// The commit that it is at.
        at: String,
    },
    /// A file in a place where others can write could not be read or changed.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// A file could not be read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// "read", "write", "remove" …
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The toolbox's export is inconsistent; nothing was made from it.
    #[error("the export of the workspace is inconsistent at {path}: {why}")]
    Export {
        /// The path, made printable.
        path: String,
        /// The inconsistency.
        why: &'static str,
    },
    /// Files that undo would write were changed after the attempt. Nothing was written.
    #[error("{} changed since the attempt ended: {}; --force restores the older state (a copy of the newer one is kept)", if paths.len() == 1 { "this file was" } else { "these files were" }, named(paths))]
    ChangedSince {
        /// The files, relative to the work tree; git's own begin with `.git/`.
        paths: Vec<String>,
    },
    /// The attempt was killed before it recorded its final state, so the user's changes can't be distinguished from its own. Nothing
    /// was written.
    #[error(
        "the attempt was interrupted, so its changes can't be distinguished from yours since it began: {}; --force restores all of it (a copy of the current state is kept)",
        named(paths)
    )]
    Unsealed {
        /// All paths that would be written, relative to the work tree; git's own begin with `.git/`.
        paths: Vec<String>,
    },
    /// Something that undo could not keep is at a path where it would write. Nothing was written.
    #[error("undo can't write over {}; move {} away and run undo again", named(paths), if paths.len() == 1 { "it" } else { "them" })]
    InTheWay {
        /// The paths, relative to the work tree.
        paths: Vec<String>,
    },
    /// There is nothing to undo for this repository.
    #[error("there is no attempt to undo in {0}; run `voe undo` in the repository that `voe fix` changed")]
    NothingToUndo(PathBuf),
    /// The attempt was already undone.
    #[error("this attempt was already undone; nothing was changed")]
    AlreadyUndone,
    /// The undo point can't be read.
    #[error("the undo point {path} cannot be used: {why}")]
    UndoBroken {
        /// Its directory.
        path: PathBuf,
        /// The reason, in one line.
        why: String,
    },
    /// Another git process has locked the repository.
    #[error(
        "another git process is running in this repository ({0} exists); wait for it, or delete that file if it crashed"
    )]
    Busy(PathBuf),
}

/// The most paths that a message lists.
const MOST_NAMED: usize = 20;

fn named(paths: &[String]) -> String {
    match paths.get(..MOST_NAMED).filter(|_| paths.len() > MOST_NAMED + 1) {
        Some(some) => format!("{} and {} more", some.join(", "), paths.len() - some.len()),
        None => paths.join(", "),
    }
}

/// What to do about a missing commit.
fn fetch_hint(shallow: bool, what: &str) -> String {
    if shallow {
        format!(
            "; this clone is shallow: fetch {what} with its history (git fetch --unshallow, or fetch-depth: 0 in CI)"
        )
    } else {
        "; `git log --all` lists what there is".to_owned()
    }
}

impl RepoError {
    /// For `map_err`: adds to a system error what was attempted on which file.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io { action, path, source }
    }
}
