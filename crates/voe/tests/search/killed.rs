//! Searches that were killed.

use serde_json::{Value, json};

use crate::support::{self, Bench};
use crate::{PROBLEM, arms, branches, fix, planted, search};

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
            let resume = ["fix", "--resume", &record.display().to_string(), "--json", "--model", &model];
            let resume: Vec<String> =
                resume.iter().chain(&["--sandbox", sandbox]).map(|arg| (*arg).to_owned()).collect();
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
                        node["rollout"]["steps"]
                    ])
                })
                .collect();
            (finish["patch"].clone(), finish["steps"].clone(), finish["evidence"]["level"].clone(), nodes)
        };
        let alone = run(0);
        assert_eq!(run(3), alone, "{keys}");
    }
}

#[test]
fn a_search_that_was_killed_during_its_choice_has_one_choice_in_its_record_when_it_is_resumed() {
    let bench = Bench::python();
    let keys = format!("[search]\nkind = \"best-of-n\"\nn = 4\nstrategies = [{}]\n", arms(&bench, 4, "prove-on-edit"));
    let (strategy, model) = (search(&bench, &keys), bench.script(&planted()));
    let alone = fix(&bench, &strategy, &model, "local", &["--apply", "no"]).finish();
    let record = std::path::Path::new(alone["trajectory"].as_str().unwrap());
    let lines = || -> Vec<String> { std::fs::read_to_string(record).unwrap().lines().map(str::to_owned).collect() };
    let chosen = |lines: &[String]| lines.iter().filter(|line| line.contains("\"kind\":\"choose\"")).count();
    // The choice and the patch that it adopts are one step; killed when the choice was written.
    let whole = lines();
    let at = whole.iter().position(|line| line.contains("\"tool\":\"choose\"")).unwrap();
    std::fs::write(record, whole[..=at].join("\n") + "\n").unwrap();
    assert_eq!(chosen(&whole[..=at]), 1);
    let resume = ["fix", "--resume", record.to_str().unwrap(), "--sandbox", "local", "--apply", "no", "--json"];
    let said = bench.voe(&[&resume[..], &["--model", &model]].concat());
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    let (finish, lines) = (said.finish(), lines());
    assert_eq!(chosen(&lines), 1, "{lines:#?}");
    for key in ["patch", "steps"] {
        assert_eq!(finish[key], alone[key]);
    }
    assert_eq!(finish["evidence"]["level"], "proven");
}

/// Records below a directory.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let attempts = std::fs::read_dir(dir.join("attempts")).into_iter().flatten().flatten();
    attempts.map(|entry| entry.path().join("trajectory.jsonl")).collect()
}
