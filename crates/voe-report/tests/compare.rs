//! Comparisons of small made-up arms, as a person and a script see them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use serde_json::{Value, json};
use voe_report::commands::compare::{CompareOptions, GroupBy, compare};
use voe_report::data::load;
use voe_report::data::suite::TaskSet;

fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|i| format!("{}-{i}", if i % 2 == 0 { "django__django" } else { "psf__requests" }))
        .collect()
}

fn report(dir: &Path, name: &str, submitted: Vec<String>, resolved: Vec<String>) -> String {
    let path = dir.join(name);
    let value = json!({"schema_version": 2, "submitted_ids": submitted, "resolved_ids": resolved, "unresolved_ids": [], "error_ids": [], "empty_patch_ids": []});
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, value.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn two_reports_are_told_apart_or_not_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let a = report(dir.path(), "new.json", ids(0..40), ids(0..24));
    let b = report(dir.path(), "old.json", ids(0..38), ids((0..17).chain([30, 31])));
    let suite = TaskSet::of_ids("forty", ids(0..40));
    let found =
        compare(&CompareOptions { a: a.clone(), b: b.clone(), suite: Some(suite), by: Some(GroupBy::Repo) }).unwrap();
    insta::assert_snapshot!(found.text(), @r"
    40 tasks: forty

    A  new     24 resolved   60.0 %
    B  old     19 resolved   47.5 %

    won 7   lost 2   both 17   neither 14
    difference +12.5 points, 95 % interval −2.6 to +28.3 (tango)
    exact McNemar, two-sided: p = 0.180

    7 won, 2 lost of 40: this data does not show a difference (+12.5 points, 95 % interval −2.6 to +28.3; p = 0.180); to detect a gain of 12.5 points you need about 130 tasks.

                   tasks   won  lost  both  neither  difference  p (Holm)
    django/django     20     3     1     9        7       +10.0     0.750
    psf/requests      20     4     1     8        7       +15.0     0.750

    note: old submitted 38 of the 40 tasks; the other 2 are counted as unresolved
    ");
    let value: Value = serde_json::from_str(&found.json()).unwrap();
    for key in ["a", "b", "tasks", "won", "lost", "both", "neither", "p", "difference", "interval", "sentence", "notes"]
    {
        assert!(!value[key].is_null(), "{key}");
    }
    assert_eq!((value["won"].as_u64(), value["lost"].as_u64(), value["tasks"].as_u64()), (Some(7), Some(2), Some(40)));
    assert_eq!(value["interval"].as_array().unwrap().len(), 2);
    let clear = report(dir.path(), "clear.json", ids(0..40), ids(0..39));
    let found = compare(&CompareOptions { a: b, b: clear, ..CompareOptions::default() }).unwrap();
    assert!(found.sentence.contains("clear resolves more than old") && found.p < 0.001, "{}", found.sentence);
}

#[test]
fn several_trials_are_compared_task_by_task_with_an_interval_from_repositories() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for (arm, trial, resolved) in
        [("a-b", 1, 0..12), ("a-b", 2, 0..10), ("a-b", 3, 2..12), ("c", 1, 0..8), ("c", 2, 0..6), ("c", 3, 4..8)]
    {
        report(&run, &format!("grades/{arm}-{trial}.json"), ids(0..20), ids(resolved));
    }
    let spec = |arm: &str| format!("{}:{arm}", run.display());
    let arm = load::arm(&spec("a-b")).unwrap();
    assert_eq!(arm.trials.iter().map(|t| t.number).collect::<Vec<_>>(), [1, 2, 3], "an arm's name may hold a hyphen");
    let found = compare(&CompareOptions { a: spec("a-b"), b: spec("c"), ..CompareOptions::default() }).unwrap();
    assert_eq!((found.trials, found.interval_method), ([3, 3], "bootstrap clustered by repository"));
    // 0 and 1: 2 of 3 each way; 2 and 3: 3 against 2; 4 and 5: 3 and 3; 6 and 7: 3 against 2; 8 to 11: 3 or 2 against 0.
    assert_eq!((found.won, found.lost, found.both, found.neither), (8, 0, 4, 8));
    assert!((found.difference - (32.0 - 18.0) / 60.0).abs() < 1e-9, "{}", found.difference);
    assert!(found.notes.iter().any(|n| n.contains("is based on 2 repositories")), "{:?}", found.notes);
}

#[test]
fn trials_that_all_agree_have_an_interval_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    for name in ["a-1", "a-2", "b-1", "b-2"] {
        report(&run, &format!("grades/{name}.json"), ids(0..26), ids(0..22));
    }
    let spec = |arm: &str| format!("{}:{arm}", run.display());
    let found =
        compare(&CompareOptions { a: spec("a"), b: spec("b"), by: Some(GroupBy::Repo), ..CompareOptions::default() })
            .unwrap();
    let width = |interval: &voe_report::stats::Interval| interval.1 - interval.0;
    assert!(width(&found.interval) > 0.2 && found.interval_method == "tango", "{:?}", found.interval);
    let groups = found.by.as_ref().unwrap();
    assert!(groups.iter().all(|group| width(&group.interval) > 0.2), "{groups:?}");
    // At the discordance of other arms, not at none.
    assert!(found.sentence.contains("you need about 930 tasks"), "{}", found.sentence);
}

#[test]
fn mistakes_are_answered_with_what_would_be_right() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    report(&run, "grades/x-1.json", ids(0..3), ids(0..1));
    report(&run, "grades/y-1.json", ids(0..3), ids(0..2));
    std::fs::write(dir.path().join("junk.json"), "{\"resolved\": 3}").unwrap();
    std::fs::write(dir.path().join("later.json"), "{\"resolved_ids\": [], \"schema_version\": 3}").unwrap();
    let place = |text: String| text.replace(dir.path().to_str().unwrap(), "DIR");
    let refused = |a: &str| {
        let a = format!("{}/{a}", dir.path().display());
        place(compare(&CompareOptions { b: a.clone(), a, ..CompareOptions::default() }).unwrap_err().to_string())
    };
    insta::assert_snapshot!([refused("run"), refused("run:z"), refused("junk.json"), refused("later.json"), refused("nothing"), refused(".")].join("\n"), @r#"
    DIR/run has several arms; give one as DIR/run:ARM: x, y
    DIR/run has no arm "z"; it has: x, y
    DIR/junk.json is neither a run directory nor an official run report (schema 2) (missing field `resolved_ids`); give one of these, such as runs/NAME
    DIR/later.json is neither a run directory nor an official run report (schema 2) (its schema_version is 3, and this voe reads 2; grade the predictions again with voe bench grade --predictions); give one of these, such as runs/NAME
    DIR/nothing not found; give a run directory (runs/NAME), an arm of one (runs/NAME:ARM) or a file
    DIR/. is neither a run directory nor an official run report (schema 2) (it has no tasks/*/ARM-TRIAL, predictions or grades); give one of these, such as runs/NAME
    "#);
}
