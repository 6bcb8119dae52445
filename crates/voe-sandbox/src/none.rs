//! No isolation: the toolbox is a child process like any other and works in the user's own tree.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::process::Command;
use voe_toolbox::client::Toolbox;
use voe_toolbox::protocol::{Hello, Setup};
use voe_trace::event::SandboxFacts;

use crate::environment;
use crate::error::SandboxError;
use crate::sandbox::{At, Snapshot};
use crate::spec::Spec;

/// The sandbox that is none.
#[derive(Debug)]
pub(crate) struct None {
    spec: Spec,
    base: Arc<Copy>,
    counter: Arc<AtomicU64>,
    fork: bool,
}

/// A copy of the workspace; its directory goes with it.
#[derive(Debug)]
pub(crate) struct Copy {
    tree: PathBuf,
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.tree);
    }
}

impl None {
    pub(crate) async fn open(spec: Spec) -> Result<Self, SandboxError> {
        for dir in ["scratch", "copies"] {
            let dir = spec.home.join(dir);
            std::fs::create_dir_all(&dir).map_err(SandboxError::io("create", &dir))?;
        }
        let counter = Arc::new(AtomicU64::new(0));
        let base = Arc::new(copy(&spec.workspace, spec.home.join("copies/base")).await?);
        Ok(Self { spec, base, counter, fork: false })
    }

    pub(crate) fn facts(&self) -> SandboxFacts {
        SandboxFacts {
            backend: "none".into(),
            detail: "asked for by name; commands run as you, nothing is held".into(),
        }
    }

    pub(crate) fn workspace(&self) -> &Path {
        &self.spec.workspace
    }

    pub(crate) fn in_place(&self) -> bool {
        !self.fork
    }

    pub(crate) async fn toolbox(&self, mut setup: Setup) -> Result<(Toolbox, Hello), SandboxError> {
        setup.workspace.clone_from(&self.spec.workspace);
        setup.scratch = self.spec.home.join("scratch");
        let added: Vec<_> = std::mem::take(&mut setup.env).into_iter().collect();
        setup.env = environment::from_own(&self.spec.env);
        setup.env.extend(added);
        let mut command = Command::new(&self.spec.program);
        command.arg("toolbox").current_dir(&self.spec.workspace).stderr(Stdio::null()).process_group(0);
        command.env_clear().envs(&setup.env);
        Ok(Toolbox::start(command, &setup).await?)
    }

    pub(crate) async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        let to = self.next("snapshot");
        Ok(Snapshot(At::Copy(Arc::new(copy(&self.spec.workspace, to).await?))))
    }

    pub(crate) async fn fork(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let from = match &at.0 {
            At::Base => &self.base,
            At::Copy(copy) => copy,
            At::Layers(_) => return Err(SandboxError::Failed("that snapshot is another sandbox's".into())),
        };
        let home = self.next("fork");
        std::fs::create_dir_all(home.join("scratch")).map_err(SandboxError::io("create", &home))?;
        let tree = home.join("tree");
        std::mem::forget(copy(&from.tree, tree.clone()).await?);
        let spec = Spec { workspace: tree, home, ..self.spec.clone() };
        Ok(Self { spec, base: Arc::clone(&self.base), counter: Arc::clone(&self.counter), fork: true })
    }

    pub(crate) async fn close(self) -> Result<(), SandboxError> {
        Ok(())
    }

    fn next(&self, what: &str) -> PathBuf {
        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        self.spec.home.join("copies").join(format!("{what}-{number}"))
    }
}

impl Drop for None {
    fn drop(&mut self) {
        if self.fork {
            let _ = std::fs::remove_dir_all(&self.spec.home);
        }
    }
}

/// Copies a tree with its modes, times and links; shares the blocks where the file system can.
async fn copy(from: &Path, to: PathBuf) -> Result<Copy, SandboxError> {
    let status = Command::new("cp")
        .args(["-a", "--reflink=auto", "--"])
        .arg(from)
        .arg(&to)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await
        .map_err(SandboxError::io("copy", from))?;
    let copy = Copy { tree: to };
    if status.success() {
        return Ok(copy);
    }
    Err(SandboxError::Failed(format!("copying {} ended with {status}", from.display())))
}
