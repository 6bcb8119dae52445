//! The verification grid: every combination of method, granularity and recovery that makes sense runs to its end, and those that
//! don't are refused with the reason. The tables say what each must do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::sync::Mutex;

use serde_json::{Value, json};
use support::{Bench, CHECK, Said, bash, call, done};

const GRANULARITIES: [&str; 3] = ["end", "feature", "step"];
const RECOVERIES: [&str; 3] = ["retry", "compact", "fresh"];

const CURED: &str = "def mean(xs):\n    return sum(xs) / len(xs) if xs else 0\n";

/// Solves the problem, whatever was there before.
fn right() -> Value {
    call("file_write", json!({"path": "stats.py", "content": CURED}))
}

/// Breaks the repository's own test and solves nothing.
fn wrong(by: u32) -> Value {
    call(
        "file_write",
        json!({"path": "stats.py", "content": format!("def mean(xs):\n    return sum(xs) / len(xs) + {by}\n")}),
    )
}

fn checkpoint() -> Value {
    call("checkpoint", json!({"part": "the mean of nothing"}))
}

/// A reply to a question with these words in its last message; taken before any other.
fn to(words: &str, answer: &str, again: bool) -> Value {
    json!({"when": words, "content": answer, "repeat": again})
}

/// The words by which the two methods that ask a model are known.
fn question(method: &str) -> Option<&'static str> {
    match method {
        "self_review" => Some("as a strict reviewer"),
        "spec" => Some("The patch:\n"),
        _ => None,
    }
}

fn summary() -> Value {
    to("about to be shortened", "mean() in stats.py fails on an empty list.", true)
}

/// One combination.
struct Cell {
    method: &'static str,
    when: &'static str,
    how: &'static str,
}

impl Cell {
    fn strategy(&self, times: u32, text: &str) -> String {
        format!(
            "extends = \"baseline\"\n[verify]\nmethod = {:?}\nwhen = {:?}\ntext = {text:?}\n[recovery]\nhow = {:?}\ntimes = {times}\n",
            self.method, self.when, self.how
        )
    }

    fn run(&self, bench: &Bench, times: u32, text: &str, replies: &[Value]) -> Said {
        bench.write("../grid.toml", &self.strategy(times, text));
        let mut all = vec![summary()];
        all.extend_from_slice(replies);
        bench.fix(&all, &["--strategy", "../grid.toml"])
    }

    /// The replies of a work cut into parts: after each, what makes a verification due at this granularity.
    fn work(&self, parts: &[&[Value]]) -> Vec<Value> {
        let mut replies = Vec::new();
        for part in parts {
            replies.extend_from_slice(part);
            match self.when {
                "feature" => replies.push(checkpoint()),
                "end" => replies.push(done()),
                _ => {}
            }
        }
        if self.when != "end" {
            replies.push(done());
        }
        replies
    }

    fn name(&self) -> String {
        format!("{} × {} × {}", self.method, self.when, self.how)
    }
}

fn verdicts(said: &Said) -> Vec<Option<bool>> {
    said.events_of("verify").iter().map(|event| event["passed"].as_bool()).collect()
}

fn recoveries(said: &Said) -> usize {
    said.events_of("nudge").iter().filter(|nudge| nudge["kind"] == "recovery").count()
}

