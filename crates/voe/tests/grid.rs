//! The verification grid: combinations of method, granularity and recovery that make no sense are refused with the reason, and a
//! review outlives voe. What the others do is in voe-agent's tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Bench, Said, call, done};

const CURED: &str = "def mean(xs):\n    return sum(xs) / len(xs) if xs else 0\n";

/// A strategy of the grid.
fn strategy(method: &str, when: &str, how: &str) -> String {
    format!(
        "extends = \"baseline\"\n[verify]\nmethod = {method:?}\nwhen = {when:?}\n[recovery]\nhow = {how:?}\ntimes = 2\n"
    )
}

fn verdicts(said: &Said) -> Vec<Option<bool>> {
    said.events_of("verify").iter().map(|event| event["passed"].as_bool()).collect()
}

/// Solves the problem.
fn right() -> Value {
    call("file_write", json!({"path": "stats.py", "content": CURED}))
}

/// Combinations that make no sense, and the reasons given.
#[test]
fn combinations_that_make_no_sense_are_refused_with_the_reason() {
    let bench = Bench::python();
    let reason = |method, when, how| -> Option<&str> {
        match (method, when, how) {
            ("none", "end", "retry") => None,
            ("none", "end", _) => Some("no verification can fail"),
            ("none", _, _) => Some("nothing is verified"),
            ("counterfactual", "step", _) => Some("no check has run since the edit"),
            _ => None,
        }
    };
    let (mut refused, mut taken) = (0, 0);
    for method in ["none", "self_review", "tests", "spec", "command", "counterfactual"] {
        for when in ["end", "feature", "step"] {
            for how in ["retry", "compact", "fresh"] {
                bench.write("../grid.toml", &strategy(method, when, how));
                let said = bench.voe(&["strategies", "show", "../grid.toml"]);
                match reason(method, when, how) {
                    Some(why) => {
                        assert!(said.code == 2 && said.err.contains(why), "{method} {when} {how}: {}", said.err);
                        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
                        refused += 1;
                    }
                    None => {
                        assert_eq!(said.code, 0, "{method} {when} {how}: {}", said.err);
                        taken += 1;
                    }
                }
            }
        }
    }
    assert_eq!((refused, taken), (11, 43));
    for (text, why) in [
        ("[verify]\nmethod = \"tests\"\n[evidence]\ncounterfactual = \"off\"\n", "evidence.counterfactual is off"),
        ("[verify]\nmethod = \"tests\"\ntext = \"make check\"\n", "this method has neither"),
        ("[verify]\nmethod = \"spec\"\n[pipeline]\nchecks = 1\n", "runs its own checks"),
        ("[red_first]\nrefusals = 1\n[evidence]\ncounterfactual = \"off\"\n", "[red_first] runs its checks"),
    ] {
        bench.write("../grid.toml", &format!("extends = \"baseline\"\n{text}"));
        let said = bench.voe(&["strategies", "show", "../grid.toml"]);
        assert!(said.code == 2 && said.err.contains(why), "{}", said.err);
    }
}

#[test]
fn the_shipped_strategies_of_the_grid_load_and_are_listed() {
    let bench = Bench::python();
    let listed = bench.voe(&["strategies"]).out;
    for name in ["self-review", "tests", "spec", "red-first"] {
        assert!(listed.lines().any(|line| line.starts_with(name)), "{listed}");
        let shown = bench.voe(&["strategies", "show", name]);
        assert!(shown.code == 0 && shown.out.contains(&format!("name = \"{name}\"")), "{}", shown.err);
    }
}

#[test]
fn a_review_that_was_asked_for_when_voe_was_stopped_is_answered_after_it_goes_on() {
    let bench = Bench::python();
    bench.write("../grid.toml", &strategy("self_review", "end", "retry"));
    let replies = [right(), done(), json!({"error": {"kind": "server"}})];
    let first = bench.fix(&replies, &["--strategy", "../grid.toml"]);
    assert_eq!((first.code, verdicts(&first).len()), (4, 0), "{}", first.out);
    let record = first.finish()["trajectory"].as_str().unwrap().to_owned();
    let model = bench.script(&[support::text("All is there.\nVERDICT: pass")]);
    let second = bench.voe(&["fix", "--resume", &record, "--json", "--model", &model, "--sandbox", "none"]);
    assert_eq!((second.code, verdicts(&second)), (0, vec![Some(true)]), "{}", second.out);
    assert_eq!(second.finish()["steps"], 3);
}
