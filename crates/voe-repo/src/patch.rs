//! The patch: an attempt's changes in the format of `git apply`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use voe_protocol::{Export, ExportedFile, FileState};
use voe_trace::Change;
use voe_trace::event::ChangeKind;

use crate::git::GitCommand;
use crate::hazard::{Hazard, LINK, MODES, hazards};
use crate::objects::{Blobs, Entries, init_bare, list_tree, printable, unknown, write_blobs, write_tree};
use crate::{Base, RepoError, Result};

/// An attempt's changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Patch {
    /// The text for `git apply` on the base; empty if nothing was changed. It is always UTF-8: files whose text is not UTF-8
    /// are in it as binary ones.
    pub text: String,
    /// The files, by path.
    pub files: Vec<Change>,
    /// The reasons why it must not be applied; empty for most patches.
    pub hazards: Vec<Hazard>,
}

impl Patch {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// Makes the patch from the toolbox's export. With `base`, its symbolic links are taken into account to find out where a new
/// one leads.
///
/// # Errors
/// The export is inconsistent (a duplicate path, a file that is also a directory), or git failed.
pub fn make_patch(export: &Export, base: Option<&Base>) -> Result<Patch> {
    check_consistency(export)?;
    let changed: Vec<&ExportedFile> = export.files.iter().filter(|file| file.base != file.now).collect();
    if changed.is_empty() {
        return Ok(Patch::default());
    }
    let links = match base {
        Some(base) => links_of(base)?,
        None => BTreeMap::new(),
    };
    let hazards = hazards(export, &links, &|_| None);
    let scratch = tempfile::tempdir().map_err(RepoError::io("make", std::env::temp_dir()))?;
    let dir = scratch.path();
    init_bare(dir, "sha1")?;
    let git = GitCommand::private(dir);
    let sides = Sides::write(&git, dir, &changed)?;
    let (old, new) = sides.trees(&git, |_| true)?;
    let files = changes(&git, &old, &new, &changed)?;
    let text = if sides.foreign.is_empty() {
        diff(&git, &old, &new)?
    } else {
        // A record is JSON, and JSON is UTF-8. Other files can be kept in it as binary.
        let (old, new) = sides.trees(&git, |path| !sides.foreign.contains(path))?;
        let mut text = diff(&git, &old, &new)?;
        let attributes = dir.join("info/attributes");
        std::fs::create_dir_all(dir.join("info")).map_err(RepoError::io("make", dir))?;
        std::fs::write(&attributes, "* -diff\n").map_err(RepoError::io("write", &attributes))?;
        let (old, new) = sides.trees(&git, |path| sides.foreign.contains(path))?;
        text.extend(diff(&git, &old, &new)?);
        text
    };
    let text = String::from_utf8(text).map_err(|_| unknown("diff-tree", "a patch that is not UTF-8"))?;
    Ok(Patch { text, files, hazards })
}

/// The symbolic links of the base with their targets.
pub(crate) fn links_of(base: &Base) -> Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let git = GitCommand::private(&base.git_dir);
    let mut blobs = Blobs::open(&git)?;
    let links = list_tree(&git, &base.tree)?.into_iter().filter(|(_, (mode, _))| *mode == LINK);
    links.map(|(path, (_, id))| Ok((path, blobs.get(&id)?))).collect()
}

/// Both sides of a patch, their contents written to a git directory.
struct Sides {
    old: Entries,
    new: Entries,
    /// Files with text that is not UTF-8.
    foreign: BTreeSet<Vec<u8>>,
}

