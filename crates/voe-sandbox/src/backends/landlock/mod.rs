//! Landlock and seccomp on a copy of the tree: for where namespaces are not allowed.
//!
//! Commands work in `tree`, a copy in voe's own directory; the user's tree is the base, which they may read. The paths that they
//! may reach are decided once, from the user's tree, before the first command runs.

mod gitdir;
mod reach;
mod tree;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use voe_protocol::Toolbox;
use voe_protocol::{CallResult, Hello, Setup};
use voe_trace::event::SandboxFacts;

use crate::backend::{Backend, BoxFuture, Capabilities, Snapshot};
use crate::choice::BackendChoice;
use crate::config::SandboxConfig;
use crate::environment;
use crate::error::SandboxError;
use crate::groups::Groups;
use crate::home::copy;
use crate::home::credentials;
use crate::home::root::{self, Layer, SandboxRoot};
use crate::launch::{self, LaunchControl};
use crate::plan::{AddedTo, ProcessLimits, SetupPlan};
use crate::watch::Meter;
use gitdir::GitDirs;
use tree::{Copier, TreeOwner};

/// Its capabilities.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    isolates: true,
    fork: true,
    snapshot: false,
    keeps_tmp: false,
    private_tmp: true,
    loopback: false,
    in_place: false,
    mounts: false,
    image: false,
    hides: true,
};

/// A sandbox that Landlock and seccomp enforce.
#[derive(Debug)]
pub(crate) struct Landlock {
    /// Its workspace is the user's own tree.
    spec: SandboxConfig,
    root: Arc<SandboxRoot>,
    place: PathBuf,
    /// The copy in which commands work.
    tree: PathBuf,
    /// Bytes of disk that the tree took at the start.
    tree_bytes: u64,
    reach: Arc<Reach>,
    /// Places of the sandboxes from which this one was forked. Readable: a command that names an absolute path in one of
    /// them sees what it would have seen there.
    origins: Vec<PathBuf>,
    meter: Meter,
    detail: String,
    control: Mutex<Option<LaunchControl>>,
}

/// Facts about the user's tree from before anything ran. Never computed again: afterwards commands could influence them.
#[derive(Debug)]
struct Reach {
    git: GitDirs,
    readable: Vec<PathBuf>,
}

/// A snapshot: a copy of the tree.
type LandlockSnapshot = Arc<KeptTree>;

/// A copy of a tree, with the disk that it takes.
#[derive(Debug)]
struct KeptTree {
    layer: Arc<Layer>,
    bytes: u64,
}

impl KeptTree {
    fn dir(&self) -> PathBuf {
        self.layer.dir().join("0/u")
    }
}

impl Landlock {
    pub(crate) async fn open(mut spec: SandboxConfig) -> Result<Self, SandboxError> {
        if rustix::process::geteuid().is_root() {
            return Err(SandboxError::Unavailable {
                choice: BackendChoice::Landlock,
                step: None,
                problem: "it does not run as root, who owns files everywhere".into(),
                remedy: "run voe as an ordinary user, or use --sandbox local or a container".into(),
            });
        }
        if spec.mount_at.is_some() || spec.root.is_some() {
            return Err(SandboxError::Usage {
                problem: "sandbox landlock cannot show the workspace at another path".into(),
                remedy: "use --sandbox local or a container".into(),
            });
        }
        spec.workspace =
            spec.workspace.canonicalize().map_err(SandboxError::io("open the workspace", &spec.workspace))?;
        let homes = reach::all_homes();
        // A copy without them would look like a change that removes them, and one with them would show them.
        let secrets = credentials::in_homes(&homes);
        let inside = |path: &&PathBuf| path.starts_with(&spec.workspace);
        if let Some(path) = homes.iter().chain(&secrets).find(inside) {
            return Err(SandboxError::Usage {
                problem: format!(
                    "{} contains {}, a home directory or credentials, which landlock cannot hide",
                    spec.workspace.display(),
                    path.display()
                ),
                remedy: "name a directory below it, or use --sandbox local".into(),
            });
        }
        std::fs::create_dir_all(&spec.home).map_err(SandboxError::io("create", &spec.home))?;
        spec.home = spec.home.canonicalize().map_err(SandboxError::io("open", &spec.home))?;
        if spec.home.starts_with(&spec.workspace) {
            return Err(SandboxError::Usage {
                problem: format!("voe's own directory {} is inside the workspace", spec.home.display()),
                remedy: "set VOE_STATE_DIR to a directory outside of it".into(),
            });
        }
        let git = GitDirs::of(&spec.workspace);
        let readable = reach::readable(&spec, &git.borrowed);
        let root = SandboxRoot::create(&spec.home, &spec, None)?;
        let sandbox = Self::with_tree(spec, root, Arc::new(Reach { git, readable }), Vec::new(), None).await?;
        launch::rehearse(&sandbox.spec.program, sandbox.plan(true), BackendChoice::Landlock).await?;
        Ok(sandbox)
    }

