//! Why a check fails: for a reason of the change, of its own, or of the environment. With a real interpreter.

use serde_json::{Value, json};
use voe_testkit::replies::{bash, call, cure, done};
use voe_testkit::{Lab, Played, STATS};

const TEST: &str = "import sys; sys.path.insert(0, '.')\nfrom stats import mean\nassert mean([]) == 0\n";

fn write(path: &str, text: &str) -> Value {
    call("file_write", json!({"path": path, "content": text}))
}

/// An attempt that ends after these replies, whatever the gate answers.
fn played(lab: &Lab, replies: &[Value]) -> Played {
    lab.play("prove-on-edit", &[replies, &[done(), done(), done()]].concat())
}

/// The level and the reason in the patch's final evidence.
fn last(played: &Played, command: &str) -> (String, String) {
    let checks = played.finish()["evidence"]["checks"].as_array().unwrap().clone();
    let check = checks.into_iter().find(|check| check["command"] == command).unwrap_or_else(|| panic!("{played}"));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&check["level"]), word(&check["why"]["reason"]))
}

fn level(level: &str, why: &str) -> (String, String) {
    (level.to_owned(), why.to_owned())
}

pub(crate) fn a_check_that_lost_its_own_file_refutes_nothing() {
    let check = "python3 tests/repro.py";
    let remove = bash("rm tests/repro.py");
    // It was proven before.
    let lab = Lab::new(&[STATS]);
    let tidy = [cure(), write("tests/repro.py", TEST), bash(check), remove.clone(), bash(check)];
    let played_ = played(&lab, &tidy);
    assert_eq!(played_.finish()["evidence"]["level"], "proven", "{played_}");
    assert_eq!(last(&played_, check).0, "proven");
    // It never ran on this code.
    let lab = Lab::new(&[STATS]);
    let played_ = played(&lab, &[cure(), bash(check)]);
    assert_eq!(last(&played_, check), level("inconclusive", "check_file_missing"));
    assert_eq!(played_.finish()["evidence"]["level"], "inconclusive");
}

pub(crate) fn a_missing_runner_refutes_nothing() {
    let lab = Lab::new(&[STATS]);
    let played = played(&lab, &[cure(), bash("nosuchrunner -q"), bash("python3 -m nosuchmodule")]);
    assert_eq!(last(&played, "nosuchrunner -q"), level("inconclusive", "no_runner"));
    assert_eq!(last(&played, "python3 -m nosuchmodule"), level("inconclusive", "check_file_missing"));
    assert_eq!(played.finish()["evidence"]["level"], "inconclusive");
}

pub(crate) fn a_file_that_the_change_deletes_is_a_regression_of_what_runs_it() {
    let lab = Lab::new(&[STATS, ("tool.py", "print(1)\n")]);
    let played = played(&lab, &[bash("rm tool.py"), bash("python3 tool.py")]);
    assert_eq!(played.finish()["evidence"]["level"], "refuted", "{played}");
}

pub(crate) fn a_red_check_that_was_green_before_refutes_nothing_and_one_that_never_was_does() {
    let check = "python3 tests/t.py";
    let never = "python3 -c 'from stats import mean; assert mean([]) == 7'";
    let breaks = bash("sed -i 's/else 0/else 1/' stats.py");
    let lab = Lab::new(&[STATS]);
    let played = played(&lab, &[cure(), write("tests/t.py", TEST), bash(check), breaks, bash(check), bash(never)]);
    assert_eq!(last(&played, check), level("inconclusive", "no_longer_passes"), "{played}");
    assert_eq!(last(&played, never), level("refuted", ""));
}

pub(crate) fn a_crash_of_the_check_itself_shows_nothing() {
    let lab = Lab::new(&[STATS]);
    let name = "python3 -c 'from stats import mean; assert maen([]) == 0'";
    let syntax = "python3 -c 'assert assert'";
    let played = played(&lab, &[cure(), bash(name), bash(syntax)]);
    for check in [name, syntax] {
        assert_eq!(last(&played, check), level("inconclusive", "check_file_broken"), "{played}");
    }
}

pub(crate) fn a_name_that_the_patch_adds_proves_only_with_an_assertion() {
    let lab = Lab::new(&[STATS]);
    let add = bash("printf '\\ndef half(x):\\n    return x / 2\\n' >> stats.py");
    let asserts = "python3 -c 'from stats import half; assert half(4) == 2'";
    let imports = "python3 -c 'from stats import half; print(half(4))'";
    let attribute = "python3 -c 'import stats; assert stats.half(4) == 2'";
    let played = played(&lab, &[add, bash(asserts), bash(imports), bash(attribute)]);
    assert_eq!(last(&played, asserts).0, "proven", "{played}");
    assert_eq!(last(&played, attribute).0, "proven", "{played}");
    assert_eq!(last(&played, imports), level("inconclusive", "only_imports"), "{played}");
}

pub(crate) fn the_repositorys_own_tests_are_kept_and_a_test_of_the_change_is_vacuous() {
    let lab = Lab::python();
    let own = "python3 -m unittest -q test_stats";
    let kept = played(&lab, &[cure(), bash(own)]);
    assert_eq!((last(&kept, own), &kept.finish()["evidence"]["level"]), (level("kept", ""), &json!("kept")));
    assert_eq!(kept.check(own)["origin"], "repository");
    let lab = Lab::python();
    let new = "import unittest\nfrom stats import mean\n\n\nclass N(unittest.TestCase):\n    def test_one(self):\n        self.assertEqual(mean([1]), 1)\n";
    let made = "python3 -m unittest -q tests/test_new.py";
    let played = played(&lab, &[cure(), write("tests/test_new.py", new), bash(made), bash(own)]);
    assert_eq!((last(&played, made).0, last(&played, own).0), ("vacuous".to_owned(), "kept".to_owned()), "{played}");
    assert_eq!(played.finish()["evidence"]["level"], "kept");
}

pub(crate) fn a_gate_that_requires_a_run_accepts_any_check_that_passed() {
    let strategy = "extends = \"prove-on-edit\"\n[gate]\nrequire = \"ran\"\n";
    for check in ["python3 -c 'import stats'", "python3 -m unittest -q test_stats"] {
        let played = Lab::python().play(strategy, &[cure(), bash(check), done()]);
        let accepted =
            played.events_of("gate").iter().map(|gate| gate["accepted"].as_bool().unwrap()).collect::<Vec<_>>();
        assert_eq!(accepted, [true], "{check}: {played}");
    }
    let failed = bash("python3 -c 'import stats; assert stats.mean([]) == 7'");
    let played = Lab::python().play(strategy, &[cure(), failed, done(), done(), done()]);
    assert_eq!(played.events_of("gate")[0]["accepted"], false, "{played}");
}
