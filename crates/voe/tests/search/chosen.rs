//! Attempts from the beginning: ralph, best-of-n, the choice, the budget, what is refused.

use serde_json::{Value, json};

use crate::support::{self, Bench, text};
use crate::{OLD, arm, arms, choice, fix, planted, search};

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
        assert!(choice["choice"]["why"].as_str().unwrap().contains("of the others' checks"), "{choice}");
        assert_eq!(finish["evidence"]["level"], "proven");
        assert!(bench.read("stats.py").contains("if xs else 0"));
        let steps: u64 = said.events_of("node").iter().filter_map(|n| n["rollout"]["steps"].as_u64()).sum();
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
    let checks = choice["choice"]["checks"].as_array().unwrap();
    assert_eq!(checks.len(), 2, "{choice}");
    assert!(checks.iter().all(|check| check["base"] == false), "{choice}");
    assert_eq!(choice["parent"], 2, "{choice}");
}

#[test]
fn models_and_strategies_beside_the_file_take_turns_wherever_voe_is_started() {
    let bench = Bench::python();
    std::fs::create_dir_all(bench.dir.path().join("own")).unwrap();
    let beside = bench.dir.path().join("own");
    for (name, marker) in [("one", "ONE-DONE"), ("two", "TWO-DONE")] {
        let text = format!("extends = \"prove-on-edit\"\n[done]\nmarker = \"{marker}\"\n[gate]\nrefusals = 0\n");
        std::fs::write(beside.join(format!("{name}.toml")), text).unwrap();
    }
    let wrong = bench.script(&[text("ONE-DONE")]);
    let check = "python3 -c 'from stats import mean; assert mean([]) == 0'";
    let right = bench.script(&[support::cure(), support::bash(check), text("TWO-DONE")]);
    let file = beside.join("both.toml");
    let keys = format!("n = 2\nstrategies = [\"one.toml\", \"two.toml\"]\nmodels = [{wrong:?}, {right:?}]\n");
    std::fs::write(&file, format!("extends = \"prove-on-edit\"\n[search]\n{keys}")).unwrap();
    let said = fix(&bench, "../own/both.toml", &wrong, "none", &[]);
    let (finish, nodes) = (said.finish(), said.events_of("node"));
    assert_eq!((said.code, finish["evidence"]["level"].as_str()), (0, Some("proven")), "{}\n{}", said.out, said.err);
    let used: Vec<(&Value, &Value)> =
        nodes[1..3].iter().map(|node| (&node["rollout"]["strategy"], &node["rollout"]["steps"])).collect();
    assert_eq!(used, [(&json!("one"), &json!(1)), (&json!("two"), &json!(3))], "{}", said.out);
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

#[test]
fn searches_that_make_no_sense_are_refused_with_the_reason() {
    let bench = Bench::python();
    for (keys, why) in [
        ("[search]\nkind = \"ralph\"\nparallel = 2\n", "each attempt comes after the one before"),
        ("[search]\nkind = \"hill\"\n", "unknown variant `hill`"),
        ("[search]\nn = 0\n", "must be at least 1"),
        ("[search]\nstrategies = [\"mcts\"]\n", "is a search itself"),
        ("[search]\nstrategies = [\"nope\"]\n", "no strategy \"nope\""),
    ] {
        let strategy = search(&bench, keys);
        let said = fix(&bench, &strategy, &bench.script(&[text("TASK_COMPLETE")]), "none", &[]);
        assert!(said.code != 0 && said.err.contains(why), "{keys}: {} {}", said.code, said.err);
    }
}
