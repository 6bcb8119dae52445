//! What checks without the edits show, when the model learns of it, and what the gate makes of it.

use serde_json::json;
use voe_testkit::replies::{CHECK, bash, call, cure, done};
use voe_testkit::{Lab, STATS};
use voe_trace::Event;

pub(crate) fn a_check_decided_by_chance_proves_nothing() {
    let lab = Lab::new(&[STATS]);
    // Passes, fails, passes … whatever the code is.
    let flaky = "n=$(cat /tmp/voe-flaky-$V 2>/dev/null || echo 0); echo $((n + 1)) > /tmp/voe-flaky-$V; exit $((n % 2)); python3 t.py";
    let flaky = flaky.replace("$V", &std::process::id().to_string());
    let played = lab.play("prove-on-edit", &[cure(), bash(&flaky), bash(&flaky), done(), done(), done()]);
    let _ = std::fs::remove_file(format!("/tmp/voe-flaky-{}", std::process::id()));
    assert_ne!(played.check(&flaky)["level"], "proven", "{}", played.check(&flaky));
}

pub(crate) fn a_proof_stays_a_proof_when_the_model_runs_the_check_again() {
    let lab = Lab::new(&[STATS]);
    let played = lab.play("prove-on-edit", &[cure(), bash(CHECK), bash(CHECK), done()]);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
}

pub(crate) fn the_outcome_goes_with_the_next_tool_result_whichever_is_faster() {
    for (check, next) in
        [(CHECK, "sleep 1"), ("sleep 1; python3 -c 'from stats import mean; assert mean([]) == 0'", "true")]
    {
        let lab = Lab::new(&[STATS]);
        let played = lab.play("prove-on-edit", &[cure(), bash(check), bash(next), done()]);
        let results = played.events_of("result");
        let fact = "was also run on a copy without your changes";
        assert!(!results[1]["text"].as_str().unwrap().contains(fact));
        assert!(results[2]["text"].as_str().unwrap().contains(fact), "{}", results[2]["text"]);
    }
}

pub(crate) fn the_gate_refuses_twice_with_the_facts_and_then_lets_an_unproven_patch_end() {
    let lab = Lab::new(&[STATS]);
    let vacuous = bash("python3 -c 'import stats'");
    let played = lab.play("prove-on-edit", &[cure(), vacuous, done(), done(), done()]);
    let gates = played.events_of("gate");
    assert_eq!(gates.iter().map(|g| g["accepted"].as_bool().unwrap()).collect::<Vec<_>>(), [false, false, true]);
    assert!(gates[0]["text"].as_str().unwrap().contains("pass without your changes too"), "{}", gates[0]);
    assert_eq!(played.finish()["evidence"]["level"], "vacuous");
}

pub(crate) fn record_keeps_the_proof_out_of_the_conversation() {
    let lab = Lab::new(&[STATS]);
    let played = lab.play("verify-on-edit", &[cure(), bash(CHECK), bash("true"), done()]);
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
    assert!(played.events_of("result").iter().all(|r| !r["text"].as_str().unwrap().contains("without your changes")));
}

pub(crate) fn where_the_sandbox_cannot_fork_a_check_stays_unproven_and_the_attempt_ends() {
    let lab = Lab::new(&[STATS]);
    let replies = [cure(), bash(CHECK), done(), done(), done(), done()];
    let played = lab.play_with("prove-on-edit", &replies, |can| can.fork = false);
    assert_eq!(played.check(CHECK)["level"], "ran", "{played}");
    assert_eq!(
        (&played.finish()["reason"], &played.finish()["evidence"]["level"]),
        (&json!("completed"), &json!("ran"))
    );
}

pub(crate) fn a_test_that_the_model_writes_goes_into_the_run_without_its_edits() {
    let lab = Lab::new(&[STATS]);
    let test = "import unittest\nfrom stats import mean\n\nclass T(unittest.TestCase):\n    def test_empty(self):\n        self.assertEqual(mean([]), 0)\n";
    let check = "python3 -m unittest tests/test_mean.py";
    let write = call("file_write", json!({"path": "tests/test_mean.py", "content": test}));
    let played = lab.play("prove-on-edit", &[cure(), write, bash(check), done()]);
    assert_eq!(played.check(check)["level"], "proven", "{played}");
}

pub(crate) fn a_fact_that_was_recorded_but_not_sent_when_voe_was_killed_goes_with_the_next_result_after_resuming() {
    let lab = Lab::new(&[STATS]);
    lab.play("prove-on-edit", &[cure(), bash(CHECK), bash("true"), done()]);
    // The run without the edits has ended; the call whose result would have carried what it showed has not.
    let judged = |event: &Event| matches!(event, Event::Check(check) if check.without.is_some());
    let played = lab.resume("prove-on-edit", &[bash("true"), done()], judged);
    let facts: Vec<usize> =
        played.texts().iter().map(|text| text.matches("was also run on a copy without your changes").count()).collect();
    // The edit, the check, the call that was cut off, and the one after resuming.
    assert_eq!(facts, [0, 0, 0, 1], "{played}");
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
}

pub(crate) fn a_fact_that_the_model_has_is_not_sent_again_after_resuming() {
    let lab = Lab::new(&[STATS]);
    lab.play("prove-on-edit", &[cure(), bash(CHECK), bash("true"), bash("true"), done()]);
    let third = |event: &Event| matches!(event, Event::StepEnd { step: 3, .. });
    let played = lab.resume("prove-on-edit", &[bash("true"), done()], third);
    let facts: Vec<usize> =
        played.texts().iter().map(|text| text.matches("was also run on a copy without your changes").count()).collect();
    assert_eq!(facts, [0, 0, 1, 0], "{played}");
}
