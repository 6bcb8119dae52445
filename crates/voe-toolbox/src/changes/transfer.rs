//! Exports the changes of a workspace, and writes files into one.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use voe_protocol::{Export, ExportedFile, FileState, RawBytes};

use super::content::{EXECUTABLE, HashedContent, LINK};
use super::{By, Tracker};
use crate::place::open_plain;

/// Files above this size can't be part of a patch. Bytes.
const LARGEST: u64 = 32 << 20;
/// Size limit of all files of a patch together, in bytes.
const LARGEST_EXPORT: u64 = 256 << 20;

impl Tracker {
    /// All files that differ from base, with their contents.
    pub(crate) fn export(&mut self) -> io::Result<Export> {
        let mut export = Export::default();
        let paths: Vec<Vec<u8>> = self.changed.keys().cloned().collect();
        let mut total = 0;
        for path in paths {
            let base = self.base.content(&path, LARGEST)?;
            let now = match HashedContent::in_workspace(&self.root, &path, LARGEST) {
                Ok(now) => now,
                Err(error) => {
                    export.skipped.push(format!("{}: {error}", crate::names::shown(&path)));
                    continue;
                }
            };
            let size = [&base, &now].into_iter().flatten().map(|content| content.size).sum::<u64>();
            let (Some(base), Some(now)) = (state(base), state(now)) else {
                let what =
                    format!("{}: {size} bytes, above the limit of {} MiB", crate::names::shown(&path), LARGEST >> 20);
                export.skipped.push(what);
                continue;
            };
            total += size;
            if total > LARGEST_EXPORT {
                let limit = LARGEST_EXPORT >> 20;
                export
                    .skipped
                    .push(format!("{}: all files together are above {limit} MiB", crate::names::shown(&path)));
                continue;
            }
            let role = self.role(&path);
            export.files.push(ExportedFile { path: RawBytes(path), base, now, role });
        }
        let special = self.special.iter().map(|path| {
            format!("{}: a socket, FIFO or device, or a file that cannot be read", crate::names::shown(path))
        });
        export.skipped.extend(special);
        Ok(export)
    }

    /// Writes files into the workspace, or removes them. They count as edits.
    pub(crate) fn import(&mut self, files: &[(RawBytes, Option<FileState>)]) -> Result<(), String> {
        // Removals come first: a directory may take the place of a file.
        for (path, _) in files.iter().filter(|(_, state)| state.is_none()) {
            let (place, relative) = self.place(&path.0)?;
            remove(&self.root, &place).map_err(|error| format!("cannot remove {relative}: {error}"))?;
        }
        for (path, state) in files {
            if let Some(state) = state {
                let (place, relative) = self.place(&path.0)?;
                put(&place, state).map_err(|error| format!("cannot write {relative}: {error}"))?;
            }
        }
        if self.unwatched {
            return Ok(());
        }
        for (path, _) in files {
            self.claimed.insert(path.0.clone());
            let found = self.tree.look(&self.base, &self.claimed, &path.0).map_err(|error| error.to_string())?;
            self.settle(found, &By::Tool);
        }
        self.keep_names();
        Ok(())
    }

    /// Resolves a relative path; refused if it leads outside, also through links.
    fn place(&self, path: &[u8]) -> Result<(PathBuf, String), String> {
        let shown = crate::names::shown(path);
        let bad = |part: &[u8]| matches!(part, b"" | b"." | b"..") || part.eq_ignore_ascii_case(b".git");
        if path.split(|&b| b == b'/').any(bad) || path.contains(&0) {
            return Err(format!("{shown} is no path in the workspace"));
        }
        let place = self.root.join(OsStr::from_bytes(path));
        let mut parent = self.root.clone();
        let parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
        for part in &parts[..parts.len() - 1] {
            parent.push(OsStr::from_bytes(part));
            match fs::symlink_metadata(&parent) {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => return Err(format!("{shown} goes through a file or a link")),
                Err(_) => break,
            }
        }
        Ok((place, shown))
    }
}

/// The inner `None`: no file; the outer: too large.
#[allow(clippy::option_option)]
fn state(content: Option<HashedContent>) -> Option<Option<FileState>> {
    match content {
        None => Some(None),
        Some(content) => content.bytes.map(|bytes| Some(FileState { mode: content.mode, content: RawBytes(bytes) })),
    }
}

/// Removes a file, and directories that are empty without it, as git does.
fn remove(root: &Path, path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Err(error);
        }
        _ => {}
    }
    let mut parent = path.parent();
    while let Some(directory) = parent.filter(|directory| *directory != root) {
        if fs::remove_dir(directory).is_err() {
            break;
        }
        parent = directory.parent();
    }
    Ok(())
}

fn put(path: &Path, state: &FileState) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let old = fs::symlink_metadata(path);
    if state.mode == LINK {
        if old.is_ok() {
            fs::remove_file(path)?;
        }
        return symlink(OsStr::from_bytes(&state.content.0), path);
    }
    if old.is_ok_and(|meta| !meta.is_file()) {
        fs::remove_file(path)?;
    }
    crate::write::write(path, &state.content.0)?;
    // By descriptor: by path, it could be a file that a command has put there meanwhile.
    let file = open_plain(path, OFlags::RDONLY | OFlags::NONBLOCK)
        .or_else(|_| open_plain(path, OFlags::WRONLY | OFlags::NONBLOCK))?;
    let file = fs::File::from(file);
    let mode = file.metadata()?.permissions().mode();
    // As git does: execute where there is read.
    let mode = if state.mode == EXECUTABLE { mode | ((mode & 0o444) >> 2) } else { mode & !0o111 };
    file.set_permissions(fs::Permissions::from_mode(mode))
}
