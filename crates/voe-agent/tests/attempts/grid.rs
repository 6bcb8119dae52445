//! The verification grid: every combination of method, granularity and recovery that makes sense runs to its end. The tables say
//! what each must do.

use std::sync::Mutex;

use serde_json::{Value, json};
use voe_testkit::replies::{CHECK, bash, call, done};
use voe_testkit::{Lab, Played, STATS};

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

    fn run(&self, lab: &Lab, times: u32, text: &str, replies: &[Value]) -> Played {
        let mut all = vec![summary()];
        all.extend_from_slice(replies);
        lab.play(&self.strategy(times, text), &all)
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

fn verdicts(played: &Played) -> Vec<Option<bool>> {
    played.events_of("verify").iter().map(|event| event["passed"].as_bool()).collect()
}

fn recoveries(played: &Played) -> usize {
    played.events_of("nudge").iter().filter(|nudge| nudge["kind"] == "recovery").count()
}

/// Runs `check` for every combination of the rows with the recoveries, some at a time, and reports all failures.
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
    ("spec", "end", 4), // its questions are not steps
    ("spec", "feature", 5),
    ("spec", "step", 3),
    ("command", "end", 4),
    ("command", "feature", 5),
    ("command", "step", 3),
    ("counterfactual", "end", 5), // edit, done, edit, check, done
    ("counterfactual", "feature", 6),
];

