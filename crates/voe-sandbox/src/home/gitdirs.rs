//! Git directories outside the workspace: of worktrees, of submodules, of borrowed objects.
//!
//! A clone can't contain its own `.git`, but an archive can, and then a `.git` file or a list of alternates names any path
//! that its author wants shown. So a path is accepted only if it looks as git makes it: a git directory that names the
//! workspace as its own, or a store of objects.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use voe_untrusted::{FileKind, UntrustedDir};

use super::{credentials, homes};

/// At most this many bytes of git's small files are read.
const MOST_BYTES: u64 = 64 * 1024;
/// The longest chain of stores that borrow from each other; git itself follows five.
const MOST_STORES: usize = 32;

/// A git directory outside the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitDir {
    /// The work tree's own part.
    pub(crate) own: PathBuf,
    /// The part that it shares with others; the same as `own` for a submodule.
    pub(crate) common: PathBuf,
}

/// The git directory to which a workspace's `.git` file leads; `None` for an ordinary one, and for one that does not name
/// this workspace.
pub(crate) fn elsewhere(workspace: &Path) -> Option<GitDir> {
    let workspace = workspace.canonicalize().ok()?;
    let link = read(&UntrustedDir::open(&workspace).ok()?, ".git")?;
    let own = workspace.join(link.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let dir = UntrustedDir::open(&own).ok()?;
    let common = match read(&dir, "commondir") {
        Some(_) => common_of_worktree(&own, &dir, &workspace)?,
        None => (is_git_dir(&dir) && works_on(&own, &dir, &workspace)).then(|| own.clone())?,
    };
    (!common.starts_with(&workspace) && may_be_shown(&common)).then_some(GitDir { own, common })
}

/// The git directory that a worktree shares with others: `git worktree` makes the worktree's own in its `worktrees`, and
/// writes the path of the workspace's `.git` into that.
fn common_of_worktree(own: &Path, dir: &UntrustedDir, workspace: &Path) -> Option<PathBuf> {
    let back = own.join(read(dir, "gitdir")?.trim());
    if back.file_name() != Some(OsStr::new(".git")) || back.parent()?.canonicalize().ok()? != workspace {
        return None;
    }
    let worktrees = own.parent()?;
    let common = worktrees.parent()?;
    let named = own.join(read(dir, "commondir")?.trim()).canonicalize().ok()?;
    let real = worktrees.file_name() == Some(OsStr::new("worktrees")) && named == common;
    (real && is_git_dir(&UntrustedDir::open(common).ok()?)).then(|| common.to_path_buf())
}

/// Whether `core.worktree`, which git writes for a submodule, is the workspace.
fn works_on(own: &Path, dir: &UntrustedDir, workspace: &Path) -> bool {
    let Some(config) = read(dir, "config") else { return false };
    let mut in_core = false;
    let mut named = None;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            in_core = line.eq_ignore_ascii_case("[core]");
        } else if let Some((key, value)) = line.split_once('=')
            && in_core
            && key.trim().eq_ignore_ascii_case("worktree")
        {
            named = Some(value.trim().trim_matches('"').to_owned());
        }
    }
    named.is_some_and(|path| own.join(path).canonicalize().is_ok_and(|path| path == workspace))
}

/// The stores from which a git directory borrows objects, directly or through others.
pub(crate) fn borrowed(git_dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut look): (Vec<PathBuf>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    let mut next = UntrustedDir::open(git_dir).and_then(|dir| dir.dir("objects")).ok();
    while let Some(objects) = next.take() {
        for line in read(&objects, "info/alternates").unwrap_or_default().lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || found.len() >= MOST_STORES {
                continue;
            }
            if let Ok(path) = objects.path().join(line).canonicalize()
                && !found.contains(&path)
                && is_store(&path)
                && may_be_shown(&path)
            {
                found.push(path.clone());
                look.push(path);
            }
        }
        next = look.pop().and_then(|path| UntrustedDir::open(&path).ok());
    }
    found
}

/// Whether git keeps objects in a directory: it is `objects` of a git directory, or a store of its own that contains only
/// what git puts there.
fn is_store(path: &Path) -> bool {
    let of_git_dir = || {
        path.file_name() == Some(OsStr::new("objects"))
            && path.parent().and_then(|dir| UntrustedDir::open(dir).ok()).is_some_and(|dir| is_git_dir(&dir))
    };
    let alone = || {
        let entries = UntrustedDir::open(path).and_then(|dir| dir.entries()).unwrap_or_default();
        let is_part = |name: &[u8]| {
            matches!(name, b"pack" | b"info") || (name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit))
        };
        !entries.is_empty()
            && entries.iter().all(|entry| entry.kind == FileKind::Dir && is_part(entry.name.as_encoded_bytes()))
    };
    of_git_dir() || alone()
}

