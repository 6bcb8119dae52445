//! The configuration of a sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;

use voe_protocol::CallLimits;

use crate::choice::BackendChoice;

/// The configuration of a sandbox. Make it with [`SandboxConfig::new`] and set the fields that differ.
#[derive(Debug, Clone)]
pub struct SandboxConfig {
    /// The backend.
    pub choice: BackendChoice,
    /// The voe binary.
    pub program: PathBuf,
    /// The workspace on the host; for a container an empty path means the image's own checkout at [`SandboxConfig::mount_at`].
    pub workspace: PathBuf,
    /// voe's own directory for this attempt on the host: upper layers, private `/tmp`, scratch. Created if it is missing; what
    /// the sandbox put into it is removed on closing. It must not be inside the workspace.
    pub home: PathBuf,
    /// voe's state directory, which contains the index of open sandboxes by which [`crate::sweep()`] finds what a killed voe
    /// left. Without it nothing is found.
    pub state: Option<PathBuf>,
    /// Whether commands may use the network.
    pub network: bool,
    /// More paths that commands may read although they are in a home directory.
    pub read: Vec<PathBuf>,
    /// Directories and files that commands must not see, wherever they are and whatever else would show them. Those that the
    /// sandbox needs from there (the workspace, its borrowed objects, overlays, [`SandboxConfig::read`]) are visible at their own paths
    /// only.
    pub hidden: Vec<PathBuf>,
    /// The image, for containers.
    pub image: Option<String>,
    /// Limits on commands.
    pub limits: CallLimits,
    /// Bytes that workspace changes, private `/tmp` and home may take together, where the sandbox can enforce it.
    pub disk_bytes: u64,
    /// Processors that commands may use (containers only); `None`: all.
    pub cpus: Option<f64>,
    /// The user's additions to the environment of commands.
    pub env: BTreeMap<String, String>,
    /// The workspace's path inside, if it differs (`/testbed`); backends without a file system of their own refuse it.
    pub mount_at: Option<PathBuf>,
    /// More directories that change inside without changing outside, each with its path inside (an environment of
    /// interpreters and packages). `local` only; other backends ignore them.
    pub overlays: Vec<(PathBuf, PathBuf)>,
    /// The caller's directory that is `/tmp` inside and outlives the sandbox, so that an attempt can be resumed; forks get a
    /// copy of it. `local` only; without it `/tmp` begins empty and is removed with the sandbox.
    pub tmp: Option<PathBuf>,
    /// Whether the workspace may be a home directory, or contain homes; credentials in it are then hidden.
    pub allow_home: bool,
    /// Another root for the file system inside instead of the host's, read-only (`local` only).
    pub root: Option<PathBuf>,
}

impl SandboxConfig {
    /// A spec with voe's defaults: `auto`, no network, 8 GiB of disk.
    pub fn new(program: impl Into<PathBuf>, workspace: impl Into<PathBuf>, home: impl Into<PathBuf>) -> Self {
        Self {
            choice: BackendChoice::Auto,
            program: program.into(),
            workspace: workspace.into(),
            home: home.into(),
            state: None,
            network: false,
            read: Vec::new(),
            hidden: Vec::new(),
            image: None,
            limits: CallLimits::default(),
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
