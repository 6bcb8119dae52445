//! The run directory: everything about a run, in plain files.
//!
//! ```text
//! run.toml                                what is run, resolved
//! suite.jsonl                             the rows of its tasks
//! environments/<id>.toml                  which environment the attempts at a task have
//! lock                                    locked while a voe works on the run
//! tasks/<id>/<arm>-<trial>/               an attempt
//!     trajectory.jsonl                    its record
//!     patch.diff                          its patch, once it has ended
//!     failed-<n>.jsonl  faults.jsonl      tries that failed through no fault of the model, and why
//! predictions/<arm>-<trial>.jsonl         in the official format
//! grades/…                                see `grade`
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use voe_grade::{Prediction, Predictions};
use voe_trace::layout::{PATCH, PREDICTIONS, RUN as RUN_FILE, SUITE, TASKS};
use voe_untrusted::{DirEntry, UntrustedDir, private};

use super::check::{self, Whose};
pub use super::dir_error::{DirError, FORMAT};
use super::file::RunFile;
use super::place::PlaceRecord;
use super::same;
use crate::experiment::Arm;
use crate::name::slug;
use crate::suite::read::hex;
use crate::suite::{Suite, is_file_name};

/// Locked while a voe works on the run.
const LOCK: &str = "lock";

/// Most bytes read of a file.
mod most {
    pub(super) const RUN_FILE: u64 = 16 << 20;
    pub(super) const SUITE: u64 = 1 << 30;
    pub(super) const PATCH: u64 = 256 << 20;
    pub(super) const PREDICTIONS: u64 = 1 << 30;
}

/// An open run directory, locked against other voe processes.
#[derive(Debug)]
pub struct RunDir {
    /// Path of the directory.
    pub path: PathBuf,
    /// What is run.
    pub file: RunFile,
    /// The open directory: all reads and writes in it go through this.
    files: UntrustedDir,
    _lock: Option<File>,
    own: bool,
}

impl RunDir {
    /// Opens the directory for the run that `file` describes, or starts the run there.
    ///
    /// # Errors
    /// Another voe is working on it, it contains another run, or a file can't be read or written.
    pub fn open(path: &Path, file: RunFile, suite: &Suite) -> Result<Self, DirError> {
        let io = |at: &Path| {
            let path = at.to_owned();
            move |source| DirError::Io { path, source }
        };
        let files = private::output(path, &[RUN_FILE])?;
        let path = path.canonicalize().map_err(io(path))?;
        if files.kind(RUN_FILE)?.is_none() && !files.entries()?.iter().all(is_left_of_a_beginning) {
            return Err(DirError::Occupied(path));
        }
        if !check::is_bounded(&file) {
            return Err(DirError::TooMany(path));
        }
        let lock = lock(&files, &path)?;
        let there = match read(&files, &path) {
            Ok(there) => Some(there),
            Err(DirError::NotARun(_)) => None,
            Err(error) => return Err(error),
        };
        check::run(&files, Whose::Own)?;
        let file = match there {
            Some(there) => {
                let run = Self { path: path.clone(), file: there, files: files.again()?, _lock: None, own: true };
                let what = same::difference(&run.file, &file).or_else(|| {
                    let rows = same::rows(&run.suite().ok()?.tasks, &suite.tasks)?;
                    Some(format!("the content of its tasks: {rows}"))
                });
                if let Some(what) = what {
                    return Err(DirError::Another { path, what });
                }
                let rows = run.rows_sha256()?;
                run.file.resumed(file, rows)
            }
            None => {
                let rows: Vec<String> =
                    suite.tasks.iter().filter_map(|task| serde_json::to_string(task).ok()).collect();
                let rows = rows.join("\n") + "\n";
                // The rows first: a run.toml without them would be a run without tasks.
                files.replace(SUITE, rows.as_bytes())?;
                RunFile { rows_sha256: Some(hex(&Sha256::digest(&rows))), ..file }
            }
        };
        let run = Self { path, file, files, _lock: Some(lock), own: true };
        let text = toml::to_string_pretty(&run.file)
            .map_err(|error| io(&run.path)(std::io::Error::other(error.to_string())))?;
        run.files.replace(RUN_FILE, text.as_bytes())?;
        for name in [TASKS, PREDICTIONS, "work"] {
            private::take(&run.files.make_dirs(name)?)?;
        }
        Ok(run)
    }

