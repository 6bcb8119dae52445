//! The git directory of the copy: independent of the user's, whatever form that has. Read once, before anything runs.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use voe_untrusted::UntrustedDir;

use super::tree::{Copier, TreeOwner};
use crate::error::SandboxError;
use crate::home::gitdirs::{self, GitDir};

/// Files of the main work tree, not of one that shares its git directory.
const OF_THE_MAIN_TREE: &[&str] = &[
    "worktrees",
    "modules",
    "HEAD",
    "ORIG_HEAD",
    "FETCH_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_LOG",
    "index",
    "config.worktree",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];

/// Files that lead from a work tree's own part to what it shares.
const OF_THE_LINK: &[&str] = &["commondir", "gitdir", "locked", "modules"];

/// The git directories of a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitDirs {
    /// Where `.git` leads, if it is a file: a work tree or a submodule. Otherwise it is copied as it is.
    pub(super) dir: Option<GitDir>,
    /// Object directories of other repositories from which it borrows.
    pub(super) borrowed: Vec<PathBuf>,
}

impl GitDirs {
    /// Reads the user's workspace.
    pub(super) fn of(workspace: &Path) -> Self {
        let dir = gitdirs::elsewhere(workspace);
        let common = dir.as_ref().map_or_else(|| workspace.join(".git"), |dir| dir.common.clone());
        Self { dir, borrowed: gitdirs::borrowed(&common) }
    }

    /// Makes the copy's `.git` independent. `tree`: the copy, whose `.git` is that of the user's tree.
    pub(super) fn settle(&self, tree: &Path) -> Result<(), SandboxError> {
        let git = tree.join(".git");
        let failed = |error: voe_untrusted::Error| SandboxError::Failed(error.to_string());
        if let Some(GitDir { own, common }) = &self.dir {
            let top = UntrustedDir::open(tree).map_err(failed)?;
            top.remove(".git").map_err(failed)?;
            top.make_dir(".git").map_err(failed)?;
            Copier::new(TreeOwner::User, OF_THE_LINK).contents(own, &git)?;
            if own != common {
                Copier::new(TreeOwner::User, OF_THE_MAIN_TREE).contents(common, &git)?;
            }
            for name in ["config", "config.worktree"] {
                append(&git, name, "\n[core]\n\tbare = false\n\tworktree = ..\n")?;
            }
        }
        if !self.borrowed.is_empty() {
            // As absolute paths: relative ones would lead elsewhere from here.
            let info = git.join("objects/info");
            let dir = UntrustedDir::open(&info).map_err(failed)?;
            dir.remove("alternates").map_err(failed)?;
            let mut file = dir.create_file("alternates").map_err(failed)?;
            let text: String = self.borrowed.iter().map(|path| format!("{}\n", path.display())).collect();
            file.write_all(text.as_bytes()).map_err(SandboxError::io("write", info))?;
        }
        Ok(())
    }
}

/// Appends to a configuration file if it exists.
fn append(git: &Path, name: &str, text: &str) -> Result<(), SandboxError> {
    let path = git.join(name);
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd).write_all(text.as_bytes()).map_err(SandboxError::io("write", path)),
        Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(errno) => Err(SandboxError::io("write", path)(errno.into())),
    }
}
