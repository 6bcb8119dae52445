//! Real logs of all twelve repositories get the official verdict, and the official data can be read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod official_data;

use std::fs;

use serde_json::Value;
use voe_grade::{GradeError, GradedLog, LogParser, RunReport, UnsupportedParser, eval_script, grade};

#[test]
fn every_log_gets_the_official_statuses_and_report() {
    let Some(data) = official_data::directory(64) else { return };
    let cases = official_data::cases(&data);
    assert_eq!(cases.len(), 64);
    for case in cases {
        let graded = grade(&case.row, &case.log).unwrap();
        let line = GradedLog { file: &case.name, instance_id: &case.row.instance_id, graded: &graded };
        let Value::Object(mut ours) = serde_json::to_value(line).unwrap() else { panic!("no object") };
        let keys: Vec<_> = ours.keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "instance_id", "found", "statuses", "report"]);
        assert_eq!(ours.shift_remove("file"), Some(Value::from(case.name.as_str())));
        assert_eq!(Value::Object(ours), case.expected, "{}", case.name);
    }
}

#[test]
fn the_old_rows_without_parser_fields_give_the_same_verdicts() {
    let Some(data) = official_data::directory(64) else { return };
    for case in official_data::cases(&data) {
        let mut old = case.row.clone();
        (old.eval_script, old.log_parser, old.eval_type, old.image) = (None, None, None, None);
        assert_eq!(grade(&old, &case.log), grade(&case.row, &case.log), "{}", case.name);
    }
}

#[test]
fn every_row_of_verified_and_lite_has_a_parser_and_none_of_multilingual_has() {
    let Some(data) = official_data::directory(1123) else { return };
    for (suite, count) in [("verified.jsonl", 500), ("lite-test.jsonl", 300), ("lite-dev.jsonl", 23)] {
        let rows = official_data::rows(&data, suite);
        assert_eq!(rows.len(), count);
        for row in rows {
            assert_eq!(LogParser::from_repo(&row.repo), Some(row.parser().unwrap()), "{}", row.instance_id);
            assert!(row.extra.is_empty() && !row.fail_to_pass.is_empty(), "{}", row.instance_id);
            let script = row.eval_script.unwrap();
            let recorded = eval_script::record_exit_code(&script);
            assert_eq!(recorded.lines().count(), script.trim().lines().count() + 2, "{}", row.instance_id);
        }
    }
    let multilingual = official_data::rows(&data, "multilingual.jsonl");
    assert_eq!(multilingual.len(), 300);
    for row in multilingual {
        let error = grade(&row, "").unwrap_err();
        assert!(matches!(error, GradeError::UnsupportedParser(UnsupportedParser::Named { .. })), "{error}");
    }
}

#[test]
fn published_run_reports_are_read_whole() {
    let Some(data) = official_data::directory(4) else { return };
    for (name, resolved) in [
        ("e8-verified-200-steps.json", 314),
        ("e9-verified-100-steps.json", 320),
        ("e11-verified-verify-at-last.json", 335),
        ("e12-hard45-verify-on-edit.json", 17),
    ] {
        let text = fs::read_to_string(data.join("published").join(name)).unwrap();
        let report: RunReport = serde_json::from_str(&text).unwrap();
        assert_eq!((report.resolved_instances, report.resolved_ids.len()), (resolved, resolved), "{name}");
        let Value::Object(mut again) = serde_json::to_value(&report).unwrap() else { panic!("no object") };
        for newer in ["infra_failure_instances", "ambiguous_failure_instances", "infra_failure_ids"]
            .iter()
            .chain(&["ambiguous_failure_ids", "failure_reasons"])
        {
            again.remove(*newer);
        }
        assert_eq!(Value::Object(again), serde_json::from_str::<Value>(&text).unwrap(), "{name}");
    }
}
