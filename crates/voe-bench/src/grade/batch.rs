//! Grades many patches in parallel and writes the official files and reports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::Serialize;
use voe_grade::run_report::instance_directory;
use voe_grade::{FailureCause, Instance, InstanceReport, PredictionOutcome, RunReport, grade};
use voe_untrusted::{UntrustedDir, private};

use super::cell::{self, CellError, GradedCell};
use super::ran::{GradeSetting, GradedWhere};
use super::script;
use crate::workspace::Workspaces;
use crate::workspace::error::Remedy;

/// The official report on a task.
const REPORT: &str = "report.json";

/// The cause of a failure, as voe classifies it.
const CAUSE: &str = "cause.json";

/// Most bytes read from a file of an earlier grading.
const LARGEST: u64 = 256 << 20;

/// A patch to grade.
#[derive(Debug, Clone)]
pub struct PatchToGrade {
    /// The task.
    pub task: Arc<Instance>,
    /// Which of the task's patches, where there are several.
    pub name: Option<String>,
    /// The patch; `None` or empty if there is none.
    pub patch: Option<String>,
}

/// The result of grading one patch, a line of JSON.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct GradeRow {
    /// The task.
    pub instance_id: String,
    /// Which of the task's patches, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// "resolved", "unresolved", "empty_patch", "error" or "skipped".
    pub verdict: &'static str,
    /// Why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The cause of the failure, and its sign, if the task is neither resolved nor skipped and there was a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<FailureCause>,
    /// Seconds that the tests took.
    pub seconds: f64,
    /// The official report on the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<InstanceReport>,
    /// How to make the task run here, if it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
    /// The task's environment, by content, where known.
    #[serde(skip)]
    pub origin: Option<String>,
    /// The outcome for the run's report.
    #[serde(skip)]
    outcome: Option<PredictionOutcome>,
}

/// Settings of a batch.
#[derive(Debug)]
pub struct Batch {
    /// Where the tests run.
    pub workspaces: Workspaces,
    /// Patches graded at the same time.
    pub parallel: usize,
    /// Time limit of a task's tests.
    pub limit: Duration,
    /// Name of the grading: the official harness's `run_id`.
    pub run_id: String,
    /// Who made the patches.
    pub model: String,
    /// Directory of the official files: `logs/run_evaluation/…` and the run's report. Nobody else may write to it, but its files
    /// may come from anybody (a cloned repository).
    pub out: UntrustedDir,
    /// Whether the unchanged base is graded where there is no patch.
    pub run_empty: bool,
    /// The expected verdict in a self-test. An earlier verdict that differs from it, or that was made
    /// with other settings, is not reused.
    pub expected: Option<bool>,
    /// Where and how the tests run.
    pub setting: GradeSetting,
}

impl Batch {
    /// Grades `entries` and passes on each row as it is ready; then writes the run's report on the tasks of the entries and `others`
    /// (the tasks of the suite without a prediction).
    ///
    /// # Errors
    /// The official files can't be written.
    pub async fn grade(
        &self,
        entries: Vec<PatchToGrade>,
        others: &[String],
        mut each: impl FnMut(&GradeRow),
    ) -> std::io::Result<RunReport> {
        // A directory for this process: another one may be grading at the same time.
        if let Some(state) = &self.workspaces.native.state {
            voe_sandbox::sweep(state);
        }
        let own = private::dir_in(&self.out, "work").map_err(std::io::Error::other)?;
        let name = format!("{}-{}", self.model.replace('/', "__"), std::process::id());
        let work = own.path().join(&name);
        let mut rows = Vec::new();
        let numbered = entries.into_iter().enumerate().map(|(number, entry)| self.one(&work, number, entry));
        let mut graded = futures_util::stream::iter(numbered).buffer_unordered(self.parallel.max(1));
        while let Some(row) = graded.next().await {
            let row = row?;
            each(&row);
            rows.push(row);
        }
        let _ = own.remove(&name);
        // Kept while another process uses it.
        self.out.remove_empty("work");
        let report = report(&rows, others);
        let name = RunReport::file_name(&self.model, &self.run_id);
        self.out.replace(name, report.to_file()?.as_bytes()).map_err(std::io::Error::other)?;
        Ok(report)
    }

    /// The run's report, and the directory of the tasks' files.
    pub fn files(&self) -> (PathBuf, PathBuf) {
        let task = instance_directory(&self.run_id, &self.model, "-");
        let tasks = task.parent().unwrap_or(&task);
        (self.out.path().join(RunReport::file_name(&self.model, &self.run_id)), self.out.path().join(tasks))
    }

    /// Path of an entry's official files below `out`.
    fn directory(&self, entry: &PatchToGrade) -> PathBuf {
        let id = &entry.task.instance_id;
        let model = match &entry.name {
            Some(name) => format!("{}-{name}", self.model),
            None => self.model.clone(),
        };
        instance_directory(&self.run_id, &model, id)
    }

