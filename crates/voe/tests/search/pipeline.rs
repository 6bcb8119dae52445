//! The harness leads.

use serde_json::{Value, json};

use crate::PROBLEM;
use crate::support::{Bench, Said, text};

/// A check that shows the problem, as a model writes it.
const RED: &str = "```python\nfrom stats import mean\nassert mean([]) == 0\n```";
const CURE: &str = "```python\ndef mean(xs):\n    return sum(xs) / len(xs) if xs else 0\n```";

/// A reply to each question that has these words.
fn when(words: &str, reply: &str) -> Value {
    json!({"when": words, "content": reply, "repeat": true})
}

fn pipeline(bench: &Bench, replies: &[Value], more: &[&str]) -> Said {
    let model = bench.script(replies);
    let mut args = vec!["fix", PROBLEM, "--strategy", "pipeline", "--sandbox", "none", "--json", "--model", &model];
    args.extend(more);
    bench.voe(&args)
}

#[test]
fn a_pipeline_asks_for_a_check_and_a_change_and_ends_with_a_proof() {
    let bench = Bench::python();
    let said = pipeline(&bench, &[text(RED), text(CURE)], &[]);
    let finish = said.finish();
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert_eq!((finish["steps"].as_u64(), finish["evidence"]["level"].as_str()), (Some(2), Some("proven")), "{finish}");
    assert!(bench.read("stats.py").contains("if xs else 0"));
    // Each question is a context of its own.
    let messages: Vec<_> = said.events_of("reply").iter().map(|r| r["request_messages"].clone()).collect();
    assert_eq!(messages, [1, 1]);
}

