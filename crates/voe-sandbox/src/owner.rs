//! Who owns what is left lying around: a process id, when that process started, since ids are used again, and where that id
//! means something: a process id namespace of one start of the machine.

use std::fs;
use std::os::unix::fs::MetadataExt;

/// The process that owns a control group or a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Process id.
    pid: u32,
    /// Clock ticks between the machine's start and the process's.
    started: u64,
    /// The process id namespace's inode number; 0 if it is not known.
    namespace: u64,
    /// The beginning of the id of the machine's start.
    boot: u32,
}

impl Owner {
    /// This process.
    pub(crate) fn own() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).unwrap_or(0), namespace: namespace(), boot: boot() }
    }

    /// Whether the process is certainly gone. One in another namespace can't be seen from here, and one on another machine
    /// neither; where `of_this_machine` is known, another start of the machine means the past.
    pub(crate) fn is_dead(self, of_this_machine: bool) -> bool {
        if self.boot != boot() {
            return of_this_machine;
        }
        self.namespace != 0 && self.namespace == namespace() && started(self.pid) != Some(self.started)
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
        let pid = parts.next()?.parse().ok()?;
        let started = parts.next()?.parse().ok()?;
        let namespace = parts.next()?.parse().ok()?;
        let boot = parts.next().filter(|boot| boot.len() == 8)?;
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

/// The 22nd field of `/proc/<pid>/stat`; the second may hold spaces and parentheses. A zombie is dead.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_dead_and_one_that_started_at_another_time_is() {
        let own = Owner::own();
        assert!(!own.is_dead(true));
        assert!(Owner { started: own.started + 1, ..own }.is_dead(false));
    }

    #[test]
    fn a_process_of_another_namespace_or_machine_is_not_taken_for_dead() {
        let own = Owner::own();
        let gone = Owner { started: own.started + 1, ..own };
        assert!(!Owner { namespace: own.namespace + 1, ..gone }.is_dead(true));
        assert!(!Owner { namespace: 0, ..gone }.is_dead(true));
        let elsewhere = Owner { boot: own.boot ^ 1, ..own };
        assert!(!elsewhere.is_dead(false));
        assert!(elsewhere.is_dead(true), "it was before the machine's last start");
    }

    #[test]
    fn an_owner_is_read_from_a_name_with_numbers_after_it_and_from_nothing_else() {
        let owner = Owner { pid: 12, started: 3456, namespace: 7, boot: 0x00ab_cdef };
        assert_eq!(owner.word(), "12-3456-7-00abcdef");
        assert_eq!(Owner::in_name("12-3456-7-00abcdef-1-0"), Some(owner));
        for name in ["x", "12-3456-7", "12-3456-7-0-1", "12-3456-7-00abcdef", "1-2-x-00abcdef-1"] {
            assert_eq!(Owner::in_name(name), None, "{name}");
        }
    }
}
