//! The descendants of a process, where no namespace groups them.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

/// Processes below `root`, zombies not counted.
pub(super) fn below(root: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let Some(parent) = living_parent(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut open) = (Vec::new(), vec![root.as_raw_nonzero().get()]);
    while let Some(parent) = open.pop() {
        for pid in children.remove(&parent).unwrap_or_default() {
            found.extend(Pid::from_raw(pid));
            open.push(pid);
        }
    }
    found
}

/// The fourth field of `/proc/<pid>/stat`, unless the third says that the process is dead.
pub(crate) fn living_parent(stat: &str) -> Option<i32> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.next()?.parse().ok()
}

/// Ends all processes below `root`. They are stopped first, so that none forks while others are being ended. Gives up on those
/// that remain after five seconds (an uninterruptible wait).
pub(crate) fn kill_below(root: Pid) {
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        let living = below(root);
        if living.is_empty() || Instant::now() > until {
            return;
        }
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in &living {
                let _ = rustix::process::kill_process(*pid, signal);
            }
        }
        if root == rustix::process::getpid() {
            while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_whatever_the_process_name_and_dead_processes_have_none() {
        assert_eq!(living_parent("12 (a) R) b) S 7 12 12 0"), Some(7));
        assert_eq!(living_parent("12 (a) Z 7 12 12 0"), None);
        assert_eq!(living_parent("nonsense"), None);
    }
}