    /// A sandbox on a copy of the user's tree, or of a snapshot.
    async fn with_tree(
        spec: SandboxConfig,
        root: Arc<SandboxRoot>,
        reach: Arc<Reach>,
        origins: Vec<PathBuf>,
        kept: Option<LandlockSnapshot>,
    ) -> Result<Self, SandboxError> {
        let groups = Groups::create(&root.next().to_string(), spec.limits.memory_bytes, spec.limits.processes);
        let detail = format!(
            "Landlock and seccomp, on a copy; {}; {}",
            if groups.limits_memory() { "control groups" } else { "resource limits" },
            if spec.network { "network on" } else { "no sockets, not even loopback" },
        );
        let place = root.place(0)?;
        let tree = place.join("tree");
        std::fs::create_dir(&tree).map_err(SandboxError::io("create", &tree))?;
        let meter = Meter::new(groups, place.join("events"), &spec);
        let control = Mutex::new(None);
        let mut sandbox = Self { spec, root, place, tree, tree_bytes: 0, reach, origins, meter, detail, control };
        let (user, to, reach) = (sandbox.spec.workspace.clone(), sandbox.tree.clone(), Arc::clone(&sandbox.reach));
        sandbox.tree_bytes = in_background(move || match kept {
            Some(kept) => {
                Copier::new(TreeOwner::Commands, &[]).contents(&kept.dir(), &to)?;
                Ok(kept.bytes)
            }
            None => {
                let bytes = Copier::new(TreeOwner::User, &[]).contents(&user, &to)?;
                reach.git.settle(&to)?;
                Ok(bytes)
            }
        })
        .await?;
        Ok(sandbox)
    }

    /// The environment in place of a private file system: a home and a directory for temporary files.
    fn own_environment(&self) -> Vec<(String, String)> {
        let place = |name: &str| self.place.join(name).to_string_lossy().into_owned();
        let mut own = vec![
            ("HOME".into(), place("user")),
            ("TMPDIR".into(), place("tmp")),
            // A repository around voe's own directory is not the workspace's.
            ("GIT_CEILING_DIRECTORIES".into(), self.place.to_string_lossy().into_owned()),
        ];
        own.extend(environment::identity());
        own
    }

    fn plan(&self, rehearsal: bool) -> SetupPlan {
        let limits = &self.spec.limits;
        let (memory, processes) = self.meter.unenforced(limits.memory_bytes, limits.processes);
        let own = ["tmp", "user", "scratch"].map(|name| self.place.join(name));
        let mut writable = reach::devices();
        writable.push(self.tree.clone());
        writable.extend(own.iter().cloned());
        let mut readable = self.reach.readable.clone();
        readable.extend(self.origins.iter().flat_map(|place| ["tree", "tmp"].map(|name| place.join(name))));
        SetupPlan {
            home: self.place.clone(),
            layers: self.root.layers(),
            user_namespace: false,
            network: self.spec.network,
            view: None,
            readable,
            writable,
            bounds: ProcessLimits {
                groups: self.meter.joins(),
                watch_memory: memory,
                watch_processes: processes,
                data_bytes: memory,
                file_bytes: limits.file_bytes,
                disk_bytes: self.spec.disk_bytes,
                disk_of: own.to_vec(),
                disk_added_to: Some(AddedTo { dir: self.tree.clone(), before: self.tree_bytes }),
                shm_bytes: 0,
            },
            rehearsal,
        }
    }

    fn lock_control(&self, control: Option<LaunchControl>) {
        *self.control.lock().unwrap_or_else(PoisonError::into_inner) = control;
    }

