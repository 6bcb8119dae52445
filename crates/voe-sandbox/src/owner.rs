//! Who owns what is left lying around: a process id, and when that process started, since ids are used again.

use std::fs;

/// The process that owns a directory, a control group or a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Process id.
    pub(crate) pid: u32,
    /// Clock ticks between the machine's start and the process's.
    pub(crate) started: u64,
}

impl Owner {
    /// This process.
    pub(crate) fn own() -> Self {
        let pid = std::process::id();
        Self { pid, started: started(pid).unwrap_or(0) }
    }

    /// Whether the process is still there.
    pub(crate) fn is_alive(self) -> bool {
        started(self.pid) == Some(self.started)
    }

    /// `<pid>-<started>`.
    pub(crate) fn word(self) -> String {
        format!("{}-{}", self.pid, self.started)
    }

    /// Reads [`Owner::word`].
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let (pid, started) = word.trim().split_once('-')?;
        Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Reads it from a name that goes on with numbers: `<pid>-<started>-<number>…`.
    pub(crate) fn in_name(name: &str) -> Option<Self> {
        let (second, _) = name.match_indices('-').nth(1)?;
        Self::parse(&name[..second])
    }
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
    fn this_process_is_alive_and_one_that_started_at_another_time_is_not() {
        let own = Owner::own();
        assert!(own.is_alive());
        assert_eq!(Owner::in_name("12-3456-7"), Some(Owner { pid: 12, started: 3456 }));
        // A control group's name counts the process's sandboxes and their starts.
        assert_eq!(Owner::in_name("12-3456-7-0"), Some(Owner { pid: 12, started: 3456 }));
        assert_eq!(Owner::in_name("x"), None);
        assert_eq!(Owner::parse(&own.word()), Some(own));
        assert!(!Owner { started: own.started + 1, ..own }.is_alive());
    }
}
