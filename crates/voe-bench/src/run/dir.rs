//! The run directory: the whole truth about a run, in plain files.
//!
//! ```text
//! run.toml                                what is run, resolved
//! suite.jsonl                             the rows of its tasks
//! environments/<id>.toml                  which environment the attempts at a task have
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

use sha2::{Digest, Sha256};
use voe_grade::{Prediction, Predictions};
use voe_untrusted::{Kind, UntrustedDir, private};

use super::file::RunFile;
use super::place::Place;
use super::{check, same};
use crate::experiment::Arm;
use crate::name::slug;
use crate::suite::read::hex;
use crate::suite::{Suite, is_file_name};

/// The version of the directory's layout that this voe writes.
pub const FORMAT: u32 = 2;

/// The rows of a run's tasks.
const SUITE: &str = "suite.jsonl";

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
    /// What it has of its tasks is no longer what it was begun with.
    #[error("{0} was changed since the run was begun; put it back as it was, or begin another run")]
    Changed(PathBuf),
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

/// An open run directory, held against other voes.
#[derive(Debug)]
pub struct RunDir {
    /// Where it is.
    pub path: PathBuf,
    /// What is run.
    pub file: RunFile,
    _lock: Option<File>,
    own: bool,
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
        private::output(path, &["run.toml"])?;
        let path = path.canonicalize().map_err(io(path))?;
        let lock = lock(&path)?;
        let there = match read(&path) {
            Ok(there) => Some(there),
            Err(DirError::NotARun(_)) => None,
            Err(error) => return Err(error),
        };
        check::run(&path)?;
        let file = match there {
            Some(there) => {
                let run = Self { path: path.clone(), file: there, _lock: None, own: true };
                let what = same::difference(&run.file, &file).or_else(|| {
                    let rows = same::rows(&run.suite().ok()?.tasks, &suite.tasks)?;
                    Some(format!("the content of its tasks: {rows}"))
                });
                if let Some(what) = what {
                    return Err(DirError::Another { path, what });
                }
                {
                    let rows = run.rows_sha256()?;
                    run.file.resumed(file, rows)
                }
            }
            None => {
                let rows: Vec<String> =
                    suite.tasks.iter().filter_map(|task| serde_json::to_string(task).ok()).collect();
                let rows = rows.join("\n") + "\n";
                // The rows first: a run.toml without them would be a run without tasks.
                replace(&path.join(SUITE), rows.as_bytes()).map_err(io(&path))?;
                RunFile { rows_sha256: Some(hex(&Sha256::digest(&rows))), ..file }
            }
        };
        let run = Self { path, file, _lock: Some(lock), own: true };
        let text = toml::to_string_pretty(&run.file)
            .map_err(|error| io(&run.path)(std::io::Error::other(error.to_string())))?;
        replace(&run.path.join("run.toml"), text.as_bytes()).map_err(io(&run.path))?;
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
        Ok(Self { path: path.to_owned(), file, _lock: None, own: is_own(path) })
    }

    /// Where its tasks are worked on, and with what, as it says itself: believed only where nobody but the user can write it.
    pub fn place(&self) -> Option<&Place> {
        self.file.place.as_ref().filter(|_| self.own)
    }

    /// Whether nobody but the user can have written what it says.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// SHA-256 of the rows of its tasks, hexadecimal.
    fn rows_sha256(&self) -> Result<String, DirError> {
        let path = self.path.join(SUITE);
        let bytes = fs::read(&path).map_err(|error| DirError::Damaged { path, why: error.to_string() })?;
        Ok(hex(&Sha256::digest(&bytes)))
    }

    /// The suite as the run has it: its own rows, under the name and source that it was begun with.
    ///
    /// # Errors
    /// They can't be read, or are no longer those that the run was begun with.
    pub fn suite(&self) -> Result<Suite, DirError> {
        let path = self.path.join(SUITE);
        let mut suite =
            Suite::read(&path).map_err(|error| DirError::Damaged { path: path.clone(), why: error.to_string() })?;
        if self.file.rows_sha256.as_ref().is_some_and(|then| *then != suite.source.sha256) {
            return Err(DirError::Changed(path));
        }
        suite.name.clone_from(&self.file.suite);
        suite.source.clone_from(&self.file.source);
        Ok(suite)
    }

    /// The arms, resolved as they were when the run was begun.
    ///
    /// # Errors
    /// A strategy's text can't be read.
    pub fn arms(&self) -> Result<Vec<Arm>, DirError> {
        let arm = |arm: &super::file::ArmFile| {
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

/// Whether a run directory and what it says are the user's, and nobody else can write them.
fn is_own(path: &Path) -> bool {
    let look = || -> Option<()> {
        let path = path.canonicalize().ok()?;
        private::check_way(&path).ok()?;
        let dir = UntrustedDir::open(&path).ok()?;
        private::check_dir(&dir).ok()?;
        let file = dir.open_file("run.toml").ok()??;
        private::check_file(&path.join("run.toml"), &file).ok()
    };
    look().is_some()
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
