//! The official report of a run (schema 2), and the paths of official files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::infra::{InfraFailure, Tier, classify};
use crate::official_json;
use crate::report::InstanceReport;

/// The result of one submitted prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PredictionOutcome {
    /// The task has a report, and it is resolved.
    Resolved,
    /// The task has a report, and it is not resolved; with the sign of another cause than the patch, if there is one.
    Unresolved(Option<InfraFailure>),
    /// The prediction had no patch, and nothing was run.
    EmptyPatch,
    /// The task has no report: the patch didn't apply, the tests took too long, or something broke.
    Error(Option<InfraFailure>),
}

impl PredictionOutcome {
    /// The outcome of a task with a report. `logs` are the tests' output and the harness's own log, as far as they exist.
    pub fn reported(report: &InstanceReport, logs: &[&str]) -> Self {
        if report.resolved { Self::Resolved } else { Self::Unresolved(classify(logs)) }
    }

    /// The outcome of a task that ended without a report. `logs` as for [`reported`](Self::reported).
    pub fn error(logs: &[&str]) -> Self {
        Self::Error(classify(logs))
    }
}

/// The version of the report's format.
pub const SCHEMA: u32 = 2;

/// A run's report with the official names and order of fields. All lists are sorted. Read leniently: other tools leave fields
/// out, and only `resolved_ids` is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// Tasks of the suite.
    #[serde(default)]
    pub total_instances: usize,
    /// Tasks with a prediction.
    #[serde(default)]
    pub submitted_instances: usize,
    /// Tasks with a report.
    #[serde(default)]
    pub completed_instances: usize,
    /// Tasks that are resolved.
    #[serde(default)]
    pub resolved_instances: usize,
    /// Tasks with a report that aren't.
    #[serde(default)]
    pub unresolved_instances: usize,
    /// Unresolved tasks and errors that the environment caused. Reports before 5.x lack it.
    #[serde(default)]
    pub infra_failure_instances: usize,
    /// Unresolved tasks and errors that the environment or the patch caused. Reports before 5.x lack it.
    #[serde(default)]
    pub ambiguous_failure_instances: usize,
    /// Tasks whose prediction has no patch.
    #[serde(default)]
    pub empty_patch_instances: usize,
    /// Tasks with a patch that ended without a report.
    #[serde(default)]
    pub error_instances: usize,
    /// Tasks with a report.
    #[serde(default)]
    pub completed_ids: Vec<String>,
    /// Tasks without a prediction.
    #[serde(default)]
    pub incomplete_ids: Vec<String>,
    /// Tasks whose prediction has no patch.
    #[serde(default)]
    pub empty_patch_ids: Vec<String>,
    /// Tasks with a prediction, including those that are not in the suite.
    #[serde(default)]
    pub submitted_ids: Vec<String>,
    /// Tasks that are resolved.
    pub resolved_ids: Vec<String>,
    /// Tasks with a report that aren't.
    #[serde(default)]
    pub unresolved_ids: Vec<String>,
    /// Unresolved tasks and errors that the environment caused.
    #[serde(default)]
    pub infra_failure_ids: Vec<String>,
    /// Unresolved tasks and errors that the environment or the patch caused.
    #[serde(default)]
    pub ambiguous_failure_ids: Vec<String>,
    /// The sign for each task of the two lists above.
    #[serde(default)]
    pub failure_reasons: BTreeMap<String, String>,
    /// Tasks with a patch that ended without a report.
    #[serde(default)]
    pub error_ids: Vec<String>,
    /// [`SCHEMA`]; 0 if a tool left it out.
    #[serde(default)]
    pub schema_version: u32,
    /// Containers of the run that were left; only where Docker was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unstopped_instances: Option<usize>,
    /// Their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unstopped_containers: Option<Vec<String>>,
    /// Images of the suite that were left; only where Docker was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unremoved_images: Option<Vec<String>>,
    /// Tasks that can't run on this machine. They are not in the total. Not an official field: absent if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_ids: Vec<String>,
}

impl RunReport {
    /// Refuses unknown versions of the format.
    ///
    /// # Errors
    /// The report has another version; the error names it and says what to do.
    pub fn check_schema(&self) -> Result<(), String> {
        match self.schema_version {
            0 | SCHEMA => Ok(()),
            other => Err(format!(
                "its schema_version is {other}, and this voe reads {SCHEMA}; grade the predictions again with voe bench grade --predictions"
            )),
        }
    }

