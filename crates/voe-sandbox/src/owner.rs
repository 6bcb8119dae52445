//! The owner of what a sandbox leaves: a process id, the time when that process started (ids are reused), and where the id is
//! valid: a process id namespace of one boot of the machine.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// The process that owns a control group or a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Process id.
    pid: u32,
    /// Clock ticks from boot to the start of the process.
    started: u64,
    /// The process id namespace's inode number; 0 if it is not known.
    namespace: u64,
    /// The beginning of the machine's boot id.
    boot: u32,
}

impl Owner {
    /// This process.
    pub(crate) fn own() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).ticks(), namespace: namespace(), boot: boot() }
    }

    /// Whether the process is certainly gone. Not known of one in another namespace or on another machine (which may be the other
    /// end of a socket), so a different boot id proves nothing.
    pub(crate) fn is_dead(self) -> bool {
        let here = self.boot == boot() && self.namespace != 0 && self.namespace == namespace();
        here && match started(self.pid) {
            Started::At(ticks) => ticks != self.started,
            Started::Ended => true,
            Started::Hidden => false,
        }
    }

    /// `<pid>-<started>-<namespace>-<boot>`.
    pub(crate) fn word(self) -> String {
        format!("{}-{}-{}-{:08x}", self.pid, self.started, self.namespace, self.boot)
    }

    /// Reads [`Owner::word`] from a name with more numbers after it: `<owner>-<number>…`.
    pub(crate) fn in_name(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let owner = Self::of_parts(&mut parts)?;
        parts.next().map(|_| owner)
    }

    fn of_parts<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        // Digits only: `parse` also takes a sign.
        let digits = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
        let pid = parts.next().filter(digits)?.parse().ok()?;
        let started = parts.next().filter(digits)?.parse().ok()?;
        let namespace = parts.next().filter(digits)?.parse().ok()?;
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let boot = parts.next().filter(|boot| boot.len() == 8 && boot.bytes().all(hexadecimal))?;
        Some(Self { pid, started, namespace, boot: u32::from_str_radix(boot, 16).ok()? })
    }
}

fn namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |meta| meta.ino())
}

fn boot() -> u32 {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.get(..8).and_then(|begin| u32::from_str_radix(begin, 16).ok()).unwrap_or(0)
}

/// When a process started, as far as that is visible.
enum Started {
    /// Clock ticks after boot.
    At(u64),
    /// The process does not exist, or has ended.
    Ended,
    /// It exists, but `/proc` does not show it to this user (`hidepid`).
    Hidden,
}

impl Started {
    fn ticks(&self) -> u64 {
        if let Self::At(ticks) = self { *ticks } else { 0 }
    }
}

/// When a process started: the 22nd field of `/proc/<pid>/stat`; the second may contain spaces and parentheses. A zombie has ended.
fn started(pid: u32) -> Started {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_ascii_whitespace();
    match fields.next() {
        Some("Z" | "X") => Started::Ended,
        Some(_) => fields.nth(18).and_then(|ticks| ticks.parse().ok()).map_or(Started::Hidden, Started::At),
        None => {
            let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
            match pid.map(rustix::process::test_kill_process) {
                Some(Err(rustix::io::Errno::SRCH)) | None => Started::Ended,
                Some(_) => Started::Hidden,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_dead_and_one_that_started_at_another_time_is() {
        let own = Owner::own();
        assert!(!own.is_dead());
        assert!(Owner { started: own.started + 1, ..own }.is_dead());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = Owner { pid: child.id(), ..own };
        child.wait().unwrap();
        assert!(ended.is_dead());
    }

    #[test]
    fn a_process_of_another_namespace_or_machine_is_not_taken_for_dead() {
        let own = Owner::own();
        let gone = Owner { started: own.started + 1, ..own };
        for other in [
            Owner { namespace: own.namespace + 1, ..gone },
            Owner { namespace: 0, ..gone },
            Owner { boot: own.boot ^ 1, ..gone },
        ] {
            assert!(!other.is_dead());
        }
    }

    #[test]
    fn an_owner_is_only_read_from_a_name_with_numbers_after_it() {
        let owner = Owner { pid: 12, started: 3456, namespace: 7, boot: 0x00ab_cdef };
        assert_eq!(owner.word(), "12-3456-7-00abcdef");
        assert_eq!(Owner::in_name("12-3456-7-00abcdef-1-0"), Some(owner));
        for name in [
            "x",
            "12-3456-7",
            "12-3456-7-0-1",
            "12-3456-7-00abcdef",
            "1-2-x-00abcdef-1",
            "+1-2-3-00abcdef-1",
            "1-2-3-00ABCDEF-1",
        ] {
            assert_eq!(Owner::in_name(name), None, "{name}");
        }
    }
}
