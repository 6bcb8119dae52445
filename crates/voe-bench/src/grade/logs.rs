//! Grading logs that are there already.

use std::path::{Path, PathBuf};

use voe_grade::{GradeError, GradedLog, LogNames, grade};

use crate::suite::Suite;

/// Logs can't be looked for.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The directory can't be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// None of its files is a log of a task of the suite.
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

/// What came of one file.
pub enum Found<'a> {
    /// A verdict.
    Graded(GradedLog<'a>),
    /// None: why.
    Problem(String),
}

/// Grades the logs below `dir`, in the order of their paths.
///
/// # Errors
/// The directory can't be read, or holds no log of the suite.
pub fn grade_all(dir: &Path, suite: &Suite, mut each: impl FnMut(Found<'_>)) -> Result<usize, LogsError> {
    let names = LogNames::new(suite.tasks.iter().map(|task| task.instance_id.as_str()));
    let mut files = Vec::new();
    walk(dir, &mut files)?;
    files.sort();
    let mut count = 0;
    for file in files {
        let relative = file.strip_prefix(dir).unwrap_or(&file);
        let Some(task) = names.instance_of(relative).and_then(|id| suite.task(id)) else { continue };
        count += 1;
        let shown = relative.to_string_lossy();
        let bytes = match std::fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) => {
                each(Found::Problem(format!("{shown}: cannot be read: {error}")));
                continue;
            }
        };
        match grade(task, &String::from_utf8_lossy(&bytes)) {
            Ok(graded) => {
                each(Found::Graded(GradedLog { file: &shown, instance_id: &task.instance_id, graded: &graded }))
            }
            Err(GradeError::UnsupportedParser(error)) => each(Found::Problem(error.to_string())),
            Err(error) => each(Found::Problem(format!("{shown}: {error}"))),
        }
    }
    if count == 0 {
        return Err(LogsError::None { dir: dir.to_owned(), suite: suite.name.clone() });
    }
    Ok(count)
}

fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), LogsError> {
    let fail = |source| LogsError::Read { path: dir.to_owned(), source };
    for entry in std::fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        // A link is no directory of ours to go into: it may lead round in a circle.
        if entry.file_type().map_err(fail)?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