fn is_git_dir(dir: &UntrustedDir) -> bool {
    let is = |name: &str, kind: FileKind| dir.kind(name).is_ok_and(|found| found == Some(kind));
    is("HEAD", FileKind::File) && is("objects", FileKind::Dir) && is("refs", FileKind::Dir)
}

/// Not a home, a directory that contains homes, or one of credentials.
fn may_be_shown(path: &Path) -> bool {
    let homes = homes::all(homes::own().as_deref());
    let secrets: BTreeSet<PathBuf> = credentials::in_homes(&homes);
    !homes::is_or_has_home(path, &homes)
        && !secrets.iter().any(|secret| path.starts_with(secret) || secret.starts_with(path))
}

fn read(dir: &UntrustedDir, path: &str) -> Option<String> {
    dir.read_text(path, MOST_BYTES).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn git_dir(path: &Path) -> PathBuf {
        for name in ["objects/info", "objects/pack", "refs"] {
            fs::create_dir_all(path.join(name)).unwrap();
        }
        fs::write(path.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        path.to_path_buf()
    }

    /// A directory with a worktree `w` of the repository `main`.
    fn worktree() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let own = git_dir(&root.join("main/.git")).join("worktrees/w");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(root.join("w")).unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(own.join("gitdir"), format!("{}\n", root.join("w/.git").display())).unwrap();
        fs::write(root.join("w/.git"), format!("gitdir: {}\n", own.display())).unwrap();
        (dir, root)
    }

    #[test]
    fn a_worktree_leads_to_what_it_shares() {
        let (_dir, root) = worktree();
        let own = root.join("main/.git/worktrees/w");
        assert_eq!(elsewhere(&root.join("w")), Some(GitDir { own, common: root.join("main/.git") }));
        assert_eq!(elsewhere(&root.join("main")), None);
    }

    #[test]
    fn a_submodule_leads_to_its_part_of_the_repository() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let own = git_dir(&root.join("main/.git/modules/s"));
        let work = root.join("main/s");
        fs::create_dir_all(&work).unwrap();
        fs::write(own.join("config"), "[core]\n\tbare = false\n\tworktree = ../../../s\n").unwrap();
        fs::write(work.join(".git"), "gitdir: ../.git/modules/s\n").unwrap();
        assert_eq!(elsewhere(&work), Some(GitDir { common: own.clone(), own }));
    }

    #[test]
    fn a_git_file_is_ignored_if_its_directory_does_not_name_the_workspace() {
        let (_dir, root) = worktree();
        let other = root.join("unpacked");
        fs::create_dir_all(&other).unwrap();
        fs::create_dir_all(root.join("config")).unwrap();
        fs::write(root.join("config/commondir"), ".\n").unwrap();
        for target in ["config", "main/.git", "main/.git/worktrees/w"] {
            fs::write(other.join(".git"), format!("gitdir: {}\n", root.join(target).display())).unwrap();
            assert_eq!(elsewhere(&other), None, "{target}");
        }
        // A directory of the archive's own that names the workspace cannot choose what it shares.
        let own = root.join("x/worktrees/w");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("gitdir"), format!("{}\n", other.join(".git").display())).unwrap();
        fs::write(own.join("commondir"), format!("{}\n", root.join("main/.git").display())).unwrap();
        fs::write(other.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        assert_eq!(elsewhere(&other), None);
    }

    #[test]
    fn a_git_directory_behind_a_link_is_not_followed() {
        let (_dir, root) = worktree();
        let other = root.join("unpacked");
        fs::create_dir_all(&other).unwrap();
        std::os::unix::fs::symlink(root.join("main/.git"), other.join(".git")).unwrap();
        fs::write(root.join("main/.git/objects/info/alternates"), format!("{}\n", root.join("main").display()))
            .unwrap();
        assert_eq!(elsewhere(&other), None);
        assert!(borrowed(&other.join(".git")).is_empty());
    }

    #[test]
    fn borrowed_objects_are_followed_and_a_cycle_ends() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let (a, b) = (git_dir(&root.join("a")).join("objects"), git_dir(&root.join("b")).join("objects"));
        fs::write(a.join("info/alternates"), format!("{}\n", b.display())).unwrap();
        fs::write(b.join("info/alternates"), format!("{}\n", a.display())).unwrap();
        assert_eq!(borrowed(&root.join("a")), [b, a]);
    }

    #[test]
    fn alternates_that_are_not_stores_of_objects_are_not_borrowed_from() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let a = git_dir(&root.join("a")).join("objects");
        fs::create_dir_all(root.join("secrets")).unwrap();
        fs::write(root.join("secrets/key"), "x").unwrap();
        fs::create_dir_all(root.join("fake/objects")).unwrap();
        fs::create_dir_all(root.join("store/pack")).unwrap();
        let lines = ["/", "/etc", "../../secrets", "../../fake/objects", "../../store", "../../a"];
        fs::write(a.join("info/alternates"), lines.join("\n")).unwrap();
        assert_eq!(borrowed(&root.join("a")), [root.join("store")]);
    }
}
