//! Starting the helper, and sending it requests while it runs.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use tokio::process::Command;
use voe_protocol::Toolbox;
use voe_protocol::{Hello, Setup};

use crate::choice::BackendChoice;
use crate::error::SandboxError;
use crate::plan::{HelperReply, HelperRequest, MOST_BYTES, SetupPlan};
use crate::setup::{SetupFailure, SetupStep};

/// voe's end of the control socket. Closing it ends everything inside.
#[derive(Debug)]
pub(crate) struct LaunchControl {
    socket: OwnedFd,
    open: bool,
}

/// How long the helper may take for a request.
const PATIENCE: Duration = Duration::from_secs(20);

impl LaunchControl {
    /// The two ends; the second is for the helper.
    fn pair() -> io::Result<(Self, OwnedFd)> {
        let (own, other) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&own, 2 * MOST_BYTES);
        rustix::net::sockopt::set_socket_timeout(&own, rustix::net::sockopt::Timeout::Recv, Some(PATIENCE))?;
        rustix::net::sockopt::set_socket_timeout(&own, rustix::net::sockopt::Timeout::Send, Some(PATIENCE))?;
        Ok((Self { socket: own, open: true }, other))
    }

    fn send(&self, order: &HelperRequest) -> io::Result<()> {
        let bytes = serde_json::to_vec(order)?;
        if bytes.len() > MOST_BYTES {
            return Err(io::Error::other("too many paths to show inside; shorten `read` in [sandbox]"));
        }
        rustix::net::send(&self.socket, &bytes, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    fn receive(&self) -> io::Result<Option<HelperReply>> {
        let mut buffer = vec![0; 64 * 1024];
        let (read, _) =
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty()))?;
        if read == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&buffer[..read])?))
    }

    /// Sends a request to the helper and waits for it; well below a millisecond, so not worth a thread.
    pub(crate) fn order(&mut self, order: &HelperRequest) -> Result<(), SandboxError> {
        let answer = self.send(order).and_then(|()| self.receive());
        match answer {
            Ok(Some(HelperReply::Done)) => Ok(()),
            Ok(Some(HelperReply::Failed(failure))) => Err(SandboxError::Failed(failure.to_string())),
            Ok(None) => {
                self.open = false;
                Err(SandboxError::Failed("its helper exited".into()))
            }
            Err(error) => {
                self.open = error.kind() != io::ErrorKind::BrokenPipe && error.kind() != io::ErrorKind::ConnectionReset;
                Err(SandboxError::Failed(format!("its helper did not answer: {error}")))
            }
        }
    }

    /// Whether the helper was alive at the last request.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }
}

/// The command that starts the helper; the descriptor is kept open for it alone.
fn command(program: &Path, other: OwnedFd) -> Command {
    let mut command = Command::new(program);
    command.arg("sandbox-init").arg(other.as_raw_fd().to_string());
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").stderr(Stdio::null());
    // SAFETY: between fork and exec only one fcntl is called, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            rustix::io::fcntl_setfd(&other, rustix::io::FdFlags::empty())?;
            Ok(())
        });
    }
    command
}

/// Starts a toolbox by the plan.
pub(crate) async fn toolbox(
    program: &Path,
    plan: SetupPlan,
    setup: &Setup,
    choice: BackendChoice,
) -> Result<(Toolbox, Hello, LaunchControl), SandboxError> {
    let (control, command) = begin(program, plan)?;
    let started = Toolbox::start(command, setup).await;
    match started {
        Ok((toolbox, hello)) => match control.receive() {
            Ok(Some(HelperReply::Done)) => Ok((toolbox, hello, control)),
            other => Err(SandboxError::Failed(format!("unexpected reply from its helper: {other:?}"))),
        },
        Err(error) => match control.receive() {
            Ok(Some(HelperReply::Failed(failure))) => Err(SandboxError::unavailable(choice, &failure)),
            _ => Err(error.into()),
        },
    }
}

/// Sets up the plan's isolation and runs nothing.
pub(crate) async fn rehearse(program: &Path, plan: SetupPlan, choice: BackendChoice) -> Result<(), SandboxError> {
    let (control, mut command) = begin(program, plan)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(SandboxError::io("start", program))?;
    drop(command);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await;
    let ended =
        |how: &str| SandboxError::unavailable(choice, &SetupFailure::new(SetupStep::Processes, "the helper", how));
    match (status, control.receive()) {
        (Ok(Ok(status)), Ok(Some(HelperReply::Done))) if status.success() => Ok(()),
        (_, Ok(Some(HelperReply::Failed(failure)))) => Err(SandboxError::unavailable(choice, &failure)),
        (Ok(Ok(status)), _) => Err(ended(&format!("exited with {status}"))),
        _ => Err(ended("did not exit")),
    }
}

fn begin(program: &Path, plan: SetupPlan) -> Result<(LaunchControl, Command), SandboxError> {
    let (control, other) = LaunchControl::pair().map_err(|error| SandboxError::Failed(format!("socket: {error}")))?;
    // It fits into the socket's buffer, so the helper need not read yet.
    control
        .send(&HelperRequest::Start(Box::new(plan)))
        .map_err(|error| SandboxError::Failed(format!("cannot send the plan to the helper: {error}")))?;
    Ok((control, command(program, other)))
}
