//! Workspaces for tasks: where an attempt works, and where a patch is graded.
//!
//! - `all`: prepares many ahead of time; `open`: parts of opening a sandbox on one
//! - [`checkout`]: repositories at their base, shared read-only
//! - [`origins`]: which environment each task of a run has
//! - [`reason`]: messages about what failed, in one line

mod all;
pub mod checkout;
pub mod error;
mod open;
pub mod origins;
pub mod prepared;
pub mod reason;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use voe_grade::Instance;
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

use crate::docker::Docker;
use crate::native::ahead::{Ahead, BuildPlan, Refusal};
use crate::native::{Native, no_other_sandbox};
use crate::run::place::CommandLimits;
use crate::shipped;
pub use checkout::Checkout;
pub use error::{PrepareError, Remedy};
use open::copy;
pub use origins::Origins;
pub use prepared::{PreparedTask, TESTBED};

/// A sandbox on a task's workspace.
#[derive(Debug)]
pub struct TaskSandbox {
    /// The sandbox failed.
    pub sandbox: Sandbox,
    /// The workspace's path inside the sandbox.
    pub at: PathBuf,
}

/// Prepares workspaces, each once.
#[derive(Debug)]
pub struct Workspaces {
    /// Cache of checkouts and environments.
    pub cache: PathBuf,
    /// The voe binary.
    pub program: PathBuf,
    /// The isolation of commands.
    pub choice: BackendChoice,
    /// Prepares tasks of the official suites without Docker.
    pub native: Native,
    /// Prepares tasks in containers; if set, all of them run in containers.
    pub docker: Option<Docker>,
    /// Whether commands in them may use the network; only the official harness's tests may.
    pub network: bool,
    /// The limits on commands.
    pub limits: CommandLimits,
    /// Further paths of this machine that commands may read.
    pub read: Vec<PathBuf>,
    /// Further variables that commands get, unless they have a network. Those of a task's own environment take precedence.
    pub env: BTreeMap<String, String>,
    /// The record of which environment each task of a run has.
    pub origins: Option<Origins>,
    /// Directories and files of the host that are hidden from commands in any case: solutions, tests, other
    /// attempts' records, commits after the base.
    pub hidden: Vec<PathBuf>,
    ready: Mutex<HashMap<String, PreparedCell>>,
}

type PreparedCell = Arc<OnceCell<Result<Arc<PreparedTask>, (String, Remedy)>>>;

impl Workspaces {
    /// Workspaces kept in `cache`; `program` (the voe binary) runs inside sandboxes of the kind `choice`.
    pub fn new(cache: PathBuf, program: PathBuf, choice: BackendChoice, native: Native) -> Self {
        Self {
            cache,
            program,
            choice,
            native,
            docker: None,
            network: false,
            limits: CommandLimits::default(),
            read: Vec::new(),
            env: BTreeMap::new(),
            origins: None,
            hidden: Vec::new(),
            ready: Mutex::default(),
        }
    }

    /// Whether an attempt can be resumed after voe was killed: only where `/tmp` outlives the sandbox.
    pub fn keeps_tmp(&self) -> bool {
        voe_sandbox::capabilities(self.choice).keeps_tmp
    }

    /// The task's workspace, prepared on the first call.
    ///
    /// # Errors
    /// It can't be prepared here (which is tried only once), or its environment differs from the one that the run started with.
    pub async fn prepare(&self, task: &Instance) -> Result<Arc<PreparedTask>, PrepareError> {
        let begun = std::time::Instant::now();
        let prepared = self.prepared(task).await?;
        tracing::debug!(task = ?task.instance_id, ms = begun.elapsed().as_millis(), "workspace ready");
        if let Some(origins) = &self.origins {
            origins.check(&task.instance_id, &prepared.origin)?;
        }
        Ok(prepared)
    }

    async fn prepared(&self, task: &Instance) -> Result<Arc<PreparedTask>, PrepareError> {
        let cell = {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(ready.entry(task.instance_id.clone()).or_default())
        };
        if let (Some(docker), None) = (&self.docker, cell.get()) {
            // An image may be removed before the next call; only a lasting failure is remembered.
            let made = docker.prepare(task, &self.cache).await;
            if let Err(error) = &made
                && let Some(remedy) = error.remedy()
            {
                let _ = cell.set(Err((error.to_string(), remedy)));
            }
            return made.map(Arc::new);
        }
        let mut own = None;
        let shared = cell
            .get_or_init(|| async {
                self.make(task).await.map(Arc::new).map_err(|error| {
                    let reported = (error.to_string(), error.remedy().unwrap_or(Remedy::Reason));
                    own = Some(error);
                    reported
                })
            })
            .await;
        match (shared, own) {
            (Ok(prepared), _) => Ok(Arc::clone(prepared)),
            (Err(_), Some(error)) => Err(error),
            (Err((why, remedy)), None) => Err(PrepareError::Before { why: why.clone(), remedy: *remedy }),
        }
    }

