//! The repository's own tests, run by the gate.

use serde_json::json;
use voe_testkit::Lab;
use voe_testkit::replies::{CHECK, bash, call, cure, done};

pub(crate) fn the_gate_runs_the_repositorys_own_tests_and_refuses_a_regression() {
    let lab = Lab::python();
    // Right for the empty list, and wrong for all others.
    let wrong = call("file_write", json!({"path": "stats.py", "content": "def mean(xs):\n    return 0\n"}));
    let played = lab.play("prove-on-edit", &[wrong.clone(), bash(CHECK), done(), done(), done()]);
    let gates = played.events_of("gate");
    let refusal = gates[0]["text"].as_str().unwrap();
    assert!(refusal.contains("passes without your changes and fails with them"), "{refusal}");
    assert_eq!(gates.iter().map(|g| g["accepted"].as_bool().unwrap()).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(played.finish()["evidence"]["level"], "refuted");
    let off = "extends = \"prove-on-edit\"\n[gate]\nown_tests_s = 0\n";
    let played = Lab::python().play(off, &[wrong, bash(CHECK), done()]);
    assert_eq!(played.events_of("gate")[0]["accepted"], true);
}

pub(crate) fn the_gate_records_own_tests_that_the_change_keeps() {
    let played = Lab::python().play("prove-on-edit", &[cure(), bash(CHECK), done()]);
    assert_eq!(played.events_of("gate")[0]["accepted"], true, "{played}");
    let checks = played.finish()["evidence"]["checks"].clone();
    let levels: Vec<_> = checks.as_array().unwrap().iter().map(|check| check["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["proven", "kept"], "{checks}");
}
