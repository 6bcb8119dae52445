//! What an exit code does not show: what is behind a pipe, single tests, and outputs. With a real interpreter.

use serde_json::{Value, json};
use voe_testkit::replies::{CHECK, bash, call, cure, done};
use voe_testkit::{Lab, Played, STATS};

/// Two tests of the statement's function: one fails either way, one is red without the cure.
const TWO: &str = "import unittest\nfrom stats import mean\n\n\nclass T(unittest.TestCase):\n    def test_empty(self):\n        self.assertEqual(mean([]), 0)\n\n    def test_never(self):\n        self.assertEqual(mean([2]), 7)\n";

fn write(path: &str, text: &str) -> Value {
    call("file_write", json!({"path": path, "content": text}))
}

fn played(lab: &Lab, replies: &[Value]) -> Played {
    lab.play("prove-on-edit", &[replies, &[done(), done(), done()]].concat())
}

pub(crate) fn a_failure_behind_a_pipe_is_found_by_a_second_run() {
    let check = "python3 -c 'from stats import mean; assert mean([]) == 7' 2>&1 | tail -5";
    let played = played(&Lab::new(&[STATS]), &[cure(), bash(check)]);
    let found = played.check(check);
    assert_eq!(
        (&found["level"], &found["with"]["hidden"]["by"]),
        (&json!("refuted"), &json!("second_run")),
        "{played}"
    );
    assert_eq!((&found["with"]["exit"], &found["with"]["hidden"]["exit"]), (&json!(0), &json!(1)));
}

pub(crate) fn a_proof_behind_a_pipe_is_found_by_a_second_run() {
    let check = format!("{CHECK} 2>&1 | tail -5");
    let again = [cure(), bash(&check), bash(&check)];
    let played = played(&Lab::new(&[STATS]), &again);
    let finish = played.finish();
    assert_eq!(finish["evidence"]["level"], "proven", "{played}");
    assert_eq!(finish["evidence"]["checks"][0]["with"]["hidden"]["exit"], 0, "{played}");
}

pub(crate) fn where_no_second_run_is_possible_a_hidden_exit_code_says_nothing() {
    let check = format!("{CHECK} 2>&1 | tail -5");
    let replies = [cure(), bash(&check), done(), done(), done()];
    let played = Lab::new(&[STATS]).play_with("prove-on-edit", &replies, |can| can.fork = false);
    let found = played.check(&check);
    assert_eq!((&found["level"], &found["why"]["reason"]), (&json!("inconclusive"), &json!("exit_hidden")), "{played}");
}

pub(crate) fn the_runners_report_decides_where_the_exit_code_is_hidden() {
    let lab = Lab::new(&[STATS, ("tests/test_two.py", TWO)]);
    let check = "python3 -m unittest -v tests/test_two.py 2>&1 | tail -50";
    let played = played(&lab, &[cure(), bash(check)]);
    let found = played.check(check);
    assert_eq!(found["with"]["hidden"], json!({"exit": 1, "by": "summary"}), "{played}");
    assert_eq!(found["level"], "proven");
}

pub(crate) fn one_test_that_turned_green_proves_beside_one_that_fails_either_way() {
    let check = "python3 -m unittest -v tests/test_two.py";
    let lab = Lab::new(&[STATS, ("tests/test_two.py", TWO)]);
    let played_ = played(&lab, &[cure(), bash(check)]);
    let found = played_.check(check);
    assert_eq!((&found["with"]["exit"], &found["without"]["exit"]), (&json!(1), &json!(1)));
    assert_eq!((&found["level"], &found["tests"]["failing"]), (&json!("proven"), &json!(1)), "{played_}");
    let lab = Lab::new(&[STATS, ("tests/test_two.py", TWO)]);
    let played_ = played(&lab, &[bash("echo '# more' >> stats.py"), bash(check)]);
    let found = played_.check(check);
    assert_eq!(
        (&found["level"], &found["why"]),
        (&json!("inconclusive"), &json!({"reason": "same_tests_fail", "tests": 2}))
    );
}

pub(crate) fn a_test_that_turned_red_refutes_whatever_the_exit_codes_are() {
    let two = TWO.replace(
        "test_never(self):\n        self.assertEqual(mean([2]), 7)",
        "test_one(self):\n        self.assertEqual(mean([2]), 2)",
    );
    let lab = Lab::new(&[STATS, ("tests/test_two.py", &two)]);
    let wrong = write("stats.py", "def mean(xs):\n    return 0\n");
    let check = "python3 -m unittest -v tests/test_two.py";
    let played = played(&lab, &[wrong, bash(check)]);
    let found = played.check(check);
    assert_eq!((&found["with"]["exit"], &found["without"]["exit"]), (&json!(1), &json!(1)));
    assert_eq!((&found["level"], found["tests"]["regressed"].as_array().map(Vec::len)), (&json!("refuted"), Some(1)));
    assert_eq!(played.finish()["evidence"]["level"], "refuted", "{played}");
}

pub(crate) fn a_check_that_only_prints_is_vacuous_and_the_difference_is_told() {
    let lab = Lab::new(&[("calc.py", "def sub(a, b):\n    return b - a\n")]);
    let fix = bash("sed -i 's/b - a/a - b/' calc.py");
    let check = "python3 -c 'from calc import sub; print(sub(3, 4))'";
    let played = played(&lab, &[fix, bash(check), bash("true")]);
    let found = played.check(check);
    assert_eq!(found["level"], "vacuous");
    assert_eq!(found["difference"], json!({"with": "-1", "without": "1"}), "{played}");
    let told = &played.texts()[2];
    assert!(told.contains("with your changes it prints `-1` instead of `1`: assert that"), "{told}");
}
