//! Finds and ends every process that a command started.
//!
//! The toolbox is a subreaper: whatever a command starts stays below it in the tree of processes, `setsid` and double forks
//! included, since an orphan becomes the toolbox's own child.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, waitpid};

/// A live process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    zombie: bool,
}

/// The processes that a command left, apart from those that the toolbox runs for itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Descendants {
    /// The toolbox's own children (git).
    pub(crate) keep: Vec<Pid>,
}

/// How long killed processes may take to end. One in an uninterruptible wait cannot be ended.
const KILL_LIMIT: Duration = Duration::from_secs(10);

impl Descendants {
    /// Processes that live now; zombies that are children of the toolbox, other than `spare`, are reaped on the way.
    pub(crate) fn living(&self, spare: Option<Pid>) -> Vec<Process> {
        let mut living = Vec::new();
        for process in self.all() {
            if process.zombie {
                if Some(process.pid) != spare {
                    let _ = waitpid(Some(process.pid), WaitOptions::NOHANG);
                }
            } else {
                living.push(process);
            }
        }
        living
    }

    /// The live processes, by command line, at most `most` of them.
    pub(crate) fn names(processes: &[Process], most: usize) -> Vec<String> {
        let mut names: Vec<String> =
            processes.iter().take(most).map(|p| format!("{} (pid {})", name(p.pid), p.pid)).collect();
        if processes.len() > most {
            names.push(format!("and {} more", processes.len() - most));
        }
        names
    }

    /// Asks all to end; true if none is left after `grace`. `pump` is called in between, to drain a pipe that may block
    /// them.
    pub(crate) fn terminate(&self, spare: Option<Pid>, grace: Duration, pump: &mut dyn FnMut()) -> bool {
        for process in self.living(spare) {
            let _ = kill_process(process.pid, Signal::TERM);
            // A stopped process handles no signal before it is continued.
            let _ = kill_process(process.pid, Signal::CONT);
        }
        let until = Instant::now() + grace;
        loop {
            pump();
            let living = self.living(spare);
            let Some(first) = living.first() else { return true };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            wait_for(first.pid, left.min(Duration::from_millis(20)));
        }
    }

    /// Ends all, however they fork; false if some could not be ended.
    pub(crate) fn kill(&self, spare: Option<Pid>) -> bool {
        let until = Instant::now() + KILL_LIMIT;
        loop {
            let living = self.living(spare);
            let Some(first) = living.first() else { return true };
            if Instant::now() > until {
                return false;
            }
            // Stopped first, so that none forks while its neighbours are being ended.
            for process in &living {
                let _ = kill_process(process.pid, Signal::STOP);
            }
            for process in &living {
                let _ = kill_process(process.pid, Signal::KILL);
            }
            wait_for(first.pid, Duration::from_millis(20));
        }
    }

    /// All descendants, zombies included.
    fn all(&self) -> Vec<Process> {
        let me = getpid();
        if let Some(children) = own_children()
            && children.iter().all(|child| self.keep.contains(child))
        {
            return Vec::new();
        }
        let mut children: HashMap<i32, Vec<(i32, bool)>> = HashMap::new();
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        for entry in entries.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let Ok(stat) = fs::read(entry.path().join("stat")) else { continue };
            if let Some((state, parent)) = state_and_parent(&stat) {
                children.entry(parent).or_default().push((pid, matches!(state, b'Z' | b'X')));
            }
        }
        let mut found = Vec::new();
        let mut open = vec![me.as_raw_nonzero().get()];
        while let Some(parent) = open.pop() {
            for (pid, zombie) in children.remove(&parent).unwrap_or_default() {
                let Some(pid) = Pid::from_raw(pid) else { continue };
                if self.keep.contains(&pid) {
                    continue;
                }
                found.push(Process { pid, zombie });
                open.push(pid.as_raw_nonzero().get());
            }
        }
        found
    }
}