    /// The report of a run over the tasks of a suite; each task with a prediction has an outcome.
    pub fn new<'a>(suite: impl IntoIterator<Item = &'a str>, outcomes: &BTreeMap<String, PredictionOutcome>) -> Self {
        let suite: BTreeSet<&str> = suite.into_iter().collect();
        let mut report = Self { total_instances: suite.len(), schema_version: 2, ..Self::default() };
        report.submitted_ids = outcomes.keys().cloned().collect();
        for id in suite {
            let Some(outcome) = outcomes.get(id) else {
                report.incomplete_ids.push(id.to_owned());
                continue;
            };
            let (lists, cause): (&mut [&mut Vec<String>], _) = match outcome {
                PredictionOutcome::Resolved => (&mut [&mut report.completed_ids, &mut report.resolved_ids], None),
                PredictionOutcome::Unresolved(cause) => {
                    (&mut [&mut report.completed_ids, &mut report.unresolved_ids], *cause)
                }
                PredictionOutcome::EmptyPatch => (&mut [&mut report.empty_patch_ids], None),
                PredictionOutcome::Error(cause) => (&mut [&mut report.error_ids], *cause),
            };
            for list in lists {
                list.push(id.to_owned());
            }
            if let Some(sign) = cause {
                match sign.tier {
                    Tier::Environment => report.infra_failure_ids.push(id.to_owned()),
                    Tier::Ambiguous => report.ambiguous_failure_ids.push(id.to_owned()),
                }
                report.failure_reasons.insert(id.to_owned(), sign.reason.to_owned());
            }
        }
        report.submitted_instances = report.submitted_ids.len();
        report.completed_instances = report.completed_ids.len();
        report.resolved_instances = report.resolved_ids.len();
        report.unresolved_instances = report.unresolved_ids.len();
        report.infra_failure_instances = report.infra_failure_ids.len();
        report.ambiguous_failure_instances = report.ambiguous_failure_ids.len();
        report.empty_patch_instances = report.empty_patch_ids.len();
        report.error_instances = report.error_ids.len();
        report
    }

    /// Adds tasks that can't run on this machine, which must not be in the suite that the report was made for.
    pub fn with_skipped<'a>(mut self, ids: impl IntoIterator<Item = &'a str>) -> Self {
        self.skipped_ids = ids.into_iter().map(str::to_owned).collect();
        self.skipped_ids.sort();
        self
    }

    /// The text of the report's file, as the official package writes it.
    ///
    /// # Errors
    /// Does not happen: a report is always valid JSON.
    pub fn to_file(&self) -> serde_json::Result<String> {
        Ok(official_json::indented(self)? + "\n")
    }

    /// The official name of the report's file: `<model>.<run>.json`.
    pub fn file_name(model_name_or_path: &str, run_id: &str) -> String {
        format!("{}.{run_id}.json", model_directory(model_name_or_path))
    }
}

/// The path of a task's files in the official harness, relative to where it was started:
/// `logs/run_evaluation/<run>/<model>/<id>`, with `patch.diff`, `eval.sh`, `test_output.txt`, `run_instance.log` and
/// `report.json` in it.
pub fn instance_directory(run_id: &str, model_name_or_path: &str, instance_id: &str) -> PathBuf {
    ["logs", "run_evaluation", run_id, &model_directory(model_name_or_path), instance_id].iter().collect()
}

fn model_directory(model_name_or_path: &str) -> String {
    model_name_or_path.replace('/', "__")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> RunReport {
        let killed = ["Killed"];
        let outcomes = BTreeMap::from(
            [
                (
                    "resolved",
                    PredictionOutcome::reported(&InstanceReport { resolved: true, ..Default::default() }, &killed),
                ),
                ("unresolved", PredictionOutcome::reported(&InstanceReport::default(), &["no tests ran"])),
                ("unresolved-too", PredictionOutcome::reported(&InstanceReport::default(), &[])),
                ("empty", PredictionOutcome::EmptyPatch),
                ("error", PredictionOutcome::error(&killed)),
                ("unknown", PredictionOutcome::Resolved),
            ]
            .map(|(id, outcome)| (id.to_owned(), outcome)),
        );
        RunReport::new(["unresolved-too", "unresolved", "resolved", "error", "empty", "absent"], &outcomes)
    }

    #[test]
    fn a_run_report_has_the_official_fields_in_the_official_order() {
        insta::assert_snapshot!(serde_json::to_string(&report()).unwrap().replace(",\"", ",\n\""), @r#"
        {"total_instances":6,
        "submitted_instances":6,
        "completed_instances":3,
        "resolved_instances":1,
        "unresolved_instances":2,
        "infra_failure_instances":1,
        "ambiguous_failure_instances":1,
        "empty_patch_instances":1,
        "error_instances":1,
        "completed_ids":["resolved",
        "unresolved",
        "unresolved-too"],
        "incomplete_ids":["absent"],
        "empty_patch_ids":["empty"],
        "submitted_ids":["empty",
        "error",
        "resolved",
        "unknown",
        "unresolved",
        "unresolved-too"],
        "resolved_ids":["resolved"],
        "unresolved_ids":["unresolved",
        "unresolved-too"],
        "infra_failure_ids":["error"],
        "ambiguous_failure_ids":["unresolved"],
        "failure_reasons":{"error":"out_of_memory",
        "unresolved":"no_tests_collected"},
        "error_ids":["error"],
        "schema_version":2}
        "#);
    }

    #[test]
    fn skipped_tasks_are_listed_after_the_official_fields() {
        let text = serde_json::to_string(&report().with_skipped(["z", "y"])).unwrap();
        assert!(text.ends_with(r#""schema_version":2,"skipped_ids":["y","z"]}"#), "{text}");
    }

    #[test]
    fn a_report_round_trips_through_its_file() {
        let text = report().to_file().unwrap();
        assert!(text.starts_with("{\n    \"total_instances\": 6,\n") && text.ends_with("\n}\n"));
        assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report());
    }

    #[test]
    fn slashes_of_the_model_are_replaced_in_official_file_names() {
        assert_eq!(RunReport::file_name("Qwen/Qwen3.5-35B", "e1"), "Qwen__Qwen3.5-35B.e1.json");
        let directory = instance_directory("e1", "Qwen/Qwen3.5-35B", "a__b-1");
        assert_eq!(directory, PathBuf::from("logs/run_evaluation/e1/Qwen__Qwen3.5-35B/a__b-1"));
    }
}
