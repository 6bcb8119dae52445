//! A whole report of a made-up run, in every form.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod synthetic;

use synthetic::{Shape, write_run};
use voe_report::commands::report::{ReportFormat, ReportOptions, ReportOutput, report};
use voe_report::data::suite::TaskSet;

fn text(output: ReportOutput) -> String {
    match output {
        ReportOutput::Text(text) => text,
        ReportOutput::Files(files) => panic!("{files:?}"),
    }
}

#[test]
fn a_small_run_reads_well_in_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 10, ..Shape::default() });
    let suite = TaskSet::read(&dir.path().join("suite.jsonl")).unwrap();
    let options = ReportOptions {
        inputs: vec![dir.path().to_str().unwrap().into()],
        suite: Some(suite),
        ..ReportOptions::default()
    };
    insta::assert_snapshot!(text(report(&options).unwrap()), @r#"
    10 tasks: suite

    Arms
    arm             resolved  submitted  total    rate  95 % interval  unresolved  empty  errors  skipped  ungraded
    ──────────────  ────────  ─────────  ─────  ──────  ─────────────  ──────────  ─────  ──────  ───────  ────────
    prove-on-edit          8         10     10  80.0 %    49.0–94.3 %           2      0       0        0         0
    verify-at-last         5         10     10  50.0 %    23.7–76.3 %           5      0       0        0         0
    verify-on-edit         6         10     10  60.0 %    31.3–83.2 %           4      0       0        0         0
    Resolved of all tasks of the suite, with the 95 % Wilson interval.

    Pairs
    A               B               won  lost  both  neither  difference   95 % interval      p  p (Holm)
    ──────────────  ──────────────  ───  ────  ────  ───────  ──────────  ──────────────  ─────  ────────
    prove-on-edit   verify-at-last    4     1     4        1       +30.0  −15.3 to +64.0  0.375     1.000
    prove-on-edit   verify-on-edit    3     1     5        1       +20.0  −21.7 to +55.1  0.625     1.000
    verify-at-last  verify-on-edit    2     3     3        2       −10.0  −49.9 to +33.8  1.000     1.000
    Won: A resolved the task and B did not. Difference in points, with its 95 % interval; p: exact McNemar, two-sided, alone and after Holm's correction over all pairs.

    Evidence
    arm             level    attempts  resolved     rate  95 % interval
    ──────────────  ───────  ────────  ────────  ───────  ─────────────
    prove-on-edit   proven         10         8   80.0 %    49.0–94.3 %
    verify-at-last  ran             5         5  100.0 %   56.6–100.0 %
    verify-at-last  none            4         0    0.0 %     0.0–49.0 %
    verify-at-last  refuted         1         0    0.0 %     0.0–79.3 %
    verify-on-edit  ran             5         5  100.0 %   56.6–100.0 %
    verify-on-edit  none            5         1   20.0 %     3.6–62.4 %
    Share resolved of the graded attempts that ended with each level of evidence. A proven patch that is not resolved is a false proof.

    Failure classes
    class                  prove-on-edit  verify-at-last  verify-on-edit
    ─────────────────────  ─────────────  ──────────────  ──────────────
    right file, wrong fix              2               3               3
    limit                              0               2               1
    Unresolved tasks, by the first class that applies.

    Finish reasons
    reason     prove-on-edit  verify-at-last  verify-on-edit
    ─────────  ─────────────  ──────────────  ──────────────
    completed             10               8               9
    max_steps              0               2               1

    Work
    measure                     prove-on-edit  verify-at-last  verify-on-edit
    ──────────────────────────  ─────────────  ──────────────  ──────────────
    attempts                               10              10              10
    steps, mean                           9.3             9.7             9.6
    steps, median                         9.5             9.5              10
    prompt tokens per attempt           48.9k           53.3k           52.0k
    of these cached                    66.7 %          66.7 %          66.7 %
    output tokens per attempt            2.0k            2.0k            2.0k
    of these reasoning                 57.1 %          57.1 %          57.1 %
    cost, total                        $ 0.01          $ 0.01          $ 0.01
    cost per resolved task            $ 0.001         $ 0.002         $ 0.002
    time per attempt                     50 s            58 s            53 s
    waiting for the model                40 s            47 s            42 s
    running tools                       5.0 s           5.8 s           5.3 s
    compactions                             0               0               0
    requests retried                        0               0               0
    replies repaired                        0               0               0
    malformed calls                         0               0               0
    "done" refused by the gate             10               8               9
    Means over attempts with a trajectory.

    Edits, checks and nudges
    measure                prove-on-edit  verify-at-last  verify-on-edit
    ─────────────────────  ─────────────  ──────────────  ──────────────
    edits                             32              22              28
    edits checked at once       9 (28 %)        9 (41 %)       11 (39 %)
    edits checked at all       17 (53 %)       11 (50 %)       15 (54 %)
    false proofs                       2               0               0
    edits by bash              16 (50 %)        7 (32 %)       11 (39 %)
    edits by file_edit         16 (50 %)       15 (68 %)       17 (61 %)
    checks: proven                    17              18              19
    checks: refuted                    5              10               9
    checks: vacuous                    5               6               6
    nudges: verify                    32               0              28
    nudges heeded: verify      11 (34 %)               –       14 (50 %)
    An edit is a tool call that changed the workspace, whatever the tool. Checked at once: a check ran on exactly that code. Heeded: a check followed within two steps, or later on the same code.

    By difficulty
    group            tasks  prove-on-edit  verify-at-last  verify-on-edit  any arm
    ───────────────  ─────  ─────────────  ──────────────  ──────────────  ───────
    <15 min fix          3      3 (100 %)        1 (33 %)        1 (33 %)        3
    15 min - 1 hour      3      3 (100 %)        2 (67 %)       3 (100 %)        3
    1-4 hours            3       2 (67 %)        1 (33 %)        1 (33 %)        2
    >4 hours             1        0 (0 %)       1 (100 %)       1 (100 %)        1
    all                 10       8 (80 %)        5 (50 %)        6 (60 %)        9
    Tasks resolved, and their share of the group's.

    By repository
    group              tasks  prove-on-edit  verify-at-last  verify-on-edit  any arm
    ─────────────────  ─────  ─────────────  ──────────────  ──────────────  ───────
    django/django          2      2 (100 %)        1 (50 %)       2 (100 %)        2
    psf/requests           2       1 (50 %)        1 (50 %)       2 (100 %)        2
    pytest-dev/pytest      2      2 (100 %)       2 (100 %)        1 (50 %)        2
    sphinx-doc/sphinx      2      2 (100 %)        1 (50 %)        1 (50 %)        2
    sympy/sympy            2       1 (50 %)         0 (0 %)         0 (0 %)        1
    all                   10       8 (80 %)        5 (50 %)        6 (60 %)        9
    Tasks resolved, and their share of the group's.

    Overlap
    arm             prove-on-edit  verify-at-last  verify-on-edit  alone
    ──────────────  ─────────────  ──────────────  ──────────────  ─────
    prove-on-edit               8           4 / 9           5 / 9      1
    verify-at-last          4 / 9               5           3 / 8      0
    verify-on-edit          5 / 9           3 / 8               6      0
    Tasks resolved by both / by at least one of the two; alone: by no other arm. At least one arm resolves 9 of 10, all arms 2.

    Tasks
    task                     repository         difficulty       prove-on-edit  verify-at-last  verify-on-edit
    ───────────────────────  ─────────────────  ───────────────  ─────────────  ──────────────  ──────────────
    django__django-1000      django/django      <15 min fix                  ✓               ·               ✓
    django__django-1005      django/django      15 min - 1 hour              ✓               ✓               ✓
    psf__requests-1004       psf/requests       15 min - 1 hour              ✓               ·               ✓
    psf__requests-1009       psf/requests       >4 hours                     ·               ✓               ✓
    pytest-dev__pytest-1003  pytest-dev/pytest  15 min - 1 hour              ✓               ✓               ✓
    pytest-dev__pytest-1008  pytest-dev/pytest  1-4 hours                    ✓               ✓               ·
    sphinx-doc__sphinx-1002  sphinx-doc/sphinx  <15 min fix                  ✓               ✓               ·
    sphinx-doc__sphinx-1007  sphinx-doc/sphinx  1-4 hours                    ✓               ·               ✓
    sympy__sympy-1001        sympy/sympy        <15 min fix                  ✓               ·               ·
    sympy__sympy-1006        sympy/sympy        1-4 hours                    ·               ·               ·
    ✓ resolved, · not resolved, – not submitted; with several trials: the number of trials that resolved it.
    "#);
}

