//! Reporting reached limits in a call's result.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use voe_protocol::CallResult;
use voe_trace::{EndedBy, Note};
use voe_untrusted::UntrustedDir;

use crate::config::SandboxConfig;
use crate::groups::Groups;

/// At most this many bytes of new events are read at once.
const MOST_NEWS: u64 = 64 * 1024;

/// Notices when a limit of the sandbox was reached.
#[derive(Debug)]
pub(crate) struct Meter(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    groups: Option<Groups>,
    /// The supervisor's event file, and how much of it was read.
    events: PathBuf,
    read: u64,
    memory_kills: u64,
    forks_refused: u64,
    memory_bytes: u64,
    processes: u64,
}

impl Meter {
    pub(crate) fn new(groups: Groups, events: PathBuf, spec: &SandboxConfig) -> Self {
        Self(Mutex::new(Inner {
            groups: Some(groups),
            events,
            read: 0,
            memory_kills: 0,
            forks_refused: 0,
            memory_bytes: spec.limits.memory_bytes,
            processes: spec.limits.processes,
        }))
    }

    /// The limits on memory and processes that no group enforces.
    pub(crate) fn unenforced(&self, memory: u64, processes: u64) -> (Option<u64>, Option<u64>) {
        self.with(|inner| {
            let groups = inner.groups.as_ref();
            let memory = (!groups.is_some_and(Groups::limits_memory)).then_some(memory);
            let processes = (!groups.is_some_and(Groups::limits_processes)).then_some(processes);
            (memory, processes)
        })
    }

    /// The files through which a process joins the groups.
    pub(crate) fn joins(&self) -> Vec<PathBuf> {
        self.with(|inner| inner.groups.as_ref().map(Groups::joins).unwrap_or_default())
    }

    /// Ends the processes in the groups and removes them.
    pub(crate) fn close(&self) {
        self.with(|inner| drop(inner.groups.take()));
    }

    /// Adds to `result` the limits reached since the last call.
    pub(crate) fn annotate(&self, result: &mut CallResult) {
        let LimitsReached { killed, refused } = self.with(Inner::news);
        let mut killed = killed.into_iter();
        if let Some(by) = killed.next() {
            // The toolbox saw at most a signal, and could only guess the reason.
            result.ended_by = Some(by);
        }
        result.notes.extend(killed.map(|by| Note::AlsoEndedBy { by }));
        if let Some(limit) = refused {
            result.notes.push(Note::ProcessesRefused { limit });
            if result.exit != Some(0) {
                result.ended_by.get_or_insert(EndedBy::ProcessLimit { processes: limit });
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The limits reached since the last check.
#[derive(Default)]
struct LimitsReached {
    /// Those that ended processes.
    killed: Vec<EndedBy>,
    /// The process limit, if it kept some from starting.
    refused: Option<u64>,
}

impl Inner {
    /// Reads what ended processes, and what kept processes from starting.
    fn news(&mut self) -> LimitsReached {
        let mut news = LimitsReached::default();
        let counts = self.groups.as_ref().map(|groups| (groups.memory_kills(), groups.forks_refused()));
        if let Some((memory, forks)) = counts {
            if memory > self.memory_kills {
                news.killed.push(EndedBy::MemoryLimit { bytes: self.memory_bytes });
            }
            if forks > self.forks_refused {
                news.refused = Some(self.processes);
            }
            (self.memory_kills, self.forks_refused) = (memory, forks);
        }
        for line in self.new_events().lines() {
            let Some((what, limit)) = line.split_once(' ') else { continue };
            let limit = limit.parse().unwrap_or(0);
            let by = match what {
                "disk" => EndedBy::DiskLimit { bytes: limit },
                "memory" => EndedBy::MemoryLimit { bytes: limit },
                "processes" => EndedBy::ProcessLimit { processes: limit },
                "forks" => {
                    news.refused = Some(limit);
                    continue;
                }
                _ => continue,
            };
            if !news.killed.contains(&by) {
                news.killed.push(by);
            }
        }
        news
    }

    fn new_events(&mut self) -> String {
        let opened = self
            .events
            .parent()
            .zip(self.events.file_name())
            .and_then(|(dir, name)| UntrustedDir::open(dir).and_then(|dir| dir.open_file(name)).ok().flatten());
        let mut text = String::new();
        if let Some(mut file) = opened
            && file.seek(SeekFrom::Start(self.read)).is_ok()
            && file.take(MOST_NEWS).read_to_string(&mut text).is_ok()
        {
            self.read += text.len() as u64;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_reached_limit_is_reported_once() {
        let dir = tempfile::tempdir().unwrap();
        let events = dir.path().join("events");
        let meter = Meter::new(Groups::default(), events.clone(), &SandboxConfig::new("voe", "/w", "/h"));
        fs::write(&events, "disk 2147483648\n").unwrap();
        let mut result = CallResult { output: "out".into(), exit: Some(137), ..CallResult::default() };
        meter.annotate(&mut result);
        assert_eq!(result.text(), "out\nexit code: 137\nkilled: disk limit 2 GiB");
        assert_eq!(result.ended_by, Some(EndedBy::DiskLimit { bytes: 2 << 30 }));
        fs::write(&events, "disk 2147483648\nmemory 1024\n").unwrap();
        let killed = Some(EndedBy::Killed { memory_bytes: 4096 });
        let mut guessed = CallResult { ended_by: killed, ..CallResult::default() };
        meter.annotate(&mut guessed);
        assert_eq!(guessed.text(), "killed: memory limit 1 KiB");
        let mut next = CallResult::default();
        meter.annotate(&mut next);
        assert_eq!(next, CallResult::default());
    }
}
