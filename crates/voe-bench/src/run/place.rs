//! Where the tasks of a run are worked on, and with what: what decides over attempts besides suite, arms and models. Kept in
//! `run.toml`, so that a run goes on as it was begun. Paths may change between two sessions; content may not.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use voe_sandbox::{Choice, Spec};

/// How tasks get their environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// On this machine, without containers.
    Native,
    /// In containers, of Docker or Podman.
    Docker,
}

impl Backend {
    /// The one that a sandbox belongs to.
    pub fn of(sandbox: Choice) -> Self {
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

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// `[place]` of `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Native or in containers; never "auto": what that came to.
    pub backend: Backend,
    /// The isolation of commands; never "auto".
    pub sandbox: Choice,
    /// Whether commands of attempts may use the network.
    pub network: bool,
    /// The image of all tasks, if one was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The directory of clones that was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repos: Option<PathBuf>,
    /// Further paths of this machine that commands may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<PathBuf>,
    /// Further variables that commands get, by name: their values are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// The environments that were given; without them each is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environments: Option<Environments>,
    /// The bounds on commands.
    pub limits: Bounds,
}

/// A file of environments, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environments {
    /// Where it was.
    pub file: PathBuf,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// SHA-256 of the `specs*.json` beside it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specs_sha256: Option<String>,
    /// Whether it was given to a run that was begun without one: then official lists go before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
    /// Which content the environments of the run's tasks have in it, by task: these may not change. Runs of earlier builds don't
    /// say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, String>,
}

/// What of a file of environments is not as a run had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Differs {
    /// The environment of this task.
    Task(String),
    /// The `specs*.json` beside the file.
    Specs,
    /// The file; what of it is not known.
    File,
}

impl Environments {
    /// What of it is not as it was `then`, wherever both are; `None` if all that tasks of the run had is: others may be added.
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

/// What the commands of an attempt may take, where the sandbox can hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// Bytes of memory of a command with all that it starts.
    pub memory_bytes: u64,
    /// Processes at a time.
    pub processes: u64,
    /// Bytes that commands may write altogether.
    pub disk_bytes: u64,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { memory_bytes, processes, disk_bytes } = self;
        write!(f, "{} MiB of memory, {processes} processes, {} MiB of disk", memory_bytes >> 20, disk_bytes >> 20)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        let spec = Spec::new("", "", "");
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
        // Of an earlier build.
        assert_eq!(then.differs(&of("2", &[])), Some(Differs::File));
        assert_eq!(then.differs(&of("1", &[])), None);
    }
}