#[test]
fn a_run_knows_its_tasks_and_a_fault_is_not_the_models() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 10, arms: &["a"], ..Shape::default() });
    let lost = dir.path().join(format!("tasks/{}/a-1", synthetic::task_id(0)));
    std::fs::remove_file(lost.join("trajectory.jsonl")).unwrap();
    std::fs::write(lost.join("faults.jsonl"), "{}\n").unwrap();
    let whole =
        std::fs::read_to_string(dir.path().join(format!("tasks/{}/a-1/trajectory.jsonl", synthetic::task_id(1))));
    let start = whole.unwrap().lines().next().unwrap().to_owned();
    let finish = r#"{"at":1.0,"event":"finish","reason":"model_error","patch":"","applied":"no","steps":0,"usage":{"prompt":0,"output":0},"seconds":{"model":0.0,"tools":0.0,"total":0.0},"evidence":{"level":"none","checks":[]},"changes":[]}"#;
    std::fs::write(lost.join("failed-1.jsonl"), format!("{start}\n{finish}\n")).unwrap();
    let grades = dir.path().join("grades/a-1.json");
    let graded = std::fs::read_to_string(&grades).unwrap().replace(&format!("\"{}\",", synthetic::task_id(0)), "");
    assert!(!graded.contains(&synthetic::task_id(0)));
    std::fs::write(&grades, graded).unwrap();
    let arms = voe_report::data::load::arms(dir.path().to_str().unwrap()).unwrap();
    let made = voe_report::commands::report::Made::of(&arms, None);
    let report = &made.report;
    assert_eq!(report.tasks, 9, "the union of what was submitted");
    assert!(report.by_difficulty.len() > 1 && report.matrix.iter().all(|row| !row.difficulty.is_empty()));
    assert!(report.notes.iter().any(|note| note.contains("suite.jsonl has 10")), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("1 attempt given up")), "{:?}", report.notes);
    let suite = TaskSet::read(&dir.path().join("suite.jsonl")).unwrap();
    let made = voe_report::commands::report::Made::of(&arms, Some(&suite));
    let failures = &made.report.arms[0].failures;
    assert_eq!(failures.get(&voe_report::data::failure::FailureClass::Server), Some(&1), "{failures:?}");
    assert!(!failures.contains_key(&voe_report::data::failure::FailureClass::Unclassified), "{failures:?}");
}

