//! What is seen inside, derived from what is asked for and what is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use voe_toolbox::protocol::Pristine;

use super::{SCRATCH_INSIDE, gitdirs, homes};
use crate::plan::{Bind, Stack, Tree, View};
use crate::spec::Spec;

/// Variables that name directories of tools.
const TOOL_VARIABLES: [&str; 9] = [
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "NVM_DIR",
    "RUSTUP_HOME",
    "GOROOT",
    "GOPATH",
    "JAVA_HOME",
    "NODE_PATH",
];

/// The home directory that commands see as their own; empty and writable. `None` if the workspace holds it.
pub(super) fn own_home(spec: &Spec) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from)?.canonicalize().ok()?;
    let at = spec.mount_at.as_deref().unwrap_or(&spec.workspace);
    (home.components().count() > 1 && !home.starts_with(at)).then_some(home)
}

/// The view, and the paths that Landlock leaves writable in it.
pub(super) fn of(
    spec: &Spec,
    place: &Path,
    trees: &[Tree],
    pristine: Option<&Pristine>,
    stack: Stack,
) -> (View, Vec<PathBuf>) {
    let own = own_home(spec);
    let homes = homes::all(own.as_deref());
    let mut binds = vec![
        bind(spec.tmp.clone().unwrap_or_else(|| place.join("tmp")), "/tmp", true),
        bind(place.join("scratch"), SCRATCH_INSIDE, true),
    ];
    if Path::new("/var/tmp").is_dir() {
        binds.push(bind(place.join("var-tmp"), "/var/tmp", true));
    }
    binds.extend(own.iter().map(|home| Bind { from: place.join("user"), to: home.clone(), write: true }));
    let hidden_tops = ["/tmp", "/run", "/mnt", "/media", "/home", "/var/tmp"];
    let mut read: BTreeSet<PathBuf> = BTreeSet::new();
    read.extend(tools(spec, &homes));
    let asked: BTreeSet<PathBuf> = spec.read.iter().filter_map(|path| path.canonicalize().ok()).collect();
    read.extend(asked.iter().cloned());
    if let Some(Pristine::Git { git_dir, .. }) = pristine {
        read.extend(git_dir.canonicalize());
        read.extend(gitdirs::borrowed(git_dir));
    }
    if let Some(Pristine::Dir(dir)) = pristine {
        read.extend(dir.canonicalize());
    }
    for tree in trees {
        read.extend(gitdirs::borrowed(&tree.lower.join(".git")));
        read.extend(gitdirs::borrowed(&tree.lower));
    }
    if spec.network {
        // Usually a link into /run.
        read.extend(Path::new("/etc/resolv.conf").canonicalize());
    }
    let unseen = crate::hidden::paths(spec);
    let not_shown = |path: &Path| homes::lies_in(path, &homes) || hidden_tops.iter().any(|top| path.starts_with(top));
    let hidden_place = |path: &Path| not_shown(path) || unseen.iter().any(|hidden| path.starts_with(hidden));
    let workspace = &trees[0];
    let shown: Vec<PathBuf> = read
        .iter()
        // What is seen anyway needs no bind; what the workspace shows is to be seen as it is in there.
        .filter(|path| asked.contains(*path) || hidden_place(path))
        .filter(|path| !trees.iter().any(|tree| path.starts_with(&tree.at)))
        // A bind that would lie over the workspace goes below it: overlays come later.
        .filter(|path| !read.iter().any(|other| other != *path && path.starts_with(other)))
        .cloned()
        .collect();
    // What must not be seen: an empty directory, into which what is needed from there is bound. Where a tree would show it, and
    // of files, the mask over all.
    let seen = |path: &&PathBuf| !not_shown(path) || shown.iter().any(|s| path.starts_with(s));
    let (unseen, unseen_masked): (Vec<PathBuf>, Vec<PathBuf>) = unseen
        .iter()
        .filter(|path| seen(path) || trees.iter().any(|tree| path.starts_with(&tree.at)))
        .cloned()
        .partition(|path| path.is_dir() && !trees.iter().any(|tree| path.starts_with(&tree.at)));
    let masked: Vec<PathBuf> = homes::credentials(&homes)
        .chain(homes::SYSTEM_SECRETS.iter().map(PathBuf::from))
        .chain(sockets())
        .filter(|path| !asked.contains(path))
        .filter(|path| !not_shown(path) || shown.iter().any(|s| path.starts_with(s)) || path.starts_with(&workspace.at))
        .chain(unseen_masked)
        .collect();
    binds.extend(shown.into_iter().map(|path| Bind { from: path.clone(), to: path, write: false }));
    let hidden: Vec<PathBuf> = homes
        .iter()
        .filter(|home| Some(*home) != own.as_ref() && !hidden_tops.iter().any(|top| home.starts_with(top)))
        .filter(|home| !home.starts_with("/root"))
        .cloned()
        .chain(unseen)
        .collect();
    let writable = trees
        .iter()
        // The mount itself is replaced by a snapshot, and a rule holds on to a directory, not to a path.
        .filter_map(|tree| tree.at.parent().map(Path::to_path_buf))
        .chain(["/tmp", "/var/tmp", "/dev", "/proc", SCRATCH_INSIDE].map(PathBuf::from))
        .chain(own)
        .collect();
    let root = spec.root.clone().unwrap_or_else(|| "/".into());
    (View { root, hidden, binds, trees: trees.to_vec(), masked, stack }, writable)
}

fn bind(from: PathBuf, to: &str, write: bool) -> Bind {
    Bind { from, to: to.into(), write }
}

/// Tools in homes.
pub(crate) fn tools(spec: &Spec, homes: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named: Vec<PathBuf> = TOOL_VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from).collect();
    let mut tools = homes::tools(homes, &path, &named);
    tools.extend(environments(&spec.workspace, homes));
    tools
}

/// Interpreters that a virtual environment in the workspace borrows from a home.
fn environments(workspace: &Path, homes: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    [".venv", "venv", "env", ".env"]
        .iter()
        .filter_map(|name| workspace.join(name).join("bin/python").canonicalize().ok())
        .filter_map(|python| Some(python.parent()?.parent()?.to_path_buf()))
        .filter(|prefix| homes::lies_in(prefix, homes) && !homes.contains(prefix))
        .collect()
}

/// Unix sockets that somebody on the host listens on: a read-only mount does not keep anyone from connecting.
pub(crate) fn sockets() -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut paths: BTreeSet<PathBuf> = listening(&table).map(PathBuf::from).collect();
    paths.extend(["/var/run/docker.sock", "/run/docker.sock"].map(PathBuf::from));
    paths
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .filter_map(|path| path.canonicalize().ok())
        .collect()
}

/// Paths in `/proc/net/unix`: the eighth field, absent for sockets without a name, with `@` for abstract ones.
fn listening(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(|line| {
        let path = line.split_ascii_whitespace().nth(7)?;
        path.starts_with('/').then(|| line.split_once(path).map_or(path, |(_, _)| path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_with_a_path_are_found() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000: 00000002 00000000 00010000 0001 01 12 /run/x.sock\n\
            0000: 00000003 00000000 00000000 0001 03 13\n\
            0000: 00000002 00000000 00010000 0001 01 14 @abstract\n";
        assert_eq!(listening(table).collect::<Vec<_>>(), ["/run/x.sock"]);
    }
}