    async fn make(&self, task: &Instance) -> Result<PreparedTask, PrepareError> {
        let io = |error: tokio::task::JoinError| PrepareError::io("prepare", &self.cache)(io::Error::other(error));
        let (cache, row) = (self.cache.clone(), task.clone());
        if !shipped::is_of(task) {
            return self.native.prepare(task, &cache, &self.program, &self.hidden).await;
        }
        tokio::task::spawn_blocking(move || shipped::prepare(&cache, &row)).await.map_err(io)?
    }

    /// What preparing `task` will take; uses no network and builds nothing.
    ///
    /// # Errors
    /// The task can't be prepared on this machine; the error says why and what to do.
    pub async fn ahead(&self, task: &Instance) -> Result<Ahead, Refusal> {
        if self.docker.is_some() { Ok(Ahead::Built) } else { self.native.ahead(task, &self.cache).await }
    }

    /// The same for several tasks.
    pub async fn plan(&self, tasks: &[Instance]) -> BuildPlan {
        if self.docker.is_some() { BuildPlan::default() } else { self.native.plan(tasks, &self.cache).await }
    }

    /// Opens a sandbox on the task's workspace. `home`: a directory for the sandbox; `tmp`: the directory that becomes `/tmp` inside,
    /// if the backend supports that.
    ///
    /// # Errors
    /// No isolation of the kind asked for works here.
    pub async fn open(
        &self,
        prepared: &PreparedTask,
        home: &Path,
        tmp: Option<&Path>,
    ) -> Result<TaskSandbox, PrepareError> {
        let mut spec = SandboxConfig::new(&self.program, &prepared.checkout.dir, home);
        spec.state.clone_from(&self.native.state);
        // What the user gives to commands may be secret: not to those that could send it away.
        if !self.network {
            spec.env.clone_from(&self.env);
        }
        spec.env.extend(prepared.env.clone());
        spec.read.clone_from(&prepared.read);
        spec.read.extend_from_slice(&self.read);
        spec.choice = self.choice;
        spec.network = self.network;
        (spec.limits.memory_bytes, spec.limits.processes) = (self.limits.memory_bytes, self.limits.processes);
        spec.disk_bytes = self.limits.disk_bytes;
        spec.hidden.clone_from(&self.hidden);
        let can = voe_sandbox::capabilities(self.choice);
        if can.in_place {
            // Each attempt gets a copy.
            let tree = home.join("tree");
            std::fs::create_dir_all(home).map_err(PrepareError::io("make", home))?;
            copy(&prepared.checkout.dir, &tree).await?;
            spec.workspace.clone_from(&tree);
            spec.home = home.join("sandbox");
        }
        if !can.mounts {
            let sandbox = Sandbox::open(spec).await?;
            let at = sandbox.workspace().to_owned();
            return Ok(TaskSandbox { sandbox, at });
        }
        if spec.choice == BackendChoice::Auto {
            spec.choice = BackendChoice::Local;
        }
        spec.mount_at = Some(TESTBED.into());
        if let Some(held) = &prepared.image {
            spec.image = Some(held.image.clone());
            if prepared.checkout_in_image {
                spec.workspace = PathBuf::new();
            }
            return Ok(TaskSandbox { sandbox: Sandbox::open(spec).await?, at: TESTBED.into() });
        }
        spec.overlays.clone_from(&prepared.overlays);
        if let Some(tmp) = tmp {
            std::fs::create_dir_all(tmp).map_err(PrepareError::io("make", tmp))?;
            spec.tmp = Some(tmp.to_owned());
        }
        let has_environment = !prepared.overlays.is_empty();
        let sandbox = Sandbox::open(spec).await;
        let sandbox = sandbox.map_err(|error| if has_environment { no_other_sandbox(error) } else { error })?;
        Ok(TaskSandbox { sandbox, at: TESTBED.into() })
    }
}
