//! The base: the work tree as it stands, recorded outside the repository.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_protocol::BaseSource;

use crate::snapshot::{self, Since, Snapshot, open_store};
use crate::{Repo, Result};

/// The work tree at a moment: tracked, modified and untracked files (ignored ones are not in it), byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The commit that was checked out; `None` before the first one.
    pub commit: Option<String>,
    /// The git tree of the files. Submodules that are there stand in it with their files.
    pub tree: String,
    /// The git directory that holds the tree; its objects have the repository's for alternates.
    pub git_dir: PathBuf,
    /// What is in the work tree but could not be recorded and why, one line each.
    #[serde(default)]
    pub skipped: Vec<String>,
}

impl Base {
    /// Where a toolbox can read it.
    pub fn pristine(&self) -> BaseSource {
        BaseSource::Git { git_dir: self.git_dir.clone(), tree: self.tree.clone() }
    }
}

impl Repo {
    /// Records the work tree in `store`, a directory outside the repository that is made if it is missing and must be
    /// kept as long as the base is used. The repository's index, objects and references stay as they are.
    ///
    /// # Errors
    /// git failed, or the objects can't be written to `store`.
    pub fn base(&self, store: &Path) -> Result<Base> {
        let git_dir = open_store(self, store)?;
        let commit = self.head()?;
        let Snapshot { tree, skipped } = snapshot::take(self, &git_dir, Since::UserIndex)?;
        Ok(Base { commit, tree, git_dir, skipped })
    }

    /// The git tree of the files as they stand now, to compare with [`Base::tree`] of the same `store`.
    ///
    /// # Errors
    /// git failed, or the objects can't be written to `store`.
    pub fn tree_now(&self, store: &Path) -> Result<String> {
        let git_dir = open_store(self, store)?;
        Ok(snapshot::take(self, &git_dir, Since::LastSnapshot)?.tree)
    }
}
