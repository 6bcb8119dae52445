//! Searches, and strategies of one's own, over a suite.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{self, Bench, Said};

/// The row's own solution, a check that turns from red to green with it, and the end.
const GOLD: &str = r#"
[[script]]
apply = "gold"
wait_s = 0.05
reply = [
  { content = "Run it.", tool_calls = [{ name = "bash", arguments = { command = "python3 -c 'from roman import to_roman; assert to_roman(40) == \"XL\"'" } }] },
  { content = "TASK_COMPLETE" },
]
"#;

const EXPERIMENT: &str = r#"
name = "searches"
suite = "mini"
parallel = 2
[filter]
ids = ["mini__roman-1"]
[[arm]]
name = "ralph"
strategy = "own.toml"
set.search = { kind = "ralph", n = 2 }
[[arm]]
name = "best-of-n"
strategy = "own.toml"
set.search = { kind = "best-of-n", n = 3, parallel = 2 }
[[arm]]
name = "bst"
strategy = "own.toml"
set.search = { kind = "bst", n = 3 }
[[arm]]
name = "mcts"
strategy = "own.toml"
set.search = { kind = "mcts", n = 6, width = 1 }
"#;

/// `voe bench run` in the bench's directory, which is no repository.
fn command(bench: &Bench, args: &[&str]) -> std::process::Command {
    let mut command = bench.command(support::VOE);
    command
        .current_dir(bench.dir.path())
        .env("VOE_CACHE_DIR", bench.dir.path().join("cache"))
        .env("VOE_SANDBOX", "none");
    command.args(["bench", "run", "--allow-readable-solutions"]).args(args);
    command
}

/// Of each arm: why it ended, its steps, its patch and its level.
fn ended(run: &Path) -> BTreeMap<String, (String, u64, String, String)> {
    let attempts = std::fs::read_dir(run.join("tasks/mini__roman-1")).unwrap().flatten();
    let facts = attempts.map(|attempt| {
        let text = std::fs::read_to_string(attempt.path().join("trajectory.jsonl")).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let facts = (
            word(&last["reason"]),
            last["steps"].as_u64().unwrap(),
            word(&last["patch"]),
            word(&last["evidence"]["level"]),
        );
        (attempt.file_name().to_string_lossy().into_owned(), facts)
    });
    facts.collect()
}

/// Replies in all records below `dir`.
fn replies(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let count = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().matches("\"event\":\"reply\"").count();
    entries.map(|entry| if entry.path().is_dir() { replies(&entry.path()) } else { count(&entry.path()) }).sum()
}

#[test]
fn searches_with_a_strategy_of_ones_own_run_over_a_suite_and_end_alike_when_killed() {
    let bench = Bench::new(&[]);
    let dir = bench.dir.path();
    std::fs::create_dir_all(dir.join("study")).unwrap();
    std::fs::write(dir.join("gold.toml"), GOLD).unwrap();
    std::fs::write(dir.join("study/searches.toml"), EXPERIMENT).unwrap();
    std::fs::write(dir.join("study/own.toml"), "extends = \"prove-on-edit\"\n[limits]\nsteps = 20\n").unwrap();
    let begin = |out: &str| ["study/searches.toml", "--model", "scripted:gold.toml", "--out", out].map(str::to_owned);
    let alone = Said::of(&command(&bench, &begin("alone").each_ref().map(String::as_str)).output().unwrap());
    assert_eq!(alone.code, 0, "{}\n{}", alone.out, alone.err);
    let alone = ended(&dir.join("alone"));
    assert_eq!(alone.len(), 4);
    for (arm, (reason, steps, patch, level)) in &alone {
        assert_eq!((reason.as_str(), level.as_str()), ("completed", "proven"), "{arm}");
        assert!(patch.contains("roman.py") && *steps >= 3, "{arm}: {steps}");
    }

    let killed = dir.join("killed");
    let mut child = command(&bench, &begin("killed").each_ref().map(String::as_str))
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // Until it has got somewhere; not a measure of time.
    while replies(&killed.join("tasks")) < 5 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let _ = child.kill();
    child.wait().unwrap();
    // What a run is made of stands in its directory.
    std::fs::remove_file(dir.join("study/own.toml")).unwrap();
    let again = Said::of(&command(&bench, &["killed", "--model", "scripted:gold.toml"]).output().unwrap());
    assert_eq!(again.code, 2, "a model given anew means the files again: {}", again.err);
    let again = Said::of(&command(&bench, &["killed"]).output().unwrap());
    assert_eq!(again.code, 0, "{}\n{}", again.out, again.err);
    assert_eq!(ended(&killed), alone);
}

#[test]
fn a_strategy_that_a_settings_file_names_lies_beside_that_file() {
    let bench = Bench::python();
    bench.write("tools/own.toml", "extends = \"baseline\"\n[limits]\nsteps = 1\n");
    bench.write("voe.toml", "strategy = \"tools/own.toml\"\n");
    bench.write("deep/down/file", "");
    let model = bench.script(&[support::bash("ls"), support::done()]);
    let args = ["fix", "mean() of an empty list should be 0", "--sandbox", "none", "--json", "--model", &model];
    let said = Said::of(&bench.command(support::VOE).current_dir(bench.path("deep/down")).args(args).output().unwrap());
    assert_eq!((said.code, said.finish()["reason"].as_str()), (3, Some("max_steps")), "{}", said.err);
}