pub(crate) fn a_verification_that_fails_once_is_recovered_from_and_then_passes() {
    let cell = |(method, when, _), how| Cell { method, when, how };
    each(FAILS_ONCE, cell, |(method, _, steps), cell| {
        let lab = Lab::python();
        let mut replies = Vec::new();
        if let Some(words) = question(method) {
            replies.push(to(words, "- the empty list still fails\nVERDICT: fail", false));
            replies.push(to(words, "All is there.\nVERDICT: pass", false));
        }
        let good = if method == "counterfactual" { vec![right(), bash(CHECK)] } else { vec![right()] };
        replies.extend(cell.work(&[&[wrong(1)], &good]));
        let text = if method == "command" { CHECK } else { "" };
        let played = cell.run(&lab, 2, text, &replies);
        let finish = played.finish();
        assert_eq!(finish["reason"].as_str(), Some("completed"), "{played}");
        assert_eq!(verdicts(&played), [Some(false), Some(true)], "{played}");
        assert_eq!((recoveries(&played), finish["steps"].as_u64()), (1, Some(steps)), "{played}");
        assert_eq!(lab.read("stats.py"), CURED);

        let rewritten = played.events_of("conversation_rewritten");
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
            let notes = played
                .events_of("message")
                .into_iter()
                .filter(|m| m["message"]["content"].to_string().contains(failure));
            assert!(notes.count() >= 1);
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

pub(crate) fn where_recovery_loses_a_right_fix_the_best_evidenced_state_is_handed_in() {
    let cell = |(method, when, _, _), how| Cell { method, when, how };
    each(FAILS_ALWAYS, cell, |(method, when, better, expected), cell| {
        let lab = Lab::python();
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
        let played = cell.run(&lab, 1, text, &replies);
        let finish = played.finish();
        assert_eq!(finish["reason"].as_str(), Some("completed"), "{played}");
        let expected: Vec<_> = expected.iter().copied().map(Some).collect();
        assert_eq!((verdicts(&played), recoveries(&played)), (expected, 1), "{played}");
        let notes = played.events_of("note");
        let noted = notes.iter().any(|note| note["text"].as_str().unwrap().contains("best-evidenced state"));
        assert_eq!(noted, better, "{played}");
        let patch = finish["patch"].as_str().unwrap();
        assert_eq!(patch.contains("if xs else 0"), better, "{patch}");
        assert_eq!(lab.read("stats.py") == CURED, better);
        if matches!(method, "self_review" | "spec" | "command") {
            assert_eq!(finish["evidence"]["level"], "proven", "{finish}");
        }
    });
}

/// Method, granularity and how often it is asked, when its verdict is inconclusive.
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

pub(crate) fn an_inconclusive_verdict_is_neither_pass_nor_fail_and_is_recorded() {
    let cell = |(method, when, _), how| Cell { method, when, how };
    each(UNCLEAR, cell, |(method, _, times), cell| {
        // No tests, no command, and a model that does not follow the format.
        let lab = Lab::new(&[STATS]);
        let mut replies: Vec<_> =
            question(method).map(|words| to(words, "Looks fine to me, I would pass it.", true)).into_iter().collect();
        replies.extend(cell.work(&[&[right()]]));
        let played = cell.run(&lab, 2, "", &replies);
        let finish = played.finish();
        assert_eq!(finish["reason"].as_str(), Some("completed"), "{played}");
        assert_eq!((verdicts(&played), recoveries(&played)), (vec![None; times], 0), "{played}");
        assert_eq!(lab.read("stats.py"), CURED);
    });
}

pub(crate) fn without_a_method_the_models_word_is_enough() {
    let lab = Lab::python();
    let played = Cell { method: "none", when: "end", how: "retry" }.run(&lab, 2, "", &[wrong(1), done()]);
    assert_eq!((played.finish()["steps"].as_u64(), played.events_of("verify").len()), (Some(2), 0));
}

pub(crate) fn tests_that_failed_before_are_not_held_against_the_patch() {
    let lab = Lab::python();
    lab.write("test_old.py", "import unittest\nimport stats\n\n\nclass Old(unittest.TestCase):\n    def test_old(self):\n        self.fail()\n");
    let played = lab.play("tests", &[right(), done()]);
    assert_eq!(verdicts(&played), [Some(true)], "{played}");
    let text = played.events_of("verify")[0]["text"].as_str().unwrap().to_owned();
    assert!(text.contains("test_old.py") && text.contains("it failed before the changes too"), "{text}");
}

pub(crate) fn a_ticked_item_of_the_models_plan_is_verified_like_a_checkpoint() {
    let lab = Lab::python();
    let mut edit = wrong(1);
    edit["content"] = json!("Plan:\n- [x] the empty list\n- [ ] the docs");
    let cell = Cell { method: "tests", when: "feature", how: "retry" };
    let played = cell.run(&lab, 2, "", &[edit, right(), done()]);
    assert_eq!(verdicts(&played), [Some(false), Some(true)], "{played}");
    assert_eq!(played.events_of("verify")[0]["step"], 1);
}

pub(crate) fn a_model_that_keeps_working_instead_of_reviewing_is_reviewed_when_it_is_done_again() {
    let lab = Lab::python();
    let words = question("self_review").unwrap();
    let cell = Cell { method: "self_review", when: "end", how: "retry" };
    let mut busy = bash(CHECK);
    busy["when"] = json!(words);
    let replies = [busy, to(words, "VERDICT: pass", false), right(), done(), done()];
    let played = cell.run(&lab, 2, "", &replies);
    assert_eq!(verdicts(&played), [None, Some(true)], "{played}");
    assert_eq!((played.finish()["reason"].as_str(), played.events_of("result").len()), (Some("completed"), 2));
}

pub(crate) fn work_thrown_away_in_recovery_comes_back_when_the_steps_run_out() {
    let lab = Lab::python();
    let cell = Cell { method: "self_review", when: "end", how: "fresh" };
    let words = question("self_review").unwrap();
    let restored = bash("sed -i 's/ if xs else 0//' stats.py");
    let replies = [to(words, "VERDICT: fail", true), right(), bash(CHECK), done(), restored, bash("ls")];
    let played = lab.play(&format!("{}[limits]\nsteps = 6\n", cell.strategy(3, "")), &replies);
    let finish = played.finish();
    assert_eq!(finish["reason"], "max_steps");
    assert_eq!(finish["evidence"]["level"], "proven", "{played}");
    assert_eq!(lab.read("stats.py"), CURED);
}
