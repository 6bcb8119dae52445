//! Strategies that lead a model or make several attempts one, from end to end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod chosen;
mod killed;
mod pipeline;
mod prefix;
mod suite;
mod tree;

use serde_json::{Value, json};
use support::{Bench, Said};

const PROBLEM: &str = "mean() of an empty list should be 0";

// Several attempts as one. Scripted replies hang on what the conversation says, not on which request it is, so that they are the
// same after a kill; attempts are told apart by their strategies' prompts.

/// Strategy files of arms: `ARM-1` and so on stand in their prompts.
fn arms(bench: &Bench, count: usize, extends: &str) -> String {
    let names: Vec<String> = (1..=count)
        .map(|n| {
            let file = bench.dir.path().join(format!("arm-{n}.toml"));
            let text = format!(
                "extends = \"{extends}\"\n[prompt]\nsystem = \"ARM-{n}. Answer with {{{{ marker }}}} when done.\"\n"
            );
            std::fs::write(&file, text).unwrap();
            format!("\"{}\"", file.display())
        })
        .collect();
    names.join(", ")
}

fn search(bench: &Bench, keys: &str) -> String {
    let file = bench.dir.path().join("search.toml");
    std::fs::write(&file, format!("extends = \"prove-on-edit\"\n{keys}")).unwrap();
    file.display().to_string()
}

/// What an arm does: one edit, one check, done.
fn arm(n: usize, old: &str, new: &str, check: &str) -> Vec<Value> {
    let any = format!("ARM-{n}.");
    let edit = json!({"name": "file_edit", "arguments": {"path": "stats.py", "old_string": old, "new_string": new}});
    vec![
        json!({"when_any": any, "when": "should be 0", "tool_calls": [edit], "repeat": true}),
        json!({"when_any": any, "when": "edited stats.py", "tool_calls": [{"name": "bash", "arguments": {"command": check}}], "repeat": true}),
        json!({"when_any": any, "content": "TASK_COMPLETE", "repeat": true}),
    ]
}

const OLD: &str = "    return sum(xs) / len(xs)\n";

/// A right patch, a wrong one with a check that asks for the wrong thing, one that special-cases the example, and one whose check is
/// vacuous.
fn planted() -> Vec<Value> {
    let py = |text: &str| format!("python3 -c 'from stats import mean; {text}'");
    [
        arm(1, OLD, "    return sum(xs) / len(xs) if xs else 1\n", &py("assert mean([]) == 1")),
        arm(2, OLD, "    if xs == []:\n        return 0\n    return sum(xs) / len(xs)\n", &py("assert mean([]) == 0")),
        arm(3, OLD, "    return sum(xs) / len(xs) if xs else 0\n", &py("assert mean([]) == 0 == mean(())")),
        arm(4, OLD, "    return sum(xs) / float(len(xs))\n", &py("assert mean([2]) == 2")),
    ]
    .concat()
}

fn fix(bench: &Bench, strategy: &str, model: &str, sandbox: &str, more: &[&str]) -> Said {
    let mut args = vec!["fix", PROBLEM, "--strategy", strategy, "--sandbox", sandbox, "--json", "--model", model];
    args.extend(more);
    bench.voe(&args)
}

fn choice(said: &Said) -> Value {
    said.events_of("node").into_iter().find(|node| node["kind"] == "choose").unwrap_or_else(|| panic!("{}", said.out))
}

/// A tree whose first branch is wrong; one that is told of it goes the right way.
fn branches() -> Vec<Value> {
    let call = |name: &str, arguments: Value| json!([{"name": name, "arguments": arguments}]);
    let edit = |new: &str| json!({"path": "stats.py", "old_string": OLD, "new_string": new});
    let check = "python3 -c 'from stats import mean; assert mean([]) == 0'";
    let wrong = "    return sum(xs) / len(xs) if len(xs) > 1 else 1\n";
    vec![
        json!({"when": "Go another way", "tool_calls": call("file_edit", edit("    return sum(xs) / len(xs) if xs else 0\n")), "repeat": true}),
        json!({"when": "should be 0", "tool_calls": call("file_edit", edit(wrong)), "repeat": true}),
        json!({"when": "edited stats.py", "tool_calls": call("bash", json!({"command": check})), "repeat": true}),
        json!({"when": "exit code: 0", "content": "TASK_COMPLETE", "repeat": true}),
        json!({"tool_calls": call("bash", json!({"command": "cat stats.py"})), "repeat": true}),
    ]
}
