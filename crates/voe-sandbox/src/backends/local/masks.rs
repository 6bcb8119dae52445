//! Layers that hide credentials in the trees that are shown. A mount over a path hides only that path: a command may rename a
//! directory above it, and a snapshot then mounts the tree again. A layer below those that commands write hides the
//! credentials wherever they are moved to, in the workspace, in the base and in forks.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Timespec, Timestamps, Uid, XattrFlags};

use crate::error::SandboxError;
use crate::plan::{MASKS, OverlayTree};

/// A host path relative to a tree, if it is below it.
pub(super) fn below<'p>(path: &'p Path, tree: &OverlayTree) -> Option<&'p Path> {
    path.strip_prefix(&tree.lower).ok().filter(|rest| !rest.as_os_str().is_empty())
}

/// Makes a layer for each tree, in which everything in `secrets` is an empty file or directory.
pub(super) fn make(place: &Path, trees: &[OverlayTree], secrets: &BTreeSet<PathBuf>) -> Result<(), SandboxError> {
    for (number, tree) in trees.iter().enumerate() {
        let layer = place.join(format!("{MASKS}/{number}"));
        fs::create_dir_all(&layer).map_err(SandboxError::io("create", &layer))?;
        let hidden: Vec<&Path> = secrets.iter().filter_map(|path| below(path, tree)).collect();
        fill(&layer, &tree.lower, &hidden).map_err(SandboxError::io("hide credentials in", &tree.lower))?;
    }
    Ok(())
}

fn fill(layer: &Path, lower: &Path, hidden: &[&Path]) -> io::Result<()> {
    let mut parents = BTreeSet::new();
    for path in hidden {
        // A path below another is hidden with it.
        if hidden.iter().any(|other| other != path && path.starts_with(other)) {
            continue;
        }
        let real = lower.join(path);
        let Ok(meta) = fs::symlink_metadata(&real) else { continue };
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(layer.join(parent))?;
            parents.extend(parent.ancestors().filter(|dir| dir.components().next().is_some()).map(Path::to_path_buf));
        }
        let mask = layer.join(path);
        if !(meta.is_dir() && opaque_dir(&mask).is_ok()) {
            fs::write(&mask, "")?;
            fs::set_permissions(&mask, fs::Permissions::from_mode(0o444))?;
        }
    }
    // In an overlay the upper directory sets mode, owner and times. Deepest first: a change updates the times above.
    for parent in parents.iter().rev() {
        look_like(&layer.join(parent), &lower.join(parent))?;
    }
    Ok(())
}

/// An empty directory that hides the one below it.
fn opaque_dir(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    let name = if rustix::process::geteuid().is_root() { "trusted.overlay.opaque" } else { "user.overlay.opaque" };
    if let Err(error) = rustix::fs::setxattr(path, name, b"y", XattrFlags::empty()) {
        // An empty file hides it as well.
        fs::remove_dir(path)?;
        return Err(error.into());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o555))
}

fn look_like(dir: &Path, model: &Path) -> io::Result<()> {
    let meta = fs::metadata(model)?;
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = (Some(Uid::from_raw(meta.uid())), Some(Gid::from_raw(meta.gid())));
        rustix::fs::chownat(CWD, dir, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(meta.mode() & 0o1777))?;
    let times = Timestamps {
        last_access: Timespec { tv_sec: meta.atime(), tv_nsec: meta.atime_nsec() as _ },
        last_modification: Timespec { tv_sec: meta.mtime(), tv_nsec: meta.mtime_nsec() as _ },
    };
    Ok(rustix::fs::utimensat(CWD, dir, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_has_an_empty_entry_for_each_secret_and_directories_like_those_below() {
        let dir = tempfile::tempdir().unwrap();
        let (lower, layer) = (dir.path().join("lower"), dir.path().join("layer"));
        fs::create_dir_all(lower.join(".config/gh")).unwrap();
        fs::create_dir(&layer).unwrap();
        for name in [".config/gh/hosts.yml", ".netrc", ".config/other"] {
            fs::write(lower.join(name), "secret").unwrap();
        }
        fs::set_permissions(lower.join(".config"), fs::Permissions::from_mode(0o711)).unwrap();
        let hidden = [".config/gh", ".config/gh/hosts.yml", ".netrc", ".ssh"].map(Path::new);
        fill(&layer, &lower, &hidden).unwrap();
        assert_eq!(fs::read(layer.join(".netrc")).unwrap(), b"");
        assert!(layer.join(".config/gh").exists() && !layer.join(".config/gh/hosts.yml").exists());
        assert!(!layer.join(".config/other").exists() && !layer.join(".ssh").exists());
        let (a, b) = (fs::metadata(layer.join(".config")).unwrap(), fs::metadata(lower.join(".config")).unwrap());
        assert_eq!((a.mode(), a.modified().unwrap()), (b.mode(), b.modified().unwrap()));
    }
}
