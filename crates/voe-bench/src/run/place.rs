//! Where the tasks of a run are worked on: what affects attempts besides suite, arms and models. Kept in
//! `run.toml`, so that a run is resumed with the settings it was started with. Paths may change between sessions; content may not.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use voe_sandbox::{BackendChoice, SandboxConfig};

/// How tasks get their environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceBackend {
    /// On this machine, without containers.
    Native,
    /// In containers, of Docker or Podman.
    Docker,
}

impl PlaceBackend {
    /// The backend that a sandbox belongs to.
    pub fn of(sandbox: BackendChoice) -> Self {
        if voe_sandbox::capabilities(sandbox).image { Self::Docker } else { Self::Native }
    }

    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Docker => "docker",
        }
    }
}

impl fmt::Display for PlaceBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// `[place]` of `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceRecord {
    /// Native or in containers; never "auto", but what it resolved to.
    pub backend: PlaceBackend,
    /// The isolation of commands; never "auto".
    pub sandbox: BackendChoice,
    /// Whether commands of attempts may use the network.
    pub network: bool,
    /// The image of all tasks, if one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The directory of clones, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repos: Option<PathBuf>,
    /// Further paths of this machine that commands may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
    /// Further variables that commands get, by name: values are not stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The environments file, if given; without one each list is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Environments>,
    /// The limits on commands.
    pub limits: CommandLimits,
}

/// An environments file, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environments {
    /// Its path.
    pub file: PathBuf,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// SHA-256 of the `specs*.json` next to it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specs_sha256: Option<String>,
    /// Whether it was added to a run that was started without one: then official lists take precedence.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
    /// Hashes of the environments of the run's tasks, by task: these may not change. Missing in runs of earlier
    /// builds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, String>,
}

/// What has changed in an environments file since a run was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Differs {
    /// The environment of this task.
    Task(String),
    /// The `specs*.json` next to the file.
    Specs,
    /// The file; which part is not known.
    File,
}

impl Environments {
    /// What has changed since `then`, wherever the files are; `None` if the environments of the run's tasks are the same: others may be added.
    pub fn differs(&self, then: &Self) -> Option<Differs> {
        if self.specs_sha256 != then.specs_sha256 || self.rest != then.rest {
            return Some(Differs::Specs);
        }
        if self.sha256 == then.sha256 {
            return None;
        }
        if then.tasks.is_empty() && !then.rest {
            return Some(Differs::File);
        }
        let other = then.tasks.iter().find(|(id, content)| self.tasks.get(*id) != Some(content));
        other.map(|(id, _)| Differs::Task(id.clone()))
    }
}

/// Limits on the commands of an attempt, where the sandbox can enforce them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandLimits {
    /// Memory of a command and its child processes, in bytes.
    pub memory_bytes: u64,
    /// Processes that may run at the same time.
    pub processes: u64,
    /// Bytes that all commands together may write.
    pub disk_bytes: u64,
}

impl fmt::Display for CommandLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_bytes, processes, disk_bytes } = self;
        write!(f, "{} MiB of memory, {processes} processes, {} MiB of disk", memory_bytes >> 20, disk_bytes >> 20)
    }
}

impl Default for CommandLimits {
    fn default() -> Self {
        let spec = SandboxConfig::new("", "", "");
        let (limits, disk_bytes) = (spec.limits, spec.disk_bytes);
        Self { memory_bytes: limits.memory_bytes, processes: limits.processes, disk_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environments_may_be_added_and_those_that_tasks_had_may_not_change() {
        let of = |sha256: &str, tasks: &[(&str, &str)]| Environments {
            file: "e.json".into(),
            sha256: sha256.into(),
            specs_sha256: None,
            rest: false,
            tasks: tasks.iter().map(|(id, content)| ((*id).to_owned(), (*content).to_owned())).collect(),
        };
        let then = of("1", &[("a-1", "x")]);
        assert_eq!(of("2", &[("a-1", "x"), ("a-2", "y")]).differs(&then), None);
        assert_eq!(of("2", &[("a-1", "y")]).differs(&then), Some(Differs::Task("a-1".into())));
        assert_eq!(of("2", &[("a-2", "y")]).differs(&then), Some(Differs::Task("a-1".into())));
        let specs = Environments { specs_sha256: Some("3".into()), ..then.clone() };
        assert_eq!(specs.differs(&then), Some(Differs::Specs));
        // From an earlier build.
        assert_eq!(then.differs(&of("2", &[])), Some(Differs::File));
        assert_eq!(then.differs(&of("1", &[])), None);
    }
}
