//! System calls of commands that wait for the supervisor's answer (seccomp user notifications).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

// From linux/seccomp.h.
const RECEIVE: libc::c_ulong = 0xc050_2100;
const SEND: libc::c_ulong = 0xc018_2101;
const STILL_VALID: libc::c_ulong = 0x4008_2102;
const CONTINUE: u32 = 1;

/// The descriptor on which calls are reported.
pub(super) struct Listener(OwnedFd);

/// A call that waits.
pub(super) struct WaitingCall {
    id: u64,
    /// The thread that made it.
    pub(super) thread: u32,
    pub(super) number: libc::c_long,
    pub(super) arguments: [u64; 6],
}

/// The answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotifyResponse {
    /// It was carried out.
    Done,
    /// It fails with this.
    Errno(i32),
    /// The caller makes it itself.
    Continue,
}

impl Listener {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self(fd)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The next call. An error if its caller has exited meanwhile.
    pub(super) fn receive(&self) -> io::Result<WaitingCall> {
        // SAFETY: all-zero bytes are a valid seccomp_notif, and the kernel asks for zeros.
        let mut call: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the structure lives through the call and has the layout that the request names.
        if unsafe { libc::ioctl(self.0.as_raw_fd(), RECEIVE as _, &raw mut call) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(WaitingCall { id: call.id, thread: call.pid, number: call.data.nr.into(), arguments: call.data.args })
    }

    /// Whether the caller still waits; if so, facts read by its thread id were the caller's.
    pub(super) fn still_valid(&self, call: &WaitingCall) -> bool {
        // SAFETY: the number lives through the call.
        unsafe { libc::ioctl(self.0.as_raw_fd(), STILL_VALID as _, &raw const call.id) == 0 }
    }

    pub(super) fn send(&self, call: &WaitingCall, answer: NotifyResponse) {
        let (error, flags) = match answer {
            NotifyResponse::Done => (0, 0),
            NotifyResponse::Errno(errno) => (-errno, 0),
            NotifyResponse::Continue => (0, CONTINUE),
        };
        let response = libc::seccomp_notif_resp { id: call.id, val: 0, error, flags };
        // If the caller is gone, the answer is not needed. SAFETY: as above.
        let _ = unsafe { libc::ioctl(self.0.as_raw_fd(), SEND as _, &raw const response) };
    }
}

/// Copies from the memory of a thread, up to the end of the mapping.
pub(super) fn read_memory(thread: u32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as usize as *mut libc::c_void, iov_len: buffer.len() };
    let thread = libc::pid_t::try_from(thread).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `iov_len` bytes into the buffer, which is borrowed for the call; the other address
    // is one in another process and is checked by the kernel.
    let read = unsafe { libc::process_vm_readv(thread, &raw const local, 1, &raw const remote, 1, 0) };
    usize::try_from(read).map_err(|_| io::Error::last_os_error())
}
