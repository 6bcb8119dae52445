//! Resources of processes that no directory shows: their memory, shared memory, and open files without a name.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, MemfdFlags, Mode, OFlags};
use rustix::process::Pid;

use super::tree;

/// At most this many open files are examined at a time. A process with more counts as hidden.
const MOST_FILES: usize = 1 << 16;

/// `statfs` of memory: <https://man7.org/linux/man-pages/man2/statfs.2.html>.
const TMPFS: i64 = 0x0102_1994;
const HUGETLBFS: i64 = 0x9584_58f6;

/// Some processes, and the `/proc` that lists them.
pub(crate) struct Processes {
    proc: OwnedFd,
    pids: Vec<i32>,
}

/// The bytes that some processes take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenBytes {
    pub(crate) bytes: u64,
    /// A process could not be examined (it called `prctl(PR_SET_DUMPABLE, 0)`), so there may be more.
    pub(crate) hidden: bool,
}

/// The open files without a name.
#[derive(Default)]
struct Nameless {
    /// Bytes in memory, by device and inode.
    memory: HashMap<(u64, u64), u64>,
    /// Bytes on disk, by device and inode.
    disk: HashMap<(u64, u64), u64>,
    hidden: bool,
}

impl Processes {
    /// The processes of a namespace, by its `/proc`.
    pub(crate) fn of_namespace(proc: BorrowedFd<'_>) -> Option<Self> {
        // Opened again: reading a directory moves the position of its descriptor.
        let proc = directory(proc, ".")?;
        let entries = rustix::fs::Dir::read_from(&proc).ok()?;
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok()).collect();
        Some(Self { proc, pids })
    }

    /// The descendants of a process.
    pub(crate) fn below(root: Pid) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open("/proc", flags, Mode::empty()).ok()?;
        let pids = tree::below(root).into_iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        Some(Self { proc, pids })
    }

    pub(crate) fn count(&self) -> u64 {
        self.pids.len() as u64
    }

    /// Their memory: private pages, also swapped out; shared mappings without a file; files in memory without a name.
    ///
    /// Pages of a shared mapping that no process maps any more (`madvise`, `munmap` of a part) are not counted.
    pub(crate) fn memory(&self, limit: u64) -> TakenBytes {
        let status: Vec<_> = self.pids.iter().filter_map(|pid| Some((*pid, self.status(*pid)?))).collect();
        let private = status.iter().map(|(_, status)| status.private).sum::<u64>();
        let nameless = self.nameless(&[]);
        let files = nameless.memory.values().sum::<u64>();
        // Each process counts shared pages as its own, so this is too much where there are several.
        let most = private + files + status.iter().map(|(_, status)| status.shared).sum::<u64>();
        if most <= limit {
            return TakenBytes { bytes: most, hidden: nameless.hidden };
        }
        let own = own_memory_device();
        let mapped = status.iter().filter(|(_, status)| status.shared > 0).map(|(pid, status)| {
            let smaps = self.read(*pid, "smaps").map(|file| mapped_without_file(file, own, &nameless.memory));
            smaps.unwrap_or(status.shared)
        });
        TakenBytes { bytes: private + files + mapped.sum::<u64>(), hidden: nameless.hidden }
    }

    /// Bytes of their open files on disk that have no name any more. `disks` are the devices that count as a disk even where
    /// they are in memory.
    pub(crate) fn unlinked(&self, disks: &[u64]) -> TakenBytes {
        let nameless = self.nameless(disks);
        TakenBytes { bytes: nameless.disk.values().sum(), hidden: nameless.hidden }
    }

    fn nameless(&self, disks: &[u64]) -> Nameless {
        let mut found = Nameless::default();
        let mut looked = 0;
        for pid in &self.pids {
            let dir = match rustix::fs::openat(
                &self.proc,
                format!("{pid}/fd"),
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            ) {
                Ok(dir) => dir,
                Err(error) => {
                    found.hidden |= matches!(error, rustix::io::Errno::ACCESS | rustix::io::Errno::PERM);
                    continue;
                }
            };
            let Ok(entries) = rustix::fs::Dir::read_from(&dir) else {
                found.hidden |= self.lives(*pid);
                continue;
            };
            for entry in entries {
                let Ok(entry) = entry else {
                    found.hidden |= self.lives(*pid);
                    break;
                };
                looked += 1;
                if looked > MOST_FILES {
                    found.hidden = true;
                    return found;
                }
                found.look(dir.as_fd(), entry.file_name(), disks);
            }
        }
        found
    }

    fn status(&self, pid: i32) -> Option<ProcessMemory> {
        let mut text = String::new();
        self.read(pid, "status")?.take(64 << 10).read_to_string(&mut text).ok()?;
        Some(ProcessMemory::of(&text))
    }

    fn read(&self, pid: i32, name: &str) -> Option<fs::File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::openat(&self.proc, format!("{pid}/{name}"), flags, Mode::empty()).ok().map(fs::File::from)
    }

    /// Whether a process still lives: nothing of a dead one can be listed.
    fn lives(&self, pid: i32) -> bool {
        let mut text = String::new();
        let read = self.read(pid, "stat").and_then(|mut file| file.read_to_string(&mut text).ok());
        read.is_some() && tree::living_parent(&text).is_some()
    }
}