/// The relation of a process to a toolbox that was killed.
enum Look {
    /// Left by its command.
    Ours,
    /// Perhaps left by its command.
    Starting,
}

/// The process that is the parent of the kernel's threads.
const KERNEL: i32 = 2;

/// How often to check again processes that may be starting a program; those without any environment never get one.
const LOOKS_AGAIN: u32 = 10;

/// Ends the processes of a command whose toolbox was killed. They are identified by the session of the command's shell, or
/// by the home directory in their environment if that is one of voe's own; a session's number alone may have been
/// reused, so `mark` must be in their environment too.
pub(crate) fn end_left(session: i32, mark: &str, own_home: Option<&str>) {
    let look = |pid: &str| {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let has = |variable: &str| environment.split(|&b| b == 0).any(|other| other == variable.as_bytes());
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let (state, parent) = state_and_parent(&stat)?;
        if matches!(state, b'Z' | b'X') {
            return None;
        }
        let in_session = session_of(&stat)? == session;
        // A process that is starting a program has no environment for a moment, and would not be recognised. Threads
        // of the kernel never have one.
        if environment.is_empty() {
            return ((in_session || own_home.is_some()) && parent > 0 && parent != KERNEL).then_some(Look::Starting);
        }
        (has(mark) && (own_home.is_some_and(has) || in_session)).then_some(Look::Ours)
    };
    let mut looked_again = 0;
    let until = Instant::now() + KILL_LIMIT;
    loop {
        let mut unsure = false;
        let left: Vec<Pid> = fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name();
                let pid = name.to_str()?;
                let number = pid.parse::<i32>().ok()?;
                match look(pid)? {
                    Look::Ours => Pid::from_raw(number),
                    Look::Starting => {
                        unsure = true;
                        None
                    }
                }
            })
            .collect();
        let Some(first) = left.first() else {
            if !unsure || looked_again == LOOKS_AGAIN {
                return;
            }
            looked_again += 1;
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        if Instant::now() > until {
            return;
        }
        for pid in &left {
            let _ = kill_process(*pid, Signal::KILL);
        }
        wait_for(*first, Duration::from_millis(20));
    }
}

/// The sixth field of `/proc/PID/stat`.
fn session_of(stat: &[u8]) -> Option<i32> {
    let after = memchr::memrchr(b')', stat)? + 1;
    std::str::from_utf8(&stat[after..]).ok()?.split_ascii_whitespace().nth(3)?.parse().ok()
}

/// The toolbox's own children, where the kernel lists them (CONFIG_PROC_CHILDREN): one small read instead of all of `/proc`.
fn own_children() -> Option<Vec<Pid>> {
    let mut children = Vec::new();
    for task in fs::read_dir("/proc/self/task").ok()? {
        let list = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
        children.extend(list.split_ascii_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)));
    }
    Some(children)
}

/// The third and fourth field of `/proc/PID/stat`; the second, a name in brackets, may contain anything.
fn state_and_parent(stat: &[u8]) -> Option<(u8, i32)> {
    let after = memchr::memrchr(b')', stat)? + 1;
    let rest = std::str::from_utf8(&stat[after..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn name(pid: Pid) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    let line: String = line.trim().chars().take(80).collect();
    if line.is_empty() { "a process".into() } else { crate::names::shown(line.as_bytes()) }
}

/// Waits until the process ends, at most `limit`.
fn wait_for(pid: Pid, limit: Duration) {
    let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => drop(poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&limit))),
        // Ended already, or a kernel before 5.3.
        Err(rustix::io::Errno::SRCH) => {}
        Err(_) => drop(poll(&mut [], Some(&limit))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_parent_are_read_whatever_the_name() {
        assert_eq!(state_and_parent(b"12 (a) R) b) S 7 12 12 0"), Some((b'S', 7)));
        assert_eq!(state_and_parent(b"nonsense"), None);
        assert_eq!(session_of(b"12 (a) R) b) S 7 11 13 0"), Some(13));
    }
}
