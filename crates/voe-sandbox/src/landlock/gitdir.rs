//! The git directory of the copy: one that stands for itself, whatever the user's is. Read once, before anything ran.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use voe_untrusted::{Kind, UntrustedDir};

use super::tree::{Copier, Source};
use crate::error::SandboxError;

/// More than any file that leads from one git directory to another takes.
const MOST_BYTES: u64 = 64 << 10;

/// What belongs to the main work tree and not to one that shares its git directory.
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

/// What leads from a work tree's own part to what it shares.
const OF_THE_LINK: &[&str] = &["commondir", "gitdir", "locked", "modules"];

/// The user's git directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum GitDir {
    /// `.git` is a directory, is absent, or leads to something that does not know this workspace: it is copied as it stands.
    Inside,
    /// `.git` is a file: a work tree or a submodule.
    Elsewhere {
        /// What is this work tree's own.
        own: PathBuf,
        /// What it shares with others; the same as `own` for a submodule.
        common: PathBuf,
    },
}

/// What a workspace has of git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Git {
    pub(super) dir: GitDir,
    /// Object directories of other repositories from which it borrows.
    pub(super) borrowed: Vec<PathBuf>,
}

impl Git {
    /// Looks at the user's workspace.
    pub(super) fn of(workspace: &Path) -> Self {
        let dir = elsewhere(workspace).unwrap_or(GitDir::Inside);
        let common = match &dir {
            GitDir::Inside => workspace.join(".git"),
            GitDir::Elsewhere { common, .. } => common.clone(),
        };
        Self { dir, borrowed: borrowed(&common) }
    }

    /// Makes the copy's `.git` stand for itself. `tree`: the copy, which has `.git` as the user's tree has it.
    pub(super) fn settle(&self, tree: &Path) -> Result<(), SandboxError> {
        let git = tree.join(".git");
        let failed = |error: voe_untrusted::Error| SandboxError::Failed(error.to_string());
        if let GitDir::Elsewhere { own, common } = &self.dir {
            let top = UntrustedDir::open(tree).map_err(failed)?;
            top.remove(".git").map_err(failed)?;
            top.make_dir(".git").map_err(failed)?;
            Copier::new(Source::User, OF_THE_LINK).contents(own, &git)?;
            if own != common {
                Copier::new(Source::User, OF_THE_MAIN_TREE).contents(common, &git)?;
            }
            for name in ["config", "config.worktree"] {
                append(&git, name, "\n[core]\n\tbare = false\n\tworktree = ..\n")?;
            }
        }
        if !self.borrowed.is_empty() {
            // As absolute paths: what is relative led to somewhere else from here.
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

/// Adds to a configuration file that is there.
fn append(git: &Path, name: &str, text: &str) -> Result<(), SandboxError> {
    let path = git.join(name);
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(&path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd).write_all(text.as_bytes()).map_err(SandboxError::io("write", path)),
        Err(rustix::io::Errno::NOENT) => Ok(()),
        Err(errno) => Err(SandboxError::io("write", path)(errno.into())),
    }
}

/// Where a `.git` file leads. Only to a git directory that names this workspace in turn: otherwise a file in a downloaded
/// tree could have any repository of the user's copied, and read.
fn elsewhere(workspace: &Path) -> Option<GitDir> {
    let own = PathBuf::from(line_of(workspace, ".git")?.strip_prefix("gitdir:")?.trim());
    let own = workspace.join(own).canonicalize().ok()?;
    if let Some(common) = line_of(&own, "commondir") {
        let common = own.join(common).canonicalize().ok()?;
        let back = own.join(line_of(&own, "gitdir")?).canonicalize().ok()?;
        let mutual = back == workspace.join(".git") && own.starts_with(common.join("worktrees"));
        return (mutual && is_git(&common)).then_some(GitDir::Elsewhere { own, common });
    }
    let config = UntrustedDir::open(&own).ok()?.read_text("config", MOST_BYTES).ok()??;
    let back = config.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "worktree").then(|| own.join(value.trim()))
    })?;
    let mutual = back.canonicalize().ok()? == workspace;
    (mutual && is_git(&own)).then(|| GitDir::Elsewhere { common: own.clone(), own })
}

/// Where a git directory borrows objects from, all the way. Only from what is an object directory of a repository.
fn borrowed(git_dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut look = vec![git_dir.join("objects")];
    while let Some(objects) = look.pop() {
        let text =
            UntrustedDir::open(&objects).ok().and_then(|dir| dir.read_text("info/alternates", MOST_BYTES).ok()?);
        for line in text.unwrap_or_default().lines() {
            let Ok(path) = objects.join(line).canonicalize() else { continue };
            let of_a_repository =
                path.file_name().is_some_and(|name| name == "objects") && path.parent().is_some_and(is_git);
            if of_a_repository && !found.contains(&path) {
                found.push(path.clone());
                look.push(path);
            }
        }
    }
    found
}

fn is_git(path: &Path) -> bool {
    let Ok(dir) = UntrustedDir::open(path) else { return false };
    let is = |name: &str, kind: Kind| dir.kind(name).ok().flatten() == Some(kind);
    is("HEAD", Kind::File) && is("objects", Kind::Dir) && is("refs", Kind::Dir)
}

/// The only line of a small file.
fn line_of(dir: &Path, name: &str) -> Option<String> {
    let text = UntrustedDir::open(dir).ok()?.read_text(name, MOST_BYTES).ok()??;
    Some(text.trim_end_matches('\n').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn repository(dir: &Path) {
        for name in ["objects/info", "refs"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
        fs::write(dir.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(dir.join("config"), "[core]\n").unwrap();
    }

    #[test]
    fn a_git_file_that_leads_to_a_repository_which_does_not_know_the_workspace_is_left_as_it_stands() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (private, work) = (root.join("private/.git"), root.join("work"));
        repository(&private);
        fs::create_dir(&work).unwrap();
        fs::write(work.join(".git"), format!("gitdir: {}\n", private.display())).unwrap();
        assert_eq!(Git::of(&work).dir, GitDir::Inside);
        fs::write(private.join("config"), format!("[core]\n\tworktree = {}\n", work.display())).unwrap();
        assert_eq!(Git::of(&work).dir, GitDir::Elsewhere { own: private.clone(), common: private });
    }

    #[test]
    fn alternates_that_name_a_home_or_a_link_to_one_open_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (home, other, work) = (root.join("home"), root.join("other"), root.join("work"));
        fs::create_dir_all(home.join("objects")).unwrap();
        repository(&other);
        repository(&work.join(".git"));
        std::os::unix::fs::symlink(&home, root.join("objects")).unwrap();
        let lines = [home.clone(), root.join("objects"), home.join("objects"), other.join("objects")];
        let text: String = lines.iter().map(|path| format!("{}\n", path.display())).collect();
        fs::write(work.join(".git/objects/info/alternates"), text).unwrap();
        assert_eq!(Git::of(&work).borrowed, [other.join("objects")]);
    }
}
