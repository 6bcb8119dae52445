//! The patch: what an attempt changed, as `git apply` takes it.

use std::path::PathBuf;

use voe_toolbox::protocol::Export;
use voe_trace::Change;

use crate::{Base, RepoError, Result};

/// What an attempt changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// As `git apply` takes it on the base; empty if nothing was changed. It is always UTF-8: files whose text is not
    /// are in it as binary ones.
    pub text: String,
    /// The files, by path.
    pub files: Vec<Change>,
    /// Why it must not be applied; empty for most.
    pub hazards: Vec<Hazard>,
}

impl Patch {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Something in a patch that must not reach the user's tree. Such a patch is saved and never applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hazard {
    /// A symbolic link that leads out of the work tree or into `.git`, by itself or through other links.
    #[error("{path} is a symbolic link to {target}, which {why}")]
    Link {
        /// The link, printable.
        path: String,
        /// Its target, printable.
        target: String,
        /// "is absolute", "leads out of the work tree", "leads into .git", "goes round in circles".
        why: &'static str,
    },
    /// A path that names `.git` in some spelling of some file system.
    #[error("{path} is a path of git's own")]
    GitDir {
        /// The path, printable.
        path: String,
    },
    /// An absolute path, or one with `..`, `.` or an empty part.
    #[error("{path} is not a path below the work tree")]
    Outside {
        /// The path, printable.
        path: String,
    },
    /// A file below a symbolic link.
    #[error("{path} lies beyond the symbolic link {link}")]
    BeyondLink {
        /// The path, printable.
        path: String,
        /// The link, printable.
        link: String,
    },
    /// Neither a file nor a symbolic link: a submodule, or something unknown.
    #[error("{path} has mode {mode:o}: submodules are not changed")]
    Mode {
        /// The path, printable.
        path: String,
        /// Its mode in git.
        mode: u32,
    },
}

/// Makes the patch from what the toolbox exported. With `base`, symbolic links of the base are known too when it is
/// decided where a new one leads.
///
/// # Errors
/// The export contradicts itself (a path twice, a file that is a directory too), or git failed.
pub fn make_patch(export: &Export, base: Option<&Base>) -> Result<Patch> {
    let _ = (export, base);
    Err(RepoError::NoDirectory(PathBuf::new()))
}
