//! The user's repository, found from a directory in it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::git::{GitCommand, failure};
use crate::{RepoError, Result};

/// The oldest git version that has the options used here.
const OLDEST_GIT: (u32, u32) = (2, 25);

/// The user's repository: one work tree and its git directory.
#[derive(Debug, Clone)]
pub struct Repo {
    pub(crate) top: PathBuf,
    pub(crate) git_dir: PathBuf,
    pub(crate) common_dir: PathBuf,
    pub(crate) settings: GitSettings,
}

/// The configuration that matters for reading the work tree, as of when the repository was found.
#[derive(Debug, Clone)]
pub(crate) struct GitSettings {
    /// `sha1` or `sha256`.
    pub(crate) object_format: String,
    /// Whether line endings may be converted.
    pub(crate) converts_line_ends: bool,
    /// Whether there is an attributes file for all repositories.
    pub(crate) attributes_file: bool,
    /// The excludes file for all repositories, if any.
    pub(crate) excludes_file: Option<PathBuf>,
}

impl GitSettings {
    fn read(git: &GitCommand) -> Result<Self> {
        let mut settings = Self {
            object_format: "sha1".to_owned(),
            converts_line_ends: false,
            attributes_file: Path::new("/etc/gitattributes").exists()
                || user_file("attributes").is_some_and(|file| file.exists()),
            excludes_file: user_file("ignore"),
        };
        let names = r"^(core\.(autocrlf|attributesfile|excludesfile)|extensions\.objectformat)$";
        let output = git.output(&["config", "-z", "--type=path", "--get-regexp", names], &[])?;
        for record in output.stdout.split(|byte| *byte == 0) {
            let mut parts = record.splitn(2, |byte| *byte == b'\n');
            let (Some(name), value) = (parts.next(), parts.next()) else { continue };
            let word = String::from_utf8_lossy(value.unwrap_or(b"true")).to_lowercase();
            match name {
                b"core.autocrlf" => {
                    settings.converts_line_ends = !matches!(word.as_str(), "false" | "no" | "off" | "0" | "");
                }
                b"core.attributesfile" => settings.attributes_file = true,
                b"core.excludesfile" => {
                    settings.excludes_file = value.map(|path| PathBuf::from(OsString::from_vec(path.to_vec())));
                }
                b"extensions.objectformat" if word == "sha256" => settings.object_format = word,
                _ => {}
            }
        }
        Ok(settings)
    }
}

/// A file of the user's own git configuration.
fn user_file(name: &str) -> Option<PathBuf> {
    let set = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("git").join(name))
}

impl Repo {
    /// The repository with the work tree that contains `start`. Linked work trees and submodules are repositories of their own.
    ///
    /// # Errors
    /// git is missing or older than 2.25; `start` is not in a repository, or in a bare one, or in one that git does not trust.
    pub fn discover(start: &Path) -> Result<Self> {
        if !start.is_dir() {
            return Err(RepoError::NoDirectory(start.to_path_buf()));
        }
        let start = start.canonicalize().map_err(RepoError::io("read", start))?;
        let git = GitCommand::around(&start);
        check_version(&git)?;
        let output = git.output(&["rev-parse", "--is-bare-repository", "--is-inside-work-tree"], &[])?;
        if output.code != Some(0) {
            let said = &output.stderr;
            return Err(if said.contains("dubious ownership") || said.contains("unsafe repository") {
                RepoError::NotTrusted(start)
            } else if said.contains("not a git repository") {
                RepoError::NotARepository(start)
            } else {
                failure("rev-parse", &output)
            });
        }
        match String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>()[..] {
            [_, "true"] => {}
            ["true", _] => return Err(RepoError::Bare(start)),
            _ => return Err(RepoError::InsideGitDir(start)),
        }
        // One value for each run: a path may contain newlines.
        let top = path_answer(&git, &["rev-parse", "--show-toplevel"])?;
        let git_dir = path_answer(&git, &["rev-parse", "--absolute-git-dir"])?;
        let common_dir = start.join(path_answer(&git, &["rev-parse", "--git-common-dir"])?);
        let common_dir = common_dir.canonicalize().map_err(RepoError::io("read", &common_dir))?;
        if !leads_to(&top, &git_dir)? || !start.starts_with(&top) {
            return Err(RepoError::ForeignWorkTree { git_dir, top });
        }
        let settings = GitSettings::read(&git)?;
        Ok(Self { top, git_dir, common_dir, settings })
    }

    /// The top directory of the work tree, absolute.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The git directory of the work tree, absolute: `.git`, or one below `worktrees` or `modules` of another.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The git directory with objects and branches, absolute; differs from [`Repo::git_dir`] in a linked work tree.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The commit that is checked out; `None` before the first one.
    ///
    /// # Errors
    /// git failed; that there is no commit is not an error.
    pub fn head(&self) -> Result<Option<String>> {
        let output = self.git().output(&["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], &[])?;
        let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.code == Some(0)).then_some(id))
    }

    /// The branch that is checked out, also before its first commit; `None` on a detached HEAD.
    ///
    /// # Errors
    /// git failed; a detached HEAD is not an error.
    pub fn branch(&self) -> Result<Option<String>> {
        let output = self.git().output(&["symbolic-ref", "--quiet", "--short", "HEAD"], &[])?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.code == Some(0)).then_some(name))
    }

    /// git in this repository, with its configuration.
    pub(crate) fn git(&self) -> GitCommand {
        GitCommand::around(&self.top)
    }
}

/// Whether the `.git` of a work tree is this git directory. A repository's own `core.worktree` may name any other directory
/// as its work tree, and a clone may have a bare repository with that setting among its files.
fn leads_to(top: &Path, git_dir: &Path) -> Result<bool> {
    let dot_git = top.join(".git");
    if !dot_git.try_exists().map_err(RepoError::io("read", &dot_git))? {
        return Ok(false);
    }
    Ok(git_dir == dot_git || path_answer(&GitCommand::around(top), &["rev-parse", "--absolute-git-dir"])? == git_dir)
}

fn check_version(git: &GitCommand) -> Result<()> {
    let said = git.line(&["--version"])?;
    let version = said.trim_start_matches("git version ").split(' ').next().unwrap_or_default().to_owned();
    let mut numbers = version.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST_GIT => Err(RepoError::GitTooOld(version)),
        // An unknown version format is more likely newer than older.
        _ => Ok(()),
    }
}

/// Output that is a path: only the last newline is not part of it.
fn path_answer(git: &GitCommand, args: &[&str]) -> Result<PathBuf> {
    let mut out = git.run(args)?;
    if out.last() == Some(&b'\n') {
        out.pop();
    }
    Ok(PathBuf::from(OsString::from_vec(out)))
}
