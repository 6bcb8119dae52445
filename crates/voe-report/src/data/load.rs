//! Loads arms from run directories and report files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use voe_trace::layout;

use super::arm::{ArmResults, Trial};
use super::attempt::Fold;
use super::cell::{GradeVerdict, TrialCell};
use super::place::{LONGEST_TEXT, RunPlace, named_text};
use super::run_dir::{arm_and_trial, attempts, faults, graded, parts, solutions_were_readable, suite_of_run};
use super::{failed, light, verdict_table};
use crate::ReportError;
use crate::format::count;
use voe_grade::RunReport;

/// The arms that `spec` names: a run directory, one arm of it (`runs/x:arm`), an official run report, or a table of
/// verdicts (a JSON list with an `instance_id` and true or false for each arm in every row; `table.json:arm` for one).
///
/// # Errors
/// There is none of these at the path, it can't be read, or it does not have the arm.
pub fn arms(spec: &str) -> Result<Vec<ArmResults>, ReportError> {
    let (path, wanted) = split(spec);
    let arms = if path.is_dir() { of_run(&RunPlace::dir(&path)?)? } else { of_file(&path)? };
    let Some(wanted) = wanted else { return Ok(arms) };
    let known = names(&arms);
    match arms.into_iter().find(|arm| arm.name == wanted) {
        Some(arm) => Ok(vec![arm]),
        None => Err(ReportError::NoSuchArm { path, arm: wanted, known }),
    }
}

/// Whether `spec` names a report or a table of verdicts, or an arm of one.
pub(crate) fn is_report(spec: &str) -> bool {
    let (path, _) = split(spec);
    path.is_file() && path.extension().is_some_and(|e| e == "json")
}

/// The one arm that `spec` names; an error if it names several.
///
/// # Errors
/// As [`arms`], or it names several.
pub fn arm(spec: &str) -> Result<ArmResults, ReportError> {
    let mut arms = arms(spec)?;
    match arms.pop() {
        Some(arm) if arms.is_empty() => Ok(arm),
        last => {
            arms.extend(last);
            Err(ReportError::SeveralArms { path: split(spec).0, known: names(&arms) })
        }
    }
}

