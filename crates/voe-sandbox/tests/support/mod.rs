//! What the sandbox's tests share: being voe for themselves, and calling the toolbox.
#![allow(dead_code)]

use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;
use voe_toolbox::client::{ClientError, Toolbox};
use voe_toolbox::protocol::{CallResult, Pristine, Setup};

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
        pristine: Pristine::Dir("/run/voe/base".into()),
        limits: Default::default(),
        env: Default::default(),
        syntax: Default::default(),
        byproducts: Vec::new(),
        resumed: false,
    }
}

/// Runs a command with a limit of 20 s.
pub async fn bash(toolbox: &mut Toolbox, command: &str) -> Result<CallResult, ClientError> {
    toolbox.call("bash", json!({ "command": command, "timeout_s": 20 }), Duration::from_secs(30)).await
}
