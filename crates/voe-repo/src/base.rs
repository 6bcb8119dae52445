//! The base: the current work tree, recorded outside the repository.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_protocol::BaseSource;

use crate::snapshot::{self, Since, TreeSnapshot, open_store};
use crate::{Repo, Result};

/// The work tree at one moment: tracked, modified and untracked files (no ignored ones), byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The commit that was checked out; `None` before the first one.
    pub commit: Option<String>,
    /// The git tree of the files. Checked-out submodules are in it with their files.
    pub tree: String,
    /// The git directory that contains the tree; it uses the repository's objects as alternates.
    pub git_dir: PathBuf,
    /// Files of the work tree that could not be recorded, with the reason; one line each.
    #[serde(default)]
    pub skipped: Vec<String>,
}

impl Base {
    /// The base in the form that a toolbox reads.
    pub fn pristine(&self) -> BaseSource {
        BaseSource::Git { git_dir: self.git_dir.clone(), tree: self.tree.clone() }
    }
}

impl Repo {
    /// Records the work tree in `store`, a directory outside the repository. It is made if it is missing and must be kept
    /// while the base is used. The repository's index, objects and references are not changed.
    ///
    /// # Errors
    /// git failed, or the objects can't be written to `store`.
    pub fn base(&self, store: &Path) -> Result<Base> {
        let git_dir = open_store(self, store)?;
        let commit = self.head()?;
        let TreeSnapshot { tree, skipped } = snapshot::take(self, &git_dir, Since::UserIndex)?;
        Ok(Base { commit, tree, git_dir, skipped })
    }

    /// The git tree of the current files, to compare with [`Base::tree`] of the same `store`.
    ///
    /// # Errors
    /// git failed, or the objects can't be written to `store`.
    pub fn tree_now(&self, store: &Path) -> Result<String> {
        let git_dir = open_store(self, store)?;
        Ok(snapshot::take(self, &git_dir, Since::LastSnapshot)?.tree)
    }
}
