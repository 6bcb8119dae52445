//! Modes and times of files, changed on behalf of commands.
//!
//! Landlock has no rights for `chmod` and `utimensat`: by path they reach every file that the user owns. So the calls wait
//! for the supervisor. It reads the path once, opens the file, checks where that is, and changes it through the descriptor,
//! so that nothing can be put in its place in between.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, Timespec, Timestamps};
use rustix::io::Errno;
use rustix::process::Pid;

use super::notify::{self, Listener, NotifyResponse, WaitingCall};
use super::outside::FCHMODAT2;
use crate::plan::SetupPlan;

/// The maximum length of a path, including the 0 at its end.
const LONGEST_PATH: usize = 4096;
const PAGE: usize = 4096;

/// Set-user-id and set-group-id: nothing in a sandbox runs as another user.
const SET_ID: u32 = 0o6000;

/// Changes modes and times of files in the sandbox's own directories.
pub(super) struct Modes {
    listener: Listener,
    own: Vec<PathBuf>,
    toolbox: Pid,
}

/// How a call names a file.
struct Named {
    dir: i32,
    /// Empty or absent: `dir` itself.
    path: Vec<u8>,
    follow: bool,
}

enum ModeChange {
    Mode(u32),
    Times(Timestamps),
}

impl Modes {
    pub(super) fn new(listener: OwnedFd, plan: &SetupPlan, toolbox: Pid) -> Self {
        let own = plan.writable.iter().filter(|path| !path.starts_with("/dev")).cloned().collect();
        Self { listener: Listener::new(listener), own, toolbox }
    }

    pub(super) fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.listener.fd()
    }

    /// Answers one call.
    pub(super) fn serve(&self) {
        let Ok(call) = self.listener.receive() else { return };
        let answer = if self.is_toolbox(call.thread) {
            // voe's own code, which no command can inspect. It changes only files that it wrote, by descriptor.
            if call.number == libc::SYS_fchmod { NotifyResponse::Continue } else { NotifyResponse::Errno(libc::EPERM) }
        } else {
            match self.carry_out(&call) {
                Ok(()) => NotifyResponse::Done,
                Err(errno) => NotifyResponse::Errno(errno.raw_os_error()),
            }
        };
        self.listener.send(&call, answer);
    }

    fn is_toolbox(&self, thread: u32) -> bool {
        let toolbox = self.toolbox.as_raw_nonzero().get();
        i64::from(thread) == i64::from(toolbox) || Path::new(&format!("/proc/{toolbox}/task/{thread}")).exists()
    }

    fn carry_out(&self, call: &WaitingCall) -> Result<(), Errno> {
        let (named, change) = read(call)?;
        let file = open(call.thread, &named)?;
        if !self.listener.still_valid(call) {
            return Err(Errno::SRCH);
        }
        let through = format!("/proc/self/fd/{}", file.as_raw_fd());
        let lies_at = rustix::fs::readlink(&through, Vec::new())?;
        let lies_at = Path::new(std::ffi::OsStr::from_bytes(lies_at.as_bytes()));
        if !self.own.iter().any(|own| lies_at.starts_with(own)) {
            return Err(Errno::PERM);
        }
        match change {
            ModeChange::Mode(mode) if mode & SET_ID != 0 => Err(Errno::PERM),
            ModeChange::Mode(mode) => rustix::fs::chmod(&through, Mode::from_raw_mode(mode)),
            ModeChange::Times(times) => match rustix::fs::utimensat(&file, c"", &times, AtFlags::EMPTY_PATH) {
                // Before Linux 5.8.
                Err(Errno::INVAL) => rustix::fs::utimensat(CWD, &through, &times, AtFlags::empty()),
                done => done,
            },
        }
    }
}