    /// Reads a run without locking it, also while another voe is working on it.
    ///
    /// # Errors
    /// The directory contains no run, or its `run.toml` can't be read.
    pub fn look(path: &Path) -> Result<Self, DirError> {
        // Links in the path that the user gave are followed; none below it.
        let there = path.canonicalize().map_err(|_| DirError::NotARun(path.to_owned()))?;
        let files = UntrustedDir::named(&there)?;
        let file = read(&files, path)?;
        check::run(&files, Whose::Anybodys)?;
        let own = is_own(&files);
        Ok(Self { path: path.to_owned(), file, files, _lock: None, own })
    }

    /// The directory, for access to its files.
    pub fn files(&self) -> &UntrustedDir {
        &self.files
    }

    /// Checks what writing in it requires: that nobody else can write to it.
    ///
    /// # Errors
    /// It belongs to another user, others can write to it, or a directory in it belongs to another user.
    pub fn check_own(&self) -> Result<(), DirError> {
        private::check_way(self.files.path())?;
        private::check_dir(&self.files)?;
        check::run(&self.files, Whose::Own)
    }

    /// The recorded place of the run's tasks; used only if nobody but the user can have written it.
    pub fn place(&self) -> Option<&PlaceRecord> {
        self.file.place.as_ref().filter(|_| self.own)
    }

    /// Whether nobody but the user can have written it.
    pub fn is_own(&self) -> bool {
        self.own
    }

    /// SHA-256 of the rows of its tasks, hexadecimal.
    fn rows_sha256(&self) -> Result<String, DirError> {
        Ok(hex(&Sha256::digest(self.rows()?)))
    }

    /// The rows of its tasks, as bytes.
    fn rows(&self) -> Result<Vec<u8>, DirError> {
        let missing = || DirError::Damaged { path: self.path.join(SUITE), why: "file not found".to_owned() };
        self.files.read(SUITE, most::SUITE)?.ok_or_else(missing)
    }

    /// The suite as stored in the run: its own rows, with the name and source that it was started with.
    ///
    /// # Errors
    /// The rows can't be read, or have changed since the run was started.
    pub fn suite(&self) -> Result<Suite, DirError> {
        let path = self.path.join(SUITE);
        let mut suite = Suite::of_bytes(&path, self.rows()?)
            .map_err(|error| DirError::Damaged { path: path.clone(), why: error.to_string() })?;
        if self.file.rows_sha256.as_ref().is_some_and(|then| *then != suite.source.sha256) {
            return Err(DirError::Changed(path));
        }
        suite.name.clone_from(&self.file.suite);
        suite.source.clone_from(&self.file.source);
        Ok(suite)
    }

    /// The arms, as they were resolved when the run was started.
    ///
    /// # Errors
    /// A strategy's text is invalid.
    pub fn arms(&self) -> Result<Vec<Arm>, DirError> {
        let arm = |arm: &super::file::ArmFile| {
            let strategy = voe_agent::load::parse(&arm.strategy)
                .map_err(|error| DirError::Damaged { path: self.path.join(RUN_FILE), why: error.to_string() })?;
            Ok(Arm { name: arm.name.clone(), model: arm.model.clone(), strategy })
        };
        self.file.arms.iter().map(arm).collect()
    }

    /// Path of an attempt's directory.
    pub fn attempt(&self, task: &str, arm: &str, trial: u32) -> PathBuf {
        self.path.join(at(task, arm, trial))
    }

    /// An attempt's directory; `None` if it has none yet.
    pub(super) fn begun(&self, task: &str, arm: &str, trial: u32) -> Result<Option<UntrustedDir>, DirError> {
        match self.files.dir(at(task, arm, trial)) {
            Err(error) if error.is_not_found() => Ok(None),
            dir => Ok(Some(dir?)),
        }
    }

    /// An attempt's directory, created if missing.
    pub(super) fn begin(&self, task: &str, arm: &str, trial: u32) -> Result<UntrustedDir, DirError> {
        Ok(self.files.make_dirs(at(task, arm, trial))?)
    }

    /// The predictions of an arm's trial, as text; `None` if there are none.
    ///
    /// # Errors
    /// The predictions can't be read.
    pub fn predictions(&self, arm: &str, trial: u32) -> Result<Option<String>, DirError> {
        Ok(self.files.read_text(predictions(arm, trial), most::PREDICTIONS)?)
    }

