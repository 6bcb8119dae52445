//! Sandboxes without an overlay: the toolbox works in the user's own tree. `none` holds nothing; `landlock` holds what can be
//! held without namespaces.

mod guard;
mod reach;
mod shadow;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::Command;
use tokio::sync::OnceCell;
use voe_toolbox::client::Toolbox;
use voe_toolbox::protocol::{CallResult, Hello, Pristine, Setup};
use voe_trace::event::SandboxFacts;

use crate::choice::Choice;
use crate::environment;
use crate::error::SandboxError;
use crate::groups::Groups;
use crate::launch::{self, Control};
use crate::local::family::{self, Family};
use crate::plan::{Bounds, Plan};
use crate::sandbox::{At, Snapshot};
use crate::spec::Spec;
use crate::watch::Meter;
pub(crate) use guard::Guard;
use shadow::Shadow;

/// Where the guarded copy of the git directory lies, below a sandbox's place.
pub(crate) const GUARDED: &str = "git";

/// A sandbox that works in place.
#[derive(Debug)]
pub(crate) struct InPlace {
    spec: Spec,
    family: Arc<Family>,
    place: PathBuf,
    meter: Meter,
    detail: String,
    control: Mutex<Option<Control>>,
    guard: Option<Guard>,
    shadow: Arc<Shadow>,
    /// The user's tree as it was before the first command; forks share it.
    base: Arc<OnceCell<Kept>>,
    /// A fork works in a copy.
    fork: bool,
}

/// A tree that was kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    shadow: Arc<Shadow>,
    tree: String,
}

impl InPlace {
    pub(crate) async fn open(mut spec: Spec) -> Result<Self, SandboxError> {
        if spec.mount_at.is_some() || spec.root.is_some() {
            return Err(SandboxError::Usage {
                problem: format!("sandbox {} cannot show the workspace at another path", spec.choice),
                remedy: "use --sandbox local or a container".into(),
            });
        }
        spec.workspace =
            spec.workspace.canonicalize().map_err(SandboxError::io("open the workspace", &spec.workspace))?;
        std::fs::create_dir_all(&spec.home).map_err(SandboxError::io("create", &spec.home))?;
        spec.home = spec.home.canonicalize().map_err(SandboxError::io("open", &spec.home))?;
        let family = Family::create(&spec.home, &spec, None)?;
        let place = family.place(0)?;
        let mut sandbox = Self::assemble(spec, family, place, Arc::default(), false).await?;
        if sandbox.spec.choice == Choice::Landlock {
            sandbox.rehearse().await?;
            sandbox.guard = Guard::copy(sandbox.spec.workspace.join(".git"), sandbox.place.join(GUARDED))?;
        }
        Ok(sandbox)
    }

    async fn assemble(
        spec: Spec,
        family: Arc<Family>,
        place: PathBuf,
        base: Arc<OnceCell<Kept>>,
        fork: bool,
    ) -> Result<Self, SandboxError> {
        let shadow = Arc::new(Shadow::create(place.join("shadow"), spec.workspace.clone()).await?);
        let held = spec.choice == Choice::Landlock;
        let groups = if held {
            Groups::create(&family.next().to_string(), spec.limits.memory_bytes, spec.limits.processes)
        } else {
            Groups::default()
        };
        let detail = if held {
            format!(
                "Landlock and seccomp, in place; {}; {}",
                if groups.holds_memory() { "control groups" } else { "resource limits" },
                if spec.network { "network on" } else { "no sockets, not even loopback" },
            )
        } else {
            "asked for by name; commands run as you, nothing is held".into()
        };
        let meter = Meter::new(groups, place.join("events"), &spec);
        Ok(Self { spec, family, place, meter, detail, control: Mutex::new(None), guard: None, shadow, base, fork })
    }

    async fn rehearse(&self) -> Result<(), SandboxError> {
        let plan = self.plan(&Pristine::Dir("/nowhere".into()), true);
        launch::rehearse(&self.spec.program, plan, Choice::Landlock).await
    }

    pub(crate) fn facts(&self) -> SandboxFacts {
        SandboxFacts { backend: self.spec.choice.word().into(), detail: self.detail.clone() }
    }

    pub(crate) fn workspace(&self) -> &Path {
        &self.spec.workspace
    }

    /// Whether this is the user's own tree.
    pub(crate) fn in_place(&self) -> bool {
        !self.fork
    }

