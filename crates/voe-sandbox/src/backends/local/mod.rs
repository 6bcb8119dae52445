//! Namespaces and an overlay: the strongest isolation that needs nothing installed; forks cost next to nothing.

mod freeze;
mod masks;
mod view;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use voe_protocol::Toolbox;
use voe_protocol::{BaseSource, CallResult, Hello, Setup};
use voe_trace::event::SandboxFacts;
use voe_untrusted::UntrustedDir;

use crate::backend::{Backend, BoxFuture, Capabilities, Snapshot};
use crate::choice::BackendChoice;
use crate::config::SandboxConfig;
use crate::environment;
use crate::error::SandboxError;
use crate::groups::Groups;
use crate::home::root::{self, Layer, SandboxRoot};
use crate::home::{copy, gitdirs};
use crate::launch::{self, LaunchControl};
use crate::plan::{BASE_INSIDE, HelperRequest, OverlayTree, ProcessLimits, SetupPlan, Stack};
use crate::setup::SetupStep;
use crate::watch::Meter;
use view::VisiblePaths;

/// The toolbox's own directory inside.
pub(crate) const SCRATCH_INSIDE: &str = "/run/voe/scratch";

/// Its capabilities.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    isolates: true,
    fork: true,
    snapshot: true,
    keeps_tmp: true,
    private_tmp: true,
    loopback: true,
    in_place: false,
    mounts: true,
    image: false,
    hides: true,
};

/// A sandbox of namespaces.
#[derive(Debug)]
pub(crate) struct Local {
    spec: SandboxConfig,
    root: Arc<SandboxRoot>,
    place: PathBuf,
    /// The user's trees; the workspace first.
    trees: Vec<OverlayTree>,
    found: Arc<VisiblePaths>,
    state: Mutex<LocalState>,
    meter: Meter,
    detail: String,
}

#[derive(Debug)]
struct LocalState {
    upper: Arc<Layer>,
    /// Newest first.
    frozen: Vec<Arc<Layer>>,
    mounts: u64,
    control: Option<LaunchControl>,
}

/// The layers of a snapshot, newest first.
type SnapshotLayers = Vec<Arc<Layer>>;

