//! What git believes without asking: configuration, hooks, refs. Commands can write to it where nothing is mounted over it, so
//! it is put back when the sandbox is closed, or by the next start's sweep.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::SandboxError;
use crate::local::copy;

/// A copy of a git directory without its objects.
#[derive(Debug)]
pub(crate) struct Guard {
    git_dir: PathBuf,
    saved: PathBuf,
}

/// What is kept. Objects are left out: what commands add there is named by nothing.
const GUARDED: [&str; 9] =
    ["HEAD", "config", "config.worktree", "packed-refs", "index", "hooks", "info", "refs", "logs"];

/// Names the git directory in the copy, for the sweep.
const OF: &str = "git-dir-of";

/// More than any of it ever takes.
const MOST_BYTES: u64 = 1 << 30;

impl Guard {
    /// Copies what is in `git_dir` to `saved`; `None` if there is no git directory.
    pub(crate) fn copy(git_dir: PathBuf, saved: PathBuf) -> Result<Option<Self>, SandboxError> {
        if !git_dir.is_dir() {
            return Ok(None);
        }
        let io = |error| SandboxError::io("copy", &git_dir)(error);
        fs::create_dir_all(&saved).map_err(io)?;
        for name in GUARDED {
            let (from, to) = (git_dir.join(name), saved.join(name));
            if from.is_dir() {
                fs::create_dir(&to).map_err(io)?;
                copy::contents(&from, &to, MOST_BYTES).map_err(io)?;
            } else if from.is_file() {
                fs::copy(&from, &to).map_err(io)?;
            }
        }
        // Last: a copy without it is not complete and is not put back.
        fs::write(saved.join(OF), git_dir.as_os_str().as_encoded_bytes()).map_err(io)?;
        Ok(Some(Self { git_dir, saved }))
    }

    /// Puts back whatever differs.
    pub(crate) fn put_back(&self) {
        for name in GUARDED {
            let (now, then) = (self.git_dir.join(name), self.saved.join(name));
            if contents(&now) == contents(&then) {
                continue;
            }
            if now.is_dir() && !now.is_symlink() {
                let _ = fs::remove_dir_all(&now);
            } else {
                let _ = fs::remove_file(&now);
            }
            if then.is_dir() {
                let _ = fs::create_dir_all(&now);
                let _ = copy::contents(&then, &now, MOST_BYTES);
            } else if then.is_file() {
                let _ = fs::create_dir_all(&self.git_dir);
                let _ = fs::copy(&then, &now);
            }
        }
    }

    /// Puts back into `git_dir`, which the index names, what a dead owner saved at `saved`, if the copy is complete and was
    /// made of it.
    pub(crate) fn put_back_saved(saved: &Path, git_dir: &Path) {
        if fs::read(saved.join(OF)).is_ok_and(|of| of == git_dir.as_os_str().as_encoded_bytes()) {
            Self { git_dir: git_dir.to_path_buf(), saved: saved.to_path_buf() }.put_back();
        }
    }
}

/// All files below a path, with contents; links are what they lead to.
fn contents(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![path.to_path_buf()]);
    while let Some(next) = open.pop() {
        let relative = next.strip_prefix(path).unwrap_or(&next).to_path_buf();
        match next.symlink_metadata() {
            Ok(meta) if meta.is_dir() => {
                found.insert(relative, Vec::new());
                open.extend(fs::read_dir(&next).into_iter().flatten().flatten().map(|entry| entry.path()));
            }
            Ok(meta) if meta.is_symlink() => {
                let target = fs::read_link(&next).unwrap_or_default();
                found.insert(relative, format!("-> {}", target.display()).into_bytes());
            }
            Ok(_) => drop(found.insert(relative, fs::read(&next).unwrap_or_default())),
            Err(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_configuration_and_refs_come_back_and_objects_stay() {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join("git");
        fs::create_dir_all(git.join("hooks")).unwrap();
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::create_dir_all(git.join("objects")).unwrap();
        for (name, text) in [("config", "[core]"), ("HEAD", "ref"), ("refs/heads/main", "1")] {
            fs::write(git.join(name), text).unwrap();
        }
        let guard = Guard::copy(git.clone(), dir.path().join("saved")).unwrap().unwrap();
        fs::write(git.join("hooks/pre-commit"), "evil").unwrap();
        fs::write(git.join("config"), "evil").unwrap();
        fs::remove_dir_all(git.join("refs")).unwrap();
        std::os::unix::fs::symlink("/etc", git.join("refs")).unwrap();
        fs::write(git.join("objects/o"), "o").unwrap();
        guard.put_back();
        assert_eq!(fs::read_to_string(git.join("config")).unwrap(), "[core]");
        assert_eq!(fs::read_to_string(git.join("refs/heads/main")).unwrap(), "1");
        assert!(!git.join("hooks/pre-commit").exists() && git.join("objects/o").exists());
        assert!(!git.join("refs").is_symlink());
    }
}
