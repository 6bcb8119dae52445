//! Suites: sets of tasks, known by name or read from a file.
//!
//! - [`read`]: rows from JSON lines, JSON and parquet
//! - [`hub`]: downloads known suites once
//! - [`filter`]: selects a part of the tasks

pub mod filter;
pub mod hub;
#[cfg(feature = "parquet")]
mod parquet;
pub mod read;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_grade::Instance;

use crate::shipped;
use hub::{Hub, HubError};

/// Most bytes read of a suite's file.
pub(crate) const LARGEST: u64 = 1 << 30;

/// A set of tasks.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Name of the suite, or its file's stem.
    pub name: String,
    /// The source of the suite.
    pub source: SuiteSource,
    /// The tasks, in the order of the file; each id once.
    pub tasks: Vec<Instance>,
    /// Messages about rows that were left out and other problems, one line each.
    pub notes: Vec<String>,
}

/// Where a suite was read from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteSource {
    /// The file, or "shipped".
    pub file: String,
    /// SHA-256 of the file, hexadecimal; empty for a suite that ships.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
}

/// A suite with a known name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSuite {
    /// Name of the suite.
    pub name: &'static str,
    /// Description, in one line.
    pub about: &'static str,
    /// The data set on the hub and its split; `None` for a suite that ships.
    pub dataset: Option<(&'static str, &'static str)>,
}

/// The suites known by name.
pub const KNOWN: [KnownSuite; 6] = [
    KnownSuite { name: "mini", about: "26 small tasks that ship with voe and run anywhere", dataset: None },
    KnownSuite {
        name: "verified",
        about: "SWE-bench Verified, 500 tasks",
        dataset: Some(("SWE-bench/SWE-bench_Verified", "test")),
    },
    KnownSuite {
        name: "verified-hard",
        about: "the 45 tasks of Verified that were estimated to take more than an hour",
        dataset: Some(("SWE-bench/SWE-bench_Verified", "test")),
    },
    KnownSuite {
        name: "lite",
        about: "SWE-bench Lite, 300 tasks",
        dataset: Some(("SWE-bench/SWE-bench_Lite", "test")),
    },
    KnownSuite {
        name: "lite-dev",
        about: "SWE-bench Lite's development split, 23 tasks",
        dataset: Some(("SWE-bench/SWE-bench_Lite", "dev")),
    },
    KnownSuite {
        name: "multilingual",
        about: "SWE-bench Multilingual, 300 tasks (not graded here yet)",
        dataset: Some(("SWE-bench/SWE-bench_Multilingual", "test")),
    },
];

/// The difficulties of the hard tasks of Verified.
const HARD: [&str; 2] = ["1-4 hours", ">4 hours"];