impl Local {
    /// Opens a sandbox. Whether it works here is found out by setting everything up once.
    pub(crate) async fn open(mut spec: SandboxConfig) -> Result<Self, SandboxError> {
        spec.workspace =
            spec.workspace.canonicalize().map_err(SandboxError::io("open the workspace", &spec.workspace))?;
        if let Some(tmp) = &mut spec.tmp {
            *tmp = tmp.canonicalize().map_err(SandboxError::io("open", tmp.clone()))?;
        }
        let mut last = None;
        for home in homes_for_layers(&spec) {
            let local = match Self::in_home(&spec, &home) {
                Ok(local) => local,
                Err(error @ SandboxError::Usage { .. }) => return Err(error),
                Err(error) => {
                    last.get_or_insert(error);
                    continue;
                }
            };
            match local.rehearse().await {
                Ok(()) => return Ok(local),
                Err(error) => {
                    let elsewhere = matches!(error, SandboxError::Unavailable { step: Some(SetupStep::Overlay), .. });
                    last.get_or_insert(error);
                    if !elsewhere {
                        break;
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| SandboxError::Failed("no place for the sandbox's layers".into())))
    }

    fn in_home(spec: &SandboxConfig, home: &Path) -> Result<Self, SandboxError> {
        let home = root::home(home)?;
        if home.starts_with(&spec.workspace) {
            return Err(SandboxError::Usage {
                problem: format!("voe's own directory {} is inside the workspace", home.display()),
                remedy: "set VOE_STATE_DIR to a directory outside of it".into(),
            });
        }
        let at = spec.mount_at.clone().unwrap_or_else(|| spec.workspace.clone());
        let mut trees = vec![OverlayTree { lower: spec.workspace.clone(), at }];
        if let Some(git) = gitdirs::elsewhere(&spec.workspace) {
            trees.push(OverlayTree { lower: git.common.clone(), at: git.common });
        }
        trees.extend(spec.overlays.iter().map(|(lower, at)| OverlayTree { lower: lower.clone(), at: at.clone() }));
        let root = SandboxRoot::create(&home, spec, None)?;
        let place = root.place(trees.len())?;
        let upper = root.layer(trees.len())?;
        let state = LocalState { upper, frozen: Vec::new(), mounts: 0, control: None };
        let found = Arc::new(VisiblePaths::look(spec, &trees));
        Self::assemble(spec.clone(), root, place, trees, found, state)
    }

    fn assemble(
        spec: SandboxConfig,
        root: Arc<SandboxRoot>,
        place: PathBuf,
        trees: Vec<OverlayTree>,
        found: Arc<VisiblePaths>,
        state: LocalState,
    ) -> Result<Self, SandboxError> {
        let groups = Groups::create(&root.next().to_string(), spec.limits.memory_bytes, spec.limits.processes);
        masks::make(&place, &trees, &found.credentials)?;
        if view::own_home(&spec).is_some() {
            write_gitconfig(&UntrustedDir::open(&place.join("user"))?)?;
        }
        let enforced_by = match (groups.limits_memory(), groups.limits_processes()) {
            (true, true) => "control groups for memory and processes",
            (true, false) => "a control group for memory",
            (false, true) => "a control group for processes",
            (false, false) => "resource limits (no control group is writable)",
        };
        let environment = found.unseen_environment(&spec.workspace).map_or(String::new(), |name| {
            format!("; {name} leads to a directory that is not shown inside (add it to [sandbox] read)")
        });
        let detail = format!(
            "namespaces, overlay, Landlock and seccomp; {enforced_by}; network {}{}{environment}",
            if spec.network { "on" } else { "off" },
            if trees.len() > 1 + spec.overlays.len() {
                "; git directory outside the workspace overlaid too"
            } else {
                ""
            },
        );
        let meter = Meter::new(groups, place.join("events"), &spec);
        Ok(Self { spec, root, place, trees, found, state: Mutex::new(state), meter, detail })
    }

    /// Sets everything up, runs nothing.
    async fn rehearse(&self) -> Result<(), SandboxError> {
        let plan = { self.plan(&mut self.lock(), None, true) };
        launch::rehearse(&self.spec.program, plan, BackendChoice::Local).await
    }

    fn plan(&self, state: &mut LocalState, pristine: Option<&BaseSource>, rehearsal: bool) -> SetupPlan {
        let limits = &self.spec.limits;
        let (memory, processes) = self.meter.unenforced(limits.memory_bytes, limits.processes);
        let (view, writable) = view::of(&self.spec, &self.place, &self.trees, pristine, stack(state), &self.found);
        SetupPlan {
            home: self.place.clone(),
            layers: self.root.layers(),
            user_namespace: !rustix::process::geteuid().is_root(),
            network: self.spec.network,
            view: Some(view),
            readable: Vec::new(),
            writable,
            bounds: ProcessLimits {
                groups: self.meter.joins(),
                watch_memory: memory,
                watch_processes: processes,
                data_bytes: memory,
                file_bytes: limits.file_bytes,
                disk_bytes: self.spec.disk_bytes,
                disk_of: ["tmp", "var-tmp", "user", "scratch"]
                    .map(|name| self.place.join(name))
                    .into_iter()
                    .chain([self.root.layers()])
                    .chain(self.spec.tmp.clone())
                    .collect(),
                disk_added_to: None,
                shm_bytes: (limits.memory_bytes / 4).max(64 << 20),
            },
            rehearsal,
        }
    }

    fn lock(&self) -> MutexGuard<'_, LocalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forked(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let frozen = at.kept::<SnapshotLayers>()?.cloned().unwrap_or_default();
        let place = self.root.place(self.trees.len())?;
        let mut left = copy::MOST_BYTES;
        for name in ["tmp", "var-tmp", "user"] {
            let (mut from, to) = (self.place.join(name), place.join(name));
            if let Some(tmp) = self.spec.tmp.as_ref().filter(|_| name == "tmp") {
                from.clone_from(tmp);
            }
            left -= copy::contents(&from, &to, left).map_err(SandboxError::io("copy", &from))?;
        }
        let upper = self.root.layer(self.trees.len())?;
        let state = LocalState { upper, frozen, mounts: 0, control: None };
        let spec = SandboxConfig { tmp: None, ..self.spec.clone() };
        Self::assemble(spec, Arc::clone(&self.root), place, self.trees.clone(), Arc::clone(&self.found), state)
    }
}

impl Backend for Local {
    fn facts(&self) -> SandboxFacts {
        SandboxFacts { backend: "local".into(), detail: self.detail.clone() }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn workspace(&self) -> &Path {
        &self.trees[0].at
    }

    fn base_inside(&self) -> Option<PathBuf> {
        Some(BASE_INSIDE.into())
    }

    fn private_tmp(&self) -> Option<PathBuf> {
        Some("/tmp".into())
    }

    fn toolbox(&self, mut setup: Setup) -> BoxFuture<'_, Result<(Toolbox, Hello), SandboxError>> {
        Box::pin(async move {
            setup.workspace = self.workspace().to_path_buf();
            setup.scratch = SCRATCH_INSIDE.into();
            let added = std::mem::take(&mut setup.env);
            setup.env = environment::from_own(&self.spec.env);
            setup.env.extend(added);
            setup.limits.memory_bytes = self.spec.limits.memory_bytes;
            setup.limits.processes = self.spec.limits.processes;
            setup.limits.file_bytes = self.spec.limits.file_bytes;
            let plan = {
                let mut state = self.lock();
                state.control = None;
                self.plan(&mut state, Some(&setup.pristine), false)
            };
            let (toolbox, hello, control) =
                launch::toolbox(&self.spec.program, plan, &setup, BackendChoice::Local).await?;
            self.lock().control = Some(control);
            Ok((toolbox, hello))
        })
    }