    async fn one(&self, work: &Path, number: usize, entry: PatchToGrade) -> std::io::Result<GradeRow> {
        let id = entry.task.instance_id.clone();
        let patch = entry.patch.clone().unwrap_or_default();
        let dir = self.directory(&entry);
        let row = |verdict, outcome| GradeRow {
            instance_id: id.clone(),
            name: entry.name.clone(),
            verdict,
            why: None,
            cause: None,
            seconds: 0.0,
            report: None,
            remedy: None,
            origin: None,
            outcome,
        };
        if patch.is_empty() && !self.run_empty {
            return Ok(row("empty_patch", Some(PredictionOutcome::EmptyPatch)));
        }
        if let Some(before) = self.before(&entry, &dir, &patch) {
            return Ok(before);
        }
        let home = work.join(format!("{number}-{id}"));
        let cell = cell::run(&self.workspaces, &entry.task, &patch, &home, self.limit).await;
        let mut row = match &cell.verdict {
            Ok(graded) => {
                let report = graded.report.clone();
                let outcome = PredictionOutcome::reported(&report, &[&cell.log]);
                let why = graded.not_found.map(|why| why.to_string());
                let verdict = if report.resolved { "resolved" } else { "unresolved" };
                GradeRow { report: Some(report), why, ..row(verdict, Some(outcome)) }
            }
            Err(error) if error.is_environment() => {
                GradeRow { why: Some(error.to_string()), remedy: error.remedy(), ..row("skipped", None) }
            }
            Err(error) => {
                let reason = error.to_string();
                let outcome = PredictionOutcome::error(&[&cell.log, &reason]);
                GradeRow { why: Some(reason), ..row("error", Some(outcome)) }
            }
        };
        row.cause = match &cell.verdict {
            Ok(graded) => FailureCause::of(&entry.task, &patch, &cell.log, graded),
            Err(error) => error.cause(),
        };
        row.seconds = cell.seconds;
        row.origin = Some(cell.origin.clone()).filter(|origin| !origin.is_empty());
        if row.verdict != "skipped" {
            self.write(&dir, &patch, &cell, &row).map_err(std::io::Error::other)?;
        }
        Ok(row)
    }

    /// The official files of one task. `report.json` is written last: it marks the grading as complete.
    fn write(&self, dir: &Path, patch: &str, cell: &GradedCell, row: &GradeRow) -> Result<(), voe_untrusted::Error> {
        let dir = self.out.make_dirs(dir)?;
        dir.remove_file(REPORT)?;
        let verdict = match &cell.verdict {
            Ok(graded) => format!("resolved: {}\n", graded.report.resolved),
            Err(error) => format!("{error}\n"),
        };
        dir.replace("patch.diff", patch.as_bytes())?;
        dir.replace("eval.sh", cell.eval.as_bytes())?;
        dir.replace("test_output.txt", cell.log.as_bytes())?;
        dir.replace("run_instance.log", format!("{}{verdict}", cell.apply_log).as_bytes())?;
        write_cause(&dir, Path::new(CAUSE), row)?;
        GradedWhere { setting: self.setting.clone(), origin: cell.origin.clone() }.write(&dir)?;
        if let Some(report) = row.report.as_ref().and_then(|report| report.to_file(&row.instance_id).ok()) {
            dir.replace(REPORT, report.as_bytes())?;
        }
        Ok(())
    }

    /// The result of an earlier grading of the same patch.
    fn before(&self, entry: &PatchToGrade, dir: &Path, patch: &str) -> Option<GradeRow> {
        let dir = self.out.dir(dir).ok()?;
        let read = |name: &str| dir.read_text(name, LARGEST).ok().flatten();
        if read("patch.diff")? != patch {
            return None;
        }
        let (log, eval) = (read("test_output.txt")?, read("eval.sh")?);
        let report = InstanceReport::from_file(&read(REPORT)?).ok()?.shift_remove(&entry.task.instance_id)?;
        if self.expected.is_some_and(|expected| expected != report.resolved) || !script::is_of(&entry.task, &eval) {
            return None;
        }
        let ran = GradedWhere::read(&dir);
        if self.expected.is_some() && ran.as_ref().is_none_or(|ran| ran.setting != self.setting) {
            return None;
        }
        // By today's rules, whatever an earlier voe recorded.
        let cause =
            grade(&entry.task, &log).ok().and_then(|graded| FailureCause::of(&entry.task, patch, &log, &graded));
        Some(GradeRow {
            instance_id: entry.task.instance_id.clone(),
            name: entry.name.clone(),
            verdict: if report.resolved { "resolved" } else { "unresolved" },
            why: None,
            cause: cause.filter(|_| !report.resolved),
            seconds: 0.0,
            remedy: None,
            origin: ran.map(|ran| ran.origin).filter(|origin| !origin.is_empty()),
            outcome: Some(PredictionOutcome::reported(&report, &[&log])),
            report: Some(report),
        })
    }
}

/// Writes a row's cause to `at` in `dir`, or removes an earlier one.
///
/// # Errors
/// `cause.json` can't be written.
pub fn write_cause(dir: &UntrustedDir, at: &Path, row: &GradeRow) -> Result<(), voe_untrusted::Error> {
    match row.cause.and_then(|cause| serde_json::to_string(&cause).ok()) {
        Some(text) => dir.replace(at, (text + "\n").as_bytes()),
        None => dir.remove_file(at).map(drop),
    }
}

/// The run's report. Of several patches for a task, the best counts: among wrong patches the one that is not rejected.
fn report(rows: &[GradeRow], others: &[String]) -> RunReport {
    let mut outcomes: BTreeMap<String, PredictionOutcome> = BTreeMap::new();
    let mut skipped: Vec<&str> = Vec::new();
    for row in rows {
        match row.outcome {
            Some(outcome) => {
                let kept = outcomes.entry(row.instance_id.clone()).or_insert(outcome);
                if outcome == PredictionOutcome::Resolved {
                    *kept = outcome;
                }
            }
            None if !skipped.contains(&row.instance_id.as_str()) => skipped.push(&row.instance_id),
            None => {}
        }
    }
    let suite: Vec<&str> = outcomes.keys().map(String::as_str).chain(others.iter().map(String::as_str)).collect();
    RunReport::new(suite, &outcomes).with_skipped(skipped)
}

impl From<&CellError> for String {
    fn from(error: &CellError) -> Self {
        error.to_string()
    }
}
