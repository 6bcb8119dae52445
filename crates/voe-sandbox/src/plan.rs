//! Messages between voe and the helper: plain data, made by voe and carried out by the helper.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::setup::SetupFailure;

/// Bytes of a message at most: more than any plan, and the same as the socket's default buffer.
pub(crate) const MOST_BYTES: usize = 200 * 1024;

/// The subdirectory of a sandbox's directory with the layers that hide credentials, one for each tree.
pub(crate) const MASKS: &str = "masks";

/// The path inside of the workspace as it was at the start, in backends with a file system of their own.
pub(crate) const BASE_INSIDE: &str = "/run/voe/base";

/// Everything that the helper sets up, in that order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SetupPlan {
    /// The directory of this sandbox on the host: `boxes/<number>` next to `layers`.
    pub(crate) home: PathBuf,
    /// The directory of the layers, which forks share.
    pub(crate) layers: PathBuf,
    /// Make a user namespace: for every user but root.
    pub(crate) user_namespace: bool,
    /// Stay in the host's network.
    pub(crate) network: bool,
    /// Namespaces and mounts; `None` stays in the host's file system (`landlock`).
    pub(crate) view: Option<FileSystemPlan>,
    /// Paths that Landlock lets commands read, besides `writable`; empty: everything.
    pub(crate) readable: Vec<PathBuf>,
    /// Paths that Landlock lets commands write.
    pub(crate) writable: Vec<PathBuf>,
    /// Limits.
    pub(crate) bounds: ProcessLimits,
    /// Set everything up and exit with 0, to find out whether it works.
    pub(crate) rehearsal: bool,
}

/// The file system inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FileSystemPlan {
    /// The directory that is the root inside, read-only but for the rest of this view.
    pub(crate) root: PathBuf,
    /// Directories that are empty inside.
    pub(crate) hidden: Vec<PathBuf>,
    /// Bound in this order.
    pub(crate) binds: Vec<Bind>,
    /// Overlays: the workspace first.
    pub(crate) trees: Vec<OverlayTree>,
    /// Files and directories that are shown empty, last of all.
    pub(crate) masked: Vec<PathBuf>,
    /// The layers that are written to and read through.
    pub(crate) stack: Stack,
}

/// A host path that is shown at a path inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bind {
    /// On the host.
    pub(crate) from: PathBuf,
    /// Inside.
    pub(crate) to: PathBuf,
    /// Whether it may be written.
    pub(crate) write: bool,
}

/// A host directory that changes inside without changing outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OverlayTree {
    /// On the host; only read.
    pub(crate) lower: PathBuf,
    /// Inside.
    pub(crate) at: PathBuf,
}

/// Layers by number: `layers/<number>/<tree>/u` has the changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stack {
    /// The one that is written.
    pub(crate) upper: u64,
    /// Those below it, newest first.
    pub(crate) frozen: Vec<u64>,
    /// Distinguishes work directories: each mount gets a new one.
    pub(crate) mount: u64,
}

/// Limits on everything that runs inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessLimits {
    /// Files to which the process to limit writes its id, one for each control group.
    pub(crate) groups: Vec<PathBuf>,
    /// Bytes of memory, if no control group enforces the limit.
    pub(crate) watch_memory: Option<u64>,
    /// Processes, if no control group enforces the limit.
    pub(crate) watch_processes: Option<u64>,
    /// Bytes of memory of a single process.
    pub(crate) data_bytes: Option<u64>,
    /// Bytes of one file.
    pub(crate) file_bytes: u64,
    /// Bytes of disk that the sandbox may take.
    pub(crate) disk_bytes: u64,
    /// The directories that count.
    pub(crate) disk_of: Vec<PathBuf>,
    /// A directory of which only additions since the start count: a copy of the user's tree.
    pub(crate) disk_added_to: Option<AddedTo>,
    /// Bytes of `/dev/shm`.
    pub(crate) shm_bytes: u64,
}

/// A directory of which only additions count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddedTo {
    /// The directory.
    pub(crate) dir: PathBuf,
    /// Its bytes at the start. Not counted by each helper, since a second one would include what commands added.
    pub(crate) before: u64,
}

/// A request of voe to the running helper.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum HelperRequest {
    /// Build this; the first message.
    Start(Box<SetupPlan>),
    /// Continue in another layer.
    Restack(Stack),
}

/// The helper's reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HelperReply {
    /// It is done.
    Done,
    /// A step of the set-up, or of a request, failed.
    Failed(SetupFailure),
}
