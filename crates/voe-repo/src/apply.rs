//! Applies a patch to the user's tree: all of it or nothing.

use std::io::Write as _;
use std::path::Path;

use voe_protocol::{Export, ExportedFile, FileState, RawBytes};

use crate::files::{FilesRoot, PathState};
use crate::git::{GitCommand, failure};
use crate::hazard::{LINK, hazards};
use crate::objects::{list_tree, printable};
use crate::patch::links_of;
use crate::{Base, Hazard, Patch, Repo, RepoError, Result, UndoPoint};

/// The outcome of applying a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApplyOutcome {
    /// There was nothing to apply.
    Nothing,
    /// Applied; the files were as at the base.
    Plain,
    /// Applied; these files had been changed since, and both changes were merged.
    Merged(Vec<String>),
    /// Nothing was written: these files were changed since, and the changes conflict.
    Conflict(Vec<Conflict>),
    /// Nothing was written: the patch must not be applied.
    Refused(Vec<Hazard>),
}

impl ApplyOutcome {
    /// The name used in the record.
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
    /// The path, made printable.
    pub path: String,
    /// The reason, in a few words.
    pub why: String,
}

/// The action for one file.
enum ApplyStep {
    Nothing,
    Write(Option<FileState>),
    Merged(FileState),
    Conflict(&'static str),
}

impl Repo {
    /// Writes the files of `export` to the work tree. Files that are no longer as at the base are merged where the two changes
    /// do not conflict; if one file conflicts, nothing is written. The index is not touched; no symbolic link is followed.
    ///
    /// Every write is first recorded in the undo point in `undo` ([`UndoPoint::begin`]), which is made if it is missing.
    /// If it is the point of an earlier patch, an undo takes both back.
    ///
    /// # Errors
    /// git failed, or a file can't be read or written; what was written until then has been put back. `undo` has a point that
    /// was already undone, or one of an attempt that worked in the repository itself.
    pub fn apply(&self, base: &Base, patch: &Patch, export: &Export, undo: &Path) -> Result<ApplyOutcome> {
        let files: Vec<&ExportedFile> = export.files.iter().filter(|file| file.base != file.now).collect();
        if files.is_empty() {
            return Ok(ApplyOutcome::Nothing);
        }
        // `patch` is not trusted here: it may have been read from a file.
        let root = FilesRoot::open(&self.top)?;
        let found = hazards(export, &links_of(base)?, &|path| root.link(path));
        if !found.is_empty() || !patch.hazards.is_empty() {
            return Ok(ApplyOutcome::Refused(if found.is_empty() { patch.hazards.clone() } else { found }));
        }
        let claims = Claims::check(base, &files)?;
        let (mut changes, mut merged, mut conflicts) = (Vec::new(), Vec::new(), Vec::new());
        for (file, true_to_base) in files.iter().zip(claims.0) {
            let path = &file.path.0;
            let removed = |at: &[u8]| files.iter().any(|file| file.path.0 == at && file.now.is_none());
            match self.step(&root, file, true_to_base, removed)? {
                ApplyStep::Nothing => {}
                ApplyStep::Write(state) => changes.push((path.clone(), state)),
                ApplyStep::Merged(state) => {
                    merged.push(printable(path));
                    changes.push((path.clone(), Some(state)));
                }
                ApplyStep::Conflict(why) => conflicts.push(Conflict { path: printable(path), why: why.to_owned() }),
            }
        }
        if !conflicts.is_empty() {
            return Ok(ApplyOutcome::Conflict(conflicts));
        }
        if !changes.is_empty() {
            // A change by the user after this is not in the point, so it is an error.
            let prepared = root.prepare(&changes)?;
            UndoPoint::note(self, undo, &changes)?;
            prepared.commit()?;
        }
        Ok(if merged.is_empty() { ApplyOutcome::Plain } else { ApplyOutcome::Merged(merged) })
    }

