//! Decides which files count: git's ignore rules and the list of by-products.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The verdict of the rules on a path that is not in the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Counts,
    Ignored,
    Byproduct,
}

/// Rules that apply everywhere.
#[derive(Debug)]
pub(crate) struct Rules {
    exclude: Rc<Gitignore>,
    byproducts: Gitignore,
}

/// The ignore files from the workspace's root down to a directory.
#[derive(Debug, Clone)]
pub(crate) struct Chain(Option<Rc<Link>>);

#[derive(Debug)]
struct Link {
    rules: Rc<Gitignore>,
    above: Chain,
}

impl Rules {
    pub(crate) fn new(byproducts: &[String]) -> Self {
        Self { exclude: Rc::new(Gitignore::empty()), byproducts: super::byproducts::rules(byproducts) }
    }

    /// Reads `.git/info/exclude` again.
    pub(crate) fn read_exclude(&mut self, root: &Path) {
        self.exclude = Rc::new(read(&root.join(".git/info/exclude"), Path::new(".")));
    }

    /// The rules at the workspace's root, apart from its own ignore file.
    pub(crate) fn root(&self) -> Chain {
        Chain(Some(Rc::new(Link { rules: self.exclude.clone(), above: Chain(None) })))
    }

    /// The verdict on a path relative to the workspace.
    pub(crate) fn of(&self, chain: &Chain, path: &[u8], directory: bool) -> Rule {
        let path = Path::new(OsStr::from_bytes(path));
        let mut at = chain;
        while let Some(link) = &at.0 {
            // The deepest matching ignore file decides.
            let matched = link.rules.matched(path, directory);
            if matched.is_ignore() {
                return Rule::Ignored;
            }
            if matched.is_whitelist() {
                break;
            }
            at = &link.above;
        }
        if self.byproducts.matched(path, directory).is_ignore() { Rule::Byproduct } else { Rule::Counts }
    }
}

impl Chain {
    /// The chain below a directory with an ignore file of its own.
    pub(crate) fn with(&self, rules: &Rc<Gitignore>) -> Self {
        Self(Some(Rc::new(Link { rules: rules.clone(), above: self.clone() })))
    }
}

/// Reads an ignore file in `directory`, relative to the workspace. A link is not followed, as in git.
pub(crate) fn read(file: &Path, directory: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(directory);
    if fs::symlink_metadata(file).is_ok_and(|meta| meta.is_file() && meta.len() < 1 << 20)
        && let Ok(bytes) = fs::read(file)
    {
        for line in String::from_utf8_lossy(&bytes).lines() {
            let _ = builder.add_line(None, line);
        }
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
