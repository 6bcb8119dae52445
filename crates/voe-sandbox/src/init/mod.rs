//! The helper: voe re-executed, with one thread, which builds the isolation around the toolbox.
//!
//! It then supervises the toolbox from outside its process namespace, where commands can neither see nor signal it: it ends
//! everything when voe exits, enforces the limits that no control group does, and remounts the workspace for a snapshot. The
//! toolbox itself is the first process of the namespace: commands can't kill it, and when it ends, all other processes do.

mod control;
mod modes;
mod mounts;
mod network;
mod notify;
mod supervise;
mod tree;
mod usage;
mod view;

use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::process::ExitCode;

use rustix::fs::{Mode, OFlags};

use crate::plan::{HelperReply, HelperRequest, SetupPlan};
use crate::policy::{bounds, filter, outside, privileges, rules};
use crate::setup::{InStep, SetupFailure, SetupResult, SetupStep};
use crate::sys;
use control::HelperControl;
pub(crate) use tree::{kill_below, living_parent};
pub(crate) use usage::Processes;

/// Exit code when the isolation could not be built; the reason goes to voe.
pub(crate) const NOT_BUILT: u8 = 125;

/// Builds the isolation that the plan behind the descriptor `fd` describes, and runs the toolbox in it. The process must have a
/// single thread when this is called (no runtime yet). `None`: the descriptor is not open.
pub(crate) fn run(fd: RawFd) -> Option<ExitCode> {
    let control = HelperControl::inherit(fd)?;
    let plan = match control.receive() {
        Ok(Some(HelperRequest::Start(plan))) => *plan,
        _ => return Some(ExitCode::from(NOT_BUILT)),
    };
    Some(build(&control, &plan).unwrap_or_else(|failure| {
        control.send(&HelperReply::Failed(failure));
        ExitCode::from(NOT_BUILT)
    }))
}

fn build(control: &HelperControl, plan: &SetupPlan) -> SetupResult<ExitCode> {
    // Away from voe's terminal: Ctrl-C there is for voe to handle.
    let _ = rustix::process::setsid();
    if plan.view.is_some() {
        sys::namespaces(plan.user_namespace, plan.network)?;
        if !plan.network {
            network::loopback_up()?;
        }
    }
    let keeper = if plan.view.is_none() {
        match keep_apart()? {
            Apart::Keeper(code) => return Ok(code),
            Apart::Supervisor(keeper) => Some(keeper),
        }
    } else {
        None
    };
    let mounted = plan.view.as_ref().map(|view| view::build(plan, view)).transpose()?;
    let (mut alive, alive_child) = pipe()?;
    let (hears, tell) = socket_pair()?;
    match sys::fork_into_process_namespace(plan.view.is_some())? {
        sys::Fork::Child => {
            drop((alive.take(), hears));
            let built = inside(plan, alive_child.as_ref(), &tell);
            if let Err(failure) = &built {
                let line = serde_json::to_vec(failure).unwrap_or_default();
                let _ = rustix::io::write(&tell, &line);
                sys::exit_now(NOT_BUILT.into());
            }
            if plan.rehearsal {
                sys::exit_now(0);
            }
            drop((tell, alive_child));
            sys::close_from(3);
            // The process image is voe's: nothing has to be executed inside, so the binary need not be visible there.
            Ok(voe_toolbox::server::run())
        }
        sys::Fork::Parent(child) => {
            drop((alive_child, tell));
            sys::release_stdio();
            let (handed_over, report) = sys::hear(hears.as_fd());
            if !report.is_empty() {
                let _ = child.wait();
                let unread = |error| SetupFailure::new(SetupStep::Processes, "the first process inside", error);
                return Err(serde_json::from_slice(&report).unwrap_or_else(unread));
            }
            control.send(&HelperReply::Done);
            let (processes, listener) = if plan.view.is_some() { (handed_over, None) } else { (None, handed_over) };
            let modes = listener.map(|listener| modes::Modes::new(listener, plan, child.pid()));
            sys::ignore_file_size_signal();
            let code = supervise::run(control, plan, mounted, processes, modes, keeper.as_ref(), &child);
            drop(alive);
            Ok(code)
        }
    }
}

/// The set-up inside the process namespace, before the toolbox runs.
fn inside(plan: &SetupPlan, supervisor: Option<&OwnedFd>, tell: &OwnedFd) -> SetupResult {
    sys::die_with_parent(supervisor)?;
    bounds::join_groups(&plan.bounds)?;
    if let Some(view) = &plan.view {
        view::enter(plan, view)?;
        let proc = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .step(SetupStep::Proc, || "/proc".into())?;
        sys::hand_over(tell.as_fd(), proc.as_fd()).step(SetupStep::Proc, || "/proc".into())?;
    }
    bounds::set(&plan.bounds, plan.user_namespace)?;
    privileges::drop_all(plan.view.is_some())?;
    rules::apply(plan)?;
    filter::apply(plan.view.is_none() && !plan.network)?;
    if plan.view.is_none() {
        let listener = outside::apply()?;
        sys::hand_over(tell.as_fd(), listener.as_fd()).step(SetupStep::Seccomp, || "seccomp".into())?;
    }
    Ok(())
}

/// The two processes of the helper.
enum Apart {
    /// The one that voe started; it only passes on how the other ended.
    Keeper(ExitCode),
    /// The one that does the work; it notices when the other ends.
    Supervisor(OwnedFd),
}

/// Without a process namespace that ends everything in it, a second process has to do so when voe kills the one that it
/// started.
fn keep_apart() -> SetupResult<Apart> {
    let (read, write) = pipe()?;
    match sys::fork_into_process_namespace(false)? {
        sys::Fork::Child => {
            drop(write);
            let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
            read.map(Apart::Supervisor).ok_or_else(|| SetupFailure::new(SetupStep::Processes, "pipe", "it is gone"))
        }
        sys::Fork::Parent(child) => {
            sys::release_stdio();
            let code = child.wait();
            drop(write);
            Ok(Apart::Keeper(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))))
        }
    }
}

fn pipe() -> SetupResult<(Option<OwnedFd>, Option<OwnedFd>)> {
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).step(SetupStep::Processes, || "pipe".into())?;
    Ok((Some(read), Some(write)))
}

fn socket_pair() -> SetupResult<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType};
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)
        .step(SetupStep::Processes, || "socket pair".into())
}
