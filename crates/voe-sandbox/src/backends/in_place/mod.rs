//! No isolation: the toolbox works in the user's own tree, as the user.

mod shadow;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;
use tokio::sync::OnceCell;
use voe_protocol::Toolbox;
use voe_protocol::{Hello, Setup};
use voe_trace::event::SandboxFacts;

use crate::backend::{Backend, BoxFuture, Capabilities, Snapshot};
use crate::config::SandboxConfig;
use crate::environment;
use crate::error::SandboxError;
use crate::home::root::{self, SandboxRoot};
use shadow::Shadow;

/// Its capabilities.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    isolates: false,
    fork: true,
    snapshot: false,
    keeps_tmp: true,
    private_tmp: false,
    loopback: true,
    in_place: true,
    mounts: false,
    image: false,
    hides: false,
};

/// A sandbox that works in place.
#[derive(Debug)]
pub(crate) struct InPlace {
    spec: SandboxConfig,
    root: Arc<SandboxRoot>,
    place: PathBuf,
    shadow: Arc<Shadow>,
    /// The user's tree as it was before the first command; forks share it.
    base: Arc<OnceCell<InPlaceSnapshot>>,
    /// A fork works in a copy.
    fork: bool,
}

/// A snapshot: a tree in the store.
#[derive(Debug, Clone)]
struct InPlaceSnapshot {
    shadow: Arc<Shadow>,
    tree: String,
}

impl InPlace {
    pub(crate) async fn open(mut spec: SandboxConfig) -> Result<Self, SandboxError> {
        if spec.mount_at.is_some() || spec.root.is_some() {
            return Err(SandboxError::Usage {
                problem: format!("sandbox {} cannot show the workspace at another path", spec.choice),
                remedy: "use --sandbox local or a container".into(),
            });
        }
        spec.workspace =
            spec.workspace.canonicalize().map_err(SandboxError::io("open the workspace", &spec.workspace))?;
        spec.home = root::home(&spec.home)?;
        let root = SandboxRoot::create(&spec.home, &spec, None)?;
        let place = root.place(0)?;
        Self::assemble(spec, root, place, Arc::default(), false).await
    }

    async fn assemble(
        spec: SandboxConfig,
        root: Arc<SandboxRoot>,
        place: PathBuf,
        base: Arc<OnceCell<InPlaceSnapshot>>,
        fork: bool,
    ) -> Result<Self, SandboxError> {
        let shadow = Arc::new(Shadow::create(place.join("shadow"), spec.workspace.clone()).await?);
        Ok(Self { spec, root, place, shadow, base, fork })
    }

    async fn base(&self) -> Result<&InPlaceSnapshot, SandboxError> {
        self.base.get_or_try_init(|| self.keep()).await
    }

    async fn keep(&self) -> Result<InPlaceSnapshot, SandboxError> {
        Ok(InPlaceSnapshot { shadow: Arc::clone(&self.shadow), tree: self.shadow.keep().await? })
    }

    async fn forked(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let kept = match at.kept::<InPlaceSnapshot>()? {
            Some(kept) => kept,
            None => self.base().await?,
        };
        let place = self.root.place(0)?;
        let copy = place.join("tree");
        kept.shadow.restore(&kept.tree, &copy).await?;
        let spec = SandboxConfig { workspace: copy, ..self.spec.clone() };
        Self::assemble(spec, Arc::clone(&self.root), place, Arc::clone(&self.base), true).await
    }
}

impl Backend for InPlace {
    fn facts(&self) -> SandboxFacts {
        let detail = "requested by name; commands run as you, without isolation".into();
        SandboxFacts { backend: self.spec.choice.word().into(), detail }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { in_place: !self.fork, ..CAPABILITIES }
    }

    fn workspace(&self) -> &Path {
        &self.spec.workspace
    }

    fn base_inside(&self) -> Option<PathBuf> {
        None
    }

    fn private_tmp(&self) -> Option<PathBuf> {
        None
    }

    fn toolbox(&self, mut setup: Setup) -> BoxFuture<'_, Result<(Toolbox, Hello), SandboxError>> {
        Box::pin(async move {
            // From now on the tree may change.
            self.base().await?;
            setup.workspace.clone_from(&self.spec.workspace);
            setup.scratch = self.place.join("scratch");
            let added = std::mem::take(&mut setup.env);
            setup.env = environment::from_own(&self.spec.env);
            setup.env.extend(added);
            let mut command = Command::new(&self.spec.program);
            command.arg("toolbox").current_dir(&self.spec.workspace).stderr(Stdio::null()).process_group(0);
            command.env_clear().envs(&setup.env);
            Ok(Toolbox::start(command, &setup).await?)
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, SandboxError>> {
        Box::pin(async move { Ok(Snapshot::of(self.keep().await?)) })
    }

    fn fork<'a>(&'a self, at: &'a Snapshot) -> BoxFuture<'a, Result<Box<dyn Backend>, SandboxError>> {
        Box::pin(async move {
            let fork = self.forked(at).await?;
            Ok(Box::new(fork) as Box<dyn Backend>)
        })
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        root::remove(&self.place);
    }
}
