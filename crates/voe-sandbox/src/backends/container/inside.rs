//! voe inside a container, where it is the first process and also the toolbox.

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, WaitOptions};

use crate::groups;
use crate::home::copy;
use crate::init;
use crate::policy::{filter, privileges, rules};

/// How often the first process checks the disk.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The toolbox in a container, which isolates nearly all of it already.
pub(crate) fn contained() -> ExitCode {
    let scratch = Path::new(super::SCRATCH);
    let _ = fs::create_dir_all(scratch);
    let restricted = privileges::drop_all(true)
        .and_then(|()| rules::guard_own(Path::new(super::OWN), scratch))
        .and_then(|()| filter::apply(false));
    match restricted {
        Ok(()) => voe_toolbox::server::run(),
        Err(failure) => {
            #[expect(clippy::print_stderr, reason = "read by voe, not by a terminal")]
            let () = eprintln!("{failure}");
            ExitCode::from(init::NOT_BUILT)
        }
    }
}

/// The first process: adopts orphans, and watches how much disk the container takes and which limits the engine enforced.
/// It reports these on standard output, which voe reads.
pub(crate) fn idle(disk_bytes: u64, memory_bytes: u64, processes: u64) -> ExitCode {
    // Every program expects these, and not every image has them.
    let _ = fs::create_dir_all("/root");
    if fs::create_dir("/tmp").is_ok() {
        let _ = fs::set_permissions("/tmp", fs::Permissions::from_mode(0o1777));
    }
    let mut baseline = None;
    let mut tolerated = disk_bytes;
    let mut memory =
        Counter::new(&["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"], "oom_kill");
    let mut forks = Counter::new(&["/sys/fs/cgroup/pids.events", "/sys/fs/cgroup/pids/pids.events"], "max");
    loop {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        if memory.rose() {
            say(format_args!("memory {memory_bytes}"));
        }
        if forks.rose() {
            say(format_args!("forks {processes}"));
        }
        if let Ok(stat) = rustix::fs::statvfs("/") {
            let free = stat.f_bfree * stat.f_frsize;
            let before = *baseline.get_or_insert(free);
            // Others may fill the same disk, so the exact size is counted before anything is ended.
            if before.saturating_sub(free) > tolerated {
                let used = taken() + unlinked();
                if used > tolerated {
                    say(format_args!("disk {disk_bytes}"));
                    for toolbox in entered() {
                        init::kill_below(toolbox);
                    }
                    tolerated = used + (32 << 20);
                } else {
                    baseline = Some(free + used);
                }
            } else if before.saturating_sub(free) < disk_bytes {
                tolerated = disk_bytes;
            }
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn say(line: std::fmt::Arguments<'_>) {
    #[expect(clippy::disallowed_methods, reason = "a pipe to voe")]
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A number that the kernel counts for the container's control group.
struct Counter {
    files: &'static [&'static str],
    name: &'static str,
    last: u64,
}

impl Counter {
    fn new(files: &'static [&'static str], name: &'static str) -> Self {
        let mut counter = Self { files, name, last: 0 };
        counter.rose();
        counter
    }

    fn rose(&mut self) -> bool {
        let now = self.files.iter().map(|file| groups::count(Some(Path::new(file)), self.name)).max().unwrap_or(0);
        std::mem::replace(&mut self.last, now) < now
    }
}

/// Bytes of files written since the container began: newer than its first process.
fn taken() -> u64 {
    let began = fs::metadata("/proc/1").and_then(|meta| meta.modified()).ok();
    let (mut bytes, mut open) = (0, vec![std::path::PathBuf::from("/")]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
            if meta.is_dir() {
                if !["/proc", "/sys", "/dev", "/.voe"].iter().any(|skip| path == Path::new(skip)) {
                    open.push(path);
                }
            } else if meta.modified().ok() >= began {
                use std::os::unix::fs::MetadataExt;
                bytes += meta.blocks() * 512;
            }
        }
    }
    bytes
}

/// Bytes of the files that processes have open and that have no name any more.
fn unlinked() -> u64 {
    let proc = rustix::fs::open("/proc", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let inside = proc.ok().and_then(|proc| init::Processes::of_namespace(proc.as_fd()));
    inside.map_or(0, |inside| inside.unlinked(&[]).bytes)
}

/// Processes that were started from outside: the toolboxes.
fn entered() -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != 1)
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            init::living_parent(&stat) == Some(0)
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Copies the content of one directory into another, which is emptied first.
pub(crate) fn reset(from: &Path, to: &Path) -> ExitCode {
    for entry in fs::read_dir(to).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            crate::home::root::remove(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
    match fs::create_dir_all(to).and_then(|()| copy::contents(from, to, u64::MAX)) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "read by voe, not by a terminal")]
            let () = eprintln!("copying {} to {}: {error}", from.display(), to.display());
            ExitCode::FAILURE
        }
    }
}
