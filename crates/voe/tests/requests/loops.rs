//! Replies for the strategies in which the model leads.

use serde_json::{Value, json};

use crate::play::Script;
use crate::support::{bash, call, done, text};
use crate::tasks::Task;

/// One story a task: a work with detours, bad habits, and a work that does not fit the window.
pub(crate) fn script(strategy: &str, task: &Task) -> Script {
    let mut replies = match task.name {
        "pages" => detours(task),
        "slug" => habits(task),
        _ => cramped(task),
    };
    // Where nothing is asked of the end, this would be the end.
    if !matches!(strategy, "baseline" | "verify-at-last" | "verify-on-edit") && !strategy.starts_with("published/") {
        replies.insert(usize::from(task.name == "pages"), done());
    }
    Script { asides: asides(), replies }
}

/// Answers to what voe asks of its own accord: reviews, the first of which finds fault, and summaries.
fn asides() -> Vec<Value> {
    let fault = "The case at the edge is not right yet.\n\nVERDICT: fail";
    let praise = "Each demand is met.\n\nVERDICT: pass";
    let to = |when: &str, content: &str| json!({"when": when, "content": content});
    let mut asides = Vec::new();
    for question in ["as a strict reviewer", "The patch:\n"] {
        asides.extend([to(question, fault), to(question, "I am not sure."), to(question, praise)]);
    }
    for n in 1..=9 {
        let summary = format!("Summary {n}: the function was read and a check of it was run.");
        asides.push(to("about to be shortened", &summary));
        asides.push(to("Summarise the conversation below", &summary));
    }
    asides
}

pub(crate) fn edit(task: &Task, old: &str, new: &str) -> Value {
    call("file_edit", json!({"path": task.path, "old_string": old, "new_string": new}))
}

/// Several calls in one reply.
fn step(content: &str, calls: &[Value]) -> Value {
    let calls: Vec<Value> = calls.iter().flat_map(|call| call["tool_calls"].as_array().unwrap().clone()).collect();
    json!({"content": content, "tool_calls": calls})
}

/// Looks, a failing check, an edit that fails, one that does not help, a vacuous check, an edit that breaks the tests, the right one.
fn detours(task: &Task) -> Vec<Value> {
    let look = call("file_read", json!({"path": task.path}));
    let search = [call("grep", json!({"pattern": task.pattern})), call("glob", json!({"pattern": "**/*"}))];
    // Written in a call of its own: a check is run on a copy as well, while the model goes on, and must not write what others read.
    let script = bash(&format!("cat > /PLACE/check.sh <<'E'\n{}\nE", task.check));
    vec![
        step("I begin with the code.", &[look]),
        step("", &search),
        bash(task.check),
        edit(task, "not there\n", "x\n"),
        step("This should do.", &[edit(task, task.old, task.wrong), bash(task.check)]),
        bash(task.vacuous),
        text("It may be that the division is wrong."),
        edit(task, task.wrong, task.near),
        step("", &[script, bash("bash /PLACE/check.sh")]),
        bash("git diff --stat; cat /PLACE/check.sh"),
        done(),
        bash(task.tests),
        edit(task, task.near, task.right),
        step("", &[bash("bash /PLACE/check.sh"), bash(task.tests)]),
        done(),
    ]
}

/// Calls that are none, the same call again and again, edits by bash, commands that do not end, an installation.
fn habits(task: &Task) -> Vec<Value> {
    let torn = json!({"content": "I look.", "tool_calls": [{"name": "bash", "arguments": "{\"command\": \"cat sl"}],
        "finish_reason": "length"});
    let written =
        text("<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"cat slug.sh\"}}\n</tool_call>");
    vec![
        text("Let me think about it first."),
        call("web_search", json!({"query": "slug"})),
        torn,
        written,
        call("bash", json!({"cmd": "ls"})),
        bash("ls"),
        bash("ls"),
        bash("ls"),
        bash("echo pip install -e ."),
        bash("sed -i '1s/.*/# Names for files. To be sourced./' slug.sh"),
        call("file_write", json!({"path": "notes/plan.txt", "content": "tr -s\n"})),
        json!({"content": "", "tool_calls": [{"name": "bash", "arguments": {"command": "echo waiting; sleep 30", "timeout_s": 1}}]}),
        bash("sed -i \"s/tr ' ' '-'/tr -s ' ' '-'/\" slug.sh && rm -rf notes"),
        edit(task, task.old, task.right),
        bash("sleep 20 & echo started"),
        bash(task.check),
        bash(task.tests),
        done(),
        call("file_write", json!({"path": "tests/double.sh", "content": format!("{}\n", task.check)})),
        bash("bash tests/double.sh"),
        done(),
    ]
}

/// Much output, so that the conversation has to be shortened again and again; and a reply that is cut off.
fn cramped(task: &Task) -> Vec<Value> {
    let print = |from: u32| bash(&format!("seq -s ' ' {from} {}", from + 700));
    vec![
        call("file_read", json!({"path": task.path})),
        bash(task.check),
        print(1000),
        print(2000),
        edit(task, task.old, task.near),
        print(3000),
        bash(task.vacuous),
        print(4000),
        json!({"content": "And then, and then, and", "finish_reason": "length"}),
        edit(task, task.near, task.right),
        print(5000),
        bash(task.check),
        print(6000),
        bash(task.tests),
        done(),
        print(7000),
        bash(task.check),
        done(),
    ]
}
