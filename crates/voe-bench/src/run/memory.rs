//! Resources of the machine: memory, disk and open files.

/// Bytes of memory that must be free before another attempt begins.
const LEFT: u64 = 1 << 30;

/// The machine's memory in bytes; 0 if unknown.
pub(super) fn total() -> u64 {
    field("MemTotal:").unwrap_or(0)
}

/// Whether memory is so short that no further attempt should begin while others run.
pub(super) fn is_short() -> bool {
    field("MemAvailable:").is_some_and(|available| available < LEFT.min(total() / 8))
}

fn field(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Free bytes on the disk of `path`; `None` if unknown.
fn disk_left(path: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

/// Free bytes on a disk below which no further attempt begins.
const DISK_LEFT: u64 = 1 << 30;

/// The error for a full, or nearly full, disk of `path`: it explains any other failure there.
pub(crate) fn no_room(path: &std::path::Path) -> Option<std::io::Error> {
    let full = disk_left(path).is_some_and(|left| left < DISK_LEFT);
    full.then(|| rustix::io::Errno::NOSPC.into())
}

/// Raises the limit of open files as far as the system allows: each attempt needs about a dozen.
pub(super) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum });
}
