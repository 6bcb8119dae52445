//! Control groups: memory and processes of everything inside together, with version 1 or 2, whichever is writable.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::owner::Owner;

/// The groups of one sandbox. Dropping it ends the processes still in them and removes them.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    dirs: Vec<PathBuf>,
    /// The file in which the kernel counts out-of-memory kills, if memory is limited.
    memory: Option<PathBuf>,
    /// The file in which it counts refused forks, if processes are limited.
    processes: Option<PathBuf>,
}

const PREFIX: &str = "voe-";

/// A hierarchy of control groups that this process is in.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Names of the controllers; empty for version 2.
    controllers: Vec<String>,
    /// This process's group, as a directory.
    own: PathBuf,
    /// The highest directory that is mounted.
    top: PathBuf,
}

impl Groups {
    /// Makes groups for the sandbox `name`, as far as permissions allow.
    pub(crate) fn create(name: &str, memory_bytes: u64, processes: u64) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let mut groups = Self::default();
        // Sandboxes of different homes number their parts each from the beginning, and one process may have many.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{name}-{number}", Owner::own().word());
        for hierarchy in hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup")) {
            let has = |wanted: &str| hierarchy.controllers.iter().any(|c| c == wanted);
            if hierarchy.controllers.is_empty() {
                if groups.memory.is_none() || groups.processes.is_none() {
                    groups.unified(&hierarchy, &name, memory_bytes, processes);
                }
            } else if has("memory") && groups.memory.is_none() {
                groups.memory_v1(&hierarchy.own.join(&name), memory_bytes);
            } else if has("pids") && groups.processes.is_none() {
                groups.processes_v1(&hierarchy.own.join(&name), processes);
            }
        }
        groups
    }

    fn memory_v1(&mut self, dir: &Path, bytes: u64) {
        if !made(dir) {
            return;
        }
        self.dirs.push(dir.to_path_buf());
        if fs::write(dir.join("memory.limit_in_bytes"), bytes.to_string()).is_ok() {
            // Not there without accounting of swap.
            let _ = fs::write(dir.join("memory.memsw.limit_in_bytes"), bytes.to_string());
            self.memory = Some(dir.join("memory.oom_control"));
        }
    }

    fn processes_v1(&mut self, dir: &Path, processes: u64) {
        if !made(dir) {
            return;
        }
        self.dirs.push(dir.to_path_buf());
        if fs::write(dir.join("pids.max"), processes.to_string()).is_ok() {
            self.processes = Some(dir.join("pids.events"));
        }
    }

    /// Version 2: a group with processes of its own can't delegate controllers, so the new one is made below the nearest
    /// ancestor that does.
    fn unified(&mut self, hierarchy: &Hierarchy, name: &str, memory_bytes: u64, processes: u64) {
        let mut parent = Some(hierarchy.own.as_path());
        while let Some(dir) = parent.filter(|dir| dir.starts_with(&hierarchy.top)) {
            let handed = fs::read_to_string(dir.join("cgroup.subtree_control")).unwrap_or_default();
            let hands = |wanted: &str| handed.split_ascii_whitespace().any(|c| c == wanted);
            let group = dir.join(name);
            if hands("memory") && hands("pids") && made(&group) {
                self.dirs.push(group.clone());
                if self.memory.is_none() && fs::write(group.join("memory.max"), memory_bytes.to_string()).is_ok() {
                    let _ = fs::write(group.join("memory.swap.max"), "0");
                    self.memory = Some(group.join("memory.events"));
                }
                if self.processes.is_none() && fs::write(group.join("pids.max"), processes.to_string()).is_ok() {
                    self.processes = Some(group.join("pids.events"));
                }
                return;
            }
            parent = dir.parent();
        }
    }

    /// The files to which a process writes its id to join.
    pub(crate) fn joins(&self) -> Vec<PathBuf> {
        self.dirs.iter().map(|dir| dir.join("cgroup.procs")).collect()
    }

    pub(crate) fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    pub(crate) fn limits_processes(&self) -> bool {
        self.processes.is_some()
    }

    /// Out-of-memory kills so far.
    pub(crate) fn memory_kills(&self) -> u64 {
        count(self.memory.as_deref(), "oom_kill")
    }

    /// Refused forks so far.
    pub(crate) fn forks_refused(&self) -> u64 {
        count(self.processes.as_deref(), "max")
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for dir in &self.dirs {
            remove(dir);
        }
    }
}

