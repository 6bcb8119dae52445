//! The view of the file system inside, derived from the spec and from what is on the machine.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use voe_protocol::BaseSource;
use voe_untrusted::{FileKind, UntrustedDir};

use super::{SCRATCH_INSIDE, masks};
use crate::config::SandboxConfig;
use crate::home::sockets::listening;
use crate::home::tools::{self, named_tools};
use crate::home::{credentials, gitdirs, homes};
use crate::plan::{Bind, FileSystemPlan, OverlayTree, Stack};

/// The home directory that commands see as their own; empty and writable. `None` if the workspace contains it.
pub(super) fn own_home(spec: &SandboxConfig) -> Option<PathBuf> {
    let home = homes::own()?;
    let at = spec.mount_at.as_deref().unwrap_or(&spec.workspace);
    (home.components().count() > 1 && !home.starts_with(at)).then_some(home)
}

/// Paths on the machine to show and to hide. Collected once, before the first command runs.
#[derive(Debug)]
pub(super) struct VisiblePaths {
    homes: BTreeSet<PathBuf>,
    /// Toolchains in homes, read-only.
    tools: BTreeSet<PathBuf>,
    /// Paths that the user wants shown.
    asked: BTreeSet<PathBuf>,
    /// Credentials in homes.
    pub(super) credentials: BTreeSet<PathBuf>,
    /// Other secrets; more of them for root.
    secrets: BTreeSet<PathBuf>,
}

impl VisiblePaths {
    pub(super) fn look(spec: &SandboxConfig, trees: &[OverlayTree]) -> Self {
        let own = homes::own();
        let homes = homes::all(own.as_deref());
        let tools = tools::in_homes(spec, &homes);
        let asked: BTreeSet<PathBuf> = spec.read.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let credentials = credentials::in_homes(&homes).into_iter().filter(|path| !asked.contains(path)).collect();
        let mut secrets: BTreeSet<PathBuf> = credentials::SYSTEM_SECRETS.iter().map(PathBuf::from).collect();
        secrets.extend(credentials::in_tools(&tools));
        if rustix::process::geteuid().is_root() && spec.root.is_none() {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let needed: Vec<PathBuf> = std::env::split_paths(&path)
                .filter(|dir| dir.is_absolute())
                .chain(named_tools())
                .chain(trees.iter().flat_map(|tree| [tree.lower.clone(), tree.at.clone()]))
                .chain(asked.iter().chain(&homes).cloned())
                .chain(own)
                .chain(NOT_OF_THE_HOST.map(PathBuf::from))
                .collect();
            secrets.extend(credentials::closed_to_others(&needed));
        }
        Self { homes, tools, asked, credentials, secrets }
    }

    /// The virtual environment of the workspace that leads to a directory hidden inside, if there is one.
    pub(super) fn unseen_environment(&self, workspace: &Path) -> Option<&'static str> {
        let seen = |path: &Path| {
            !is_hidden(path, &self.homes) || self.tools.iter().chain(&self.asked).any(|shown| path.starts_with(shown))
        };
        let dir = UntrustedDir::open(workspace).ok()?;
        ENVIRONMENTS
            .into_iter()
            .find(|name| interpreter(&dir, name).is_some_and(|path| !path.starts_with(workspace) && !seen(&path)))
    }
}

/// Top-level directories that are not the host's inside.
const NOT_OF_THE_HOST: [&str; 8] = ["/tmp", "/run", "/mnt", "/media", "/home", "/root", "/dev", "/proc"];

/// The usual paths of virtual environments in a workspace.
const ENVIRONMENTS: [&str; 4] = [".venv", "venv", ".env", "env"];

/// The target of a virtual environment in the workspace, or of its interpreter, if it is a link. Read, not followed: it may
/// come from the repository.
fn interpreter(workspace: &UntrustedDir, name: &str) -> Option<PathBuf> {
    if workspace.kind(name).ok()? == Some(FileKind::Link) {
        return Some(lexical(&workspace.path().join(workspace.link_target(name).ok()?)));
    }
    let bin = workspace.dir(Path::new(name).join("bin")).ok()?;
    let mut at = PathBuf::from("python");
    // `python` is a link to `python3`, which is a link to an interpreter elsewhere.
    for _ in 0..4 {
        let target = bin.link_target(&at).ok()?;
        if target.components().count() != 1 {
            return Some(lexical(&bin.path().join(target)));
        }
        at = target;
    }
    None
}

fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}

