//! A sandbox that is a plain directory.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio::process::Command;
use voe_protocol::{Hello, Setup, Toolbox};
use voe_sandbox::{Backend, BoxFuture, Capabilities, SandboxError, Snapshot};
use voe_trace::event::SandboxFacts;

/// A sandbox without isolation: the toolbox (this test program, started again) works in a directory, and forks and snapshots
/// are copies of it. The test sets its capabilities.
#[derive(Debug)]
pub struct TestBackend {
    shared: Arc<SharedDir>,
    tree: PathBuf,
    capabilities: Capabilities,
}

/// The state that a sandbox and its forks share.
#[derive(Debug)]
struct SharedDir {
    dir: TempDir,
    next: AtomicU32,
}

/// A copy of the tree.
#[derive(Debug)]
struct Copied(PathBuf);

impl TestBackend {
    /// A sandbox that works in the directory `tree`.
    pub fn new(tree: &Path) -> Self {
        let shared = SharedDir { dir: tempfile::tempdir_in("/var/tmp").unwrap(), next: AtomicU32::new(0) };
        copy(tree, &shared.dir.path().join("base"));
        let capabilities = Capabilities {
            isolates: false,
            fork: true,
            snapshot: true,
            keeps_tmp: true,
            private_tmp: false,
            loopback: true,
            in_place: false,
            mounts: false,
            image: false,
            hides: false,
        };
        Self { shared: Arc::new(shared), tree: tree.to_owned(), capabilities }
    }

    /// Changes its capabilities. Without `fork` or `snapshot` these calls fail.
    pub fn with(mut self, change: impl FnOnce(&mut Capabilities)) -> Self {
        change(&mut self.capabilities);
        self
    }

    fn place(&self) -> PathBuf {
        self.shared.dir.path().join(self.shared.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success(), "cp ended with {copied}");
}

impl Backend for TestBackend {
    fn facts(&self) -> SandboxFacts {
        SandboxFacts { backend: "test".into(), detail: "a directory".into() }
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn workspace(&self) -> &Path {
        &self.tree
    }

    fn base_inside(&self) -> Option<PathBuf> {
        Some(self.shared.dir.path().join("base"))
    }

    fn private_tmp(&self) -> Option<PathBuf> {
        None
    }

    fn toolbox(&self, mut setup: Setup) -> BoxFuture<'_, Result<(Toolbox, Hello), SandboxError>> {
        Box::pin(async move {
            setup.workspace.clone_from(&self.tree);
            setup.scratch = self.place();
            setup.env.insert("PATH".into(), std::env::var("PATH").unwrap_or_default());
            fs::create_dir_all(&setup.scratch).unwrap();
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.arg("toolbox").current_dir(&self.tree).stderr(Stdio::null());
            command.env_clear().envs(&setup.env);
            Ok(Toolbox::start(command, &setup).await?)
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, SandboxError>> {
        Box::pin(async move {
            if !self.capabilities.snapshot {
                return Err(SandboxError::Failed("this sandbox can't take snapshots".into()));
            }
            let to = self.place();
            copy(&self.tree, &to);
            Ok(Snapshot::of(Copied(to)))
        })
    }

    fn fork<'a>(&'a self, at: &'a Snapshot) -> BoxFuture<'a, Result<Box<dyn Backend>, SandboxError>> {
        Box::pin(async move {
            if !self.capabilities.fork {
                return Err(SandboxError::Failed("this sandbox can't fork".into()));
            }
            let base = self.shared.dir.path().join("base");
            let from = at.kept::<Copied>()?.map_or(base, |copied| copied.0.clone());
            let tree = self.place();
            copy(&from, &tree);
            let fork = Self { shared: Arc::clone(&self.shared), tree, capabilities: self.capabilities };
            Ok(Box::new(fork) as Box<dyn Backend>)
        })
    }
}
