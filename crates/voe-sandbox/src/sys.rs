//! System calls without a safe wrapper, each with the reason why it is sound.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, SendAncillaryBuffer, SendAncillaryMessage};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::thread::UnshareFlags;

use crate::setup::{InStep, SetupFailure, SetupResult, SetupStep};

/// Leaves the host's namespaces, except the process namespace, which only takes effect for children.
pub(crate) fn namespaces(user: bool, network: bool) -> SetupResult {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    if user {
        unshare(UnshareFlags::NEWUSER).step(SetupStep::UserNamespace, || "user namespace".into())?;
        fs::write("/proc/self/setgroups", "deny")
            .step(SetupStep::UserNamespace, || "user namespace: setgroups".into())?;
        fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))
            .step(SetupStep::UserNamespace, || "user namespace: uid_map".into())?;
        fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
            .step(SetupStep::UserNamespace, || "user namespace: gid_map".into())?;
    }
    let mut flags = UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    if !network {
        flags |= UnshareFlags::NEWNET;
    }
    unshare(flags).step(SetupStep::Namespaces, || "namespaces".into())
}

pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: none of these flags unshares the descriptor table or anything else that other parts of this process rely on.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// The two sides of a fork.
pub(crate) enum Fork {
    Child,
    Parent(ChildProcess),
}

/// A child that is waited for once.
pub(crate) struct ChildProcess {
    pid: Pid,
    pidfd: OwnedFd,
}

impl ChildProcess {
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn kill(&self) {
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Waits for its end; a signal counts as 128 + its number.
    pub(crate) fn wait(&self) -> i32 {
        match rustix::process::waitpid(Some(self.pid), rustix::process::WaitOptions::empty()) {
            Ok(Some((_, status))) => {
                status.exit_status().unwrap_or_else(|| 128 + status.terminating_signal().unwrap_or(127))
            }
            _ => 255,
        }
    }
}

/// Forks. With `namespace`, the child is the first process of a new process namespace, and so are later children members
/// of it.
pub(crate) fn fork_into_process_namespace(namespace: bool) -> SetupResult<Fork> {
    if namespace {
        unshare(UnshareFlags::NEWPID).step(SetupStep::Namespaces, || "process namespace".into())?;
    }
    match fork().step(SetupStep::Processes, || "fork".into())? {
        None => Ok(Fork::Child),
        Some(pid) => {
            let pidfd =
                rustix::process::pidfd_open(pid, PidfdFlags::empty()).step(SetupStep::Processes, || "pidfd".into())?;
            Ok(Fork::Parent(ChildProcess { pid, pidfd }))
        }
    }
}

/// `None` in the child.
fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: the helper has a single thread (this process does nothing else), so the child's memory is consistent and it may
    // continue like any program.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        pid => Ok(Pid::from_raw(pid)),
    }
}

/// Ends every process of the child namespace but its first.
pub(crate) fn kill_all_inside() {
    match fork() {
        Ok(None) => {
            // SAFETY: plain system call; from inside a process namespace, -1 means all of it but its first process.
            unsafe { libc::kill(-1, libc::SIGKILL) };
            exit_now(0);
        }
        Ok(Some(pid)) => {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        }
        Err(_) => {}
    }
}

/// Exits without running the parent's exit handlers.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes any number and does not return.
    unsafe { libc::_exit(code) }
}

/// Makes this process die with its parent, also if that died before this call (its end of the pipe is then closed).
pub(crate) fn die_with_parent(parent: Option<&OwnedFd>) -> SetupResult {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .step(SetupStep::Processes, || "parent-death signal".into())?;
    if let Some(fd) = parent {
        let mut fds = [rustix::event::PollFd::new(fd, rustix::event::PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        if rustix::event::poll(&mut fds, Some(&now)).step(SetupStep::Processes, || "poll".into())? > 0 {
            return Err(SetupFailure::new(SetupStep::Processes, "supervisor", "it is gone"));
        }
    }
    Ok(())
}

/// Closes all descriptors from `first` on.
pub(crate) fn close_from(first: u32) {
    // SAFETY: no object of this process that owns such a descriptor is used afterwards; the caller hands over to the
    // toolbox, which opens its own.
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if done != 0 {
        for fd in first..1024 {
            // SAFETY: as above.
            unsafe { libc::close(fd as RawFd) };
        }
    }
}

/// Closes voe's pipes, which belong to the toolbox.
pub(crate) fn release_stdio() {
    if let Ok(null) = fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// Sends an open directory to the other end of a socket.
pub(crate) fn hand_over(socket: BorrowedFd<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    rustix::net::sendmsg(socket, &[IoSlice::new(b"\n")], &mut ancillary, rustix::net::SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives from the child: the descriptor that it sends, if any, and all bytes until the end.
pub(crate) fn hear(socket: BorrowedFd<'_>) -> (Option<OwnedFd>, Vec<u8>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut first = [0; 4096];
    let flags = rustix::net::RecvFlags::CMSG_CLOEXEC;
    let read = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut first)], &mut ancillary, flags);
    let fd = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    let mut all = first[..read.map_or(0, |read| read.bytes)].to_vec();
    all.extend(read_all(socket));
    (fd, all.trim_ascii_start().to_vec())
}

/// Reads to the end of the pipe.
fn read_all(fd: BorrowedFd<'_>) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match rustix::io::read(fd, &mut buffer) {
            Ok(0) => return all,
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return all,
        }
    }
}

/// Takes over a descriptor that voe left open for this process.
pub(crate) fn inherit(fd: RawFd) -> Option<OwnedFd> {
    if fd < 3 {
        return None;
    }
    // SAFETY: the number came from voe, which opened it for us alone; that it is open is checked first, and nothing else in
    // this process has been given it.
    unsafe {
        if libc::fcntl(fd, libc::F_GETFD) == -1 {
            return None;
        }
        libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
        Some(OwnedFd::from_raw_fd(fd))
    }
}

#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

/// Sets attributes of a mount, and of those below it.
pub(crate) fn mount_attributes(
    mount: BorrowedFd<'_>,
    set: u64,
    clear: u64,
    propagation: u64,
    below: bool,
) -> io::Result<()> {
    let attr = MountAttr { set, clear, propagation, userns: 0 };
    let flags = libc::AT_EMPTY_PATH | if below { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a C string, the struct has the layout and the size that the kernel gets.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Brings the loopback device up.
pub(crate) fn interface_up(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    // SAFETY: all-zero bytes are a valid ifreq.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.as_bytes()).take(libc::IFNAMSIZ - 1) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the request is a valid ifreq that lives through the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Installs a seccomp program, for this process and its children, some of whose calls wait for an answer; returns the
/// descriptor that reports these. Once received, a call is only interrupted by fatal signals.
pub(crate) fn seccomp_listener(program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    const NEW_LISTENER: libc::c_ulong = 1 << 3;
    const WAIT_KILLABLE: libc::c_ulong = 1 << 5;
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    for flags in [NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER] {
        // SAFETY: the program lives through the call, which copies it; the kernel verifies it.
        let fd = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
        if fd >= 0 {
            // SAFETY: the kernel has just made this descriptor for us alone.
            return Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EINVAL) {
            return Err(error);
        }
    }
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps a process alive that reaches the file size limit.
pub(crate) fn ignore_file_size_signal() {
    // SAFETY: no handler is installed; the signal is ignored, and the write that it stands for fails.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Installs a seccomp program for this process and its children.
pub(crate) fn seccomp(program: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program lives through the call, which copies it; the kernel verifies it.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
