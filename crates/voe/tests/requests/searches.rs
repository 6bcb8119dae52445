//! Replies for the strategies that make several attempts one. The attempts run one after another, so the replies are a list as well.

use serde_json::{Value, json};

use crate::loops::edit;
use crate::play::Script;
use crate::support::{bash, call, done, text};
use crate::tasks::Task;

/// A work with this line, whatever is in the file: the edit, its check, the end.
fn work(task: &Task, line: &str, check: &str) -> Vec<Value> {
    let (_, whole) = task.files.iter().find(|(path, _)| *path == task.path).unwrap();
    let whole = whole.replace(task.old, line);
    vec![call("file_write", json!({"path": task.path, "content": whole})), bash(check), done()]
}

/// Changes something that no check shows, and insists on being done.
fn vacuous(task: &Task) -> Vec<Value> {
    let looks = vec![call("file_read", json!({"path": task.path})), edit(task, task.old, task.wrong)];
    [looks, vec![bash(task.vacuous), done(), done(), done()]].concat()
}

/// Does nothing but talk.
fn talk() -> Vec<Value> {
    let words = "I would have to know more about the users of this function before I could say what it should do.";
    vec![text("Hm."), text("Well."), text(words)]
}

pub(crate) fn best_of_n(_strategy: &str, task: &Task) -> Script {
    let attempts = [work(task, task.near, task.check), vacuous(task), talk(), work(task, task.right, task.check)];
    Script { replies: attempts.concat(), ..Script::default() }
}

pub(crate) fn ralph(_strategy: &str, task: &Task) -> Script {
    let attempts = [vacuous(task), talk(), work(task, task.right, task.check)];
    Script { replies: attempts.concat(), ..Script::default() }
}

/// Four attempts from the beginning, none of which proves anything; then from the middle of the best.
pub(crate) fn bst(_strategy: &str, task: &Task) -> Script {
    let fails = [work(task, task.wrong, task.check), vec![done(), done()]].concat();
    let probe = vec![bash("ls"), done(), done(), done()];
    let replies = [vacuous(task), fails, talk(), talk(), probe, work(task, task.right, task.check)].concat();
    Script { replies, ..Script::default() }
}

/// Nodes of five steps each: looks, a wrong edit and its check; children of them, and what their siblings are told.
pub(crate) fn mcts(_strategy: &str, task: &Task) -> Script {
    let node = |n: u32, line: &str, check: &str| {
        let mut steps = vec![bash(&format!("echo node {n}; ls")), call("file_read", json!({"path": task.path}))];
        steps.extend(work(task, line, check));
        steps
    };
    let nodes = [
        node(1, task.wrong, task.check),
        node(2, task.wrong, task.vacuous),
        node(3, task.near, task.tests),
        node(4, task.wrong, "git diff"),
        work(task, task.right, task.check),
    ];
    Script { replies: nodes.concat(), ..Script::default() }
}
