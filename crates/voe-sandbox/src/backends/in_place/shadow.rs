//! Snapshots without overlays: a private git index and object store outside the repository's own, which borrows the
//! repository's objects so that only what changed is stored.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::environment;
use crate::error::SandboxError;

/// A link to the workspace, in the store.
const LINK: &str = "workspace";

/// Keeps trees of a workspace.
#[derive(Debug)]
pub(crate) struct Shadow {
    git_dir: PathBuf,
    workspace: PathBuf,
}

impl Shadow {
    /// Makes an empty store at `git_dir`.
    pub(crate) async fn create(git_dir: PathBuf, workspace: PathBuf) -> Result<Self, SandboxError> {
        let shadow = Self { git_dir, workspace };
        shadow.git(&["init", "-q"]).await?;
        let link = shadow.link();
        std::os::unix::fs::symlink(&shadow.workspace, &link).map_err(SandboxError::io("create", &link))?;
        if link.join(".git/objects").is_dir() {
            let alternates = shadow.git_dir.join("objects/info/alternates");
            std::fs::write(&alternates, format!("../{LINK}/.git/objects\n"))
                .map_err(SandboxError::io("write", &alternates))?;
        }
        let index = shadow.workspace.join(".git/index");
        if index.is_file() {
            // Saves reading what is committed and unchanged.
            let _ = std::fs::copy(index, shadow.git_dir.join("index"));
        }
        Ok(shadow)
    }

    /// The workspace under another name: in git's list of alternates a path must not contain a newline.
    fn link(&self) -> PathBuf {
        self.git_dir.join(LINK)
    }

    /// The workspace as it is now, without what is ignored: a tree's name.
    pub(crate) async fn keep(&self) -> Result<String, SandboxError> {
        self.git(&["-c", "core.hooksPath=/dev/null", "add", "-A", "."]).await?;
        self.git(&["write-tree"]).await
    }

    /// Writes a tree to `to`, together with a copy of the ignored files of the workspace as they are now.
    pub(crate) async fn restore(&self, tree: &str, to: &Path) -> Result<(), SandboxError> {
        std::fs::create_dir_all(to).map_err(SandboxError::io("create", to))?;
        if self.workspace.join(".git").exists() {
            let mut clone = Command::from(voe_untrusted::program("git"));
            clone.args(["clone", "-q", "--shared", "--no-checkout"]).arg(self.link()).arg(to);
            run(clone, "git clone").await?;
        }
        let index = self.git_dir.join(format!("index-{tree}"));
        for arguments in [&["read-tree", tree][..], &["checkout-index", "-a", "-f"][..]] {
            let mut command = self.command(to);
            command.env("GIT_INDEX_FILE", &index).args(arguments);
            run(command, "git").await?;
        }
        let listed = self.git(&["ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory"]).await?;
        let ignored: Vec<&str> = listed
            .split('\0')
            .map(|path| path.trim_end_matches('/'))
            .filter(|path| !path.is_empty() && !python_cache(path))
            .collect();
        if ignored.is_empty() {
            return Ok(());
        }
        let mut copy = Command::from(voe_untrusted::program("cp"));
        copy.args(["-a", "--parents", "--reflink=auto", "--"]).args(&ignored).arg(to).current_dir(&self.workspace);
        run(copy, "cp").await.map(drop)
    }

    async fn git(&self, arguments: &[&str]) -> Result<String, SandboxError> {
        let mut command = self.command(&self.workspace);
        command.args(arguments);
        run(command, "git").await
    }

    /// git on this store. The repository's configuration and hooks, which commands can change, have no effect.
    fn command(&self, work_tree: &Path) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(environment::from_own(&Default::default())).env("PATH", voe_untrusted::search_path());
        command.env("GIT_DIR", &self.git_dir).env("GIT_WORK_TREE", work_tree).current_dir(work_tree);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command.args(["-c", "safe.directory=*", "-c", "core.autocrlf=false", "-c", "core.fsmonitor=false"]);
        command
    }
}

/// Python takes a compiled file as current if its source's second and size match, so one made from an edit could be used
/// in place of the source that was just written here.
fn python_cache(path: &str) -> bool {
    path.ends_with(".pyc") || path.split('/').next_back() == Some("__pycache__")
}

async fn run(mut command: Command, name: &str) -> Result<String, SandboxError> {
    let output = command
        .stdin(Stdio::null())
        // Ctrl-C is for voe to handle.
        .process_group(0)
        .output()
        .await
        .map_err(|error| SandboxError::Failed(format!("{name} does not start: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(SandboxError::Failed(format!("{name}: {}", stderr.lines().last().unwrap_or("it failed without a message"))))
}
