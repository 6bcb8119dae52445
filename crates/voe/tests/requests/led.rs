//! Replies for the pipeline, which asks one question at a time.

use serde_json::{Value, json};

use crate::play::Script;
use crate::support::text;
use crate::tasks::Task;

/// The places; checks, with mistakes first; changes: one that breaks tests, one that does not help, one that is none, the right one.
pub(crate) fn script(_strategy: &str, task: &Task) -> Script {
    let fenced = |code: &str| text(&format!("Here it is:\n\n```\n{code}```\n"));
    let places = json!({"when": "Which of these functions", "content": task.ranking});
    let checks: &[Value] = match task.name {
        "pages" => &[fenced(task.green), fenced(task.broken), text("I can't."), fenced(task.script)],
        "slug" => &[fenced(task.broken), fenced(task.script)],
        // No check is good: changes are made without one.
        _ => &[fenced(task.broken), fenced(task.green), fenced(task.green), text("No.")],
    };
    let changes: &[&str] = match task.name {
        // The second place is asked for as well, and is given the function of the first.
        "pages" => &[task.near, task.wrong, task.right],
        "slug" => &[task.wrong, task.right],
        _ => &[task.old, task.right],
    };
    let changes = changes.iter().map(|line| fenced(&task.whole(line)));
    let replies = checks.iter().cloned().chain(changes).chain([text("I can't say.")]).collect();
    Script { asides: vec![places], replies }
}