impl Sides {
    fn write(git: &GitCommand, dir: &Path, changed: &[&ExportedFile]) -> Result<Self> {
        fn side(file: &ExportedFile) -> [Option<&FileState>; 2] {
            [file.base.as_ref(), file.now.as_ref()]
        }
        let contents: Vec<&[u8]> =
            changed.iter().flat_map(|file| side(file)).flatten().map(|state| &state.content.0[..]).collect();
        let mut ids = write_blobs(git, dir, &contents)?.into_iter();
        let mut sides = Self { old: Entries::new(), new: Entries::new(), foreign: BTreeSet::new() };
        for file in changed {
            let path = below(&file.path.0);
            for (state, entries) in side(file).into_iter().zip([&mut sides.old, &mut sides.new]) {
                let Some(state) = state else { continue };
                let id = ids.next().unwrap_or_default();
                // Anything but a file or a link is a hazard; the patch shows it as a file.
                let mode = if MODES.contains(&state.mode) { state.mode } else { MODES[0] };
                entries.insert(path.clone(), (mode, id));
                if std::str::from_utf8(&state.content.0).is_err() {
                    sides.foreign.insert(path.clone());
                }
            }
        }
        Ok(sides)
    }

    fn trees(&self, git: &GitCommand, which: impl Fn(&Vec<u8>) -> bool) -> Result<(String, String)> {
        let tree = |entries: &Entries| {
            let kept = entries.iter().filter(|(path, _)| which(path));
            write_tree(git, &kept.map(|(path, entry)| (path.clone(), entry.clone())).collect())
        };
        Ok((tree(&self.old)?, tree(&self.new)?))
    }
}

fn diff(git: &GitCommand, old: &str, new: &str) -> Result<Vec<u8>> {
    let how = ["--binary", "--full-index", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"];
    let mut args = vec!["diff-tree", "-r", "-p", "--src-prefix=a/", "--dst-prefix=b/"];
    args.extend(how);
    args.extend([old, new]);
    git.run(&args)
}

/// The changes by file, with line counts.
fn changes(git: &GitCommand, old: &str, new: &str, changed: &[&ExportedFile]) -> Result<Vec<Change>> {
    let out = git.run(&["diff-tree", "-r", "-z", "--numstat", "--no-renames", old, new])?;
    let mut counts = BTreeMap::new();
    for record in out.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let mut fields = record.splitn(3, |byte| *byte == b'\t');
        let (Some(added), Some(removed), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(unknown("diff-tree", "no counts"));
        };
        let number = |field: &[u8]| std::str::from_utf8(field).ok().and_then(|text| text.parse::<u64>().ok());
        counts.insert(path.to_vec(), number(added).zip(number(removed)));
    }
    let mut files: Vec<&&ExportedFile> = changed.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let change = |file: &&ExportedFile| {
        let kind = match (&file.base, &file.now) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Deleted,
            _ => ChangeKind::Modified,
        };
        // A change of only the mode has no counts.
        let count = counts.get(&below(&file.path.0)).copied().unwrap_or(Some((0, 0)));
        let (added, removed) = count.unwrap_or_default();
        let path = String::from_utf8_lossy(&file.path.0).into_owned();
        Change { path, kind, added, removed, binary: count.is_none(), role: file.role }
    };
    Ok(files.into_iter().map(change).collect())
}

/// The path as a tree can contain it: without empty components (an absolute path is a hazard, but the patch shows it).
fn below(path: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = path.split(|byte| matches!(*byte, b'/' | 0)).filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { b"(empty)".to_vec() } else { parts.join(&b'/') }
}

/// Checks that no path is there twice, and that no file is also a directory on the same side.
fn check_consistency(export: &Export) -> Result<()> {
    let refuse = |path: &[u8], why| Err(RepoError::Export { path: printable(path), why });
    let mut seen = BTreeMap::new();
    for file in &export.files {
        if seen.insert(below(&file.path.0), file).is_some() {
            return refuse(&file.path.0, "the path is there twice");
        }
    }
    for (path, file) in &seen {
        for at in path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
            let Some(above) = seen.get(&path[..at]) else { continue };
            if (above.base.is_some() && file.base.is_some()) || (above.now.is_some() && file.now.is_some()) {
                return refuse(path, "a directory above it is a file");
            }
        }
    }
    Ok(())
}