/// Runs `check` for every combination of the rows with the recoveries, some at a time; all failures are told.
fn each<R: Copy + Sync>(rows: &[R], cell: impl Fn(R, &'static str) -> Cell + Sync, check: impl Fn(R, &Cell) + Sync) {
    let work: Vec<(R, Cell)> =
        rows.iter().flat_map(|row| RECOVERIES.iter().map(|how| (*row, cell(*row, how)))).collect();
    let (next, failed) = (Mutex::new(work.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((row, cell)) = next.lock().unwrap().next() else { return };
                    let run = std::panic::AssertUnwindSafe(|| check(*row, cell));
                    if let Err(error) = std::panic::catch_unwind(run) {
                        let why = error.downcast_ref::<String>().cloned().unwrap_or_else(|| "it failed".into());
                        failed.lock().unwrap().push(format!("{}: {why}", cell.name()));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Method, granularity, and the model's replies until the end when the first verification fails and the second passes.
const FAILS_ONCE: &[(&str, &str, u64)] = &[
    ("self_review", "end", 6), // edit, done, review, edit, done, review
    ("self_review", "feature", 7),
    ("self_review", "step", 5),
    ("tests", "end", 4), // edit, done, edit, done
    ("tests", "feature", 5),
    ("tests", "step", 3),
    ("spec", "end", 4), // its questions are no steps
    ("spec", "feature", 5),
    ("spec", "step", 3),
    ("command", "end", 4),
    ("command", "feature", 5),
    ("command", "step", 3),
    ("counterfactual", "end", 5), // edit, done, edit, check, done
    ("counterfactual", "feature", 6),
];

#[test]
fn a_verification_that_fails_once_is_recovered_from_and_then_passes() {
    let cell = |(method, when, _), how| Cell { method, when, how };
    each(FAILS_ONCE, cell, |(method, _, steps), cell| {
        let bench = Bench::python();
        let mut replies = Vec::new();
        if let Some(words) = question(method) {
            replies.push(to(words, "- the empty list still fails\nVERDICT: fail", false));
            replies.push(to(words, "All is there.\nVERDICT: pass", false));
        }
        let good = if method == "counterfactual" { vec![right(), bash(CHECK)] } else { vec![right()] };
        replies.extend(cell.work(&[&[wrong(1)], &good]));
        let text = if method == "command" { CHECK } else { "" };
        let said = cell.run(&bench, 2, text, &replies);
        let finish = said.finish();
        assert_eq!((said.code, finish["reason"].as_str()), (0, Some("completed")), "{}", said.out);
        assert_eq!(verdicts(&said), [Some(false), Some(true)], "{}", said.out);
        assert_eq!((recoveries(&said), finish["steps"].as_u64()), (1, Some(steps)), "{}", said.out);
        assert_eq!(bench.read("stats.py"), CURED);

        let rewritten = said.events_of("conversation_rewritten");
        let failure = "Verification (";
        match cell.how {
            "retry" => assert!(rewritten.is_empty()),
            how => {
                assert_eq!(rewritten.len(), 1);
                assert_eq!(rewritten[0]["kind"], if how == "fresh" { "fresh" } else { "summary" });
                let messages = rewritten[0]["messages"].as_array().unwrap();
                assert_eq!(messages.len(), 2, "the instructions and the task");
                let task = messages[1]["content"].as_str().unwrap();
                assert!(task.contains("mean() of an empty list should be 0") && task.contains(failure), "{task}");
                let own = if how == "fresh" { "+    return sum(xs) / len(xs) + 1" } else { "in your own words" };
                assert!(task.contains(own) && task.contains("Files changed so far: stats.py"), "{task}");
            }
        }
        if cell.how == "retry" {
            let told =
                said.events_of("message").into_iter().filter(|m| m["message"]["content"].to_string().contains(failure));
            assert!(told.count() >= 1);
        }
    });
}

/// Method, granularity, whether an earlier state is better than the last one, and the verdicts, when one recovery is allowed.
const FAILS_ALWAYS: &[(&str, &str, bool, &[bool])] = &[
    ("self_review", "end", true, &[false, false]),
    ("self_review", "feature", true, &[false, false, false]),
    ("self_review", "step", true, &[false, false, false]),
    ("spec", "end", true, &[false, false]),
    ("spec", "feature", true, &[false, false, false]),
    ("spec", "step", true, &[false, false, false]),
    ("command", "end", true, &[false, false]),
    ("command", "feature", true, &[false, false, false]),
    ("command", "step", true, &[false, false, false]),
    // Two states that break the same test: the last one is as good as the first.
    ("tests", "end", false, &[false, false]),
    ("tests", "feature", true, &[true, false, false, false]),
    ("tests", "step", true, &[true, false, false, false]),
    ("counterfactual", "end", true, &[false, false]),
    ("counterfactual", "feature", true, &[false, false, false]),
];

#[test]
fn where_recovery_loses_a_right_fix_the_best_evidenced_state_is_handed_in() {
    let cell = |(method, when, _, _), how| Cell { method, when, how };
    each(FAILS_ALWAYS, cell, |(method, when, better, expected), cell| {
        let bench = Bench::python();
        let mut replies = Vec::new();
        if let Some(words) = question(method) {
            replies.push(to(words, "I do not like it.\nVERDICT: fail", true));
        }
        let proven: &[Value] = &[right(), bash(CHECK)];
        replies.extend(match method {
            "counterfactual" => cell.work(&[&[right()], &[wrong(1), bash(CHECK)]]),
            "tests" if when == "end" => cell.work(&[&[wrong(1)], &[wrong(2)]]),
            "tests" => cell.work(&[&[right()], &[wrong(1)], &[wrong(2)]]),
            _ => cell.work(&[proven, &[wrong(1)]]),
        });
        let text = if method == "command" { "exit 1" } else { "" };
        let said = cell.run(&bench, 1, text, &replies);
        let finish = said.finish();
        assert_eq!((said.code, finish["reason"].as_str()), (0, Some("completed")), "{}", said.out);
        let expected: Vec<_> = expected.iter().copied().map(Some).collect();
        assert_eq!((verdicts(&said), recoveries(&said)), (expected, 1), "{}", said.out);
        let notes = said.events_of("note");
        let told = notes.iter().any(|note| note["text"].as_str().unwrap().contains("best-evidenced state"));
        assert_eq!(told, better, "{}", said.out);
        let patch = finish["patch"].as_str().unwrap();
        assert_eq!(patch.contains("if xs else 0"), better, "{patch}");
        assert_eq!(bench.read("stats.py") == CURED, better);
        if matches!(method, "self_review" | "spec" | "command") {
            assert_eq!(finish["evidence"]["level"], "proven", "{finish}");
        }
    });
}

/// Method, granularity and how often it is asked, when what it says can't be told.
const UNCLEAR: &[(&str, &str, usize)] = &[
    ("self_review", "end", 1),
    ("self_review", "feature", 2),
    ("self_review", "step", 2),
    ("spec", "end", 1),
    ("spec", "feature", 2),
    ("spec", "step", 2),
    ("tests", "end", 1),
    ("tests", "feature", 2),
    ("tests", "step", 2),
    ("command", "end", 1),
    ("command", "feature", 2),
    ("command", "step", 2),
];

#[test]
fn a_verdict_that_cannot_be_told_is_neither_pass_nor_fail_and_is_recorded() {
    let cell = |(method, when, _), how| Cell { method, when, how };
    each(UNCLEAR, cell, |(method, _, times), cell| {
        // No tests, no command, and a model that does not keep to the form.
        let bench = Bench::new(&[("stats.py", "def mean(xs):\n    return sum(xs) / len(xs)\n")]);
        let mut replies: Vec<_> =
            question(method).map(|words| to(words, "Looks fine to me, I would pass it.", true)).into_iter().collect();
        replies.extend(cell.work(&[&[right()]]));
        let said = cell.run(&bench, 2, "", &replies);
        let finish = said.finish();
        assert_eq!((said.code, finish["reason"].as_str()), (0, Some("completed")), "{}", said.out);
        assert_eq!((verdicts(&said), recoveries(&said)), (vec![None; times], 0), "{}", said.out);
        assert_eq!(bench.read("stats.py"), CURED);
    });
}

#[test]
fn without_a_method_the_models_word_is_enough() {
    let bench = Bench::python();
    let said = Cell { method: "none", when: "end", how: "retry" }.run(&bench, 2, "", &[wrong(1), done()]);
    assert_eq!((said.finish()["steps"].as_u64(), said.events_of("verify").len()), (Some(2), 0));
}

/// Combinations that make no sense, and what is said of them.
#[test]
fn combinations_that_make_no_sense_are_refused_with_the_reason() {
    let bench = Bench::python();
    let reason = |method, when, how| -> Option<&str> {
        match (method, when, how) {
            ("none", "end", "retry") => None,
            ("none", "end", _) => Some("nothing can fail"),
            ("none", _, _) => Some("there is nothing to time"),
            ("counterfactual", "step", _) => Some("no check has run since the edit"),
            _ => None,
        }
    };
    let (mut refused, mut taken) = (0, 0);
    for method in ["none", "self_review", "tests", "spec", "command", "counterfactual"] {
        for when in GRANULARITIES {
            for how in RECOVERIES {
                bench.write("../grid.toml", &Cell { method, when, how }.strategy(2, ""));
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
    assert_eq!(taken, 1 + 3 * FAILS_ONCE.len(), "the table above holds all that are taken");
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
fn tests_that_failed_before_are_not_held_against_the_patch() {
    let bench = Bench::python();
    bench.write("test_old.py", "import unittest\nimport stats\n\n\nclass Old(unittest.TestCase):\n    def test_old(self):\n        self.fail()\n");
    bench.git(&["add", "-A"]);
    bench.git(&["commit", "-qm", "a test that fails"]);
    let said = bench.fix(&[right(), done()], &["--strategy", "tests"]);
    assert_eq!(verdicts(&said), [Some(true)], "{}", said.out);
    let text = said.events_of("verify")[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("test_old.py") && text.contains("it failed before the changes too"), "{text}");
}

#[test]
fn a_ticked_item_of_the_models_plan_is_verified_like_a_checkpoint() {
    let bench = Bench::python();
    let mut edit = wrong(1);
    edit["content"] = json!("Plan:\n- [x] the empty list\n- [ ] the docs");
    let cell = Cell { method: "tests", when: "feature", how: "retry" };
    let said = cell.run(&bench, 2, "", &[edit, right(), done()]);
    assert_eq!(verdicts(&said), [Some(false), Some(true)], "{}", said.out);
    assert_eq!(said.events_of("verify")[0]["step"], 1);
}

#[test]
fn a_model_that_goes_on_working_instead_of_reviewing_is_reviewed_when_it_is_done_again() {
    let bench = Bench::python();
    let words = question("self_review").unwrap();
    let cell = Cell { method: "self_review", when: "end", how: "retry" };
    let mut busy = bash(CHECK);
    busy["when"] = json!(words);
    let replies = [busy, to(words, "VERDICT: pass", false), right(), done(), done()];
    let said = cell.run(&bench, 2, "", &replies);
    assert_eq!(verdicts(&said), [None, Some(true)], "{}", said.out);
    assert_eq!((said.finish()["reason"].as_str(), said.events_of("result").len()), (Some("completed"), 2));
}

#[test]
fn work_thrown_away_in_recovery_comes_back_when_the_steps_run_out() {
    let bench = Bench::python();
    let cell = Cell { method: "self_review", when: "end", how: "fresh" };
    bench.write("../grid.toml", &cell.strategy(3, ""));
    let words = question("self_review").unwrap();
    let replies =
        [to(words, "VERDICT: fail", true), right(), bash(CHECK), done(), bash("git checkout -q stats.py"), bash("ls")];
    let said = bench.fix(&replies, &["--strategy", "../grid.toml", "--max-steps", "6"]);
    let finish = said.finish();
    assert_eq!(finish["reason"], "max_steps");
    assert_eq!(finish["evidence"]["level"], "proven", "{}", said.out);
    assert_eq!(bench.read("stats.py"), CURED);
}

#[test]
fn a_review_that_was_asked_for_when_voe_was_stopped_is_answered_after_it_goes_on() {
    let bench = Bench::python();
    let cell = Cell { method: "self_review", when: "end", how: "retry" };
    let first = cell.run(&bench, 2, "", &[right(), done(), json!({"error": {"kind": "server"}})]);
    assert_eq!((first.code, verdicts(&first).len()), (4, 0), "{}", first.out);
    let record = first.finish()["trajectory"].as_str().unwrap().to_owned();
    let model = bench.script(&[support::text("All is there.\nVERDICT: pass")]);
    let second = bench.voe(&["fix", "--resume", &record, "--json", "--model", &model, "--sandbox", "none"]);
    assert_eq!((second.code, verdicts(&second)), (0, vec![Some(true)]), "{}", second.out);
    assert_eq!(second.finish()["steps"], 3);
}