/// The change that a call requests.
fn read(call: &WaitingCall) -> Result<(Named, ModeChange), Errno> {
    let [first, second, third, fourth, ..] = call.arguments;
    let path = |address: u64| match address {
        0 => Ok(Vec::new()),
        address => path_at(call.thread, address),
    };
    let no_follow = |flags: u64| flags as i32 & libc::AT_SYMLINK_NOFOLLOW != 0;
    // The kernel refuses an empty path unless AT_EMPTY_PATH is set.
    let whole = |path: Vec<u8>, flags: u64| match path.is_empty() && flags as i32 & libc::AT_EMPTY_PATH == 0 {
        true => Err(Errno::NOENT),
        false => Ok(path),
    };
    match call.number {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod => {
            let path = whole(path(first)?, 0)?;
            Ok((Named { dir: libc::AT_FDCWD, path, follow: true }, ModeChange::Mode(second as u32)))
        }
        libc::SYS_fchmod => {
            let named = Named { dir: first as i32, path: Vec::new(), follow: true };
            Ok((named, ModeChange::Mode(second as u32)))
        }
        libc::SYS_fchmodat => {
            let path = whole(path(second)?, 0)?;
            Ok((Named { dir: first as i32, path, follow: true }, ModeChange::Mode(third as u32)))
        }
        FCHMODAT2 => {
            let path = whole(path(second)?, fourth)?;
            Ok((Named { dir: first as i32, path, follow: !no_follow(fourth) }, ModeChange::Mode(third as u32)))
        }
        libc::SYS_utimensat => {
            let path = if second == 0 { Vec::new() } else { whole(path(second)?, fourth)? };
            let named = Named { dir: first as i32, path, follow: !no_follow(fourth) };
            Ok((named, ModeChange::Times(times_at(call.thread, third)?)))
        }
        _ => Err(Errno::NOSYS),
    }
}

/// Opens the file that a call names, resolved as for the caller.
fn open(thread: u32, named: &Named) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let of_thread = |what: &str| rustix::fs::open(format!("/proc/{thread}/{what}"), flags, Mode::empty());
    let dir = |number: i32| match number {
        libc::AT_FDCWD => of_thread("cwd"),
        number if number >= 0 => of_thread(&format!("fd/{number}")).map_err(|errno| match errno {
            Errno::NOENT => Errno::BADF,
            other => other,
        }),
        _ => Err(Errno::BADF),
    };
    if named.path.is_empty() {
        return dir(named.dir);
    }
    // The form in which libraries name a descriptor.
    let descriptor = [&b"/proc/self/fd/"[..], b"/proc/thread-self/fd/", b"/dev/fd/"]
        .iter()
        .find_map(|prefix| named.path.strip_prefix(*prefix))
        .and_then(|number| std::str::from_utf8(number).ok()?.parse::<u16>().ok());
    if let Some(number) = descriptor.filter(|_| named.follow) {
        return dir(number.into());
    }
    let from = if named.path.starts_with(b"/") { of_thread("root")? } else { dir(named.dir)? };
    let flags = if named.follow { flags } else { flags | OFlags::NOFOLLOW };
    // Other magic links would lead to the supervisor's own files.
    rustix::fs::openat2(from, named.path.as_slice(), flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS)
}

/// A path in the memory of a thread. Read page by page: the next page may not be mapped.
fn path_at(thread: u32, address: u64) -> Result<Vec<u8>, Errno> {
    let mut path = Vec::new();
    while path.len() < LONGEST_PATH {
        let at = address + path.len() as u64;
        let mut buffer = [0; PAGE];
        let most = PAGE - (at % PAGE as u64) as usize;
        let read = notify::read_memory(thread, at, &mut buffer[..most]).map_err(errno_of)?;
        if let Some(end) = buffer[..read].iter().position(|byte| *byte == 0) {
            path.extend_from_slice(&buffer[..end]);
            return if path.len() < LONGEST_PATH { Ok(path) } else { Err(Errno::NAMETOOLONG) };
        }
        if read < most {
            return Err(Errno::FAULT);
        }
        path.extend_from_slice(&buffer[..read]);
    }
    Err(Errno::NAMETOOLONG)
}

/// Two times in the memory of a thread; none means now.
fn times_at(thread: u32, address: u64) -> Result<Timestamps, Errno> {
    let now = Timespec { tv_sec: 0, tv_nsec: libc::UTIME_NOW };
    if address == 0 {
        return Ok(Timestamps { last_access: now, last_modification: now });
    }
    let mut buffer = [0; 32];
    if notify::read_memory(thread, address, &mut buffer).map_err(errno_of)? != buffer.len() {
        return Err(Errno::FAULT);
    }
    let mut numbers = buffer.chunks_exact(8).map(|chunk| i64::from_ne_bytes(chunk.try_into().unwrap_or_default()));
    let mut time = || Timespec { tv_sec: numbers.next().unwrap_or(0), tv_nsec: numbers.next().unwrap_or(0) };
    Ok(Timestamps { last_access: time(), last_modification: time() })
}

fn errno_of(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}
