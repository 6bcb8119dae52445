//! The official package gives the same verdict, for real logs and for damaged ones.
//!
//! Opt-in: `VOE_SWEBENCH_PYTHON` names a Python that has `swebench` 5.x installed (`VOE_TEST_DATA` is needed too).
//! `VOE_SWEBENCH_VARIANTS` is the number of damaged logs, 500 by default; ten times as many small composed ones are tested.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "official_package/damage.rs"]
mod damage;
mod official_data;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use serde_json::{Value, json};
use voe_grade::{
    EvalType, GradeError, Graded, Instance, InstanceReport, PredictionOutcome, RunReport, eval_script, grade,
    run_report,
};

use damage::{Damage, boundary, composed, damage};

/// The official package as a process, asked by lines of JSON.
struct Official {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Official {
    /// Starts it; without it, prints how many cases are skipped.
    fn start(cases: usize) -> Option<Self> {
        let Some(python) = std::env::var_os("VOE_SWEBENCH_PYTHON") else {
            eprintln!("skipped {cases} cases: VOE_SWEBENCH_PYTHON is not set");
            return None;
        };
        let mut process = Command::new(python)
            .args(["-X", "utf8", "-c", include_str!("official_package/grader.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Some(Self { process, requests, answers })
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.requests, "{request}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).expect("the official package exited; see its output above")
    }
}

impl Drop for Official {
    fn drop(&mut self) {
        // all output is read, so the process exits unless a test failed in the middle
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const PARSERS: [&str; 7] = [
    "parse_log_pytest",
    "parse_log_pytest_options",
    "parse_log_pytest_v2",
    "parse_log_django",
    "parse_log_seaborn",
    "parse_log_sympy",
    "parse_log_matplotlib",
];

/// A log, its damage, and what is different in its row.
#[derive(Debug, Clone)]
struct Variant {
    log: Index,
    damages: Vec<Damage>,
    parser: Option<&'static str>,
    fail_only: bool,
    /// Ids of the row's lists that are cut.
    cuts: Vec<(Index, Index)>,
}

fn variant() -> impl Strategy<Value = Variant> {
    let parser = prop::sample::select(&PARSERS[..]);
    let cuts = prop::collection::vec((any::<Index>(), any::<Index>()), 0..6);
    (
        any::<Index>(),
        prop::collection::vec(damage(), 0..8),
        prop::option::weighted(0.2, parser),
        prop::bool::weighted(0.05),
        cuts,
    )
        .prop_map(|(log, damages, parser, fail_only, cuts)| Variant { log, damages, parser, fail_only, cuts })
}

#[test]
fn damaged_logs_get_the_official_statuses_and_report() {
    let variants = variants();
    let (Some(data), Some(official)) =
        (official_data::directory(variants as usize), Official::start(variants as usize))
    else {
        return;
    };
    let cases = official_data::cases(&data);
    let official = RefCell::new(official);
    let (found, resolved, stopped) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let outcome = runner(variants).run(&variant(), |variant| {
        let case = variant.log.get(&cases);
        let mut row = case.row.clone();
        if let Some(parser) = variant.parser {
            row.log_parser = Some(parser.to_owned());
        }
        if variant.fail_only {
            row.eval_type = Some(EvalType::FailOnly);
        }
        for (id, at) in &variant.cuts {
            let mut ids: Vec<&mut String> = row.fail_to_pass.iter_mut().chain(&mut row.pass_to_pass).collect();
            let id = id.index(ids.len());
            let at = boundary(ids[id], at);
            ids[id].truncate(at);
        }
        let log = variant.damages.iter().fold(case.log.clone(), |log, damage| damage.befall(&log));

        match compare(&mut official.borrow_mut(), &row, &log)? {
            Some(graded) => {
                found.set(found.get() + usize::from(graded.found));
                resolved.set(resolved.get() + usize::from(graded.report.resolved));
            }
            None => stopped.set(stopped.get() + 1),
        }
        Ok(())
    });
    eprintln!(
        "{variants} damaged logs: {} found, {} resolved, {} that end the official parser",
        found.get(),
        resolved.get(),
        stopped.get()
    );
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn logs_composed_of_what_parsers_look_for_get_the_official_statuses_and_report() {
    let count = 10 * variants();
    let Some(official) = Official::start(count as usize) else { return };
    let official = RefCell::new(official);
    let found = Cell::new(0);
    let input = (composed(), prop::sample::select(&PARSERS[..]), any::<[Index; 4]>(), 0..4_u8, any::<bool>());
    let outcome = runner(count).run(&input, |(lines, parser, picks, exit_code, fail_only)| {
        let mut log = format!(">>>>> Start Test Output\n{}\n>>>>> End Test Output\n", lines.join("\n"));
        if exit_code < 2 {
            log += &format!(">>>>> Test Exit Code: {exit_code}\n");
        }
        let mut row = json!({
            "repo": "a/b", "instance_id": "a__b-1", "base_commit": "c", "patch": "", "test_patch": "", "image": "i",
            "problem_statement": "", "version": "1", "log_parser": parser, "eval_script": ":",
            "eval_type": if fail_only { "fail_only" } else { "pass_and_fail" }, "FAIL_TO_PASS": [], "PASS_TO_PASS": [],
        });
        // names tests that are in the log, and prefixes of their ids
        if let Ok(graded) = grade(&Instance::from_value(row.clone()).unwrap(), &log)
            && !graded.statuses.is_empty()
        {
            let ids: Vec<&str> = graded.statuses.iter().map(|(id, _)| id).collect();
            let [whole, cut, at, kept] = picks;
            let cut = cut.get(&ids);
            row["FAIL_TO_PASS"] = json!([whole.get(&ids), &cut[..boundary(cut, &at)]]);
            let bracket = kept.get(&ids).split_inclusive('[').next();
            row["PASS_TO_PASS"] = json!([kept.get(&ids), bracket]);
        }
        let row = Instance::from_value(row).unwrap();
        let graded = compare(&mut official.borrow_mut(), &row, &log)?;
        found.set(found.get() + usize::from(graded.is_some_and(|graded| graded.found)));
        Ok(())
    });
    eprintln!("{count} composed logs: {} found", found.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// The number of damaged logs.
fn variants() -> u32 {
    std::env::var("VOE_SWEBENCH_VARIANTS").map_or(500, |count| count.parse().unwrap())
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() })
}

/// Our verdict if it is the same as the official one; `None` if neither has one.
fn compare(official: &mut Official, row: &Instance, log: &str) -> Result<Option<Graded>, TestCaseError> {
    let theirs = official.ask(&json!({"row": row, "log": log}));
    let (graded, ours) = match grade(row, log) {
        Ok(graded) => {
            let statuses: Vec<_> = graded.statuses.iter().collect();
            let ours = json!({"found": graded.found, "statuses": statuses, "report": graded.report});
            (Some(graded), ours)
        }
        Err(GradeError::ParserStops { .. }) => (None, json!({"exception": "IndexError"})),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    if same(&ours, &theirs) { Ok(graded) } else { Err(TestCaseError::fail(difference(&ours, &theirs))) }
}

/// Whether two values are the same as text, including the order of keys.
fn same(ours: &Value, theirs: &Value) -> bool {
    let [ours, theirs] = [ours, theirs].map(Value::to_string);
    ours == theirs
}

/// The first part in which two verdicts differ.
fn difference(ours: &Value, theirs: &Value) -> String {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => a
            .iter()
            .find(|(key, value)| !same(value, &b[*key]))
            .map_or_else(String::new, |(key, value)| format!("{key}: {}", difference(value, &b[key]))),
        (Value::Array(a), Value::Array(b)) => {
            let at = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            format!("at {at} ours {:?}, official {:?}", a.get(at), b.get(at))
        }
        _ => format!("ours {ours}, official {theirs}"),
    }
}

#[test]
fn eval_scripts_are_changed_as_the_official_runner_does() {
    let (Some(data), Some(mut official)) = (official_data::directory(500), Official::start(500)) else { return };
    for row in official_data::rows(&data, "verified.jsonl") {
        let theirs = official.ask(&json!({"script_of": row}));
        let ours = eval_script::record_exit_code(&row.eval_script.unwrap());
        assert_eq!(theirs["script"], ours, "{}", row.instance_id);
    }
}

#[test]
fn a_runs_files_are_read_by_the_official_package_and_its_report_is_the_same_to_the_byte() {
    let (Some(data), Some(mut official)) = (official_data::directory(64), Official::start(64)) else { return };
    let directory = tempfile::tempdir().unwrap();
    let (model, run) = ("Some/Model", "run-1");
    let mut rows = official_data::rows(&data, "verified.jsonl");
    rows.truncate(100);
    let mut predictions = BTreeMap::new();
    let mut outcomes = BTreeMap::new();
    for (n, case) in official_data::cases(&data).into_iter().enumerate() {
        let id = case.row.instance_id.clone();
        rows.retain(|row| row.instance_id != id);
        rows.push(case.row.clone());
        let patch = if n % 9 == 0 { "" } else { "p" };
        predictions.insert(id.clone(), json!({"instance_id": id, "model_name_or_path": model, "model_patch": patch}));
        let files = directory.path().join(run_report::instance_directory(run, model, &id));
        fs::create_dir_all(&files).unwrap();
        let outcome = if n % 9 == 0 {
            PredictionOutcome::EmptyPatch
        } else if n % 7 == 0 {
            let harness = "Error response from daemon";
            fs::write(files.join("run_instance.log"), harness).unwrap();
            PredictionOutcome::error(&[harness])
        } else {
            fs::write(files.join("test_output.txt"), &case.log).unwrap();
            let report: InstanceReport = grade(&case.row, &case.log).unwrap().report;
            fs::write(files.join("report.json"), report.to_file(&id).unwrap()).unwrap();
            PredictionOutcome::reported(&report, &[&case.log])
        };
        outcomes.insert(id, outcome);
    }
    let ours = RunReport::new(rows.iter().map(|row| row.instance_id.as_str()), &outcomes);
    let theirs =
        official.ask(&json!({"rows": rows, "predictions": predictions, "run_id": run, "directory": directory.path()}));
    assert_eq!(theirs["name"], RunReport::file_name(model, run));
    assert_eq!(theirs["text"], ours.to_file().unwrap());
    assert!(ours.incomplete_ids.len() > 9 && ours.infra_failure_instances > 1 && ours.ambiguous_failure_instances > 1);
}