    pub(crate) async fn toolbox(&self, mut setup: Setup) -> Result<(Toolbox, Hello), SandboxError> {
        // From now on the tree may change.
        self.base().await?;
        setup.workspace.clone_from(&self.spec.workspace);
        setup.scratch = self.place.join("scratch");
        let added = std::mem::take(&mut setup.env);
        setup.env = environment::from_own(&self.spec.env);
        if self.spec.choice == Choice::None {
            setup.env.extend(added);
            let mut command = Command::new(&self.spec.program);
            command.arg("toolbox").current_dir(&self.spec.workspace).stderr(Stdio::null()).process_group(0);
            command.env_clear().envs(&setup.env);
            return Ok(Toolbox::start(command, &setup).await?);
        }
        setup.limits.memory_bytes = self.spec.limits.memory_bytes;
        setup.limits.processes = self.spec.limits.processes;
        setup.limits.file_bytes = self.spec.limits.file_bytes;
        setup.env.extend(self.own_environment());
        setup.env.extend(added);
        // Closed first: its helper ends what the one before has left.
        self.lock_control(None);
        let plan = self.plan(&setup.pristine, false);
        let (toolbox, hello, control) = launch::toolbox(&self.spec.program, plan, &setup, Choice::Landlock).await?;
        self.lock_control(Some(control));
        Ok((toolbox, hello))
    }

    /// What stands in for a private file system: a home, a place for temporary files, and git's writes led away from the
    /// user's index and objects.
    fn own_environment(&self) -> Vec<(String, String)> {
        let place = |name: &str| self.place.join(name).to_string_lossy().into_owned();
        let mut own = vec![("HOME".into(), place("user")), ("TMPDIR".into(), place("tmp"))];
        let git = self.spec.workspace.join(".git");
        if git.is_dir() {
            let index = self.place.join("scratch/git-index");
            if !index.exists() {
                let _ = std::fs::copy(git.join("index"), &index);
            }
            let objects = self.place.join("scratch/git-objects");
            let _ = std::fs::create_dir_all(&objects);
            own.push(("GIT_INDEX_FILE".into(), index.to_string_lossy().into_owned()));
            own.push(("GIT_OBJECT_DIRECTORY".into(), objects.to_string_lossy().into_owned()));
            let borrowed = git.join("objects").to_string_lossy().into_owned();
            own.push(("GIT_ALTERNATE_OBJECT_DIRECTORIES".into(), borrowed));
        }
        own.extend(environment::identity());
        own
    }

    fn plan(&self, pristine: &Pristine, rehearsal: bool) -> Plan {
        let limits = &self.spec.limits;
        let (memory, processes) = self.meter.unheld(limits.memory_bytes, limits.processes);
        let mut writable = reach::devices();
        writable.push(self.spec.workspace.clone());
        writable.extend(["scratch", "tmp", "user"].map(|name| self.place.join(name)));
        Plan {
            home: self.place.clone(),
            layers: self.family.layers(),
            user_namespace: false,
            network: self.spec.network,
            view: None,
            readable: reach::readable(&self.spec, pristine),
            writable,
            bounds: Bounds {
                groups: self.meter.joins(),
                watch_memory: memory,
                watch_processes: processes,
                data_bytes: memory,
                file_bytes: limits.file_bytes,
                disk_bytes: self.spec.disk_bytes,
                disk_of: ["tmp", "user", "scratch"].map(|name| self.place.join(name)).to_vec(),
                disk_added_to: Some(self.spec.workspace.clone()),
                shm_bytes: 0,
            },
            rehearsal,
        }
    }

    pub(crate) fn annotate(&self, result: &mut CallResult) {
        if self.spec.choice == Choice::Landlock {
            self.meter.annotate(result);
        }
    }

    async fn base(&self) -> Result<&Kept, SandboxError> {
        self.base.get_or_try_init(|| self.keep()).await
    }

    async fn keep(&self) -> Result<Kept, SandboxError> {
        Ok(Kept { shadow: Arc::clone(&self.shadow), tree: self.shadow.keep().await? })
    }

    pub(crate) async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        Ok(Snapshot(At::Tree(self.keep().await?)))
    }

    pub(crate) async fn fork(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let kept = match &at.0 {
            At::Base => self.base().await?,
            At::Tree(kept) => kept,
            _ => return Err(SandboxError::Failed("that snapshot is another sandbox's".into())),
        };
        let place = self.family.place(0)?;
        let copy = place.join("tree");
        kept.shadow.restore(&kept.tree, &copy).await?;
        let spec = Spec { workspace: copy, ..self.spec.clone() };
        Self::assemble(spec, Arc::clone(&self.family), place, Arc::clone(&self.base), true).await
    }

    fn lock_control(&self, control: Option<Control>) {
        *self.control.lock().unwrap_or_else(PoisonError::into_inner) = control;
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        self.lock_control(None);
        self.meter.close();
        if let Some(guard) = &self.guard {
            guard.put_back();
        }
        family::remove(&self.place);
    }
}
