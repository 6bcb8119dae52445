//! The helper's work while the toolbox runs.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::control::HelperControl;
use super::modes::Modes;
use super::tree;
use super::usage::{MachineMemory, Processes};
use super::view::Mounted;
use crate::plan::{HelperReply, HelperRequest, SetupPlan};
use crate::setup::{SetupFailure, SetupResult, SetupStep};
use crate::sys::{self, ChildProcess};

/// How often the limits are checked: short enough that a disk filler writes only some hundred MB beyond its limit, long enough
/// that the check costs nothing.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// The same while calls are answered in between.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_millis(100);

/// Counting the bytes on disk may take one part in this many of the time, and is repeated after this delay at the earliest.
const COUNT_SHARE: u32 = 100;
const COUNT_AT_LEAST_AFTER: Duration = Duration::from_secs(1);

/// A disk or memory is nearly full if less than one part in this many is left, and less than the limit.
const SCARCE: u64 = 32;

/// Bytes that commands may add after the disk limit was reached, before they are ended again.
const ROOM_TO_DELETE: u64 = 32 << 20;

/// Serves until the toolbox ends or voe goes away. Returns the toolbox's exit code.
pub(super) fn run(
    control: &HelperControl,
    plan: &SetupPlan,
    mounted: Option<Mounted>,
    processes: Option<OwnedFd>,
    modes: Option<Modes>,
    keeper: Option<&OwnedFd>,
    child: &ChildProcess,
) -> ExitCode {
    let mut watch = SupervisedLimits::new(plan, processes);
    let mut looked = Instant::now();
    loop {
        let (orders, ended) = (control.fd(), child.pidfd());
        let asked = modes.as_ref().map(Modes::fd);
        let mut fds = vec![PollFd::new(&orders, PollFlags::IN), PollFd::new(&ended, PollFlags::IN)];
        fds.extend(keeper.map(|fd| PollFd::new(fd, PollFlags::IN)));
        let ends = fds.len();
        fds.extend(asked.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        match rustix::event::poll(&mut fds, Some(&LOOK_EVERY)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => break,
        }
        if fds[1..ends].iter().any(|fd| !fd.revents().is_empty()) {
            break;
        }
        if !fds[0].revents().is_empty() {
            match control.receive() {
                Ok(Some(HelperRequest::Restack(stack))) => {
                    let done = match &mounted {
                        Some(mounted) => mounted.restack(&stack),
                        None => Err(SetupFailure::new(SetupStep::Processes, "restack", "there is no overlay")),
                    };
                    control.send(&report(done));
                }
                Ok(Some(HelperRequest::Start(_))) => {
                    control.send(&report(Err(SetupFailure::new(SetupStep::Processes, "start", "it runs already"))))
                }
                Ok(None) | Err(_) => break,
            }
        }
        if let (Some(modes), Some(asked)) = (&modes, fds.get(ends))
            && asked.revents().contains(PollFlags::IN)
        {
            modes.serve();
            // Many come in a row, and none is worth checking the limits for.
            if looked.elapsed() < LOOK_AT_LEAST_EVERY {
                continue;
            }
        }
        watch.look(child);
        looked = Instant::now();
    }
    child.kill();
    let code = child.wait();
    if plan.view.is_none() {
        tree::kill_below(rustix::process::getpid());
    }
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn report(done: SetupResult) -> HelperReply {
    match done {
        Ok(()) => HelperReply::Done,
        Err(failure) => HelperReply::Failed(failure),
    }
}

/// The limits that only the supervisor enforces.
struct SupervisedLimits<'a> {
    plan: &'a SetupPlan,
    /// The namespace's `/proc`.
    processes: Option<OwnedFd>,
    events: Option<fs::File>,
    /// Bytes that the sandbox took and bytes free on its disk, at the last exact count.
    disk: Option<(u64, u64)>,
    /// When the next exact count is due at the latest.
    count_at: Instant,
    /// Bytes that were free on its disk at the start.
    free_at_start: Option<u64>,
    /// The machine's memory at the start.
    memory_at_start: MachineMemory,
    /// Bytes beyond which commands are ended: the limit, or a little more than the use when it was reached.
    tolerated: u64,
}

impl<'a> SupervisedLimits<'a> {
    fn new(plan: &'a SetupPlan, processes: Option<OwnedFd>) -> Self {
        let events = fs::OpenOptions::new().append(true).create(true).open(plan.home.join("events")).ok();
        let memory_at_start =
            if plan.bounds.watch_memory.is_some() { MachineMemory::now() } else { MachineMemory::default() };
        Self {
            plan,
            processes,
            events,
            disk: None,
            count_at: Instant::now(),
            free_at_start: None,
            memory_at_start,
            tolerated: plan.bounds.disk_bytes,
        }
    }

    fn look(&mut self, child: &ChildProcess) {
        let bounds = &self.plan.bounds;
        let mut over = Vec::new();
        if let Some(used) = self.disk_used(child) {
            if used > self.tolerated {
                over.push(format!("disk {}", bounds.disk_bytes));
                // Files beyond the limit can be deleted, which needs commands that are not ended immediately.
                self.tolerated = used + ROOM_TO_DELETE;
            } else if used <= bounds.disk_bytes {
                self.tolerated = bounds.disk_bytes;
            }
        }
        if bounds.watch_memory.is_some() || bounds.watch_processes.is_some() {
            let inside = self.inside(child);
            if let Some(limit) = bounds.watch_memory.filter(|limit| self.memory_used(inside.as_ref(), *limit) > *limit)
            {
                over.push(format!("memory {limit}"));
            }
            let processes = inside.as_ref().map_or(0, Processes::count);
            if let Some(limit) = bounds.watch_processes.filter(|limit| processes > *limit) {
                over.push(format!("processes {limit}"));
            }
        }
        if over.is_empty() {
            return;
        }
        // Written first, so that the reason is there when the command's result is read.
        if let Some(events) = &mut self.events {
            let _ = writeln!(events, "{}", over.join("\n"));
        }
        if self.processes.is_some() {
            sys::kill_all_inside();
        } else {
            tree::kill_below(child.pid());
        }
    }

    fn inside(&self, child: &ChildProcess) -> Option<Processes> {
        match &self.processes {
            Some(proc) => Processes::of_namespace(proc.as_fd()),
            None => Processes::below(child.pid()),
        }
    }

    /// Bytes of memory. Where a process hides its memory, or nothing shows it (a file in transit through a socket), the growth
    /// of the machine's use counts as the sandbox's when the machine has little left.
    fn memory_used(&self, inside: Option<&Processes>, limit: u64) -> u64 {
        let taken = inside.map(|inside| inside.memory(limit)).unwrap_or_default();
        let machine = MachineMemory::now();
        let scarce = machine.available < limit.min(machine.total / SCARCE);
        let grown = machine.shared.saturating_sub(self.memory_at_start.shared);
        if taken.hidden || scarce { taken.bytes.max(grown) } else { taken.bytes }
    }

    /// Bytes on disk. The time to count them grows with the number of files; so they are counted when free space has shrunk
    /// enough since the last count for the limit to be reached, and otherwise rarely: other programs may free as much as the
    /// sandbox takes.
    fn disk_used(&mut self, child: &ChildProcess) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.plan.home).ok()?;
        let free = stat.f_bfree * stat.f_frsize;
        let lost = self.free_at_start.get_or_insert(free).saturating_sub(free);
        let bounds = &self.plan.bounds;
        let scarce = free < bounds.disk_bytes.min(stat.f_blocks * stat.f_frsize / SCARCE);
        if let Some((used, free_then)) = self.disk
            && used + free_then.saturating_sub(free) <= self.tolerated.min(bounds.disk_bytes.max(used))
            && !(scarce && lost > self.tolerated)
            && Instant::now() < self.count_at
        {
            return None;
        }
        let began = Instant::now();
        let own = bounds.disk_of.iter().map(|dir| size(dir)).sum::<u64>();
        let added = bounds.disk_added_to.as_ref().map_or(0, |added| size(&added.dir).saturating_sub(added.before));
        let devices: Vec<_> = [&self.plan.home].into_iter().chain(&bounds.disk_of).filter_map(device).collect();
        let unlinked = self.inside(child).map(|inside| inside.unlinked(&devices)).unwrap_or_default();
        let mut used = own + added + unlinked.bytes;
        // As with memory.
        if unlinked.hidden || scarce {
            used = used.max(lost);
        }
        self.disk = Some((used, free));
        self.count_at = Instant::now() + (began.elapsed() * COUNT_SHARE).max(COUNT_AT_LEAST_AFTER);
        Some(used)
    }
}

fn device(dir: impl AsRef<Path>) -> Option<u64> {
    rustix::fs::stat(dir.as_ref()).ok().map(|stat| stat.st_dev)
}

/// Bytes of disk below a directory. Works by descriptors and follows no links: commands write there meanwhile.
fn size(dir: &Path) -> u64 {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(top) = rustix::fs::open(dir, flags, Mode::empty()) else { return 0 };
    let (mut bytes, mut open) = (0, vec![top]);
    while let Some(dir) = open.pop() {
        let Ok(entries) = rustix::fs::Dir::read_from(&dir) else { continue };
        for entry in entries.flatten() {
            let name: CString = entry.file_name().to_owned();
            if matches!(name.as_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(stat) = rustix::fs::statat(&dir, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            bytes += stat.st_blocks as u64 * 512;
            // Not counted beyond this depth, which no real tree has; the free space still shows it.
            if FileType::from_raw_mode(stat.st_mode).is_dir() && open.len() < 500 {
                open.extend(rustix::fs::openat(&dir, &name, flags, Mode::empty()));
            }
        }
    }
    bytes
}
