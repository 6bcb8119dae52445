//! Which bounds were hit, in words for the model.

use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use voe_toolbox::protocol::CallResult;
use voe_untrusted::UntrustedDir;

use crate::groups::Groups;
use crate::spec::Spec;

/// Most bytes of new events that are read at once.
const MOST_NEWS: u64 = 64 * 1024;

/// Notices when a bound of the sandbox was hit.
#[derive(Debug)]
pub(crate) struct Meter(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    groups: Option<Groups>,
    /// What the supervisor writes down, and how much of it was read.
    events: PathBuf,
    read: u64,
    memory_kills: u64,
    forks_refused: u64,
    memory_bytes: u64,
    processes: u64,
}

impl Meter {
    pub(crate) fn new(groups: Groups, events: PathBuf, spec: &Spec) -> Self {
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

    /// The bounds on memory and processes that no group holds.
    pub(crate) fn unheld(&self, memory: u64, processes: u64) -> (Option<u64>, Option<u64>) {
        self.with(|inner| {
            let groups = inner.groups.as_ref();
            let memory = (!groups.is_some_and(Groups::holds_memory)).then_some(memory);
            let processes = (!groups.is_some_and(Groups::holds_processes)).then_some(processes);
            (memory, processes)
        })
    }

    /// The files through which a process joins the groups.
    pub(crate) fn joins(&self) -> Vec<PathBuf> {
        self.with(|inner| inner.groups.as_ref().map(Groups::joins).unwrap_or_default())
    }

    /// Ends what is in the groups and removes them.
    pub(crate) fn close(&self) {
        self.with(|inner| drop(inner.groups.take()));
    }

    /// Adds to `result` what was hit since the last time.
    pub(crate) fn annotate(&self, result: &mut CallResult) {
        let (killed, refused) = self.with(Inner::news);
        if !killed.is_empty() {
            let limits = killed.join(", ");
            // The toolbox saw the signal and could only guess.
            let guess = result.killed.replace(limits.clone()).map(|guess| format!("killed: {guess}"));
            match guess.filter(|guess| result.text.contains(guess.as_str())) {
                Some(guess) => result.text = result.text.replacen(&guess, &format!("killed: {limits}"), 1),
                None => add_line(&mut result.text, &format!("killed: {limits}")),
            }
        }
        if let Some(refused) = refused {
            add_line(&mut result.text, &format!("{refused} reached: no more processes could be started"));
            if result.exit != Some(0) {
                result.killed.get_or_insert(refused);
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(line);
}

impl Inner {
    /// What ended processes, and what kept processes from starting.
    fn news(&mut self) -> (Vec<String>, Option<String>) {
        let mut killed = Vec::new();
        let mut refused = None;
        let counts = self.groups.as_ref().map(|groups| (groups.memory_kills(), groups.forks_refused()));
        if let Some((memory, forks)) = counts {
            if memory > self.memory_kills {
                killed.push(format!("memory limit {}", bytes(self.memory_bytes)));
            }
            if forks > self.forks_refused {
                refused = Some(format!("process limit {}", self.processes));
            }
            (self.memory_kills, self.forks_refused) = (memory, forks);
        }
        for line in self.new_events().lines() {
            let text = match line.split_once(' ') {
                Some(("disk", limit)) => format!("disk limit {}", bytes(limit.parse().unwrap_or(0))),
                Some(("memory", limit)) => format!("memory limit {}", bytes(limit.parse().unwrap_or(0))),
                Some(("forks", limit)) => {
                    refused = Some(format!("process limit {limit}"));
                    continue;
                }
                Some(("processes", limit)) => format!("process limit {limit}"),
                _ => continue,
            };
            if !killed.contains(&text) {
                killed.push(text);
            }
        }
        (killed, refused)
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

/// Bytes as a person says them.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    for (unit, size) in UNITS {
        if bytes >= size {
            let tenths = bytes * 10 / size;
            return if tenths.is_multiple_of(10) {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            };
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_limit_that_was_hit_is_said_once() {
        let dir = tempfile::tempdir().unwrap();
        let events = dir.path().join("events");
        let meter = Meter::new(Groups::default(), events.clone(), &Spec::new("voe", "/w", "/h"));
        fs::write(&events, "disk 2147483648\n").unwrap();
        let mut result = CallResult { text: "out".into(), exit: Some(137), ..CallResult::default() };
        meter.annotate(&mut result);
        assert_eq!(result.text, "out\nkilled: disk limit 2 GiB");
        assert_eq!(result.killed.as_deref(), Some("disk limit 2 GiB"));
        fs::write(&events, "disk 2147483648\nmemory 1024\n").unwrap();
        let mut guessed = CallResult { text: "killed: SIGKILL".into(), ..CallResult::default() };
        guessed.killed = Some("SIGKILL".into());
        meter.annotate(&mut guessed);
        assert_eq!(guessed.text, "killed: memory limit 1 KiB");
        let mut next = CallResult::default();
        meter.annotate(&mut next);
        assert_eq!(next, CallResult::default());
    }

    #[test]
    fn bytes_read_as_a_person_says_them() {
        assert_eq!([bytes(2 << 30), bytes(1536 << 20), bytes(100)], ["2 GiB", "1.5 GiB", "100 bytes"]);
    }
}