    /// Writes an arm's predictions from the attempts that ended and count, in the order of the suite.
    ///
    /// # Errors
    /// A record can't be read, or the predictions can't be written.
    pub fn write_predictions(&self, arm: &str, trial: u32) -> Result<(), DirError> {
        let name = format!("{arm}-{trial}");
        let of = |id: &String| -> Option<Prediction> {
            let dir = self.begun(id, arm, trial).ok()??;
            super::record::finish(&dir)?;
            let patch = dir.read(PATCH, most::PATCH).ok()??;
            Some(prediction(id, &name, String::from_utf8_lossy(&patch).into_owned()))
        };
        let all: Predictions = self.file.tasks.iter().filter_map(of).collect();
        let at = predictions(arm, trial);
        let io = |source| DirError::Io { path: self.path.join(&at), source };
        Ok(self.files.replace(&at, all.to_jsonl().map_err(|error| io(error.into()))?.as_bytes())?)
    }

    /// Adds one prediction.
    ///
    /// # Errors
    /// The predictions can't be written.
    pub fn add_prediction(&self, arm: &str, trial: u32, task: &str, patch: &str) -> Result<(), DirError> {
        let name = format!("{arm}-{trial}");
        let at = predictions(arm, trial);
        let io = |source| DirError::Io { path: self.path.join(&at), source };
        let line = Predictions::from_iter([prediction(task, &name, patch.to_owned())]);
        let line = line.to_jsonl().map_err(|error| io(error.into()))?;
        self.files.append(&at)?.write_all(line.as_bytes()).map_err(io)
    }
}

/// Path of an attempt in a run.
fn at(task: &str, arm: &str, trial: u32) -> PathBuf {
    Path::new(TASKS).join(task).join(format!("{arm}-{trial}"))
}

/// Path of the predictions of an arm's trial in a run.
fn predictions(arm: &str, trial: u32) -> PathBuf {
    Path::new(PREDICTIONS).join(format!("{arm}-{trial}.jsonl"))
}

fn prediction(task: &str, name: &str, patch: String) -> Prediction {
    Prediction { instance_id: task.to_owned(), model_name_or_path: name.to_owned(), model_patch: Some(patch) }
}

fn read(files: &UntrustedDir, path: &Path) -> Result<RunFile, DirError> {
    let file = path.join(RUN_FILE);
    let damaged = |why: String| DirError::Damaged { path: file.clone(), why };
    let text = files.read_text(RUN_FILE, most::RUN_FILE)?.ok_or_else(|| DirError::NotARun(path.to_owned()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?;
    let format = table.get("format").and_then(toml::Value::as_integer).unwrap_or(0);
    let found = u32::try_from(format).unwrap_or(0);
    if found > FORMAT {
        return Err(DirError::TooNew { path: path.to_owned(), found });
    }
    let run: RunFile = table.try_into().map_err(|error: toml::de::Error| damaged(error.message().to_owned()))?;
    // All of them are used as names of directories below this one.
    if let Some(arm) = run.arms.iter().find(|arm| slug(&arm.name, "") != arm.name || arm.name.is_empty()) {
        return Err(damaged(format!("{:?} is not a valid name of an arm", arm.name)));
    }
    if let Some(task) = run.tasks.iter().find(|task| !is_file_name(task)) {
        return Err(damaged(format!("{task:?} is not a valid id of a task")));
    }
    if !check::is_bounded(&run) {
        return Err(DirError::TooMany(path.to_owned()));
    }
    Ok(run)
}

/// Whether a run directory and its files belong to the user, and nobody else can write them.
fn is_own(dir: &UntrustedDir) -> bool {
    let look = || -> Option<()> {
        private::check_way(dir.path()).ok()?;
        private::check_dir(dir).ok()?;
        let file = dir.open_file(RUN_FILE).ok()??;
        private::check_file(&dir.path().join(RUN_FILE), &file).ok()
    };
    look().is_some()
}

/// Whether an entry can be left over from a voe that was killed before it wrote `run.toml`.
fn is_left_of_a_beginning(entry: &DirEntry) -> bool {
    [LOCK, SUITE].iter().any(|name| entry.name == *name) || entry.name.as_encoded_bytes().ends_with(b".new")
}

fn lock(files: &UntrustedDir, path: &Path) -> Result<File, DirError> {
    let io = |source| DirError::Io { path: path.join(LOCK), source };
    let file = files.append(LOCK)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(DirError::Locked(path.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io(error)),
    }
}
