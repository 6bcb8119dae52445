//! `run.toml`: the description of a run, resolved.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use voe_agent::LoadError;

use super::place::PlaceRecord;
use crate::experiment::{Arm, Experiment};
use crate::suite::SuiteSource;

/// `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// The version of the layout.
    pub format: u32,
    /// The version of voe that started the run.
    pub voe: String,
    /// Other versions that worked on it later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<String>,
    /// Start time of the run, UTC, RFC 3339.
    pub began: String,
    /// Attempts at each task in each arm.
    pub trials: u32,
    /// The requested isolation, which may be "auto". Format 1 only; see [`RunFile::place`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<String>,
    /// Whether some of its attempts ran without isolation and could read the suite's solutions.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readable_solutions: bool,
    /// Whether replies are streamed; some servers parse tool calls worse when they stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// The suite's name.
    pub suite: String,
    /// Ids of its tasks.
    pub tasks: Vec<String>,
    /// SHA-256 of `suite.jsonl`, hexadecimal. Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_sha256: Option<String>,
    /// Path of the experiment's file, if there was one: hidden from commands, with its neighbors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment_file: Option<PathBuf>,
    /// The source of the suite.
    pub source: SuiteSource,
    /// The place where its tasks are worked on. Since format 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceRecord>,
    /// The machine.
    pub machine: RunMachine,
    /// The experiment as given.
    pub experiment: Experiment,
    /// The arms, resolved.
    pub arms: Vec<ArmFile>,
}

impl RunFile {
    /// The same run, resumed with the settings of `now`: more trials, other paths, and facts that an older voe did not record.
    pub(super) fn resumed(self, now: Self, rows_sha256: String) -> Self {
        let mut later = self.later;
        if now.voe != self.voe && !later.contains(&now.voe) {
            later.push(now.voe);
        }
        let arm = |(then, now): (ArmFile, ArmFile)| ArmFile { answers: now.answers.or(then.answers), ..then };
        Self {
            format: now.format,
            later,
            trials: now.trials,
            sandbox: None,
            readable_solutions: self.readable_solutions || now.readable_solutions,
            rows_sha256: Some(rows_sha256),
            place: now.place,
            stream: self.stream.or(now.stream),
            experiment_file: now.experiment_file.or(self.experiment_file),
            arms: self.arms.into_iter().zip(now.arms).map(arm).collect(),
            ..self
        }
    }
}

/// An arm in `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmFile {
    /// Its name.
    pub name: String,
    /// Its model, as requested.
    pub model: String,
    /// What is known about the model and its server.
    #[serde(default)]
    pub server: String,
    /// Its strategy with every key.
    pub strategy: String,
    /// The model and server that answer. Since format 2; `None` for a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Server>,
}

/// The model of an arm, and its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// The model's name, as sent to the server.
    pub model: String,
    /// API protocol of the server.
    pub provider: String,
    /// Address of the server, without credentials.
    pub base_url: String,
    /// Context window in tokens, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<u64>,
}

impl ArmFile {
    /// The arm.
    ///
    /// # Errors
    /// This voe can't read the strategy.
    pub fn resolved(self) -> Result<Arm, LoadError> {
        Ok(Arm { name: self.name, model: self.model, strategy: voe_agent::load::parse(&self.strategy)? })
    }
}

/// The machine that a run was started on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunMachine {
    /// Number of processors.
    pub processors: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's version.
    pub kernel: String,
}

impl RunMachine {
    /// This machine.
    pub fn this() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { processors, memory_mib: super::memory::total() >> 20, kernel }
    }
}
