//! Grades existing logs.

use std::path::{Path, PathBuf};

use voe_grade::{GradeError, GradedLog, LogNames, grade};
use voe_untrusted::{FileKind, UntrustedDir};

use crate::suite::Suite;

/// Larger files are not logs. Bytes.
const LARGEST: u64 = 256 << 20;

/// How deep logs may be nested.
const DEEPEST: usize = 32;

/// No logs could be found.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The directory can't be read.
    #[error(transparent)]
    Read(#[from] voe_untrusted::Error),
    /// No file in it is a log of a task of the suite.
    #[error(
        "no log of a task of {suite} in {dir}: logs are named <id>.txt, <id>_test_output.txt, <id>-<anything>.txt or <id>/…/test_output.txt"
    )]
    None {
        /// The directory.
        dir: PathBuf,
        /// The suite.
        suite: String,
    },
}

/// The result for one file.
pub enum LogResult<'a> {
    /// A verdict.
    Graded(GradedLog<'a>),
    /// Why there is no verdict.
    Problem(String),
}

/// Grades the logs below `dir`, in the order of their paths.
///
/// # Errors
/// The directory can't be read, or contains no log of the suite.
pub fn grade_all(dir: &Path, suite: &Suite, mut each: impl FnMut(LogResult<'_>)) -> Result<usize, LogsError> {
    let names = LogNames::new(suite.tasks.iter().map(|task| task.instance_id.as_str()));
    let mut files = Vec::new();
    let top = UntrustedDir::named(dir)?;
    walk(&top, Path::new(""), &mut files)?;
    files.sort();
    let mut count = 0;
    for relative in files {
        let Some(task) = names.instance_of(&relative).and_then(|id| suite.task(id)) else { continue };
        count += 1;
        let shown = relative.to_string_lossy();
        let bytes = match top.read(&relative, LARGEST) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) => {
                each(LogResult::Problem(error.to_string()));
                continue;
            }
        };
        match grade(task, &String::from_utf8_lossy(&bytes)) {
            Ok(graded) => {
                each(LogResult::Graded(GradedLog { file: &shown, instance_id: &task.instance_id, graded: &graded }))
            }
            Err(GradeError::UnsupportedParser(error)) => each(LogResult::Problem(error.to_string())),
            Err(error) => each(LogResult::Problem(format!("{shown}: {error}"))),
        }
    }
    if count == 0 {
        return Err(LogsError::None { dir: dir.to_owned(), suite: suite.name.clone() });
    }
    Ok(count)
}

/// Everything except directories, by its path from the top. Files that are not regular are refused when they are read.
fn walk(dir: &UntrustedDir, at: &Path, files: &mut Vec<PathBuf>) -> Result<(), LogsError> {
    for entry in dir.entries()? {
        let path = at.join(&entry.name);
        match entry.kind {
            FileKind::Dir if path.iter().count() <= DEEPEST => walk(&dir.dir(&entry.name)?, &path, files)?,
            FileKind::Dir => {}
            _ => files.push(path),
        }
    }
    Ok(())
}