/// Whether the host's content at a path is hidden inside unless it is shown by name.
fn is_hidden(path: &Path, homes: &BTreeSet<PathBuf>) -> bool {
    let tops = ["/tmp", "/run", "/mnt", "/media", "/home", "/root", "/var/tmp"];
    homes::lies_in(path, homes) || tops.iter().any(|top| path.starts_with(top))
}

/// The view, and the paths in it that Landlock leaves writable.
pub(super) fn of(
    spec: &SandboxConfig,
    place: &Path,
    trees: &[OverlayTree],
    pristine: Option<&BaseSource>,
    stack: Stack,
    found: &VisiblePaths,
) -> (FileSystemPlan, Vec<PathBuf>) {
    let own = own_home(spec);
    let VisiblePaths { homes, tools, asked, credentials, secrets } = found;
    let mut binds = vec![
        bind(spec.tmp.clone().unwrap_or_else(|| place.join("tmp")), "/tmp", true),
        bind(place.join("scratch"), SCRATCH_INSIDE, true),
    ];
    if Path::new("/var/tmp").is_dir() {
        binds.push(bind(place.join("var-tmp"), "/var/tmp", true));
    }
    binds.extend(own.iter().map(|home| Bind { from: place.join("user"), to: home.clone(), write: true }));
    let mut read: BTreeSet<PathBuf> = tools.union(asked).cloned().collect();
    if let Some(BaseSource::Git { git_dir, .. }) = pristine {
        read.extend(git_dir.canonicalize());
        read.extend(gitdirs::borrowed(git_dir));
    }
    if let Some(BaseSource::Dir(dir)) = pristine {
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
    let in_tree = |path: &Path| trees.iter().any(|tree| path.starts_with(&tree.at));
    let hidden_place = |path: &Path| is_hidden(path, homes) || unseen.iter().any(|hidden| path.starts_with(hidden));
    let shown: Vec<PathBuf> = read
        .iter()
        // Visible paths need no bind; paths in the workspace are seen as the workspace has them.
        .filter(|path| asked.contains(*path) || hidden_place(path))
        .filter(|path| !in_tree(path))
        // A bind above the workspace does not cover it: overlays are mounted later.
        .filter(|path| !read.iter().any(|other| other != *path && path.starts_with(other)))
        .cloned()
        .collect();
    // Hidden paths: an empty directory, into which the parts that are needed are bound. For files, and where a tree would show
    // the path, the mask over everything.
    let seen = |path: &Path| !is_hidden(path, homes) || shown.iter().any(|shown| path.starts_with(shown));
    let (unseen, unseen_masked): (Vec<PathBuf>, Vec<PathBuf>) = unseen
        .iter()
        .filter(|path| seen(path) || in_tree(path))
        .cloned()
        .partition(|path| path.is_dir() && !in_tree(path));
    let listening = listening();
    let all = || credentials.iter().chain(secrets).chain(&listening).filter(|path| !asked.contains(*path));
    let needed = |path: &Path| trees.iter().map(|tree| &tree.at).chain(&own).any(|needed| needed.starts_with(path));
    let mut masked: BTreeSet<PathBuf> = all()
        .filter(|path| !in_tree(path) && !needed(path))
        .filter(|path| seen(path))
        .cloned()
        .chain(unseen_masked)
        .collect();
    // Layers hide the credentials of these already, wherever they are moved to; they can't be written either.
    for tree in trees {
        masked.extend(all().filter_map(|path| masks::below(path, tree)).map(|path| tree.at.join(path)));
    }
    binds.extend(shown.into_iter().map(|path| Bind { from: path.clone(), to: path, write: false }));
    let hidden: Vec<PathBuf> = homes
        .iter()
        .filter(|home| Some(*home) != own.as_ref() && !in_tree(home))
        .filter(|home| !NOT_OF_THE_HOST.iter().chain(&["/var/tmp"]).any(|top| home.starts_with(top)))
        .cloned()
        .chain(unseen)
        .collect();
    let writable = trees
        .iter()
        // A snapshot replaces the mount itself, and a Landlock rule refers to a directory, not to a path.
        .filter_map(|tree| tree.at.parent().map(Path::to_path_buf))
        .chain(["/tmp", "/var/tmp", "/dev", "/proc", SCRATCH_INSIDE].map(PathBuf::from))
        .chain(own)
        .collect();
    let root = spec.root.clone().unwrap_or_else(|| "/".into());
    (
        FileSystemPlan { root, hidden, binds, trees: trees.to_vec(), masked: masked.into_iter().collect(), stack },
        writable,
    )
}

fn bind(from: PathBuf, to: &str, write: bool) -> Bind {
    Bind { from, to: to.into(), write }
}
