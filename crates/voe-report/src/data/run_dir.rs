//! The layout of a run's directory.

use std::collections::BTreeMap;

use voe_grade::known::Conditions;

use voe_trace::layout;

use super::attempt::Fold;
use super::failure::FailureClass;
use super::light;
use super::place::{LONGEST_RUN, LONGEST_TEXT, RunPlace};
use super::suite::{TaskFacts, TaskSet};
use crate::ReportError;

/// `<arm>-<trial>`.
pub(crate) fn arm_and_trial(name: &str) -> Option<(&str, u32)> {
    let (arm, trial) = name.rsplit_once('-')?;
    (!arm.is_empty()).then_some((arm, trial.parse().ok()?))
}

/// The tasks of a run from its own `suite.jsonl`; empty if the file does not exist.
pub(crate) fn suite_of_run(run: &RunPlace) -> Result<BTreeMap<String, TaskFacts>, ReportError> {
    let file = run.join(layout::SUITE);
    let Some(text) = file.text(LONGEST_TEXT)? else { return Ok(BTreeMap::new()) };
    let suite = TaskSet::parse("suite", &text).map_err(|why| ReportError::TaskSet { path: file.path(), why })?;
    Ok(suite.tasks)
}

/// Whether attempts of a run could read the solutions of its tasks, according to its `run.toml`.
pub(crate) fn solutions_were_readable(run: &RunPlace) -> bool {
    /// The relevant part of `run.toml`.
    #[derive(serde::Deserialize)]
    struct Marks {
        #[serde(default)]
        readable_solutions: bool,
    }
    let text = run.join(layout::RUN).text(LONGEST_RUN).ok().flatten().unwrap_or_default();
    toml::from_str(&text).is_ok_and(|marks: Marks| marks.readable_solutions)
}

/// How the tasks of a run were graded, as far as `run.toml` and `grading.toml` record it.
pub(crate) fn graded(run: &RunPlace) -> Conditions {
    /// The relevant part of `run.toml`.
    #[derive(serde::Deserialize)]
    struct Begun {
        place: RunBackend,
    }
    #[derive(serde::Deserialize)]
    struct RunBackend {
        backend: String,
    }
    /// The relevant part of `grading.toml`.
    #[derive(serde::Deserialize)]
    struct GradingFile {
        network: bool,
    }
    let text = |file: &str| run.join(file).text(LONGEST_RUN).ok().flatten().unwrap_or_default();
    let native = toml::from_str(&text(layout::RUN)).is_ok_and(|run: Begun| run.place.backend == "native");
    let offline =
        toml::from_str(&text("grades/official/grading.toml")).is_ok_and(|grading: GradingFile| !grading.network);
    Conditions { native, offline }
}

/// Every attempt's folder of a run, as (task, `<arm>-<trial>`, folder), sorted.
pub(crate) fn attempts(run: &RunPlace) -> Result<Vec<(String, String, RunPlace)>, ReportError> {
    let mut found = Vec::new();
    for (task, folder) in run.join(layout::TASKS).folders()? {
        for (name, attempt) in folder.folders()? {
            if attempt.join(layout::TRAJECTORY).is_file()? {
                found.push((task.clone(), name, attempt));
            }
        }
    }
    Ok(found)
}

/// Attempts of a run that were given up or wait for a retry, as (task, `<arm>-<trial>`, class of the fault).
pub(crate) fn faults(run: &RunPlace) -> Result<Vec<(String, String, FailureClass)>, ReportError> {
    let mut found = Vec::new();
    for (task, folder) in run.join(layout::TASKS).folders()? {
        for (name, attempt) in folder.folders()? {
            if !attempt.join(layout::TRAJECTORY).is_file()? && attempt.join(layout::FAULTS).is_file()? {
                let failed = attempt.files("jsonl")?.into_iter().rfind(|(file, _)| file.starts_with("failed-"));
                let mut fold = Fold::default();
                if let Some((_, file)) = failed {
                    // Without its record the fault is attributed to the machine.
                    let _ = light::stream(&file, 0, |_, record| record.iter().for_each(|record| fold.apply(record)));
                }
                let server = fold.known().reason == Some(voe_trace::Reason::ModelError);
                found.push((task.clone(), name, if server { FailureClass::Server } else { FailureClass::Fault }));
            }
        }
    }
    Ok(found)
}

/// The attempts within a search, as (path below the search's folder, file); empty for a plain attempt.
pub(crate) fn parts(trajectory: &RunPlace) -> Result<Vec<(String, RunPlace)>, ReportError> {
    let Some(folder) = trajectory.folder() else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (number, attempt) in folder.join(layout::ATTEMPTS).folders()? {
        let file = attempt.join(layout::TRAJECTORY);
        if file.is_file()? {
            found.push((format!("attempts/{number}/trajectory.jsonl"), file));
        }
    }
    Ok(found)
}
