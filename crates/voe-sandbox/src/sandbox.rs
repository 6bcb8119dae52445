//! An open sandbox of any backend.

use std::path::{Path, PathBuf};
use std::time::Instant;

use voe_protocol::{CallResult, Hello, Setup, Toolbox};
use voe_trace::event::SandboxFacts;

use crate::backend::{Backend, Capabilities, Snapshot};
use crate::backends::KINDS;
use crate::choice::BackendChoice;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::fit;

/// An open sandbox. Dropping it ends everything inside and removes its files in [`SandboxConfig::home`].
#[derive(Debug)]
pub struct Sandbox(Box<dyn Backend>);

impl Sandbox {
    /// Opens the sandbox that `spec` describes. Nothing runs inside until [`Sandbox::toolbox`].
    ///
    /// # Errors
    /// [`SandboxError::Usage`] if the workspace or the spec is refused, [`SandboxError::Unavailable`] if the backend does not
    /// work here.
    pub async fn open(spec: SandboxConfig) -> Result<Self, SandboxError> {
        fit::check(&spec)?;
        let begun = Instant::now();
        let sandbox = match KINDS.iter().find(|kind| kind.choice == spec.choice) {
            Some(kind) => Self((kind.open)(spec).await?),
            None => strongest(spec).await?,
        };
        tracing::info!(backend = sandbox.facts().backend, ms = begun.elapsed().as_millis(), "sandbox opened");
        Ok(sandbox)
    }

    /// A sandbox of the caller's own backend.
    pub fn with(backend: impl Backend + 'static) -> Self {
        Self(Box::new(backend))
    }

    /// The facts to record about it.
    pub fn facts(&self) -> SandboxFacts {
        self.0.facts()
    }

    /// Its capabilities.
    pub fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    /// The workspace's path inside.
    pub fn workspace(&self) -> &Path {
        self.0.workspace()
    }

    /// Whether edits land in the user's own tree.
    pub fn in_place(&self) -> bool {
        self.0.capabilities().in_place
    }

    /// The path inside of the workspace as it was at the start, if there is one.
    pub fn base_inside(&self) -> Option<PathBuf> {
        self.0.base_inside()
    }

    /// The private directory for temporary files inside, if there is one.
    pub fn private_tmp(&self) -> Option<PathBuf> {
        self.0.private_tmp()
    }

    /// Starts the toolbox, or starts it again: [`Backend::toolbox`].
    ///
    /// # Errors
    /// The isolation can't be built, or the toolbox does not start in it.
    pub async fn toolbox(&self, setup: Setup) -> Result<(Toolbox, Hello), SandboxError> {
        self.0.toolbox(setup).await
    }

    /// Adds to `result` which limit was reached since the last time. Called after each call.
    pub fn annotate(&self, result: &mut CallResult) {
        self.0.annotate(result);
    }

    /// The workspace as it was when the attempt began.
    pub fn base(&self) -> Snapshot {
        Snapshot::base()
    }

    /// Keeps the workspace as it is now. Called between two calls of the toolbox, which may continue afterwards.
    ///
    /// # Errors
    /// There is no room for it.
    pub async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        self.0.snapshot().await
    }

    /// A second sandbox whose workspace is as it was `at` that moment, sharing nothing writable with this one. A fork of
    /// [`Sandbox::base`] has a copy of the private `/tmp` as it is now (that is what a counterfactual needs).
    ///
    /// # Errors
    /// `at` is another backend's snapshot, or the sandbox can't be opened.
    pub async fn fork(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let begun = Instant::now();
        let fork = Self(self.0.fork(at).await?);
        tracing::debug!(backend = fork.facts().backend, ms = begun.elapsed().as_millis(), "sandbox forked");
        Ok(fork)
    }

    /// Ends it. Drop the toolbox first.
    ///
    /// # Errors
    /// Something could not be cleaned up.
    pub async fn close(self) -> Result<(), SandboxError> {
        self.0.close().await
    }
}

/// Opens the strongest backend that works without further settings.
async fn strongest(spec: SandboxConfig) -> Result<Sandbox, SandboxError> {
    let mut problems = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.automatic && (!kind.capabilities.image || spec.image.is_some())) {
        match (kind.open)(SandboxConfig { choice: kind.choice, ..spec.clone() }).await {
            Ok(backend) => return Ok(Sandbox(backend)),
            Err(SandboxError::Unavailable { problem, .. }) => problems.push(format!("{}: {problem}", kind.choice)),
            Err(error) => return Err(error),
        }
    }
    Err(SandboxError::Unavailable {
        choice: BackendChoice::Auto,
        step: None,
        problem: format!("no isolation works here ({})", problems.join("; ")),
        remedy: "run `voe doctor` for remedies; `--sandbox none` runs commands without isolation".into(),
    })
}
