//! Shared by the sandbox's tests: standing in for the voe binary, and calling the toolbox.

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use voe_protocol::CallResult;
pub use voe_protocol::{BaseSource, Setup};
use voe_protocol::{ClientError, Toolbox};

/// Runs `tests` unless this process was started as voe's helper or toolbox.
pub fn run(tests: impl FnOnce() -> bool) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("sandbox-init") => voe_sandbox::helper(arguments),
        Some("toolbox") => voe_toolbox::server::run(),
        _ => {
            if tests() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// A set-up whose base is the directory that the sandbox shows.
pub fn setup() -> Setup {
    Setup {
        workspace: "/".into(),
        scratch: "/".into(),
        pristine: BaseSource::Dir("/run/voe/base".into()),
        limits: Default::default(),
        env: Default::default(),
        syntax: Default::default(),
        byproducts: Vec::new(),
        resumed: false,
        earlier_commands: Vec::new(),
        unwatched: false,
    }
}

/// Runs a command with a limit of 20 s.
pub async fn bash(toolbox: &mut Toolbox, command: &str) -> Result<CallResult, ClientError> {
    toolbox.call("bash", json!({ "command": command, "timeout_s": 20 }), Duration::from_secs(30)).await
}

/// Calls a tool.
pub async fn call(toolbox: &mut Toolbox, tool: &str, arguments: serde_json::Value) -> Result<CallResult, ClientError> {
    toolbox.call(tool, arguments, Duration::from_secs(30)).await
}

/// The committed tree of a repository as the base, for sandboxes that work in place.
pub fn git_pristine(workspace: &std::path::Path) -> BaseSource {
    let output =
        std::process::Command::new("git").arg("-C").arg(workspace).args(["rev-parse", "HEAD^{tree}"]).output().unwrap();
    BaseSource::Git {
        git_dir: workspace.join(".git"),
        tree: String::from_utf8(output.stdout).unwrap().trim().to_owned(),
    }
}

/// An ordinary user to become, if this is root.
pub fn ordinary_user() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(65534)
}

/// Runs this program again with these arguments, as another user if one is given.
pub fn again(arguments: &[&str], user: Option<u32>) -> bool {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let own = std::env::current_exe().unwrap();
    let Some(user) = user else {
        return std::process::Command::new(own).args(arguments).status().unwrap().success();
    };
    // Where the other user can read it.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("voe-test");
    std::fs::copy(own, &copy).unwrap();
    let path = "/usr/local/bin:/usr/bin:/bin";
    let status = std::process::Command::new(copy)
        .args(arguments)
        .uid(user)
        .gid(user)
        .env("PATH", path)
        .env_remove("PYENV_ROOT")
        .current_dir("/")
        .status();
    status.unwrap().success()
}