#[test]
fn checks_that_are_green_or_broken_are_asked_for_again_with_the_reason() {
    let bench = Bench::python();
    let green = "```python\nfrom stats import mean\nassert mean([2]) == 2\n```";
    let broken = "```python\nassert meen([]) == 0\n```";
    let edits =
        "```python\nopen('stats.py', 'a').write('mean = None\\n')\nfrom stats import mean\nassert mean([]) == 0\n```";
    let said = pipeline(&bench, &[text(green), text(broken), text(edits), text(RED), text(CURE)], &[]);
    let asked: Vec<String> = said
        .events_of("message")
        .iter()
        .filter(|m| m["origin"] == "strategy")
        .map(|m| m["message"]["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(asked[1].contains("It passes on the code as it is"), "{}", asked[1]);
    assert!(asked[2].contains("NameError"), "{}", asked[2]);
    assert!(asked[3].contains("It changes files of the repository"), "{}", asked[3]);
    assert!(!asked[4].contains("mean = None"), "{}", asked[4]);
    assert_eq!(said.finish()["evidence"]["level"], "proven");
}

#[test]
fn a_change_that_does_not_do_is_tried_again_with_the_failure_and_then_elsewhere() {
    let bench = Bench::python();
    let wrong = "```python\ndef mean(xs):\n    return sum(xs) / max(len(xs), 1) + 1\n```";
    let said = pipeline(&bench, &[text(RED), text(wrong), text(CURE)], &[]);
    let last = said.events_of("message").pop().unwrap()["message"]["content"].as_str().unwrap().to_owned();
    assert!(last.contains("This was tried") && last.contains("the check still fails"), "{last}");
    assert_eq!((said.finish()["evidence"]["level"].as_str(), said.code), (Some("proven"), 0));
    assert!(!bench.read("stats.py").contains("+ 1"));
}

#[test]
fn a_change_that_breaks_the_repositorys_own_tests_is_not_taken() {
    let bench = Bench::python();
    let breaks = "```python\ndef mean(xs):\n    return 0\n```";
    let said = pipeline(&bench, &[text(RED), text(breaks), text(CURE)], &[]);
    assert!(bench.read("stats.py").contains("if xs else 0"), "{}", said.out);
    assert_eq!(said.finish()["evidence"]["level"], "proven");
}

#[test]
fn a_pipeline_without_checks_takes_the_first_change_that_goes_in() {
    let bench = Bench::python();
    bench.write("../bare.toml", "extends = \"pipeline\"\n[pipeline]\nchecks = 0\ncandidates = 1\nplaces = 1\n");
    let model = bench.script(&[text(CURE)]);
    let said =
        bench.voe(&["fix", PROBLEM, "--strategy", "../bare.toml", "--sandbox", "none", "--json", "--model", &model]);
    assert_eq!((said.code, said.finish()["steps"].as_u64()), (0, Some(1)), "{}", said.err);
    assert!(bench.read("stats.py").contains("if xs else 0"));
}

#[test]
fn of_changes_that_a_wrong_check_refutes_one_that_breaks_no_test_is_handed_in() {
    let bench = Bench::python();
    // It asks for the wrong thing, so no change is ever proven by it.
    let check = "```python\nfrom stats import mean\nassert mean([]) == 7 and mean([1]) == 2\n```";
    let breaks = "```python\ndef mean(xs):\n    return 0\n```";
    let said = pipeline(&bench, &[text(check), text(breaks), text(CURE)], &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(bench.read("stats.py"), "def mean(xs):\n    return sum(xs) / len(xs) if xs else 0\n", "{}", said.out);
}

#[test]
fn the_best_change_so_far_is_handed_in_when_a_limit_ends_the_pipeline() {
    let bench = Bench::python();
    // The first helps without a proof, the second breaks a test of the repository's; then there are no steps left.
    let (near, worse) = ("    return sum(xs) / max(len(xs), 1) + 0 * len(xs) or None", "    return 7");
    let change = |body: &str| text(&format!("```python\ndef mean(xs):\n{body}\n```"));
    let said = pipeline(&bench, &[text(RED), change(near), change(worse)], &["--max-steps", "2"]);
    let finish = said.finish();
    assert_eq!((said.code, finish["reason"].as_str()), (3, Some("max_steps")), "{}", said.out);
    assert!(finish["patch"].as_str().unwrap().contains("or None"), "{finish}");
    assert!(bench.read("stats.py").contains("or None"));
}

#[test]
fn a_pipeline_that_was_killed_goes_on_without_asking_again() {
    let bench = Bench::python();
    let wrong = "```python\ndef mean(xs):\n    return 1\n```";
    let first = pipeline(&bench, &[text(RED), text(wrong), json!({"error": {"kind": "server"}})], &[]);
    assert_eq!(first.code, 4);
    let record = first.finish()["trajectory"].as_str().unwrap().to_owned();
    let model = bench.script(&[text(CURE)]);
    let second = bench.voe(&["fix", "--resume", &record, "--json", "--model", &model, "--sandbox", "none"]);
    let finish = second.finish();
    assert_eq!((second.code, finish["steps"].as_u64()), (0, Some(3)), "{}\n{}", second.err, second.out);
    assert_eq!(finish["evidence"]["level"], "proven");
    assert!(bench.read("stats.py").contains("if xs else 0"));
}

#[test]
fn the_places_are_ranked_by_the_model_and_the_second_is_tried_when_the_first_does_not_do() {
    let bench = Bench::new(&[
        ("total.py", "def total(xs):\n    return sum(xs)\n"),
        ("stats.py", "from total import total\n\n\ndef mean(xs):\n    return total(xs) / len(xs)\n"),
    ]);
    let replies = [
        when("Which of these functions", "1, 2"),
        when("Write a short Python script", RED),
        when("the function total", "```python\ndef total(xs):\n    return sum(xs) or 0\n```"),
        when("the function mean", CURE),
    ];
    bench.write("../places.toml", "extends = \"pipeline\"\n[pipeline]\ncandidates = 1\n");
    let model = bench.script(&replies);
    let problem = "total([]) / mean([]) of an empty list should be 0";
    let said =
        bench.voe(&["fix", problem, "--strategy", "../places.toml", "--sandbox", "none", "--json", "--model", &model]);
    assert_eq!(said.finish()["evidence"]["level"], "proven", "{}", said.out);
    assert!(bench.read("stats.py").contains("if xs else 0") && !bench.read("total.py").contains("or 0"));
}