/// A suite is not available.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// Neither a known name nor a file.
    #[error("no suite {name:?}: it is neither a file (.jsonl, .json, .parquet) nor one of {}", KNOWN.map(|known| known.name).join(", "))]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The file can't be read.
    #[error("cannot read the suite {path}: {why}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason, in one line.
        why: String,
    },
    /// It contains no usable task.
    #[error("the suite {path} contains no usable task; the first of {count} problems: {first}")]
    NoTasks {
        /// The file.
        path: PathBuf,
        /// How many rows were left out.
        count: usize,
        /// What is wrong with the first.
        first: String,
    },
    /// A suite that ships is damaged, which the tests rule out.
    #[error("the shipped suite: {0}")]
    Shipped(#[from] toml::de::Error),
    /// It could not be downloaded.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl Suite {
    /// Opens the suite `what`: a known name, or a path to a file. Known suites are downloaded on first use.
    ///
    /// # Errors
    /// The suite does not exist, it can't be read or downloaded, or none of its rows is a task.
    pub async fn open(what: &str, hub: &Hub) -> Result<Self, SuiteError> {
        let Some(known) = KNOWN.iter().find(|known| known.name == what) else {
            let path = Path::new(what);
            let named = path.extension().is_some_and(|e| ["jsonl", "json", "parquet"].iter().any(|known| e == *known));
            if !named && !path.is_file() {
                return Err(SuiteError::Unknown { name: what.to_owned() });
            }
            return Self::read(path);
        };
        let Some((dataset, split)) = known.dataset else { return Self::shipped(known.name) };
        let file = hub.split(dataset, split).await?;
        let mut suite = Self::read(&file)?;
        suite.keep_part(known.name);
        suite.name = known.name.to_owned();
        Ok(suite)
    }

    /// Keeps the tasks that the suite `name` takes from its data set; all, if it is not part of a larger one. So a
    /// file with the whole data set can replace it.
    pub fn keep_part(&mut self, name: &str) {
        if name == "verified-hard" {
            self.tasks.retain(|task| task.difficulty.as_deref().is_some_and(|d| HARD.contains(&d)));
        }
    }

    /// Reads a file. Rows that are not tasks are left out and listed in the notes.
    ///
    /// # Errors
    /// The file can't be read, or none of its rows is a task.
    pub fn read(path: &Path) -> Result<Self, SuiteError> {
        let fail = |error: voe_untrusted::Error| {
            let why = match error {
                // The path is named before it.
                voe_untrusted::Error::Io { source, .. } => source.to_string(),
                other => other.to_string(),
            };
            let names = KNOWN.map(|known| known.name).join(", ");
            let why = format!("{why}; give a file (.jsonl, .json, .parquet) or one of {names}");
            SuiteError::Read { path: path.to_owned(), why }
        };
        Self::of_bytes(path, voe_untrusted::read_named(path, LARGEST).map_err(fail)?)
    }

    /// The same from the file's content.
    ///
    /// # Errors
    /// None of the file's rows is a task.
    pub fn of_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, SuiteError> {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let rows = read::rows(path, bytes)?;
        let sha256 = rows.sha256;
        let mut suite =
            Self { name, source: SuiteSource { file: path.display().to_string(), sha256 }, ..Self::default() };
        for row in rows.rows {
            match row {
                Ok(task) if suite.task(&task.instance_id).is_some() => {
                    suite.notes.push(format!("{}: twice in the suite; the first one counts", task.instance_id));
                }
                Ok(task) if !is_file_name(&task.instance_id) => {
                    suite.notes.push(format!(
                        "{:?}: the id is not valid as a directory name; the row is left out",
                        task.instance_id
                    ));
                }
                Ok(task) if !is_commit(&task.base_commit) || !is_repo(&task.repo) => {
                    suite.notes.push(format!(
                        "{}: its repo is not owner/name, or its base_commit is not a commit; the row is left out",
                        task.instance_id
                    ));
                }
                Ok(task) => suite.tasks.push(task),
                Err(problem) => suite.notes.push(format!("{problem}; the row is left out")),
            }
        }
        if suite.tasks.is_empty() {
            let first = suite.notes.first().cloned().unwrap_or_else(|| "the file is empty".to_owned());
            return Err(SuiteError::NoTasks { path: path.to_owned(), count: suite.notes.len(), first });
        }
        let old = suite.tasks.iter().filter(|task| task.eval_script.is_none()).count();
        if old > 0 {
            suite.notes.push(format!(
                "{old} of {} rows have no eval_script (a copy from before 2026): these can be attempted but not graded here; \
                 download the suite again",
                suite.tasks.len()
            ));
        }
        Ok(suite)
    }

    /// The built-in suite.
    ///
    /// # Errors
    /// Never in a correct build: the suite is compiled in.
    pub fn shipped(name: &str) -> Result<Self, SuiteError> {
        let tasks = shipped::tasks(name)?.iter().map(shipped::ShippedTask::row).collect();
        let source = SuiteSource { file: "shipped".to_owned(), sha256: String::new() };
        Ok(Self { name: name.to_owned(), source, tasks, notes: Vec::new() })
    }

    /// The task of this id.
    pub fn task(&self, id: &str) -> Option<&Instance> {
        self.tasks.iter().find(|task| task.instance_id == id)
    }
}

/// Whether a text is a valid commit id, which is used in paths.
fn is_commit(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a text has the form `owner/name`, which is used in paths and in a URL.
fn is_repo(text: &str) -> bool {
    let part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(known)
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

/// Whether an id can name a directory of its own.
pub(crate) fn is_file_name(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && !id.starts_with(['.', '-']) && !id.contains(['/', '\0', '\n', '"', '\''])
}
