//! The run directory: the whole truth about a run, in plain files.
//!
//! ```text
//! run.toml                                what is run, resolved
//! suite.jsonl                             the rows of its tasks
//! lock                                    held while a voe works on it
//! tasks/<id>/<arm>-<trial>/               an attempt
//!     trajectory.jsonl  checkpoint        its record, and up to where it is whole
//!     patch.diff                          its patch, once it has ended
//!     failed-<n>.jsonl  faults.jsonl      tries that ended by no fault of the model's, and why
//! predictions/<arm>-<trial>.jsonl         in the official format
//! grades/…                                see `grade`
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_grade::{Prediction, Predictions};
use voe_untrusted::Kind;

use super::check;
use crate::experiment::{Arm, Experiment};
use crate::name::slug;
use crate::suite::{Source, Suite, is_file_name};

/// The version of the directory's layout that this voe writes.
pub const FORMAT: u32 = 1;

/// A run directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirError {
    /// Not one.
    #[error("{0} is no run directory (no run.toml in it)")]
    NotARun(PathBuf),
    /// Another voe works on it.
    #[error("another voe works on {0}; wait for it, or end it (`voe bench status {0}` shows what it does)")]
    Locked(PathBuf),
    /// A later voe made it.
    #[error("{path} was made by a newer voe (format {found}, this one knows {FORMAT}); use that voe")]
    TooNew {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Others could read what is written into it, or could have prepared it.
    #[error(transparent)]
    Untrusted(#[from] voe_untrusted::Error),
    /// It holds another run.
    #[error("{path} holds another run (it differs in {what}); give another directory with --out, or the same settings")]
    Another {
        /// The directory.
        path: PathBuf,
        /// In what it differs.
        what: String,
    },
    /// Something stands in it that voe never puts there.
    #[error("{path} is a {kind}, which voe does not put into a run directory; remove it, or use another run")]
    Foreign {
        /// What.
        path: PathBuf,
        /// What it is.
        kind: Kind,
    },
    /// A file of it can't be read.
    #[error("cannot read {path}: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A file of it can't be written.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunFile {
    /// The version of the layout.
    pub format: u32,
    /// The version of voe.
    pub voe: String,
    /// When it was begun, UTC, RFC 3339.
    pub began: String,
    /// Attempts at each task in each arm.
    pub trials: u32,
    /// The isolation that was asked for.
    pub sandbox: String,
    /// Whether some of its attempts ran without isolation, where the suite's solutions could be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readable_solutions: bool,
    /// The suite's name.
    pub suite: String,
    /// Its tasks.
    pub tasks: Vec<String>,
    /// Where it was read from.
    pub source: Source,
    /// The machine.
    pub machine: Machine,
    /// The experiment as it was given.
    pub experiment: Experiment,
    /// The arms, resolved.
    pub arms: Vec<ArmFile>,
}

/// An arm in `run.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmFile {
    /// Its name.
    pub name: String,
    /// Its model, as it was asked for.
    pub model: String,
    /// What is known of the model and its server.
    #[serde(default)]
    pub server: String,
    /// Its strategy with every key.
    pub strategy: String,
}

impl ArmFile {
    /// The arm.
    ///
    /// # Errors
    /// The strategy is none that this voe can read.
    pub fn resolved(self) -> Result<Arm, voe_agent::LoadError> {
        Ok(Arm { name: self.name, model: self.model, strategy: voe_agent::load::parse(&self.strategy)? })
    }
}

/// The machine that a run was begun on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Processors.
    pub processors: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned();
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { processors, memory_mib: super::memory::total() >> 20, kernel }
    }
}

/// An open run directory, held against other voes.
#[derive(Debug)]
pub struct RunDir {
    /// Where it is.
    pub path: PathBuf,
    /// What is run.
    pub file: RunFile,
    _lock: Option<File>,
}

impl RunDir {
    /// Opens the directory for the run that `file` describes, or begins it there.
    ///
    /// # Errors
    /// Another voe works on it, it holds another run, or the disk.
    pub fn open(path: &Path, file: RunFile, suite: &Suite) -> Result<Self, DirError> {
        let io = |at: &Path| {
            let path = at.to_owned();
            move |source| DirError::Io { path, source }
        };
        voe_untrusted::private::output(path, &["run.toml"])?;
        let path = path.canonicalize().map_err(io(path))?;
        let lock = lock(&path)?;
        let file = match read(&path) {
            Ok(there) => {
                same(&path, &there, &file)?;
                let readable_solutions = file.readable_solutions || there.readable_solutions;
                RunFile { trials: file.trials, readable_solutions, ..there }
            }
            Err(DirError::NotARun(_)) => file,
            Err(error) => return Err(error),
        };
        let run = Self { path, file, _lock: Some(lock) };
        check::run(&run.path)?;
        let text = toml::to_string_pretty(&run.file)
            .map_err(|error| io(&run.path)(std::io::Error::other(error.to_string())))?;
        let rows: Vec<String> = suite.tasks.iter().filter_map(|task| serde_json::to_string(task).ok()).collect();
        // The rows first: a run.toml without them would be a run without tasks.
        for (name, text) in [("suite.jsonl", rows.join("\n") + "\n"), ("run.toml", text)] {
            replace(&run.path.join(name), text.as_bytes()).map_err(io(&run.path))?;
        }
        for name in ["tasks", "predictions", "work"] {
            fs::create_dir_all(run.path.join(name)).map_err(io(&run.path))?;
        }
        Ok(run)
    }

