//! Git directories that lie outside the workspace: of worktrees, of submodules, of borrowed objects.

use std::fs;
use std::path::{Path, PathBuf};

/// The git directory to which a workspace's `.git` file leads, with what its worktrees share; `None` for an ordinary one.
pub(crate) fn elsewhere(workspace: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(workspace.join(".git")).ok()?;
    let own = workspace.join(text.strip_prefix("gitdir:")?.trim()).canonicalize().ok()?;
    let common = match fs::read_to_string(own.join("commondir")) {
        Ok(common) => own.join(common.trim()).canonicalize().ok()?,
        Err(_) => own,
    };
    (!common.starts_with(workspace)).then_some(common)
}

/// Where a git directory borrows objects from, all the way.
pub(crate) fn borrowed(git_dir: &Path) -> Vec<PathBuf> {
    let (mut found, mut look): (Vec<PathBuf>, Vec<PathBuf>) = (Vec::new(), vec![git_dir.join("objects")]);
    while let Some(objects) = look.pop() {
        for line in fs::read_to_string(objects.join("info/alternates")).unwrap_or_default().lines() {
            if let Ok(path) = objects.join(line).canonicalize()
                && !found.contains(&path)
            {
                found.push(path.clone());
                look.push(path);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worktree_leads_to_what_it_shares() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let own = root.join("main/.git/worktrees/w");
        fs::create_dir_all(&own).unwrap();
        fs::create_dir_all(root.join("w")).unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        fs::write(root.join("w/.git"), format!("gitdir: {}\n", own.display())).unwrap();
        assert_eq!(elsewhere(&root.join("w")), Some(root.join("main/.git")));
        assert_eq!(elsewhere(&root.join("main")), None);
    }

    #[test]
    fn borrowed_objects_are_followed_and_a_circle_ends() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for name in ["a", "b"] {
            fs::create_dir_all(root.join(name).join("objects/info")).unwrap();
        }
        let (a, b) = (root.join("a/objects"), root.join("b/objects"));
        fs::write(a.join("info/alternates"), format!("{}\n", b.display())).unwrap();
        fs::write(b.join("info/alternates"), format!("{}\n", a.display())).unwrap();
        assert_eq!(borrowed(&root.join("a")), [b, a]);
    }
}
