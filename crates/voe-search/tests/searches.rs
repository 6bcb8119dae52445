//! Searches from start to end, without the binary, in sandboxes with and without the capabilities that a search uses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::ExitCode;

use serde_json::{Value, json};
use voe_testkit::replies::{CHECK, bash, call, done};
use voe_testkit::{Lab, Played, STATS};

const RIGHT: &str = "    return sum(xs) / len(xs) if xs else 0\n";

fn edit(new: &str) -> Value {
    call("file_edit", json!({"path": "stats.py", "old_string": "    return sum(xs) / len(xs)\n", "new_string": new}))
}

/// A reply that is given each time the last message contains these words.
fn when(words: &str, mut reply: Value) -> Value {
    reply["when"] = words.into();
    reply["repeat"] = true.into();
    reply
}

/// A tree whose first branch is wrong; a sibling that reads about it takes the right way.
fn branches() -> Vec<Value> {
    vec![
        when("Go another way", edit(RIGHT)),
        when("should be 0", edit("    return sum(xs) / len(xs) if len(xs) > 1 else 1\n")),
        when("edited stats.py", bash(CHECK)),
        when("exit code: 0", done()),
        when("", bash("cat stats.py")),
    ]
}

fn strategy(keys: &str) -> String {
    format!("extends = \"prove-on-edit\"\n[search]\n{keys}")
}

fn steps_of_nodes(played: &Played) -> u64 {
    played.events_of("node").iter().filter_map(|node| node["rollout"]["steps"].as_u64()).sum()
}

fn mcts_finds_the_right_branch_whether_snapshots_are_cheap_or_not() {
    for cheap in [true, false] {
        let lab = Lab::new(&[STATS]);
        let keys = strategy("kind = \"mcts\"\nn = 20\nwidth = 2\n");
        let played = lab.play_with(&keys, &branches(), |can| can.snapshot = cheap);
        let finish = played.finish();
        assert_eq!(finish["evidence"]["level"], "proven", "cheap snapshots: {cheap}: {played}");
        assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"), "{finish}");
        // A node counts its own steps only: those before it were not made again.
        assert_eq!(finish["steps"].as_u64().unwrap(), steps_of_nodes(&played));
    }
}

fn bst_continues_from_before_the_bad_decision() {
    let lab = Lab::new(&[STATS]);
    let bad = || vec![bash("ls"), bash("cat stats.py"), edit("    return 1\n"), bash(CHECK), done()];
    let replies = [bad(), bad(), vec![edit(RIGHT), bash(CHECK), done()]].concat();
    let keys = strategy("kind = \"bst\"\nn = 4\nwidth = 1\n[gate]\nrequire = \"nothing\"\n");
    let played = lab.play(&keys, &replies);
    let probe = played.events_of("node").into_iter().find(|node| node["kind"] == "probe").unwrap();
    // Five steps, the third of them bad: halving comes to the end of the second.
    assert_eq!((&probe["parent"], &probe["rollout"]["steps"], &probe["step"]), (&json!(1), &json!(3), &json!(5)));
    assert_eq!((&played.finish()["evidence"]["level"], &played.finish()["steps"]), (&json!("proven"), &json!(13)));
}

fn ralph_begins_again_until_the_change_is_proven() {
    let lab = Lab::new(&[STATS]);
    let wrong = [edit("    return 1\n"), bash(CHECK), done(), done(), done()];
    let right = [edit(RIGHT), bash(CHECK), done()];
    let played = lab.play(&strategy("kind = \"ralph\"\nn = 3\n"), &[&wrong[..], &right[..]].concat());
    let kinds: Vec<String> =
        played.events_of("node").iter().map(|node| node["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds.iter().filter(|kind| *kind == "rollout").count(), 2, "{kinds:?}");
    assert_eq!(played.finish()["evidence"]["level"], "proven", "{played}");
}

fn main() -> ExitCode {
    voe_testkit::main(&[
        (
            "mcts_finds_the_right_branch_whether_snapshots_are_cheap_or_not",
            mcts_finds_the_right_branch_whether_snapshots_are_cheap_or_not,
        ),
        ("bst_continues_from_before_the_bad_decision", bst_continues_from_before_the_bad_decision),
        ("ralph_begins_again_until_the_change_is_proven", ralph_begins_again_until_the_change_is_proven),
    ])
}
