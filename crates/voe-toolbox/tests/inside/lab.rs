//! A repository with a toolbox in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use voe_protocol::{BaseSource, CallResult, Export, FileState, Hello, RawBytes, Setup, WorkspaceState};
use voe_protocol::{ClientError, Toolbox};

pub(crate) struct Lab {
    pub(crate) dir: TempDir,
    pub(crate) setup: Setup,
    pub(crate) hello: Hello,
    runtime: tokio::runtime::Runtime,
    pub(crate) toolbox: Option<Toolbox>,
}

/// Longer than any call here takes, so that a test ends when the toolbox does not answer.
const PATIENCE: Duration = Duration::from_secs(120);

impl Lab {
    /// A git repository with these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::with(files, |_| {})
    }

    /// A git repository with these files whose toolbox is started by `launcher`.
    pub(crate) fn inside(files: &[(&str, &str)], launcher: &[&str]) -> Self {
        Self::under(Self::written(files), |_| {}, launcher)
    }

    /// The same with another setup.
    pub(crate) fn with(files: &[(&str, &str)], change: impl FnOnce(&mut Setup)) -> Self {
        Self::at(Self::written(files), change)
    }

    fn written(files: &[(&str, &str)]) -> TempDir {
        // Not in /tmp, where file tools may go.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let workspace = dir.path().join("my work");
        fs::create_dir(&workspace).unwrap();
        for (path, content) in files {
            let path = workspace.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    /// A toolbox on what is in `dir/my work`, whatever made it.
    pub(crate) fn at(dir: TempDir, change: impl FnOnce(&mut Setup)) -> Self {
        Self::under(dir, change, &[])
    }

    /// The same, started by `launcher`, which is given the toolbox's program as its last argument.
    fn under(dir: TempDir, change: impl FnOnce(&mut Setup), launcher: &[&str]) -> Self {
        let workspace = dir.path().join("my work");
        let scratch = dir.path().join("scratch");
        let git_dir = dir.path().join("base.git");
        git(&workspace, &["init", "-q"]);
        git(&workspace, &["init", "-q", "--bare", git_dir.to_str().unwrap()]);
        let (git_flag, work_flag) =
            (format!("--git-dir={}", git_dir.display()), format!("--work-tree={}", workspace.display()));
        git(&workspace, &[&git_flag, &work_flag, "add", "-A"]);
        let tree = git(&workspace, &[&git_flag, "write-tree"]);
        let mut setup = Setup {
            workspace,
            scratch,
            pristine: BaseSource::Git { git_dir, tree },
            limits: Default::default(),
            env: [("PATH".to_owned(), std::env::var("PATH").unwrap())].into(),
            syntax: Default::default(),
            byproducts: Vec::new(),
            resumed: false,
            earlier_commands: Vec::new(),
            unwatched: false,
        };
        change(&mut setup);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (toolbox, hello) = runtime.block_on(start(&setup, launcher)).unwrap();
        Self { dir, setup, hello, runtime, toolbox: Some(toolbox) }
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.setup.workspace.join(path)
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    pub(crate) fn try_call(&mut self, tool: &str, arguments: Value) -> Result<CallResult, ClientError> {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(toolbox.call(tool, arguments, PATIENCE))
    }

    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> CallResult {
        self.try_call(tool, arguments).unwrap()
    }

    pub(crate) fn bash(&mut self, command: &str) -> CallResult {
        self.call("bash", json!({ "command": command }))
    }

    pub(crate) fn edit(&mut self, path: &str, old: &str, new: &str) -> CallResult {
        self.call("file_edit", json!({"path": path, "old_string": old, "new_string": new}))
    }

    pub(crate) fn check(&mut self, command: &str) -> CallResult {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(toolbox.check(command, PATIENCE)).unwrap()
    }

    pub(crate) fn state(&mut self) -> WorkspaceState {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(toolbox.state()).unwrap()
    }

    pub(crate) fn export(&mut self) -> Export {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(toolbox.export()).unwrap()
    }

    pub(crate) fn import(&mut self, files: Vec<(RawBytes, Option<FileState>)>) -> Result<WorkspaceState, ClientError> {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(toolbox.import(files))
    }

    /// Makes a request.
    pub(crate) fn ask<T>(
        &mut self,
        request: impl AsyncFnOnce(&mut Toolbox) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(request(toolbox))
    }

    /// Starts a call and gives up after `after`.
    pub(crate) fn give_up(&mut self, command: &str, after: Duration) {
        let toolbox = self.toolbox.as_mut().unwrap();
        self.runtime.block_on(async {
            let call = toolbox.call("bash", json!({ "command": command }), PATIENCE);
            assert!(tokio::time::timeout(after, call).await.is_err(), "{command} ended on its own");
        });
    }

    /// Drops the toolbox like a killed voe, and waits until the process is gone.
    pub(crate) fn drop_pipe(&mut self) {
        let toolbox = self.toolbox.take().unwrap();
        self.runtime.block_on(toolbox.close());
    }

    /// Starts another toolbox on the same workspace.
    pub(crate) fn restart(&mut self) {
        self.setup.resumed = true;
        let (toolbox, hello) = self.runtime.block_on(start(&self.setup, &[])).unwrap();
        self.toolbox = Some(toolbox);
        self.hello = hello;
    }
}

async fn start(setup: &Setup, launcher: &[&str]) -> Result<(Toolbox, Hello), ClientError> {
    let own = std::env::current_exe().unwrap();
    let mut words = launcher.iter().map(OsStr::new).chain([own.as_os_str()]);
    let mut command = tokio::process::Command::new(words.next().unwrap());
    command.args(words);
    command.env("VOE_TOOLBOX", "1");
    Toolbox::start(command, setup).await
}

/// Runs git and gives its output.
pub(crate) fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(args);
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Changes as `A path +1 -0`.
pub(crate) fn listed(result: &CallResult) -> Vec<String> {
    listed_changes(&result.changes)
}

pub(crate) fn listed_changes(changes: &[voe_trace::Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let kind = match change.kind {
                voe_trace::ChangeKind::Added => 'A',
                voe_trace::ChangeKind::Modified => 'M',
                voe_trace::ChangeKind::Deleted => 'D',
            };
            let binary = if change.binary { " binary" } else { "" };
            format!("{kind} {} +{} -{}{binary}", change.path, change.added, change.removed)
        })
        .collect()
}

/// Whether a process lives whose command line contains `mark`.
pub(crate) fn lives(mark: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let zombie = fs::read_to_string(entry.path().join("stat")).is_ok_and(|stat| stat.contains(") Z "));
        !zombie
            && entry.file_name().as_bytes() != std::process::id().to_string().as_bytes()
            && String::from_utf8_lossy(&line).contains(mark)
    })
}

/// Whether a program is available; prints a note if not.
pub(crate) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped 1 case: no {program}");
    }
    found
}