/// Removes the groups of owners that are dead.
pub(crate) fn sweep() {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    for hierarchy in hierarchies(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup")) {
        let mut dir = Some(hierarchy.own.as_path());
        while let Some(at) = dir.filter(|at| at.starts_with(&hierarchy.top)) {
            for entry in fs::read_dir(at).into_iter().flatten().flatten() {
                let name = entry.file_name();
                let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(Owner::in_name);
                // A part of the hierarchy may be delegated to others, who may use the same names there.
                if owner.is_some_and(|owner| owner.is_dead()) && own(&entry.path()) {
                    remove(&entry.path());
                }
            }
            dir = at.parent();
        }
    }
}

/// Ends the processes of a group and removes it; gives up after a second, and the next start tries again.
fn remove(dir: &Path) {
    let until = Instant::now() + Duration::from_secs(1);
    while fs::remove_dir(dir).is_err() && dir.exists() && Instant::now() < until {
        for pid in fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default().lines() {
            if let Some(pid) = pid.parse().ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn made(dir: &Path) -> bool {
    // An existing directory is that of a dead sandbox of the same name and can be used; its limits are set again.
    (own(dir) || fs::create_dir(dir).is_ok()) && writable(&dir.join("cgroup.procs"))
}

/// Whether it is a directory that this user owns.
fn own(dir: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw())
}

fn writable(path: &Path) -> bool {
    fs::OpenOptions::new().write(true).open(path).is_ok()
}

/// Reads the number called `name` from a file of lines `<name> <number>`.
pub(crate) fn count(file: Option<&Path>, name: &str) -> u64 {
    let text = file.map(|file| fs::read_to_string(file).unwrap_or_default()).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.trim().parse().ok())
        .unwrap_or(0)
}

/// Reads `/proc/self/mountinfo` and `/proc/self/cgroup`.
fn hierarchies(mountinfo: &str, cgroup: &str) -> Vec<Hierarchy> {
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (left, right): (Vec<_>, Vec<_>) = (left.split(' ').collect(), right.split(' ').collect());
        let (Some(root), Some(top), Some(kind), Some(options)) =
            (left.get(3), left.get(4), right.first(), right.get(2))
        else {
            continue;
        };
        let own = cgroup.lines().find_map(|line| {
            let mut fields = line.splitn(3, ':');
            let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
            let same = match *kind {
                "cgroup2" => controllers.is_empty(),
                "cgroup" => {
                    !controllers.is_empty() && controllers.split(',').all(|c| options.split(',').any(|o| o == c))
                }
                _ => false,
            };
            same.then_some((controllers, path))
        });
        let Some((controllers, path)) = own else { continue };
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap_or("").trim_start_matches('/');
        found.push(Hierarchy {
            controllers: controllers.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect(),
            own: if below.is_empty() { PathBuf::from(top) } else { Path::new(top).join(below) },
            top: PathBuf::from(top),
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_found_at_the_group_of_this_process() {
        let mountinfo = "30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
             31 30 0:27 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             32 30 0:28 /docker/1 /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n\
             33 30 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
        let found = hierarchies(mountinfo, "8:pids:/docker/1/a\n4:memory:/x/y\n0::/\n");
        let own: Vec<_> = found.iter().map(|h| h.own.to_str().unwrap()).collect();
        assert_eq!(own, ["/sys/fs/cgroup/memory/x/y", "/sys/fs/cgroup/pids/a", "/sys/fs/cgroup/unified"]);
        assert_eq!(found[2].controllers, [""; 0]);
    }
}
