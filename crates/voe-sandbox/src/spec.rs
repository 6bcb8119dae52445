//! What is asked for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use voe_protocol::Limits;

use crate::choice::Choice;

/// What is asked for. Build it with [`Spec::new`] and set what differs.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The backend.
    pub choice: Choice,
    /// The voe binary.
    pub program: PathBuf,
    /// The workspace on the host; for a container an empty path means the image's own checkout at [`Spec::mount_at`].
    pub workspace: PathBuf,
    /// voe's own directory for this attempt on the host: upper layers, private `/tmp`, scratch. Created if it isn't there;
    /// what the sandbox put into it is removed when it is closed. It must not lie inside the workspace.
    pub home: PathBuf,
    /// voe's state directory: the index of open sandboxes lies in it, by which [`crate::sweep()`] finds what a killed voe left.
    /// Without it nothing is found.
    pub state: Option<PathBuf>,
    /// Whether commands may use the network.
    pub network: bool,
    /// More paths that commands may read although they lie in a home directory.
    pub read: Vec<PathBuf>,
    /// Directories and files that commands must not see, wherever they lie and whatever else would show them. What the
    /// sandbox needs from there (the workspace, its borrowed objects, overlays, [`Spec::read`]) is seen at its own place only.
    pub hidden: Vec<PathBuf>,
    /// The image, for containers.
    pub image: Option<String>,
    /// Bounds on commands.
    pub limits: Limits,
    /// Bytes that workspace changes, private `/tmp` and home may take together, where the sandbox can hold it.
    pub disk_bytes: u64,
    /// Processors that commands may keep busy (containers only); `None`: all.
    pub cpus: Option<f64>,
    /// The user's additions to the commands' environment.
    pub env: BTreeMap<String, String>,
    /// The workspace's path inside, if it differs (`/testbed`); backends without a file system of their own refuse it.
    pub mount_at: Option<PathBuf>,
    /// More directories that change inside without changing outside, each with its path inside (an environment of
    /// interpreters and packages). `local` only; other backends pass over them.
    pub overlays: Vec<(PathBuf, PathBuf)>,
    /// A directory of the caller's that is `/tmp` inside and stays when the sandbox is gone, so that an attempt can be gone
    /// on with; forks get a copy of it. `local` only; without it `/tmp` begins empty and goes with the sandbox.
    pub tmp: Option<PathBuf>,
    /// Whether the workspace may be a home directory, or one that has homes in it; credentials are hidden in it then.
    pub allow_home: bool,
    /// Another root for the file system inside instead of the host's, read-only (`local` only).
    pub root: Option<PathBuf>,
}

impl Spec {
    /// A spec with voe's defaults: `auto`, no network, 8 GiB of disk.
    pub fn new(program: impl Into<PathBuf>, workspace: impl Into<PathBuf>, home: impl Into<PathBuf>) -> Self {
        Self {
            choice: Choice::Auto,
            program: program.into(),
            workspace: workspace.into(),
            home: home.into(),
            state: None,
            network: false,
            read: Vec::new(),
            hidden: Vec::new(),
            image: None,
            limits: Limits::default(),
            disk_bytes: 8 << 30,
            cpus: None,
            env: BTreeMap::new(),
            mount_at: None,
            overlays: Vec::new(),
            tmp: None,
            allow_home: false,
            root: None,
        }
    }
}
