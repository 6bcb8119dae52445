//! Starting the helper, and talking to it while it runs.
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

use crate::choice::Choice;
use crate::error::SandboxError;
use crate::plan::{MOST_BYTES, Order, Plan, Report};
use crate::setup::{SetupFailure, SetupStep};

/// voe's end of the control socket. Closing it ends what runs inside.
#[derive(Debug)]
pub(crate) struct Control {
    socket: OwnedFd,
    open: bool,
}

/// The longest that the helper may take for an order.
const PATIENCE: Duration = Duration::from_secs(20);

impl Control {
    /// The two ends; the second is for the helper.
    fn pair() -> io::Result<(Self, OwnedFd)> {
        let (own, other) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(&own, 2 * MOST_BYTES);
        rustix::net::sockopt::set_socket_timeout(&own, rustix::net::sockopt::Timeout::Recv, Some(PATIENCE))?;
        rustix::net::sockopt::set_socket_timeout(&own, rustix::net::sockopt::Timeout::Send, Some(PATIENCE))?;
        Ok((Self { socket: own, open: true }, other))
    }

    fn send(&self, order: &Order) -> io::Result<()> {
        let bytes = serde_json::to_vec(order)?;
        if bytes.len() > MOST_BYTES {
            return Err(io::Error::other("too many paths to show inside: fewer `read` paths"));
        }
        rustix::net::send(&self.socket, &bytes, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    fn receive(&self) -> io::Result<Option<Report>> {
        let mut buffer = vec![0; 64 * 1024];
        let (read, _) =
            rustix::io::retry_on_intr(|| rustix::net::recv(&self.socket, &mut buffer[..], RecvFlags::empty()))?;
        if read == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&buffer[..read])?))
    }

    /// Has the helper carry out an order; takes well below a millisecond, so that it isn't worth a thread.
    pub(crate) fn order(&mut self, order: &Order) -> Result<(), SandboxError> {
        let answer = self.send(order).and_then(|()| self.receive());
        match answer {
            Ok(Some(Report::Done)) => Ok(()),
            Ok(Some(Report::Failed(failure))) => Err(SandboxError::Failed(failure.to_string())),
            Ok(None) => {
                self.open = false;
                Err(SandboxError::Failed("its helper is gone".into()))
            }
            Err(error) => {
                self.open = error.kind() != io::ErrorKind::BrokenPipe && error.kind() != io::ErrorKind::ConnectionReset;
                Err(SandboxError::Failed(format!("its helper does not answer: {error}")))
            }
        }
    }

    /// Whether the helper is still there, as far as the last order showed.
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

/// Starts a toolbox as the plan says.
pub(crate) async fn toolbox(
    program: &Path,
    plan: Plan,
    setup: &Setup,
    choice: Choice,
) -> Result<(Toolbox, Hello, Control), SandboxError> {
    let (control, command) = begin(program, plan)?;
    let started = Toolbox::start(command, setup).await;
    match started {
        Ok((toolbox, hello)) => match control.receive() {
            Ok(Some(Report::Done)) => Ok((toolbox, hello, control)),
            other => Err(SandboxError::Failed(format!("its helper said {other:?}"))),
        },
        Err(error) => match control.receive() {
            Ok(Some(Report::Failed(failure))) => Err(SandboxError::unavailable(choice, &failure)),
            _ => Err(error.into()),
        },
    }
}

/// Sets up what the plan says and runs nothing.
pub(crate) async fn rehearse(program: &Path, plan: Plan, choice: Choice) -> Result<(), SandboxError> {
    let (control, mut command) = begin(program, plan)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(SandboxError::io("start", program))?;
    drop(command);
    let status = tokio::time::timeout(PATIENCE, child.wait()).await;
    let ended =
        |how: &str| SandboxError::unavailable(choice, &SetupFailure::new(SetupStep::Processes, "the helper", how));
    match (status, control.receive()) {
        (Ok(Ok(status)), Ok(Some(Report::Done))) if status.success() => Ok(()),
        (_, Ok(Some(Report::Failed(failure)))) => Err(SandboxError::unavailable(choice, &failure)),
        (Ok(Ok(status)), _) => Err(ended(&format!("exited with {status}"))),
        _ => Err(ended("does not exit")),
    }
}

fn begin(program: &Path, plan: Plan) -> Result<(Control, Command), SandboxError> {
    let (control, other) = Control::pair().map_err(|error| SandboxError::Failed(format!("socket: {error}")))?;
    // Fits into the socket's buffer, so that nobody need read yet.
    control
        .send(&Order::Start(Box::new(plan)))
        .map_err(|error| SandboxError::Failed(format!("cannot tell the helper: {error}")))?;
    Ok((control, command(program, other)))
}