    fn step(
        &self,
        root: &FilesRoot,
        file: &ExportedFile,
        true_to_base: bool,
        removed: impl Fn(&[u8]) -> bool,
    ) -> Result<ApplyStep> {
        let path = &file.path.0;
        let found = root.read(path)?;
        if matches!(found, PathState::Absent) && file.now.is_some() {
            // Nothing can be seen at a path below a link or a file, and nothing can be written there.
            for at in path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
                match root.read(&path[..at])? {
                    PathState::File(state, _) if state.mode == LINK && !removed(&path[..at]) => {
                        return Ok(ApplyStep::Conflict("a directory above it is now a symbolic link"));
                    }
                    PathState::File(..) | PathState::Special if !removed(&path[..at]) => {
                        return Ok(ApplyStep::Conflict("a directory above it is now a file"));
                    }
                    _ => {}
                }
            }
        }
        let ours = match &found {
            PathState::Absent => None,
            PathState::File(state, _) => Some(state),
            PathState::Special => return Ok(ApplyStep::Conflict("it is now neither a file nor a link")),
            PathState::Directory if file.base.is_none() && self.emptied(root, path, &removed)? => None,
            PathState::Directory => return Ok(ApplyStep::Conflict("it is now a directory")),
        };
        if ours == file.now.as_ref() {
            return Ok(ApplyStep::Nothing);
        }
        if ours == file.base.as_ref() {
            return Ok(ApplyStep::Write(file.now.clone()));
        }
        match (&file.base, ours, &file.now) {
            _ if !true_to_base => Ok(ApplyStep::Conflict("it is not as it was at the base")),
            (None, _, _) => Ok(ApplyStep::Conflict("it was created in the meantime with different content")),
            (_, None, _) => Ok(ApplyStep::Conflict("it was deleted in the meantime")),
            (_, _, None) => Ok(ApplyStep::Conflict("it was changed in the meantime, and the patch deletes it")),
            (Some(base), Some(ours), Some(theirs)) => self.merge(base, ours, theirs),
        }
    }

    /// Whether this directory is empty once these files are removed.
    pub(crate) fn emptied(&self, root: &FilesRoot, path: &[u8], removed: &impl Fn(&[u8]) -> bool) -> Result<bool> {
        let directory = self.top.join(crate::snapshot::as_path(path));
        for entry in std::fs::read_dir(&directory).map_err(RepoError::io("read", &directory))? {
            let entry = entry.map_err(RepoError::io("read", &directory))?;
            let name = std::os::unix::ffi::OsStringExt::into_vec(entry.file_name());
            let inner = [path, b"/", &name].concat();
            let goes = match root.read(&inner)? {
                PathState::Directory => self.emptied(root, &inner, removed)?,
                _ => removed(&inner),
            };
            if !goes {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Merges the user's change and the patch's, if they do not conflict.
    fn merge(&self, base: &FileState, ours: &FileState, theirs: &FileState) -> Result<ApplyStep> {
        if [base, ours, theirs].iter().any(|state| state.mode == LINK) {
            return Ok(ApplyStep::Conflict("it was changed in the meantime, and symbolic links are not merged"));
        }
        let mode = if ours.mode == base.mode { theirs.mode } else { ours.mode };
        let content = if ours.content == base.content {
            theirs.content.0.clone()
        } else if theirs.content == base.content || theirs.content == ours.content {
            ours.content.0.clone()
        } else {
            let texts = [ours, base, theirs].map(|state| &state.content.0[..]);
            if texts.iter().any(|text| text.contains(&0)) {
                return Ok(ApplyStep::Conflict("it was changed in the meantime, and it is not text"));
            }
            match merge_texts(texts)? {
                Some(text) => text,
                None => return Ok(ApplyStep::Conflict("it was changed in the meantime in the same place")),
            }
        };
        Ok(ApplyStep::Merged(FileState { mode, content: RawBytes(content) }))
    }
}

/// Merges ours, base and theirs; `None` if both changed the same place.
fn merge_texts(texts: [&[u8]; 3]) -> Result<Option<Vec<u8>>> {
    let scratch = tempfile::tempdir().map_err(RepoError::io("make", std::env::temp_dir()))?;
    let mut names = Vec::new();
    for (name, text) in ["ours", "base", "theirs"].into_iter().zip(texts) {
        let file = scratch.path().join(name);
        let mut open = std::fs::File::create(&file).map_err(RepoError::io("write", &file))?;
        open.write_all(text).map_err(RepoError::io("write", &file))?;
        names.push(file);
    }
    let mut args = vec!["merge-file".into(), "-p".into(), "-q".into()];
    args.extend(names.iter().map(|file| file.as_os_str().to_owned()));
    let output = GitCommand::around(scratch.path()).variable("GIT_DIR", scratch.path()).output(&args, &[])?;
    match output.code {
        Some(0) => Ok(Some(output.stdout)),
        // The number of conflicts, at most 127; a higher code is a failure.
        Some(1..=127) => Ok(None),
        _ => Err(failure("merge-file", &output)),
    }
}

/// For each file, whether the export reports its base correctly. The export comes from inside the sandbox; only what voe
/// recorded itself is used as the base of a merge.
struct Claims(Vec<bool>);

impl Claims {
    fn check(base: &Base, files: &[&ExportedFile]) -> Result<Self> {
        let git = GitCommand::private(&base.git_dir);
        let entries = list_tree(&git, &base.tree)?;
        let mut blobs = crate::objects::Blobs::open(&git)?;
        let mut claims = Vec::new();
        for file in files {
            claims.push(match (entries.get(&file.path.0), &file.base) {
                (None, None) => true,
                (Some((mode, id)), Some(state)) => *mode == state.mode && blobs.get(id)? == state.content.0,
                _ => false,
            });
        }
        Ok(Self(claims))
    }
}