    fn annotate(&self, result: &mut CallResult) {
        self.meter.annotate(result);
    }

    // Keeps what was written so far: a copy of the layer if it is small, which does not disturb running commands; else the
    // layer itself, and work continues in a new one. Neither depends on the size of the tree.
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, SandboxError>> {
        Box::pin(async move {
            let upper = self.root.layer(self.trees.len())?;
            let mut state = self.lock();
            let part = |layer: &Layer, tree: usize| layer.dir().join(format!("{tree}/u"));
            if (0..self.trees.len()).all(|tree| freeze::copy(&part(&state.upper, tree), &part(&upper, tree))) {
                let mut layers = vec![upper];
                layers.extend(state.frozen.iter().cloned());
                return Ok(Snapshot::of(layers));
            }
            let upper = self.root.layer(self.trees.len())?;
            let mut frozen = vec![Arc::clone(&state.upper)];
            frozen.extend(state.frozen.iter().cloned());
            let mounts = state.mounts + 1;
            let stack = Stack { upper: upper.number, frozen: numbers(&frozen), mount: mounts };
            if let Some(control) = &mut state.control
                && let Err(error) = control.order(&HelperRequest::Restack(stack))
            {
                // A dead toolbox needs no remounting; the next one starts on the new stack.
                if control.is_open() {
                    return Err(error);
                }
                state.control = None;
            }
            state.upper = upper;
            state.frozen.clone_from(&frozen);
            state.mounts = mounts;
            Ok(Snapshot::of(frozen))
        })
    }

    fn fork<'a>(&'a self, at: &'a Snapshot) -> BoxFuture<'a, Result<Box<dyn Backend>, SandboxError>> {
        Box::pin(async move {
            let fork = self.forked(at).await?;
            Ok(Box::new(fork) as Box<dyn Backend>)
        })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // The supervisor ends everything when this end of the socket closes; the groups wait for that.
        self.lock().control = None;
        self.meter.close();
        root::remove(&self.place);
    }
}

/// Writes a git configuration for commands, unless they left something at its path: in a fork that may be a link.
fn write_gitconfig(user: &UntrustedDir) -> Result<(), SandboxError> {
    const NAME: &str = ".gitconfig";
    // Models stash and commit; without a name git refuses, and the user's configuration may contain credentials.
    // Maintenance in the background would be ended with the command, and reported to the model.
    let text = "[user]\n\tname = voe\n\temail = voe@localhost\n[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n\
                [maintenance]\n\tauto = false\n[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n";
    if user.kind(NAME)?.is_none() {
        let mut file = user.create_file(NAME)?;
        file.write_all(text.as_bytes()).map_err(SandboxError::io("write", user.path().join(NAME)))?;
    }
    Ok(())
}

fn stack(state: &mut LocalState) -> Stack {
    state.mounts += 1;
    Stack { upper: state.upper.number, frozen: numbers(&state.frozen), mount: state.mounts }
}

fn numbers(layers: &[Arc<Layer>]) -> Vec<u64> {
    layers.iter().map(|layer| layer.number).collect()
}

/// Directories for layers: voe's own, else (if an overlay can't be written there) some that every machine has.
fn homes_for_layers(spec: &SandboxConfig) -> Vec<PathBuf> {
    let name = format!("voe-{}", rustix::process::getuid().as_raw());
    vec![spec.home.clone(), Path::new("/var/tmp").join(&name), Path::new("/dev/shm").join(&name)]
}
