//! Grades the predictions of a run, each arm and trial, and writes what the other commands read.
//!
//! ```text
//! grades/<arm>-<trial>.json             the report on an arm's trial
//! grades/<arm>-<trial>/<id>.json        the official report on one task
//! grades/<arm>-<trial>/<id>.cause.json  the cause of a failure
//! grades/official/…                     the official files of the gradings
//! ```

use std::path::Path;
use std::sync::Arc;

use voe_grade::{Predictions, RunReport};
use voe_trace::layout::OFFICIAL;
use voe_untrusted::{Error, UntrustedDir, private};

use super::batch::{Batch, GradeRow, PatchToGrade, write_cause};
use super::grading::Grading;
use crate::suite::Suite;

/// The grades of a run, in its directory or elsewhere.
#[derive(Debug)]
pub struct RunGrades(UntrustedDir);

impl RunGrades {
    /// Opens the grades in `dir`, which nobody else can write to.
    pub fn new(dir: UntrustedDir) -> Self {
        Self(dir)
    }

    /// The settings that they were made with; `None` if not recorded.
    ///
    /// # Errors
    /// A message: the file can't be read, or is not a valid `grading.toml`.
    pub fn grading(&self) -> Result<Option<Grading>, String> {
        Grading::read(&self.0, OFFICIAL)
    }

    /// Directory of the official files, created if missing.
    ///
    /// # Errors
    /// It can't be created, or others could write to it.
    pub fn official(&self) -> Result<UntrustedDir, Error> {
        let dir = self.0.make_dirs(OFFICIAL)?;
        private::take(&dir)?;
        Ok(dir)
    }

    /// Grades an arm's trial, called `name` (`<arm>-<trial>`), and writes its report and those on its tasks. `others`: tasks
    /// without a prediction. `each` gets every row, and the error if it could not be written.
    ///
    /// # Errors
    /// The official files or the report can't be written.
    pub async fn grade(
        &self,
        name: &str,
        batch: &Batch,
        entries: Vec<PatchToGrade>,
        others: &[String],
        mut each: impl FnMut(&GradeRow, Option<std::io::Error>),
    ) -> std::io::Result<RunReport> {
        let report = batch.grade(entries, others, |row| each(row, self.keep(name, row).err())).await?;
        // The other commands read it here.
        self.0.replace(format!("{name}.json"), report.to_file()?.as_bytes()).map_err(std::io::Error::other)?;
        Ok(report)
    }

    fn keep(&self, name: &str, row: &GradeRow) -> std::io::Result<()> {
        if row.report.is_none() && row.cause.is_none() {
            return Ok(());
        }
        let dir = self.0.make_dirs(name).map_err(std::io::Error::other)?;
        let id = &row.instance_id;
        write_cause(&dir, Path::new(&format!("{id}.cause.json")), row).map_err(std::io::Error::other)?;
        if let Some(report) = &row.report {
            dir.replace(format!("{id}.json"), report.to_file(id)?.as_bytes()).map_err(std::io::Error::other)?;
        }
        Ok(())
    }
}

/// The suite's predictions, and the ids of its tasks without one.
pub fn entries(predictions: &Predictions, suite: &Suite) -> (Vec<PatchToGrade>, Vec<String>) {
    let by_id = predictions.by_id();
    let (with, without): (Vec<_>, Vec<_>) =
        suite.tasks.iter().partition(|task| by_id.contains_key(task.instance_id.as_str()));
    let entries = with
        .into_iter()
        .map(|task| PatchToGrade {
            task: Arc::new(task.clone()),
            name: None,
            patch: by_id.get(task.instance_id.as_str()).and_then(|prediction| prediction.model_patch.clone()),
        })
        .collect();
    (entries, without.into_iter().map(|task| task.instance_id.clone()).collect())
}
