//! Tasks whose own solution is known not to pass where they were graded are no failure of a patch.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod synthetic;

use std::fs;
use std::path::Path;

use synthetic::{Shape, write_run};
use voe_report::commands::report::Made;
use voe_report::data::arm::ArmResults;
use voe_report::data::failure::FailureClass;
use voe_report::data::load;

/// Of each place one: everywhere, without containers, without a network.
const KNOWN: [&str; 3] = ["django__django-10097", "pydata__xarray-4695", "psf__requests-1766"];

/// A run of tasks with these names, none of them resolved.
fn run(dir: &Path) {
    write_run(dir, &Shape { tasks: 8, arms: &["a"], ..Shape::default() });
    let suite = fs::read_to_string(dir.join("suite.jsonl")).unwrap();
    // An attempt that has a patch.
    let list: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(dir.join("grades/a-1.json")).unwrap()).unwrap();
    let tried = ["unresolved_ids", "resolved_ids"].into_iter().flat_map(|ids| list[ids].as_array().unwrap());
    let tried: Vec<&str> = tried.take(KNOWN.len()).map(|id| id.as_str().unwrap()).collect();
    let mut rows = String::new();
    for (from, to) in tried.into_iter().zip(KNOWN) {
        rows += &suite.lines().find(|row| row.contains(from)).unwrap().replace(from, to);
        rows.push('\n');
        fs::rename(dir.join("tasks").join(from), dir.join("tasks").join(to)).unwrap();
        let trajectory = dir.join("tasks").join(to).join("a-1/trajectory.jsonl");
        fs::write(&trajectory, fs::read_to_string(&trajectory).unwrap().replace(from, to)).unwrap();
    }
    for task in fs::read_dir(dir.join("tasks")).unwrap().map(|task| task.unwrap()) {
        if !KNOWN.contains(&task.file_name().to_str().unwrap()) {
            fs::remove_dir_all(task.path()).unwrap();
        }
    }
    fs::write(dir.join("suite.jsonl"), rows).unwrap();
    fs::remove_dir_all(dir.join("grades/a-1")).unwrap();
    let report =
        serde_json::json!({"schema_version": 2, "submitted_ids": KNOWN, "resolved_ids": [], "unresolved_ids": KNOWN});
    fs::write(dir.join("grades/a-1.json"), report.to_string()).unwrap();
}

fn conditions(dir: &Path, backend: &str, network: bool) {
    let place = format!("suite = \"synthetic\"\n\n[place]\nbackend = \"{backend}\"\nsandbox = \"local\"\n");
    fs::write(dir.join("run.toml"), place).unwrap();
    fs::create_dir_all(dir.join("grades/official")).unwrap();
    fs::write(dir.join("grades/official/grading.toml"), format!("timeout_s = 1800\nnetwork = {network}\n")).unwrap();
}

fn gold_fails(arms: &[ArmResults]) -> u32 {
    Made::of(arms, None).report.arms[0].failures.get(&FailureClass::GoldFails).copied().unwrap_or(0)
}

#[test]
fn which_tasks_they_are_depends_on_where_the_run_was_graded() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path());
    let spec = dir.path().to_str().unwrap();
    assert_eq!(gold_fails(&load::arms(spec).unwrap()), 1, "nothing says where");
    for (backend, network, expected) in
        [("docker", true, 1), ("docker", false, 2), ("native", true, 2), ("native", false, 3)]
    {
        conditions(dir.path(), backend, network);
        assert_eq!(gold_fails(&load::arms(spec).unwrap()), expected, "{backend} {network}");
        let index = voe_report::viewer::index::ViewerIndex::build(&[spec.to_owned()]).unwrap();
        assert_eq!(gold_fails(&index.arms()), expected, "the viewer agrees: {backend} {network}");
    }
    let alone = dir.path().join("grades/a-1.json");
    assert_eq!(gold_fails(&load::arms(alone.to_str().unwrap()).unwrap()), 1, "a report alone");
    let table = dir.path().join("table.json");
    let rows = KNOWN.map(|id| serde_json::json!({"instance_id": id, "a": false}));
    fs::write(&table, serde_json::to_string(&rows).unwrap()).unwrap();
    assert_eq!(gold_fails(&load::arms(table.to_str().unwrap()).unwrap()), 1, "a table alone");
}

#[test]
fn the_reasons_are_under_the_table_in_the_csv_and_on_the_attempts_page() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path());
    conditions(dir.path(), "native", false);
    let spec = dir.path().to_str().unwrap();
    let arms = load::arms(spec).unwrap();
    let made = Made::of(&arms, None);
    let tables = made.report.tables();
    let table = tables.iter().find(|table| table.id == "failures").unwrap();
    assert_eq!(
        table.note,
        "Unresolved tasks, by the first class that applies. Gold fails here: 3 attempts (gold fails in the official harness, \
         too: django__django-10097; its tests need packages that only conda has (cdms2) (without containers): \
         pydata__xarray-4695; its tests need the internet (httpbin.org) (without a network): psf__requests-1766)."
    );
    let suite = voe_report::data::suite::TaskSet::read(&dir.path().join("suite.jsonl")).unwrap();
    let csv = voe_report::report::attempts_csv::attempts_csv(&arms, &suite);
    assert_eq!(csv.matches(",unresolved,0,gold fails here,").count(), 3, "{csv}");
    let index = voe_report::viewer::index::ViewerIndex::build(&[spec.to_owned()]).unwrap();
    let id = index.entries.iter().position(|entry| entry.task == KNOWN[2]).unwrap();
    let page = voe_report::viewer::pages::attempt(&index, id).unwrap();
    assert_eq!(page["gold_fails"], "its tests need the internet (httpbin.org) (without a network)");
}