impl Nameless {
    /// Adds one open file, a magic link in `/proc/<pid>/fd`, if it has no name.
    fn look(&mut self, dir: BorrowedFd<'_>, name: &std::ffi::CStr, disks: &[u64]) {
        let Ok(stat) = rustix::fs::statat(dir, name, AtFlags::empty()) else { return };
        if stat.st_nlink > 0 || !FileType::from_raw_mode(stat.st_mode).is_file() {
            return;
        }
        let (file, bytes) = ((stat.st_dev, stat.st_ino), stat.st_blocks as u64 * 512);
        if !disks.contains(&stat.st_dev) && in_memory(dir, name) {
            self.memory.insert(file, bytes);
        } else {
            self.disk.insert(file, bytes);
        }
    }
}

/// Whether an open file is on a file system in memory.
fn in_memory(dir: BorrowedFd<'_>, name: &std::ffi::CStr) -> bool {
    let opened = rustix::fs::openat(dir, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    let kind = opened.and_then(rustix::fs::fstatfs).map(|stat| stat.f_type);
    matches!(kind, Ok(TMPFS | HUGETLBFS))
}

/// Fields of `/proc/<pid>/status`, in bytes.
#[derive(Debug, Default, PartialEq, Eq)]
struct ProcessMemory {
    /// Anonymous pages, in memory and swapped out.
    private: u64,
    /// Pages of shared memory.
    shared: u64,
}

impl ProcessMemory {
    fn of(text: &str) -> Self {
        let mut status = Self::default();
        for line in text.lines() {
            match line.split_once(':') {
                Some(("RssAnon" | "VmSwap", rest)) => status.private += kibibytes(rest),
                Some(("RssShmem", rest)) => status.shared += kibibytes(rest),
                _ => {}
            }
        }
        status
    }
}

/// `  12 kB` in bytes.
fn kibibytes(text: &str) -> u64 {
    text.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// The kernel's device for memory without a file: shared mappings and `memfd_create`.
fn own_memory_device() -> Option<u64> {
    let probe = rustix::fs::memfd_create("voe", MemfdFlags::CLOEXEC).ok()?;
    rustix::fs::fstat(probe).ok().map(|stat| stat.st_dev)
}

/// A process's share, in bytes, of the mappings in `/proc/<pid>/smaps` that are shared memory and none of the files in `counted`.
fn mapped_without_file(smaps: impl Read, own: Option<u64>, counted: &HashMap<(u64, u64), u64>) -> u64 {
    let (mut bytes, mut counts) = (0, false);
    for line in BufReader::new(smaps).split(b'\n').map_while(Result::ok) {
        // The path at the end of a header may be any bytes.
        let line = String::from_utf8_lossy(&line);
        if let Some(file) = mapped_file(&line) {
            counts = own == Some(file.0) && !counted.contains_key(&file);
        } else if counts && let Some(rest) = line.strip_prefix("Pss:") {
            bytes += kibibytes(rest);
        }
    }
    bytes
}

/// Device and inode of a header in `smaps`: `7f00-7f01 rw-s 00000000 00:01 1027 /dev/zero (deleted)`.
fn mapped_file(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (from, to) = fields.next()?.split_once('-')?;
    u64::from_str_radix(from, 16).ok()?;
    u64::from_str_radix(to, 16).ok()?;
    let (major, minor) = fields.nth(2)?.split_once(':')?;
    let number = |text| u32::from_str_radix(text, 16).ok();
    Some((rustix::fs::makedev(number(major)?, number(minor)?), fields.next()?.parse().ok()?))
}

fn directory(at: BorrowedFd<'_>, path: &str) -> Option<OwnedFd> {
    rustix::fs::openat(at, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Fields of `/proc/meminfo`, in bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MachineMemory {
    pub(crate) total: u64,
    pub(crate) available: u64,
    /// Shared memory and files in memory, of all processes.
    pub(crate) shared: u64,
}

impl MachineMemory {
    pub(crate) fn now() -> Self {
        Self::of(&fs::read_to_string("/proc/meminfo").unwrap_or_default())
    }

    fn of(text: &str) -> Self {
        let mut machine = Self::default();
        for line in text.lines() {
            match line.split_once(':') {
                Some(("MemTotal", rest)) => machine.total = kibibytes(rest),
                Some(("MemAvailable", rest)) => machine.available = kibibytes(rest),
                Some(("Shmem", rest)) => machine.shared = kibibytes(rest),
                _ => {}
            }
        }
        machine
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_in_memory_and_one_without_a_name_are_counted_in_bytes() {
        let mut memory = fs::File::from(rustix::fs::memfd_create("test", MemfdFlags::CLOEXEC).unwrap());
        memory.write_all(&[1; 3 << 20]).unwrap();
        let mut disk = tempfile::tempfile().unwrap();
        disk.write_all(&[1; 2 << 20]).unwrap();
        disk.sync_all().unwrap();
        let device = rustix::fs::fstat(&disk).unwrap().st_dev;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = rustix::fs::open("/proc", flags, Mode::empty()).unwrap();
        let own = Processes { proc, pids: vec![rustix::process::getpid().as_raw_nonzero().get()] };
        // Other tests of this process may have open files, too.
        let (in_memory, on_disk) = (own.memory(u64::MAX), own.unlinked(&[device]));
        assert!(in_memory.bytes >= 3 << 20 && !in_memory.hidden, "{in_memory:?}");
        assert!(on_disk.bytes >= 2 << 20 && !on_disk.hidden, "{on_disk:?}");
    }

    #[test]
    fn the_status_of_a_process_is_read_in_bytes() {
        let text = "Name:\tRssShmem: 9\nRssAnon:\t    8 kB\nRssFile:\t  100 kB\nRssShmem:\t    4 kB\nVmSwap:\t  2 kB\n";
        assert_eq!(ProcessMemory::of(text), ProcessMemory { private: 10 << 10, shared: 4 << 10 });
    }

    #[test]
    fn only_shared_memory_without_a_counted_file_is_taken_from_a_list_of_mappings() {
        let device = rustix::fs::makedev(0, 1);
        let smaps = "7f00-7f10 rw-s 00000000 00:01 10 /dev/zero (deleted)\nSize: 64 kB\nPss: 32 kB\nVmFlags: rd\n\
                     7f10-7f20 rw-s 00000000 00:01 11 /memfd:x (deleted)\nPss: 64 kB\n\
                     7f20-7f30 r--p 00000000 08:01 12 /a b/\u{fffd}Pss: 1 kB\nPss: 128 kB\n\
                     7f30-7f40 rw-p 00000000 00:00 0 \nPss: 256 kB\n";
        let counted = HashMap::from([((device, 11), 64 << 10)]);
        assert_eq!(mapped_without_file(smaps.as_bytes(), Some(device), &counted), 32 << 10);
    }

    #[test]
    fn the_machines_memory_is_read_in_bytes() {
        let text = "MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\nShmem: 2 kB\nShmemHugePages: 9 kB\n";
        assert_eq!(MachineMemory::of(text), MachineMemory { total: 8 << 10, available: 4 << 10, shared: 2 << 10 });
    }
}