    /// Reads a run without holding it: for looking at it while another voe works on it.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn look(path: &Path) -> Result<Self, DirError> {
        let file = read(path)?;
        check::run(path)?;
        Ok(Self { path: path.to_owned(), file, _lock: None })
    }

    /// The rows of its tasks.
    ///
    /// # Errors
    /// They can't be read.
    pub fn suite(&self) -> Result<Suite, DirError> {
        let path = self.path.join("suite.jsonl");
        let mut suite =
            Suite::read(&path).map_err(|error| DirError::Damaged { path: path.clone(), why: error.to_string() })?;
        suite.name.clone_from(&self.file.suite);
        Ok(suite)
    }

    /// The arms, resolved as they were when the run was begun.
    ///
    /// # Errors
    /// A strategy's text can't be read.
    pub fn arms(&self) -> Result<Vec<Arm>, DirError> {
        let arm = |arm: &ArmFile| {
            let strategy = voe_agent::load::parse(&arm.strategy)
                .map_err(|error| DirError::Damaged { path: self.path.join("run.toml"), why: error.to_string() })?;
            Ok(Arm { name: arm.name.clone(), model: arm.model.clone(), strategy })
        };
        self.file.arms.iter().map(arm).collect()
    }

    /// Where an attempt lies.
    pub fn attempt(&self, task: &str, arm: &str, trial: u32) -> PathBuf {
        self.path.join("tasks").join(task).join(format!("{arm}-{trial}"))
    }

    /// Writes an arm's predictions from the attempts that count: those that have ended. In the order of the suite.
    ///
    /// # Errors
    /// The disk.
    pub fn write_predictions(&self, arm: &str, trial: u32) -> Result<(), DirError> {
        let name = format!("{arm}-{trial}");
        let predictions: Predictions = self
            .file
            .tasks
            .iter()
            .filter_map(|id| {
                let dir = self.attempt(id, arm, trial);
                super::record::finish(&dir.join("trajectory.jsonl"))?;
                let patch = fs::read(dir.join("patch.diff")).ok()?;
                Some(prediction(id, &name, String::from_utf8_lossy(&patch).into_owned()))
            })
            .collect();
        let path = self.path.join("predictions").join(format!("{name}.jsonl"));
        let io = |source| DirError::Io { path: path.clone(), source };
        replace(&path, predictions.to_jsonl().map_err(|error| io(error.into()))?.as_bytes()).map_err(io)
    }

    /// Adds one prediction.
    ///
    /// # Errors
    /// The disk.
    pub fn add_prediction(&self, arm: &str, trial: u32, task: &str, patch: &str) -> Result<(), DirError> {
        let name = format!("{arm}-{trial}");
        let path = self.path.join("predictions").join(format!("{name}.jsonl"));
        let io = |source| DirError::Io { path: path.clone(), source };
        let line = Predictions::from_iter([prediction(task, &name, patch.to_owned())]);
        let line = line.to_jsonl().map_err(|error| io(error.into()))?;
        let mut file = fs::OpenOptions::new().append(true).create(true).open(&path).map_err(io)?;
        file.write_all(line.as_bytes()).map_err(io)
    }
}

fn prediction(task: &str, name: &str, patch: String) -> Prediction {
    Prediction { instance_id: task.to_owned(), model_name_or_path: name.to_owned(), model_patch: Some(patch) }
}

fn read(path: &Path) -> Result<RunFile, DirError> {
    let file = path.join("run.toml");
    let damaged = |why: String| DirError::Damaged { path: file.clone(), why };
    let text = match fs::read_to_string(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(DirError::NotARun(path.to_owned())),
        Err(error) => return Err(damaged(error.to_string())),
    };
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?;
    let format = table.get("format").and_then(toml::Value::as_integer).unwrap_or(0);
    let found = u32::try_from(format).unwrap_or(0);
    if found > FORMAT {
        return Err(DirError::TooNew { path: path.to_owned(), found });
    }
    let run: RunFile = table.try_into().map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?;
    // All of them become names of directories below this one.
    if let Some(arm) = run.arms.iter().find(|arm| slug(&arm.name, "") != arm.name || arm.name.is_empty()) {
        return Err(damaged(format!("{:?} is not a name for an arm", arm.name)));
    }
    if let Some(task) = run.tasks.iter().find(|task| !is_file_name(task)) {
        return Err(damaged(format!("{task:?} is not an id of a task")));
    }
    Ok(run)
}

/// Whether two descriptions are of the same run: what decides over attempts must be the same.
fn same(path: &Path, there: &RunFile, here: &RunFile) -> Result<(), DirError> {
    let decides = |arms: &[ArmFile]| -> Vec<(String, String, String)> {
        arms.iter().map(|arm| (arm.name.clone(), arm.model.clone(), arm.strategy.clone())).collect()
    };
    let what = if there.suite != here.suite || there.tasks != here.tasks {
        "its tasks".to_owned()
    } else if there.source.sha256 != here.source.sha256 {
        "the suite's file".to_owned()
    } else if decides(&there.arms) != decides(&here.arms) {
        "its arms (their models or strategies)".to_owned()
    } else if there.trials > here.trials {
        format!("its trials: {} there", there.trials)
    } else if there.experiment.hints != here.experiment.hints {
        "whether hints are shown".to_owned()
    } else {
        return Ok(());
    };
    Err(DirError::Another { path: path.to_owned(), what })
}

fn lock(path: &Path) -> Result<File, DirError> {
    let at = path.join("lock");
    let io = |source| DirError::Io { path: at.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&at).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(DirError::Locked(path.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Writes a file whole or not at all.
pub(crate) fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    // Whatever stands there: nothing is written through a link.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    fs::File::create_new(&new)?.write_all(content)?;
    fs::rename(&new, path)
}
