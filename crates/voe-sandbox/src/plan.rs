//! What the helper is told: plain data, made by voe outside, carried out inside.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::setup::SetupFailure;

/// Bytes of a message at most: more than a plan ever takes, and the same as the socket's default buffer.
pub(crate) const MOST_BYTES: usize = 200 * 1024;

/// The directory in a sandbox's place with the layers that hide credentials: one for each tree.
pub(crate) const MASKS: &str = "masks";

/// Where the workspace as it was at the start can be read, in a file system of the sandbox's own.
pub(crate) const BASE_INSIDE: &str = "/run/voe/base";

/// Everything the helper does, in the order in which it does it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The directory of this sandbox on the host: `boxes/<number>` beside `layers`.
    pub(crate) home: PathBuf,
    /// Where the layers are, which forks share.
    pub(crate) layers: PathBuf,
    /// Make a user namespace: set for everybody but root.
    pub(crate) user_namespace: bool,
    /// Stay in the host's network.
    pub(crate) network: bool,
    /// Namespaces and mounts; `None` stays in the host's file system (`landlock`).
    pub(crate) view: Option<View>,
    /// What Landlock lets commands read, besides what it lets them write; empty: everything.
    pub(crate) readable: Vec<PathBuf>,
    /// What Landlock lets commands write.
    pub(crate) writable: Vec<PathBuf>,
    /// Bounds.
    pub(crate) bounds: Bounds,
    /// Set everything up and end at once with 0: to find out whether it works.
    pub(crate) rehearsal: bool,
}

/// The file system as it is seen inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct View {
    /// The directory that is the root inside, read-only, apart from what follows.
    pub(crate) root: PathBuf,
    /// Directories that are empty inside.
    pub(crate) hidden: Vec<PathBuf>,
    /// Bound in this order.
    pub(crate) binds: Vec<Bind>,
    /// Overlays: the workspace first.
    pub(crate) trees: Vec<Tree>,
    /// Files and directories that are shown empty, last of all.
    pub(crate) masked: Vec<PathBuf>,
    /// The layers that are written to and read through.
    pub(crate) stack: Stack,
}

/// A path of the host's at a path inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bind {
    /// On the host.
    pub(crate) from: PathBuf,
    /// Inside.
    pub(crate) to: PathBuf,
    /// Whether it may be written.
    pub(crate) write: bool,
}

/// A directory of the host's that changes inside without changing outside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tree {
    /// On the host; only read.
    pub(crate) lower: PathBuf,
    /// Inside.
    pub(crate) at: PathBuf,
}

/// Layers, by their number: `layers/<number>/<tree>/u` holds what differs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stack {
    /// The one that is written.
    pub(crate) upper: u64,
    /// Those below it, newest first.
    pub(crate) frozen: Vec<u64>,
    /// Distinguishes work directories: each mount gets a fresh one.
    pub(crate) mount: u64,
}

/// Bounds on what runs inside.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Files into which the process that is to be bounded writes its id: one for each control group.
    pub(crate) groups: Vec<PathBuf>,
    /// Bytes of memory, when no control group holds it.
    pub(crate) watch_memory: Option<u64>,
    /// Processes, when no control group holds it.
    pub(crate) watch_processes: Option<u64>,
    /// Bytes of memory a single process may have at most.
    pub(crate) data_bytes: Option<u64>,
    /// Bytes of one file.
    pub(crate) file_bytes: u64,
    /// Bytes of disk that the sandbox may take.
    pub(crate) disk_bytes: u64,
    /// Where that is counted.
    pub(crate) disk_of: Vec<PathBuf>,
    /// Where only what is added from the start is counted: a copy of the user's tree.
    pub(crate) disk_added_to: Option<AddedTo>,
    /// Bytes of `/dev/shm`.
    pub(crate) shm_bytes: u64,
}

/// A directory of which only what is added to it counts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AddedTo {
    /// Which.
    pub(crate) dir: PathBuf,
    /// The bytes that it took at the start. Not counted by each helper: a second one would begin from what commands added.
    pub(crate) before: u64,
}

/// What voe asks of the running helper.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Carry this out; the first message.
    Start(Box<Plan>),
    /// Go on writing into another layer.
    Restack(Stack),
}

/// What the helper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// It is done.
    Done,
    /// A step of the set-up, or of an order, failed.
    Failed(SetupFailure),
}