    async fn forked(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let kept = at.kept::<LandlockSnapshot>()?.cloned();
        let mut origins = self.origins.clone();
        origins.push(self.place.clone());
        let (root, reach) = (Arc::clone(&self.root), Arc::clone(&self.reach));
        let fork = Self::with_tree(self.spec.clone(), root, reach, origins, kept).await?;
        let mut left = copy::MOST_BYTES;
        for name in ["tmp", "user"] {
            let (from, to) = (self.place.join(name), fork.place.join(name));
            left -= copy::contents(&from, &to, left).map_err(SandboxError::io("copy", &from))?;
        }
        Ok(fork)
    }
}

impl Backend for Landlock {
    fn facts(&self) -> SandboxFacts {
        SandboxFacts { backend: BackendChoice::Landlock.word().into(), detail: self.detail.clone() }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn workspace(&self) -> &Path {
        &self.tree
    }

    fn base_inside(&self) -> Option<PathBuf> {
        Some(self.spec.workspace.clone())
    }

    fn private_tmp(&self) -> Option<PathBuf> {
        Some(self.place.join("tmp"))
    }

    fn toolbox(&self, mut setup: Setup) -> BoxFuture<'_, Result<(Toolbox, Hello), SandboxError>> {
        Box::pin(async move {
            setup.workspace.clone_from(&self.tree);
            setup.scratch = self.place.join("scratch");
            let added = std::mem::take(&mut setup.env);
            setup.env = environment::from_own(&self.spec.env);
            setup.limits.memory_bytes = self.spec.limits.memory_bytes;
            setup.limits.processes = self.spec.limits.processes;
            setup.limits.file_bytes = self.spec.limits.file_bytes;
            for name in ["PATH", "VIRTUAL_ENV", "CONDA_PREFIX"] {
                if let Some(value) = setup.env.get_mut(name) {
                    *value = moved(value, &self.spec.workspace, &self.tree);
                }
            }
            setup.env.extend(self.own_environment());
            setup.env.extend(added);
            // Closed first: its helper ends what the previous toolbox left running.
            self.lock_control(None);
            let (toolbox, hello, control) =
                launch::toolbox(&self.spec.program, self.plan(false), &setup, BackendChoice::Landlock).await?;
            self.lock_control(Some(control));
            Ok((toolbox, hello))
        })
    }

    fn annotate(&self, result: &mut CallResult) {
        self.meter.annotate(result);
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, SandboxError>> {
        Box::pin(async move {
            let layer = self.root.layer(1)?;
            let (tree, bytes) = (self.tree.clone(), self.tree_bytes);
            let kept = KeptTree { layer, bytes };
            let to = kept.dir();
            in_background(move || Copier::new(TreeOwner::Commands, &[]).contents(&tree, &to)).await?;
            Ok(Snapshot::of(Arc::new(kept)))
        })
    }

    fn fork<'a>(&'a self, at: &'a Snapshot) -> BoxFuture<'a, Result<Box<dyn Backend>, SandboxError>> {
        Box::pin(async move {
            let fork = self.forked(at).await?;
            Ok(Box::new(fork) as Box<dyn Backend>)
        })
    }
}

impl Drop for Landlock {
    fn drop(&mut self) {
        self.lock_control(None);
        self.meter.close();
        root::remove(&self.place);
    }
}

/// A list of directories (`PATH`) with those of the user's tree replaced by those of the copy.
fn moved(list: &str, from: &Path, to: &Path) -> String {
    let parts = std::env::split_paths(list).map(|path| match path.strip_prefix(from) {
        Ok(below) => to.join(below),
        Err(_) => path,
    });
    std::env::join_paths(parts).ok().and_then(|list: OsString| list.into_string().ok()).unwrap_or_else(|| list.into())
}

async fn in_background<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, SandboxError> + Send + 'static,
) -> Result<T, SandboxError> {
    tokio::task::spawn_blocking(act).await.map_err(|error| SandboxError::Failed(format!("a copy stopped: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_the_workspace_in_path_become_those_of_the_copy() {
        let list = moved("/w/.venv/bin:/usr/bin:/wide/bin", Path::new("/w"), Path::new("/copy"));
        assert_eq!(list, "/copy/.venv/bin:/usr/bin:/wide/bin");
    }
}
