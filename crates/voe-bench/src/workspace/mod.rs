//! Workspaces for tasks: where an attempt works, and where a patch is graded.
//!
//! - [`checkout`]: repositories at their base, shared read-only

pub mod checkout;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use voe_grade::Instance;
use voe_repo::RepoError;
use voe_sandbox::{Choice, Sandbox, SandboxError, Spec};

use crate::docker::{Docker, Held};
use crate::mini;
use crate::native::Native;
pub use checkout::Checkout;

/// Where the official eval scripts expect the checkout.
pub const TESTBED: &str = "/testbed";

/// A task's workspace can't be had.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// A program that the task's tests need is not there.
    #[error("{id}: needs {what}, which is not on PATH; install it, or leave the task out")]
    Missing {
        /// The task.
        id: String,
        /// The programs.
        what: String,
    },
    /// The task's environment can't be built or found here. Never the patch's fault.
    #[error("{id}: environment: {why}")]
    Environment {
        /// The task.
        id: String,
        /// Why, and what to do.
        why: String,
    },
    /// The repository.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A directory that commands wrote to.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// A file of voe's own.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which path.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another attempt at the same task found this out.
    #[error("{0}")]
    Before(String),
}

impl WorkspaceError {
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }

    /// Whether the task can't run on this machine as it is set up: it is skipped, and that is said.
    pub fn is_environment(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::Environment { .. } | Self::Before(_))
    }
}

/// A task's workspace, ready to be opened any number of times.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The repository at its base.
    pub checkout: Checkout,
    /// The environment of commands, beside what the sandbox gives them.
    pub env: BTreeMap<String, String>,
    /// Directories that commands may change without changing them for others, with their paths inside.
    pub overlays: Vec<(PathBuf, PathBuf)>,
    /// Directories that commands may read.
    pub read: Vec<PathBuf>,
    /// What is run before the eval script where the official image has something that the host hasn't.
    pub before: String,
    /// Packages of its environment that could not be had, each with why.
    pub lacks: Vec<String>,
    /// The image that it is worked on in, for containers.
    pub image: Option<Held>,
    /// Whether the image has the checkout already.
    pub checkout_in_image: bool,
}

impl Prepared {
    /// A checkout, and nothing beside it.
    pub(crate) fn new(checkout: Checkout) -> Self {
        Self {
            checkout,
            env: BTreeMap::new(),
            overlays: Vec::new(),
            read: Vec::new(),
            before: String::new(),
            lacks: Vec::new(),
            image: None,
            checkout_in_image: false,
        }
    }
}

/// A sandbox on a task's workspace.
#[derive(Debug)]
pub struct Opened {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// The workspace's path inside.
    pub at: PathBuf,
}

/// Prepares workspaces, each once.
#[derive(Debug)]
pub struct Workspaces {
    /// Where checkouts and environments are kept.
    pub cache: PathBuf,
    /// The voe binary.
    pub program: PathBuf,
    /// The isolation of commands.
    pub choice: Choice,
    /// What is needed for tasks of the official suites without Docker.
    pub native: Native,
    /// What is needed for tasks in containers; then all of them run in containers.
    pub docker: Option<Docker>,
    /// Whether what runs in them may use the network; only the official harness's tests may.
    pub network: bool,
    /// Directories and files of the host that commands must not see, whatever else would show them: solutions, tests, other
    /// attempts' records, commits after the base.
    pub hidden: Vec<PathBuf>,
    ready: Mutex<HashMap<String, Cell>>,
}

type Cell = Arc<OnceCell<Result<Arc<Prepared>, String>>>;

impl Workspaces {
    /// Workspaces kept in `cache`, with `program` (the voe binary) inside of sandboxes of the kind `choice`.
    pub fn new(cache: PathBuf, program: PathBuf, choice: Choice, native: Native) -> Self {
        Self {
            cache,
            program,
            choice,
            native,
            docker: None,
            network: false,
            hidden: Vec::new(),
            ready: Mutex::default(),
        }
    }

    /// Whether an attempt that voe was killed in can be gone on with: only where `/tmp` outlives the sandbox.
    pub fn keeps_tmp(&self) -> bool {
        !matches!(self.choice, Choice::Docker | Choice::Podman | Choice::Landlock)
    }

