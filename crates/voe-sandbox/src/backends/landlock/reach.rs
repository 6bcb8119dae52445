//! The paths that Landlock lets commands reach. An allow-list: a path that is not named is out of reach.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::SandboxConfig;
use crate::home::{credentials, homes, sockets, tools};

/// Directories below the root that are out of reach as a whole.
const CLOSED: [&str; 9] = ["home", "root", "tmp", "run", "mnt", "media", "lost+found", "proc", "dev"];

/// All homes, the user's own among them.
pub(super) fn all_homes() -> BTreeSet<PathBuf> {
    let own = std::env::var_os("HOME").map(PathBuf::from).and_then(|home| home.canonicalize().ok());
    homes::all(own.as_deref())
}

/// Paths that may be read, apart from those that may be written. Computed once, before the first command, since it depends
/// on the content of the user's workspace. `borrowed`: object directories that the workspace's repository needs.
pub(super) fn readable(spec: &SandboxConfig, borrowed: &[PathBuf]) -> Vec<PathBuf> {
    let homes = all_homes();
    let asked: BTreeSet<PathBuf> = spec.read.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let mut closed: BTreeSet<PathBuf> = homes.clone();
    closed.extend(CLOSED.iter().map(|name| Path::new("/").join(name)));
    closed.extend(credentials::SYSTEM_SECRETS.iter().map(PathBuf::from));
    closed.extend([Path::new("/var/tmp").to_path_buf(), spec.home.clone()]);
    closed.extend(sockets::listening());
    let unseen = crate::hidden::paths(spec);
    closed.extend(unseen.iter().cloned());
    let mut open = Vec::new();
    without(Path::new("/"), &closed, &mut open, 0);
    let tools = tools::in_homes(spec, &homes);
    let mut secrets = credentials::in_homes(&homes);
    secrets.extend(credentials::in_tools(&tools));
    secrets.retain(|path| !asked.contains(path));
    secrets.extend(unseen);
    for path in tools.into_iter().chain(asked) {
        without(&path, &secrets, &mut open, 0);
    }
    // The base: the user's own tree, which is only read.
    without(&spec.workspace, &secrets, &mut open, 0);
    open.extend(borrowed.iter().cloned());
    // Other processes' entries are out of reach all the same: Landlock forbids inspecting processes outside.
    open.push("/proc".into());
    if spec.network {
        open.extend(Path::new("/etc/resolv.conf").canonicalize());
    }
    open
}

/// Devices that may be written. No terminals: `/dev/pts` contains those of the user's other windows.
pub(super) fn devices() -> Vec<PathBuf> {
    ["null", "zero", "full", "random", "urandom"].iter().map(|name| Path::new("/dev").join(name)).collect()
}

/// At most this many entries of a directory are named one by one.
const MOST_ENTRIES: usize = 1000;

/// `path` if nothing in it is closed, else those of its entries that are not closed.
fn without(path: &Path, closed: &BTreeSet<PathBuf>, open: &mut Vec<PathBuf>, depth: usize) {
    if closed.contains(path) {
        return;
    }
    if !closed.iter().any(|inner| inner.starts_with(path)) {
        open.push(path.to_path_buf());
        return;
    }
    // Closed paths are a few directories deep; deeper than that, show nothing rather than too much.
    if depth > 12 {
        return;
    }
    let entries: Vec<_> = fs::read_dir(path).into_iter().flatten().flatten().take(MOST_ENTRIES + 1).collect();
    // Every entry has to be named to the helper; of a crowded directory (a socket among scratch files) show nothing, too.
    if entries.len() > MOST_ENTRIES {
        return;
    }
    for entry in entries {
        // A link is as open as its target.
        if !entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
            without(&entry.path(), closed, open, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_paths_are_left_out_and_their_neighbours_are_not() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a/secret", "a/tools/bin", "b"] {
            fs::create_dir_all(dir.path().join(name)).unwrap();
        }
        let mut open = Vec::new();
        without(dir.path(), &BTreeSet::from([dir.path().join("a/secret")]), &mut open, 0);
        open.sort();
        assert_eq!(open, [dir.path().join("a/tools"), dir.path().join("b")]);
    }

    #[test]
    fn nothing_is_shown_of_a_crowded_directory_with_something_closed() {
        let dir = tempfile::tempdir().unwrap();
        let crowded = dir.path().join("crowded");
        for number in 0..=MOST_ENTRIES {
            fs::create_dir_all(crowded.join(number.to_string())).unwrap();
        }
        let mut open = Vec::new();
        without(dir.path(), &BTreeSet::from([crowded.join("7")]), &mut open, 0);
        assert!(open.is_empty(), "{} paths", open.len());
    }
}