/// The arms of several specs, in order; arms of the same name get a prefix with their source.
///
/// # Errors
/// As [`arms`].
pub fn all(specs: &[String]) -> Result<Vec<ArmResults>, ReportError> {
    let mut all = Vec::new();
    for spec in specs {
        all.extend(arms(spec)?);
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for arm in &all {
        *seen.entry(arm.name.clone()).or_default() += 1;
    }
    for arm in all.iter_mut().filter(|arm| seen[&arm.name] > 1) {
        let source = arm.source.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        arm.name = format!("{source}:{}", arm.name);
    }
    Ok(all)
}

fn names(arms: &[ArmResults]) -> String {
    arms.iter().map(|arm| arm.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A path with a colon in it is a path if it exists; otherwise what follows the last colon is an arm's name.
fn split(spec: &str) -> (PathBuf, Option<String>) {
    let whole = PathBuf::from(spec);
    if whole.exists() {
        return (whole, None);
    }
    match spec.rsplit_once(':') {
        Some((path, arm)) if !path.is_empty() && !arm.is_empty() => (path.into(), Some(arm.to_owned())),
        _ => (whole, None),
    }
}

fn of_file(path: &Path) -> Result<Vec<ArmResults>, ReportError> {
    let text = named_text(path)?;
    let not_a_run = |why: String| {
        let refusal = RunPlace::file(path).ok().and_then(|place| light::refusal(&place));
        refusal.unwrap_or_else(|| ReportError::NotARun { path: path.to_owned(), why })
    };
    let value: Value = serde_json::from_str(&text).map_err(|e| not_a_run(e.to_string()))?;
    let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(columns) = verdict_table::columns(&value) {
        let arm = |(name, verdicts): (String, BTreeMap<String, bool>)| {
            let cell = |resolved| TrialCell {
                verdict: if resolved { GradeVerdict::Resolved } else { GradeVerdict::Unresolved },
                ..TrialCell::default()
            };
            let cells = verdicts.into_iter().map(|(task, resolved)| (task, cell(resolved))).collect();
            let trial = Trial { number: 1, cells, ..Trial::default() };
            ArmResults { name, source: path.to_owned(), trials: vec![trial], ..ArmResults::default() }
        };
        return Ok(columns.into_iter().map(arm).collect());
    }
    let report: RunReport = serde_json::from_value(value).map_err(|e| not_a_run(e.to_string()))?;
    report.check_schema().map_err(not_a_run)?;
    Ok(vec![ArmResults { name, source: path.to_owned(), trials: vec![trial_of(report)], ..ArmResults::default() }])
}

/// The single trial of a run's report.
pub(crate) fn trial_of(report: RunReport) -> Trial {
    let mut trial = Trial { number: 1, ..Trial::default() };
    trial.take_report(report);
    trial
}

impl Trial {
    /// The verdicts of a run's report; later lists are more specific and win.
    fn take_report(&mut self, report: RunReport) {
        let RunReport { resolved_ids, submitted_ids, unresolved_ids, empty_patch_ids, error_ids, skipped_ids, .. } =
            report;
        for (ids, verdict) in [
            (submitted_ids, None),
            (unresolved_ids, Some(GradeVerdict::Unresolved)),
            (skipped_ids, Some(GradeVerdict::Skipped)),
            (error_ids, Some(GradeVerdict::Error)),
            (empty_patch_ids, Some(GradeVerdict::EmptyPatch)),
            (resolved_ids, Some(GradeVerdict::Resolved)),
        ] {
            for id in ids {
                let cell = self.cells.entry(id).or_default();
                cell.verdict = verdict.unwrap_or(cell.verdict);
            }
        }
    }
}

fn of_run(place: &RunPlace) -> Result<Vec<ArmResults>, ReportError> {
    let path = place.path();
    let mut run: BTreeMap<String, BTreeMap<u32, Trial>> = BTreeMap::new();
    // Notes by arm.
    let mut notes: BTreeSet<(String, String)> = BTreeSet::new();
    for (task, name, dir) in attempts(place)? {
        let Some((arm, number)) = arm_and_trial(&name) else { continue };
        let (mut fold, mut unread) = (Fold::default(), 0);
        let file = dir.join(layout::TRAJECTORY);
        let read = light::stream(&file, 0, |_, record| match record {
            Some(record) => fold.apply(&record),
            None => unread += 1,
        });
        let cell = match read {
            Ok(_) => {
                if unread > 0 {
                    let note = format!("{}: {} left out", file.path().display(), count(unread, "damaged line"));
                    notes.insert((arm.to_owned(), note));
                }
                let mut facts = fold.facts();
                for (_, part) in parts(&file)? {
                    let mut fold = Fold::default();
                    // An unreadable part adds nothing.
                    let _ = light::stream(&part, 0, |_, record| record.iter().for_each(|record| fold.apply(record)));
                    facts.add_part(&fold);
                }
                let verdict = match facts.resolved {
                    Some(true) => GradeVerdict::Resolved,
                    Some(false) => GradeVerdict::Unresolved,
                    None => GradeVerdict::Ungraded,
                };
                TrialCell { verdict, attempt: Some(Box::new(facts)), ..TrialCell::default() }
            }
            Err(error) => {
                notes.insert((arm.to_owned(), format!("{error}; only its grade counts")));
                TrialCell::default()
            }
        };
        run.entry(arm.to_owned()).or_default().entry(number).or_default().cells.insert(task, cell);
    }
    for (task, name, failure) in faults(place)? {
        let Some((arm, number)) = arm_and_trial(&name) else { continue };
        run.entry(arm.to_owned()).or_default().entry(number).or_default().faults.insert(task, failure);
    }
    for (name, file) in place.join(layout::PREDICTIONS).files("jsonl")? {
        let Some((arm, number)) = arm_and_trial(&name) else { continue };
        let trial = run.entry(arm.to_owned()).or_default().entry(number).or_default();
        let text = file.text(LONGEST_TEXT)?.unwrap_or_default();
        for row in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if let Some(id) = row["instance_id"].as_str() {
                trial.cells.entry(id.to_owned()).or_default();
            }
        }
    }
    for (name, file) in place.join(layout::GRADES).files("json")? {
        let Some((arm, number)) = arm_and_trial(&name) else { continue };
        let trial = run.entry(arm.to_owned()).or_default().entry(number).or_default();
        let text = file.text(LONGEST_TEXT)?.unwrap_or_default();
        let report = serde_json::from_str::<RunReport>(&text).map_err(|e| e.to_string());
        match report.and_then(|report| report.check_schema().map(|()| report)) {
            Ok(report) => trial.take_report(report),
            Err(why) => {
                let (file, run) = (file.path(), path.display());
                let file = file.display();
                let note = format!("cannot read the grades {file}: {why}; remove it, then run: voe bench grade {run}");
                notes.insert((arm.to_owned(), note));
            }
        }
        failed::take(trial, place, &name)?;
    }
    if run.is_empty() {
        // The user named an attempt's directory.
        if let Some(refusal) = light::refusal(&place.join(layout::TRAJECTORY)) {
            return Err(refusal);
        }
        return Err(ReportError::NotARun {
            path,
            why: "it has no tasks/*/ARM-TRIAL, predictions or grades".to_owned(),
        });
    }
    let (known, graded) = (Arc::new(suite_of_run(place)?), graded(place));
    let arms = run.into_iter().map(|(name, trials)| {
        let numbered = |(number, trial)| Trial { number, graded, ..trial };
        let trials: Vec<Trial> = trials.into_iter().map(numbered).collect();
        let mut notes: Vec<String> = notes.iter().filter(|(arm, _)| *arm == name).map(|(_, n)| n.clone()).collect();
        notes.extend(uncounted(&name, &trials, place));
        ArmResults { name, source: path.clone(), trials, notes, known: known.clone() }
    });
    Ok(arms.collect())
}

/// Notes on attempts of a run's arm without a verdict, each with a remedy.
pub(crate) fn uncounted(name: &str, trials: &[Trial], place: &RunPlace) -> Vec<String> {
    let (mut notes, run) = (Vec::new(), place.path());
    let run = run.display();
    let ungraded = trials.iter().flat_map(|t| t.cells.values()).filter(|c| c.verdict == GradeVerdict::Ungraded).count();
    if ungraded > 0 {
        let attempts = count(ungraded, "attempt");
        notes.push(format!("{name}: {attempts} not graded, counted as unresolved (to grade: voe bench grade {run})"));
    }
    let faults: usize = trials.iter().map(|t| t.faults.len()).sum();
    if faults > 0 {
        let attempts = count(faults, "attempt");
        notes.push(format!(
            "{name}: {attempts} given up after faults of the server or the machine, so without a prediction (voe bench status {run})"
        ));
    }
    if solutions_were_readable(place) {
        notes.push("solutions were readable in this run (sandbox none)".to_owned());
    }
    notes
}
