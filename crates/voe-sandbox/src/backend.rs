//! The interface of a backend. A new one implements [`Backend`] and gets a row in [`crate::backends`].

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use voe_protocol::{CallResult, Hello, Setup, Toolbox};
use voe_trace::event::SandboxFacts;

use crate::error::SandboxError;

/// A future that a backend returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The capabilities of a backend. Callers decide by these, never by a backend's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Commands can't write outside the workspace and their own directories.
    pub isolates: bool,
    /// It can open a second sandbox on the base or on a snapshot.
    pub fork: bool,
    /// A snapshot costs the same whatever the size of the tree, and outlives its sandbox. Elsewhere a snapshot is a copy.
    pub snapshot: bool,
    /// Files in `/tmp` outlive the sandbox if the caller names a directory for it ([`crate::SandboxConfig::tmp`]).
    pub keeps_tmp: bool,
    /// Commands have a directory for temporary files that nobody else uses.
    pub private_tmp: bool,
    /// Commands can reach servers that they started, on the loopback interface, even without a network.
    pub loopback: bool,
    /// Edits land in the workspace on the host itself.
    pub in_place: bool,
    /// The workspace can be shown at another path ([`crate::SandboxConfig::mount_at`]) and with more overlays.
    pub mounts: bool,
    /// It runs commands in a container image.
    pub image: bool,
    /// It hides the paths in [`crate::SandboxConfig::hidden`] from commands.
    pub hides: bool,
}

/// A place in which commands run. Dropping it ends what runs inside and removes what it put into [`crate::SandboxConfig::home`].
///
/// Laws that the tests of every backend check:
/// - a change made by a command is in the next [`Backend::snapshot`], and in no fork of an earlier one;
/// - a fork shares nothing writable with the sandbox that it came from;
/// - a fork of [`Snapshot::base`] has the workspace of the start and a copy of the private `/tmp` as it is now.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The facts to record about it.
    fn facts(&self) -> SandboxFacts;

    /// Its capabilities.
    fn capabilities(&self) -> Capabilities;

    /// The workspace's path inside.
    fn workspace(&self) -> &Path;

    /// The path inside of the workspace as it was at the start, if there is one.
    fn base_inside(&self) -> Option<PathBuf>;

    /// The private directory for temporary files inside, if there is one.
    fn private_tmp(&self) -> Option<PathBuf>;

    /// Starts the toolbox, or starts it again on the same workspace after it died. `setup`'s workspace, scratch, environment
    /// and the limits on memory, processes and files are filled in here. There is one toolbox at a time: the caller drops
    /// a dead one first.
    ///
    /// # Errors
    /// The isolation can't be built, or the toolbox does not start in it.
    fn toolbox(&self, setup: Setup) -> BoxFuture<'_, Result<(Toolbox, Hello), SandboxError>>;

    /// Adds to `result` which limit of the sandbox was reached since the last time. Called after each call.
    fn annotate(&self, _result: &mut CallResult) {}

    /// Keeps the workspace as it is now. Called between two calls of the toolbox, which may continue afterwards.
    ///
    /// # Errors
    /// There is no room for it, or the backend lacks the capability.
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, SandboxError>>;

    /// A second sandbox whose workspace is as it was `at` that moment.
    ///
    /// # Errors
    /// `at` was made by another backend, or the sandbox can't be opened.
    fn fork<'a>(&'a self, at: &'a Snapshot) -> BoxFuture<'a, Result<Box<dyn Backend>, SandboxError>>;

    /// Ends it, waiting for what has to be cleaned up elsewhere; where dropping it is enough, that is all. The toolbox is
    /// dropped first.
    ///
    /// # Errors
    /// Something could not be cleaned up.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), SandboxError>> {
        Box::pin(async move {
            drop(self);
            Ok(())
        })
    }
}

/// The state of a workspace at one moment. Owns the files that it needs until it is dropped.
#[derive(Debug, Clone)]
pub struct Snapshot(Option<Arc<dyn Any + Send + Sync>>);

impl Snapshot {
    /// The workspace as it was when the attempt began.
    pub fn base() -> Self {
        Self(None)
    }

    /// A later state; `kept` is what the backend needs to open it again.
    pub fn of(kept: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(kept)))
    }

    /// The value given to [`Snapshot::of`]; `None` for the base.
    ///
    /// # Errors
    /// The snapshot is another backend's.
    pub fn kept<T: Any>(&self) -> Result<Option<&T>, SandboxError> {
        let Some(kept) = &self.0 else { return Ok(None) };
        kept.downcast_ref().map(Some).ok_or_else(|| SandboxError::Failed("the snapshot is from another sandbox".into()))
    }
}