    /// The task's workspace, made if this is the first time that it is asked for.
    ///
    /// # Errors
    /// It can't be made here; what is wrong is found out once.
    pub async fn prepare(&self, task: &Instance) -> Result<Arc<Prepared>, WorkspaceError> {
        let cell = {
            let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(ready.entry(task.instance_id.clone()).or_default())
        };
        if let (Some(docker), None) = (&self.docker, cell.get()) {
            // An image may be gone by the next time; only what can't be had here is found out once.
            let made = docker.prepare(task, &self.cache).await;
            if let Err(error) = &made
                && error.is_environment()
            {
                let _ = cell.set(Err(error.to_string()));
            }
            return made.map(Arc::new);
        }
        let mut own = None;
        let shared = cell
            .get_or_init(|| async {
                self.make(task).await.map(Arc::new).map_err(|error| {
                    let told = error.to_string();
                    own = Some(error);
                    told
                })
            })
            .await;
        match (shared, own) {
            (Ok(prepared), _) => Ok(Arc::clone(prepared)),
            (Err(_), Some(error)) => Err(error),
            (Err(told), None) => Err(WorkspaceError::Before(told.clone())),
        }
    }

    async fn make(&self, task: &Instance) -> Result<Prepared, WorkspaceError> {
        let io = |error: tokio::task::JoinError| WorkspaceError::io("prepare", &self.cache)(io::Error::other(error));
        let (cache, id) = (self.cache.clone(), task.instance_id.clone());
        if !task.repo.starts_with("mini/") {
            return self.native.prepare(task, &cache, &self.program, &self.hidden).await;
        }
        tokio::task::spawn_blocking(move || mini::prepare(&cache, &id)).await.map_err(io)?
    }

    /// Opens a sandbox on the task's workspace. `home`: a directory of the sandbox's own; `tmp`: what is `/tmp` inside,
    /// where the backend can do that.
    ///
    /// # Errors
    /// No isolation of the kind asked for works here.
    pub async fn open(&self, prepared: &Prepared, home: &Path, tmp: Option<&Path>) -> Result<Opened, WorkspaceError> {
        let mut spec = Spec::new(&self.program, &prepared.checkout.dir, home);
        spec.state.clone_from(&self.native.state);
        spec.env.clone_from(&prepared.env);
        spec.read.clone_from(&prepared.read);
        spec.choice = self.choice;
        spec.network = self.network;
        spec.hidden.clone_from(&self.hidden);
        if self.choice == Choice::Landlock {
            // It makes a copy, at a path of its own.
            let sandbox = Sandbox::open(spec).await?;
            let at = sandbox.workspace().to_owned();
            return Ok(Opened { sandbox, at });
        }
        if self.choice == Choice::None {
            // It works in place: each attempt gets a copy.
            let tree = home.join("tree");
            std::fs::create_dir_all(home).map_err(WorkspaceError::io("make", home))?;
            copy(&prepared.checkout.dir, &tree).await?;
            spec.workspace.clone_from(&tree);
            spec.home = home.join("sandbox");
            return Ok(Opened { sandbox: Sandbox::open(spec).await?, at: tree });
        }
        if spec.choice == Choice::Auto {
            spec.choice = Choice::Local;
        }
        spec.mount_at = Some(TESTBED.into());
        if let Some(held) = &prepared.image {
            spec.image = Some(held.image.clone());
            if prepared.checkout_in_image {
                spec.workspace = PathBuf::new();
            }
            return Ok(Opened { sandbox: Sandbox::open(spec).await?, at: TESTBED.into() });
        }
        spec.overlays.clone_from(&prepared.overlays);
        if let Some(tmp) = tmp {
            std::fs::create_dir_all(tmp).map_err(WorkspaceError::io("make", tmp))?;
            spec.tmp = Some(tmp.to_owned());
        }
        Ok(Opened { sandbox: Sandbox::open(spec).await?, at: TESTBED.into() })
    }
}

/// Copies a tree with its modes, times and links; shares the blocks where the file system can.
async fn copy(from: &Path, to: &Path) -> Result<(), WorkspaceError> {
    let _ = std::fs::remove_dir_all(to);
    let status = tokio::process::Command::from(voe_untrusted::program("cp"))
        .args(["-a", "--reflink=auto", "--"])
        .args([from, to])
        .stdin(std::process::Stdio::null())
        .status()
        .await
        .map_err(WorkspaceError::io("copy", from))?;
    if status.success() {
        return Ok(());
    }
    Err(WorkspaceError::io("copy", from)(io::Error::other(format!("cp ended with {status}"))))
}
