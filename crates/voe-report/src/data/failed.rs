//! Details from grading of a trial's failures: the official reports on its tasks, and the causes next to them.

use std::collections::BTreeMap;

use voe_grade::{FailureCause, Instance, InstanceFile, grade};

use voe_trace::layout;

use super::arm::Trial;
use super::cell::{FailedGrade, GradeVerdict};
use super::place::{LONGEST_TEXT, RunPlace};
use crate::ReportError;

/// Suffix of a cause's file name, before its extension.
const CAUSE: &str = ".cause";

/// Directory of the official files of a run's gradings, by name of the grading.
const OFFICIAL: &str = "grades/official/logs/run_evaluation";

/// Reads `<id>.json` and `<id>.cause.json` in `grades/<arm>-<trial>` of a run. `name` is `<arm>-<trial>`.
pub(crate) fn take(trial: &mut Trial, run: &RunPlace, name: &str) -> Result<(), ReportError> {
    let mut causes: BTreeMap<String, FailureCause> = BTreeMap::new();
    for (file, place) in run.join(layout::GRADES).join(name).files("json")? {
        let text = place.text(LONGEST_TEXT)?.unwrap_or_default();
        if let Some(id) = file.strip_suffix(CAUSE) {
            causes.extend(serde_json::from_str(&text).map(|cause| (id.to_owned(), cause)));
            continue;
        }
        for (id, report) in serde_json::from_str::<InstanceFile>(&text).unwrap_or_default() {
            if let Some(cell) = trial.cells.get_mut(&id) {
                cell.failed =
                    FailedGrade { cause: None, regression: report.is_regression(), suspected: report.infra_failure };
            }
        }
    }
    let mut rows = None;
    for (id, cell) in &mut trial.cells {
        cell.failed.cause = match cell.verdict {
            GradeVerdict::Unresolved | GradeVerdict::Error => causes.remove(id),
            _ => None,
        };
        // Graded by a voe that recorded no causes. The log does not show the reason of an error.
        if cell.verdict == GradeVerdict::Unresolved && cell.failed.cause.is_none() {
            let rows = rows.get_or_insert_with(|| rows_of(run));
            cell.failed.cause = rows.get(id).and_then(|row| from_log(run, name, row));
        }
    }
    Ok(())
}

/// The rows of a run's tasks; empty if there are none, or none that can be graded.
fn rows_of(run: &RunPlace) -> BTreeMap<String, Instance> {
    let text = run.join(layout::SUITE).text(LONGEST_TEXT).ok().flatten().unwrap_or_default();
    let rows = text.lines().filter_map(|line| serde_json::from_str::<Instance>(line).ok());
    rows.map(|row| (row.instance_id.clone(), row)).collect()
}

/// The cause that the log shows, if the run has exactly one grading of this task.
fn from_log(run: &RunPlace, name: &str, row: &Instance) -> Option<FailureCause> {
    let gradings = run.join(OFFICIAL).folders().ok()?;
    let mut logs = gradings.iter().filter_map(|(_, grading)| {
        let dir = grading.join(name.replace('/', "__")).join(&row.instance_id);
        let log = dir.join("test_output.txt").text(LONGEST_TEXT).ok()??;
        Some((log, dir.join(layout::PATCH).text(LONGEST_TEXT).ok().flatten().unwrap_or_default()))
    });
    let (log, patch) = logs.next()?;
    if logs.next().is_some() {
        return None;
    }
    FailureCause::of(row, &patch, &log, &grade(row, &log).ok()?)
}
