//! Strategies that lead a model or make several attempts one, from end to end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;
mod support;

use serde_json::{Value, json};
use support::{Bench, Said, text};

const PROBLEM: &str = "mean() of an empty list should be 0";
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
    let said = pipeline(&bench, &[text(green), text(broken), text(RED), text(CURE)], &[]);
    let asked: Vec<String> = said
        .events_of("message")
        .iter()
        .filter(|m| m["origin"] == "strategy")
        .map(|m| m["message"]["content"].as_str().unwrap().to_owned())
        .collect();
    assert!(asked[1].contains("It passes on the code as it is"), "{}", asked[1]);
    assert!(asked[2].contains("NameError"), "{}", asked[2]);
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
fn a_pipeline_that_was_killed_goes_on_without_asking_again() {
    let bench = Bench::python();
    let wrong = "```python\ndef mean(xs):\n    return 1\n```";
    let first = pipeline(&bench, &[text(RED), text(wrong), json!({"error": {"kind": "server"}})], &[]);
    assert_eq!(first.code, 4);
    let record = first.finish()["trajectory"].as_str().unwrap().to_owned();
    let model = bench.script(&[text(CURE)]);
    let second = bench.voe(&["fix", "--resume", &record, "--json", "--model", &model]);
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

#[test]
fn best_of_n_chooses_the_right_patch_among_wrong_overfitted_and_vacuously_tested_ones() {
    for (sandbox, parallel) in [("none", 1), ("local", 2)] {
        let bench = Bench::python();
        let arms = arms(&bench, 4, "prove-on-edit");
        let keys = format!("[search]\nkind = \"best-of-n\"\nn = 4\nparallel = {parallel}\nstrategies = [{arms}]\n");
        let strategy = search(&bench, &keys);
        let said = fix(&bench, &strategy, &bench.script(&planted()), sandbox, &[]);
        let (finish, choice) = (said.finish(), choice(&said));
        assert_eq!(said.code, 0, "{sandbox}: {}\n{}", said.out, said.err);
        assert_eq!(choice["parent"], 3, "{choice}");
        assert!(choice["detail"]["why"].as_str().unwrap().contains("of the others' checks"), "{choice}");
        assert_eq!(finish["evidence"]["level"], "proven");
        assert!(bench.read("stats.py").contains("if xs else 0"));
        let steps: u64 = said.events_of("node").iter().filter_map(|n| n["detail"]["steps"].as_u64()).sum();
        assert_eq!(finish["steps"].as_u64().unwrap(), steps);
        // The record of each attempt lies beside that of the search.
        let record = finish["trajectory"].as_str().unwrap();
        for n in 1..=4 {
            assert!(std::path::Path::new(record).with_file_name(format!("attempts/{n}/trajectory.jsonl")).is_file());
        }
    }
}

#[test]
fn checks_are_run_elsewhere_with_the_scratch_files_that_they_need() {
    let bench = Bench::python();
    let arms = arms(&bench, 2, "prove-on-edit");
    let strategy = search(&bench, &format!("[search]\nn = 2\nstrategies = [{arms}]\n"));
    let script = "cat > /tmp/c.py <<'E'\nfrom stats import mean\nassert mean([]) == 0 == mean(())\nE\nPYTHONPATH=. python3 /tmp/c.py";
    let own = |n: usize, new: &str, check: &str| arm(n, OLD, new, check);
    let overfitted = "    if xs == []:\n        return 0\n    return sum(xs) / len(xs)\n";
    let replies = [
        own(
            1,
            overfitted,
            "cat > /tmp/c.py <<'E'\nfrom stats import mean\nassert mean([]) == 0\nE\nPYTHONPATH=. python3 /tmp/c.py",
        ),
        own(2, "    return sum(xs) / len(xs) if xs else 0\n", script),
    ]
    .concat();
    // The scripts have the same path in both attempts: in a sandbox each has its own /tmp. Run as a step of its own, so that the
    // command itself does not bring the file along.
    let replies: Vec<Value> = replies
        .into_iter()
        .map(|mut reply| {
            let text = reply.to_string();
            if text.contains("PYTHONPATH") {
                let command = reply["tool_calls"][0]["arguments"]["command"].as_str().unwrap().to_owned();
                reply["tool_calls"] = json!([
                    {"name": "bash", "arguments": {"command": command.split("\nPYTHONPATH").next().unwrap()}},
                    {"name": "bash", "arguments": {"command": "PYTHONPATH=. python3 /tmp/c.py"}},
                ]);
            }
            reply
        })
        .collect();
    let said = fix(&bench, &strategy, &bench.script(&replies), "local", &[]);
    let choice = choice(&said);
    let checks = choice["detail"]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2, "{choice}");
    assert!(checks.iter().all(|check| check["base"] == false), "{choice}");
    assert_eq!(choice["parent"], 2, "{choice}");
}