/// Lists a task in one of the lists of a run's report, and in no other.
fn move_to(grades: &std::path::Path, list: &str, id: &str) {
    let mut report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(grades).unwrap()).unwrap();
    for other in ["resolved_ids", "unresolved_ids", "empty_patch_ids"] {
        report[other].as_array_mut().unwrap().retain(|known| known != id);
    }
    let mut ids = report[list].as_array().cloned().unwrap_or_default();
    ids.push(id.into());
    report[list] = ids.into();
    std::fs::write(grades, report.to_string()).unwrap();
}

#[test]
fn why_not_is_what_grading_says_whose_matter_it_is() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 8, arms: &["a"], ..Shape::default() });
    let grades = dir.path().join("grades/a-1.json");
    let cause = |task: usize, text: &str| {
        let file = dir.path().join(format!("grades/a-1/{}.cause.json", synthetic::task_id(task)));
        std::fs::write(file, text).unwrap();
    };
    let lists = ["unresolved_ids", "unresolved_ids", "unresolved_ids", "error_ids", "error_ids", "skipped_ids"];
    for (task, list) in lists.into_iter().enumerate() {
        let id = synthetic::task_id(task);
        if list == "unresolved_ids" {
            // The official report suspects it by words of the install step.
            move_to(&grades, "infra_failure_ids", &id);
        }
        move_to(&grades, list, &id);
    }
    cause(0, r#"{"blame":"patch","sign":"tests_failed"}"#);
    cause(1, r#"{"blame":"environment","sign":"missing_module","seen":{"part":"tests","line":7}}"#);
    cause(2, r#"{"blame":"unclear","sign":"out_of_memory"}"#);
    cause(3, r#"{"blame":"patch","sign":"not_applied"}"#);
    cause(4, "of a later voe");
    let of = |arms: &[voe_report::data::arm::ArmResults]| {
        use voe_report::data::cell::GradeVerdict::{Error, Skipped};
        use voe_report::data::failure::FailureClass::{Environment, NotApplied, Unclear};
        let made = voe_report::commands::report::Made::of(arms, None);
        let facts = &made.report.arms[0];
        let failures = [Environment, Unclear, NotApplied, voe_report::data::failure::FailureClass::Skipped];
        let failures = failures.map(|failure| facts.failures.get(&failure).copied().unwrap_or(0));
        (failures, facts.verdict(Error), facts.verdict(Skipped))
    };
    let run = dir.path().to_str().unwrap();
    let expected = ([1, 2, 1, 1], 2, 1);
    assert_eq!(of(&voe_report::data::load::arms(run).unwrap()), expected);
    let index = voe_report::viewer::index::ViewerIndex::build(&[run.to_owned()]).unwrap();
    assert_eq!(of(&index.arms()), expected, "the viewer agrees");
    let id = index.entries.iter().position(|entry| entry.task == synthetic::task_id(1)).unwrap();
    let page = voe_report::viewer::pages::attempt(&index, id).unwrap();
    assert_eq!(page["cause"], "environment: a module is missing, line 7 of the log");
}

#[test]
fn grades_without_causes_get_them_from_their_logs_or_stay_unknown() {
    use voe_report::data::failure::FailureClass;
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape { tasks: 3, arms: &["a"], ..Shape::default() });
    let grades = dir.path().join("grades/a-1.json");
    let rows: Vec<serde_json::Value> = std::fs::read_to_string(dir.path().join("suite.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .map(|mut row: serde_json::Value| {
            for (key, value) in [("base_commit", "c"), ("test_patch", ""), ("problem_statement", ""), ("version", "1")]
            {
                row[key] = value.into();
            }
            row["log_parser"] = "parse_log_pytest".into();
            row["FAIL_TO_PASS"] = serde_json::json!(["t.py::test_a"]);
            row["PASS_TO_PASS"] = serde_json::json!([]);
            row
        })
        .collect();
    std::fs::write(dir.path().join("suite.jsonl"), rows.iter().map(|row| format!("{row}\n")).collect::<String>())
        .unwrap();
    let offline = "Temporary failure in name resolution\n+ : '>>>>> Start Test Output'\n";
    for (task, tests) in [(0, "FAILED t.py::test_a"), (1, "e.sh: line 3: pytest: command not found")] {
        let id = synthetic::task_id(task);
        move_to(&grades, "unresolved_ids", &id);
        let at = dir.path().join(format!("grades/official/logs/run_evaluation/voe/a-1/{id}"));
        std::fs::create_dir_all(&at).unwrap();
        std::fs::write(at.join("test_output.txt"), format!("{offline}{tests}\n+ : '>>>>> End Test Output'\n")).unwrap();
        std::fs::write(at.join("patch.diff"), "+x = 1\n").unwrap();
        let report = serde_json::json!({ &id: {"resolved": false, "infra_failure": true} });
        std::fs::write(dir.path().join(format!("grades/a-1/{id}.json")), report.to_string()).unwrap();
    }
    // Of this one no log is left.
    move_to(&grades, "error_ids", &synthetic::task_id(2));
    let failures = || {
        let arms = voe_report::data::load::arms(dir.path().to_str().unwrap()).unwrap();
        let made = voe_report::commands::report::Made::of(&arms, None);
        [FailureClass::Environment, FailureClass::Unclear]
            .map(|f| made.report.arms[0].failures.get(&f).copied().unwrap_or(0))
    };
    assert_eq!(failures(), [1, 1]);
    // Which of two gradings the report is of, nothing says.
    let official = dir.path().join("grades/official/logs/run_evaluation");
    std::fs::create_dir_all(official.join("other/a-1").join(synthetic::task_id(1))).unwrap();
    let log = format!("a-1/{}/test_output.txt", synthetic::task_id(1));
    std::fs::copy(official.join("voe").join(&log), official.join("other").join(&log)).unwrap();
    assert_eq!(failures(), [0, 2]);
}

#[test]
fn every_form_can_be_written_and_the_page_is_self_contained() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u{1b}[31m";
    write_run(&run, &Shape { trials: 2, hostile, ..Shape::default() });
    let written = |format, out: &str| {
        let options = ReportOptions {
            inputs: vec![run.to_str().unwrap().into()],
            format,
            out: Some(dir.path().join(out)),
            ..ReportOptions::default()
        };
        match report(&options).unwrap() {
            ReportOutput::Files(files) => files,
            ReportOutput::Text(_) => panic!("not written"),
        }
    };
    let page = std::fs::read_to_string(&written(ReportFormat::Html, "r.html")[0]).unwrap();
    assert!(page.len() < 2_000_000, "{}", page.len());
    assert_eq!(page.matches("<script").count(), 1, "only the page's own script");
    assert!(!page.contains("<img") && !page.contains("src=\"http") && !page.contains("href=\"http"));
    let csv = written(ReportFormat::Csv, "csv");
    assert!(
        csv.iter().any(|f| f.ends_with("figures/resolved-by-steps.svg"))
            && csv.iter().any(|f| f.ends_with("csv/pairs.csv"))
    );
    let attempts = std::fs::read_to_string(dir.path().join("csv/attempts.csv")).unwrap();
    assert_eq!(attempts.lines().count(), 1 + 12 * 3 * 2);
    for line in attempts.lines() {
        let line = line.replace("\"right file, wrong fix\"", "wrong fix");
        assert_eq!(line.split(',').count(), 12 + voe_report::metric::METRICS.len(), "{line}");
    }
    let md = written(ReportFormat::Md, "r.md");
    assert!(md.last().unwrap().ends_with("r.md") && md[0].parent().unwrap().ends_with("r-figures"));
    let json = std::fs::read_to_string(&written(ReportFormat::Json, "r.json")[0]).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["arms"].as_array().unwrap().len() == 3);
}

#[test]
fn figures_are_well_formed_and_carry_their_data() {
    let dir = tempfile::tempdir().unwrap();
    write_run(dir.path(), &Shape::default());
    let arms = voe_report::data::load::arms(dir.path().to_str().unwrap()).unwrap();
    let suite = TaskSet::read(&dir.path().join("suite.jsonl")).unwrap();
    let made = voe_report::commands::report::Made::of(&arms, Some(&suite));
    let ids: Vec<&str> = made.figures.iter().map(|f| f.id).collect();
    assert_eq!(
        ids,
        [
            "leaderboard",
            "resolved-by-steps",
            "resolved-by-tokens",
            "resolved-by-cost",
            "resolved-by-time",
            "cost",
            "evidence",
            "by-difficulty",
            "by-repository",
            "overlap"
        ]
    );
    for figure in &made.figures {
        let mut open: Vec<&str> = Vec::new();
        for tag in figure.svg.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap();
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{}", figure.id);
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty() && !figure.svg.contains("NaN") && !figure.svg.contains("inf"), "{}", figure.id);
        assert!(figure.csv.lines().count() > 1, "{}", figure.id);
    }
}
