//! Attempts from the middle of others: mcts and bst.

use serde_json::{Value, json};

use crate::support::{Bench, text};
use crate::{OLD, branches, fix, search};

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
        let steps: u64 = nodes.iter().filter_map(|n| n["rollout"]["steps"].as_u64()).sum();
        assert_eq!(finish["steps"].as_u64().unwrap(), steps);
    }
}

#[test]
fn mcts_finishes_the_best_branch_with_what_its_nodes_leave_of_the_budget() {
    let bench = Bench::python();
    let strategy = search(&bench, "[search]\nkind = \"mcts\"\nn = 1\nwidth = 1\n");
    let said = fix(&bench, &strategy, &bench.script(&branches()[3..]), "none", &["--max-steps", "4"]);
    assert_eq!(said.finish()["steps"], 4, "the budget is kept to the step: {}", said.out);
    let right = branches().into_iter().filter(|reply| !reply.to_string().contains("else 1"));
    let right: Vec<Value> = right
        .map(|mut reply| {
            if reply["when"] == "Go another way" {
                reply["when"] = json!("should be 0");
            }
            reply
        })
        .collect();
    let said = fix(&bench, &strategy, &bench.script(&right), "none", &[]);
    let kinds: Vec<String> =
        said.events_of("node").iter().map(|node| node["kind"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, ["root", "expand", "finish", "choose"], "{}", said.out);
    let finish = said.finish();
    assert_eq!(
        (finish["evidence"]["level"].as_str(), finish["steps"].as_u64()),
        (Some("proven"), Some(3)),
        "{}",
        said.out
    );
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
        (probe["parent"].as_u64(), probe["rollout"]["steps"].as_u64(), probe["step"].as_u64()),
        (Some(1), Some(3), Some(5))
    );
    assert_eq!(finish["steps"], 13);
}
