//! A toolbox that was killed, and the one that is started after it.

use std::process::Command;

use crate::lab::{Lab, listed, listed_changes, lives};

crate::tests!(
    a_killed_toolbox_takes_its_shell_along_and_another_continues,
    a_second_toolbox_knows_what_the_first_one_knew,
    a_second_toolbox_without_the_firsts_records_compares_contents,
);

fn kill(lab: &mut Lab) {
    let pid = lab.toolbox.as_ref().unwrap().pid().unwrap();
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

fn a_killed_toolbox_takes_its_shell_along_and_another_continues() {
    let mut lab = Lab::new(&[("a", "1\n")]);
    let error = lab
        .try_call("bash", serde_json::json!({"command": "setsid sleep 7602 & sleep 7602 & echo 2 > a; kill -9 $PPID; exec sleep 7601"}))
        .unwrap_err();
    assert!(error.is_fatal(), "{error}");
    lab.toolbox = None;
    lab.restart();
    assert!(!lives("sleep\u{0}7601") && !lives("sleep\u{0}7602"));
    assert_eq!(listed_changes(&lab.state().changes), ["M a +1 -1"]);
    assert_eq!(lab.bash("echo 1 > a").state.tree, "");
}

fn a_second_toolbox_knows_what_the_first_one_knew() {
    let mut lab = Lab::new(&[("a.py", "1\n"), (".gitignore", "*.log\n")]);
    lab.bash("echo 2 > a.py; echo n > n.py; touch x.pyc y.log; pytest() { touch rest.txt; }; make() { :; }");
    lab.check("echo left > left.py");
    lab.call("file_write", serde_json::json!({"path": "node_modules/x.js", "content": "x\n"}));
    let before = lab.state();
    kill(&mut lab);
    lab.toolbox = None;
    lab.restart();
    assert_eq!(lab.state(), before);
    let result = lab.bash("echo 3 > a.py; echo more > left.py; rm node_modules/x.js");
    assert_eq!(listed(&result), ["M a.py +1 -1", "A left.py +1 -0", "D node_modules/x.js +0 -1"]);
    let result = lab.bash("echo 1 > a.py; rm n.py left.py");
    assert_eq!(result.state.tree, "", "{:?}", listed(&result));
}

fn a_second_toolbox_without_the_firsts_records_compares_contents() {
    let mut lab = Lab::new(&[("a.py", "1\n"), ("d/b.py", "2\n"), ("c.py", "3\n")]);
    let tree = lab.bash("echo 2 > a.py; rm c.py; echo n > d/n.py").state.tree;
    lab.drop_pipe();
    std::fs::remove_dir_all(&lab.setup.scratch).unwrap();
    lab.restart();
    let state = lab.state();
    assert_eq!(listed_changes(&state.changes), ["M a.py +1 -1", "D c.py +0 -1", "A d/n.py +1 -0"]);
    assert_eq!(state.tree, tree);
}