#[test]
fn a_search_keeps_its_budget_to_the_step() {
    for (keys, n) in [
        ("kind = \"best-of-n\"\nn = 4\nparallel = 2", 4),
        ("kind = \"ralph\"\nn = 3", 3),
        ("kind = \"mcts\"\nn = 20\nwidth = 3", 20),
        ("kind = \"bst\"\nn = 6", 6),
    ] {
        let bench = Bench::python();
        let strategy = search(&bench, &format!("[search]\n{keys}\n"));
        let looks: Vec<Value> =
            vec![json!({"tool_calls": [{"name": "bash", "arguments": {"command": "date +%N"}}], "repeat": true})];
        let said = fix(&bench, &strategy, &bench.script(&looks), "none", &["--max-steps", "11"]);
        let finish = said.finish();
        assert_eq!((said.code, finish["reason"].as_str()), (3, Some("max_steps")), "{keys}: {}", said.err);
        assert_eq!(finish["steps"], 11, "{keys}: {}", said.out);
        assert!(said.events_of("node").len() <= n + 1, "{keys}");
    }
}

#[test]
fn ralph_tries_again_with_what_was_tried_until_the_change_is_proven() {
    for keep in [false, true] {
        let bench = Bench::python();
        let strategy = search(
            &bench,
            &format!("[search]\nkind = \"ralph\"\nn = 4\nkeep_workspace = {keep}\n[gate]\nrefusals = 0\n"),
        );
        let call = |name: &str, arguments: Value| json!([{"name": name, "arguments": arguments}]);
        let wrong =
            json!({"path": "stats.py", "old_string": OLD, "new_string": "    return sum(xs) / (len(xs) or 2)\n"});
        let more = if keep { "    return sum(xs) / (len(xs) or 2)\n" } else { OLD };
        let right =
            json!({"path": "stats.py", "old_string": more, "new_string": "    return sum(xs) / (len(xs) or 1)\n"});
        let check = "python3 -c 'from stats import mean; assert mean([]) == 0; print(1)'";
        let replies = [
            json!({"when": "This was tried before", "tool_calls": call("file_edit", right), "repeat": true}),
            json!({"when": "should be 0", "tool_calls": call("file_edit", wrong), "repeat": true}),
            json!({"when_any": "This was tried before", "when": "edited stats.py", "tool_calls": call("bash", json!({"command": check})), "repeat": true}),
            json!({"content": "TASK_COMPLETE", "repeat": true}),
        ];
        let said = fix(&bench, &strategy, &bench.script(&replies), "none", &[]);
        let finish = said.finish();
        assert_eq!(finish["evidence"]["level"], "proven", "{}", said.out);
        assert!(bench.read("stats.py").contains("or 1"), "{keep}");
        assert_eq!((finish["steps"].as_u64(), said.events_of("node").len()), (Some(5), 4), "{}", said.out);
    }
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

#[test]
fn mcts_finds_the_planted_right_branch_and_stops_there() {
    for sandbox in ["none", "local"] {
        let bench = Bench::python();
        let strategy = search(&bench, "[search]\nkind = \"mcts\"\nn = 20\nwidth = 2\n");
        let said = fix(&bench, &strategy, &bench.script(&branches()), sandbox, &[]);
        let finish = said.finish();
        assert_eq!((said.code, finish["evidence"]["level"].as_str()), (0, Some("proven")), "{}", said.out);
        assert!(bench.read("stats.py").contains("if xs else 0"));
        let nodes = said.events_of("node");
        assert!(nodes.len() < 15, "{}", said.out);
        // A node's steps are its own: those before it were not made again.
        let steps: u64 = nodes.iter().filter_map(|n| n["detail"]["steps"].as_u64()).sum();
        assert_eq!(finish["steps"].as_u64().unwrap(), steps);
    }
}

#[test]
fn bst_goes_on_from_before_the_bad_decision() {
    let bench = Bench::python();
    let strategy = search(&bench, "[search]\nkind = \"bst\"\nn = 4\nwidth = 1\n[gate]\nrequire = \"nothing\"\n");
    let call = |name: &str, arguments: Value| json!({"tool_calls": [{"name": name, "arguments": arguments}]});
    let edit = |new: &str| call("file_edit", json!({"path": "stats.py", "old_string": OLD, "new_string": new}));
    let bash = |command: &str| call("bash", json!({"command": command}));
    let check = "python3 -c 'from stats import mean; assert mean([]) == 0'";
    let bad = || vec![bash("ls"), bash("cat stats.py"), edit("    return 1\n"), bash(check), text("TASK_COMPLETE")];
    let good = vec![edit("    return sum(xs) / len(xs) if xs else 0\n"), bash(check), text("TASK_COMPLETE")];
    let replies = [bad(), bad(), good].concat();
    let said = fix(&bench, &strategy, &bench.script(&replies), "none", &[]);
    let (finish, nodes) = (said.finish(), said.events_of("node"));
    assert_eq!(finish["evidence"]["level"], "proven", "{}", said.out);
    let probe = nodes.iter().find(|node| node["kind"] == "probe").unwrap();
    // Five steps, the third of them bad: halving comes to the end of the second.
    assert_eq!(
        (probe["parent"].as_u64(), probe["detail"]["steps"].as_u64(), probe["step"].as_u64()),
        (Some(1), Some(3), Some(5))
    );
    assert_eq!(finish["steps"], 13);
}

#[test]
fn a_search_that_was_killed_ends_as_if_it_had_not_been() {
    for (keys, replies, sandbox) in [
        ("kind = \"mcts\"\nn = 20\nwidth = 1\n", branches(), "none"),
        ("kind = \"mcts\"\nn = 20\nwidth = 2\n", branches(), "local"),
        ("kind = \"best-of-n\"\nn = 4\n", planted(), "none"),
    ] {
        let slow: Vec<Value> = replies
            .into_iter()
            .map(|mut reply| {
                reply["delay"] = json!(0.05);
                reply
            })
            .collect();
        let run = |kills: usize| {
            let bench = Bench::python();
            let arms = if keys.contains("best") {
                format!("strategies = [{}]", arms(&bench, 4, "prove-on-edit"))
            } else {
                String::new()
            };
            let strategy = search(&bench, &format!("[search]\n{keys}{arms}\n"));
            let model = bench.script(&slow);
            let out = bench.dir.path().join("out");
            let record = out.join("trajectory.jsonl");
            let begin =
                ["fix", PROBLEM, "--strategy", &strategy, "--sandbox", sandbox, "--json", "--model", &model, "--out"];
            let mut args: Vec<String> = begin.iter().map(|arg| (*arg).to_owned()).collect();
            args.push(out.display().to_string());
            let resume: Vec<String> = ["fix", "--resume", &record.display().to_string(), "--json", "--model", &model]
                .iter()
                .map(|arg| (*arg).to_owned())
                .collect();
            let replied = || {
                walk(&out)
                    .iter()
                    .map(|file| {
                        std::fs::read_to_string(file).unwrap_or_default().matches("\"event\":\"reply\"").count()
                    })
                    .sum::<usize>()
            };
            for kill in 1..=kills {
                let mut child =
                    bench.command(support::VOE).args(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
                // Until it has got a little further; not a measure of time.
                while replied() < 3 * kill && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                let _ = child.kill();
                child.wait().unwrap();
                args.clone_from(&resume);
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let said = bench.voe(&args);
            let finish = said.finish();
            assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
            let nodes: Vec<Value> = std::fs::read_to_string(&record)
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .filter(|event| event["event"] == "node")
                .map(|node| {
                    json!([
                        node["id"],
                        node["parent"],
                        node["kind"],
                        node["value"],
                        node["step"],
                        node["detail"]["steps"]
                    ])
                })
                .collect();
            (finish["patch"].clone(), finish["steps"].clone(), finish["evidence"]["level"].clone(), nodes)
        };
        let alone = run(0);
        assert_eq!(run(3), alone, "{keys}");
    }
}

/// Records below a directory.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let attempts = std::fs::read_dir(dir.join("attempts")).into_iter().flatten().flatten();
    attempts.map(|entry| entry.path().join("trajectory.jsonl")).collect()
}

#[test]
fn searches_that_make_no_sense_are_refused_with_the_reason() {
    let bench = Bench::python();
    for (keys, why) in [
        ("[search]\nkind = \"ralph\"\nparallel = 2\n", "each attempt comes after the one before"),
        ("[search]\nkind = \"hill\"\n", "unknown variant `hill`"),
        ("[search]\nn = 0\n", "1 at least"),
        ("[search]\nstrategies = [\"mcts\"]\n", "is a search itself"),
        ("[search]\nstrategies = [\"nope\"]\n", "no strategy \"nope\""),
    ] {
        let strategy = search(&bench, keys);
        let said = fix(&bench, &strategy, &bench.script(&[text("TASK_COMPLETE")]), "none", &[]);
        assert!(said.code != 0 && said.err.contains(why), "{keys}: {} {}", said.code, said.err);
    }
}

// What a server's prefix cache could serve. The server keeps what it is sent; a cache is taken to hold every earlier request, as those
// of vLLM and SGLang do while there is room. Bytes of messages stand for tokens.

/// Share of the prompts that is a prefix of an earlier prompt, and the number of requests.
fn cached(asked: &server::Server) -> (f64, usize) {
    let prompts: Vec<String> = asked
        .asked()
        .iter()
        .map(|body| {
            let body: Value = serde_json::from_slice(body).unwrap();
            let messages: Vec<String> = body["messages"].as_array().unwrap().iter().map(Value::to_string).collect();
            format!("{}{}", body["tools"], messages.join(","))
        })
        .collect();
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let served: usize = prompts
        .iter()
        .enumerate()
        .map(|(at, prompt)| prompts[..at].iter().map(|earlier| common(earlier, prompt)).max().unwrap_or(0))
        .sum();
    (served as f64 / prompts.iter().map(String::len).sum::<usize>() as f64, prompts.len())
}

/// Runs a strategy whose model goes on looking: each step adds some two kilobytes that were not there before.
fn looking(keys: &str, steps: &str) -> (f64, usize) {
    let bench = Bench::python();
    let look = json!({"command": "head -c 1500 /dev/urandom | base64 -w 100"});
    let asked = server::Server::start(1_000_000, vec![server::reply("", &[("bash", look)], 1000)]);
    let strategy = search(&bench, keys);
    let said = bench.voe(&[
        "fix",
        PROBLEM,
        "--strategy",
        &strategy,
        "--sandbox",
        "none",
        "--json",
        "--base-url",
        &asked.url,
        "--model",
        "m",
        "--max-steps",
        steps,
    ]);
    assert_eq!(said.finish()["steps"].to_string(), steps, "{}\n{}", said.out, said.err);
    cached(&asked)
}

#[test]
fn most_of_a_trees_prompts_could_come_from_a_prefix_cache() {
    let shown = |name: &str, (share, requests): (f64, usize)| {
        println!("{name}: {:.1} % of {requests} prompts", 100.0 * share);
        share
    };
    let single = shown("one attempt, 60 steps", looking("", "60"));
    let best = shown("best-of-4, 60 steps", looking("[search]\nn = 4\n", "60"));
    let tree = shown("mcts, 20 nodes of 3 steps", looking("[search]\nkind = \"mcts\"\nn = 20\nwidth = 3\n", "60"));
    assert!(single > 0.95, "{single}");
    assert!(best > 0.85 && tree > 0.75, "{best} {tree}");
}
