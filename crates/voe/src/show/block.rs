//! The final summary of an attempt.

use voe_trace::event::{Applied, ChangeKind, Finish};
use voe_trace::{Check, Level, Outcome, Reason};

use super::one_line;
use super::paint::Paint;
use super::text::Text;

/// The summary, after an empty line.
pub(crate) fn render(finish: &Finish, patch_file: Option<&str>, applied: &str, paint: Paint) -> Text {
    let mut out = Text::default();
    let mut row = |name: &str, text: Text| {
        out.push("\n");
        out.push(paint.dim(&format!("{name:<9}")));
        out.push(" ");
        out.push(text);
    };
    row("outcome", outcome_line(finish, paint));
    if let Some(error) = &finish.error {
        row("error", paint.red(&one_line(error)));
    }
    if let Some(resolved) = finish.resolved {
        row(
            "verdict",
            if resolved {
                paint.green("resolved: the task's tests pass")
            } else {
                paint.red("not resolved: the task's tests fail")
            },
        );
    }
    if finish.changes.is_empty() {
        row("files", "none changed".into());
    }
    for (i, change) in finish.changes.iter().enumerate() {
        let kind = match change.kind {
            ChangeKind::Added => " (new)",
            ChangeKind::Deleted => " (deleted)",
            ChangeKind::Modified => "",
        };
        let lines = if change.binary {
            Text::from("binary")
        } else {
            paint.green(&format!("+{}", change.added)).then(" ").then(paint.red(&format!("-{}", change.removed)))
        };
        let unchecked = if finish.evidence.unchecked.contains(&change.path) {
            paint.yellow("  not run since its last edit")
        } else {
            Text::default()
        };
        let path = Text::from(format!("{}{kind}  ", one_line(&change.path)));
        let left = change.role.is_check_file() && change.kind != ChangeKind::Deleted;
        let left = left.then(|| paint.yellow(&format!("  check file left in the patch: {}", change.role.rule())));
        row(if i == 0 { "files" } else { "" }, path.then(lines).then(unchecked).then(left.unwrap_or_default()));
    }
    for (i, check) in finish.evidence.checks.iter().enumerate() {
        row(if i == 0 { "checks" } else { "" }, check_line(check).into());
    }
    if let Some(check) = &finish.check {
        row("--check", check_line(check).into());
    }
    let level = finish.evidence.level;
    let level = match level {
        Level::Proven | Level::Kept => paint.green(level.word()),
        Level::Refuted => paint.red(level.word()),
        _ => paint.yellow(level.word()),
    };
    let void = |why: &String| paint.yellow(&format!("void: {}", one_line(why)));
    row("evidence", finish.evidence.void.as_ref().map_or(level, void));
    let usage = &finish.usage;
    let cached = usage.cached.map(|c| format!(" ({c} cached)")).unwrap_or_default();
    let cost = usage.cost.map(|c| format!(", ${c:.4}")).unwrap_or_default();
    row(
        "spent",
        format!(
            "{} step{}, {} tokens in{cached}, {} out{cost}, {:.1} s ({:.1} s model, {:.1} s tools)",
            finish.steps,
            if finish.steps == 1 { "" } else { "s" },
            usage.prompt,
            usage.output,
            finish.seconds.total,
            finish.seconds.model,
            finish.seconds.tools
        )
        .into(),
    );
    if !applied.is_empty() {
        row("patch", one_line(applied).into());
    }
    if let Some(file) = patch_file {
        row("", one_line(file).into());
    }
    row("record", one_line(&finish.trajectory).into());
    out
}

fn outcome_line(finish: &Finish, paint: Paint) -> Text {
    match finish.reason {
        Reason::Completed => paint.green("completed"),
        Reason::MaxSteps => paint.yellow("stopped: step limit reached"),
        Reason::MaxTokens => paint.yellow("stopped: token limit reached"),
        Reason::MaxWall => paint.yellow("stopped: time limit reached"),
        Reason::Context => paint.yellow("stopped: the conversation no longer fits the context window"),
        Reason::Stuck => paint.yellow("stopped: the model was stuck in a loop or stopped working"),
        Reason::ModelError => paint.red("failed: error from the model or its server"),
        Reason::Interrupted => paint.yellow("interrupted"),
        Reason::Internal => paint.red("failed: internal error"),
    }
}

/// A check on one line.
pub(crate) fn check_line(check: &Check) -> String {
    let ended = |o: &Outcome| o.exit_code().map_or_else(|| o.to_string(), |e| format!("exit {e}"));
    let mut command = check.command.trim().replace('\n', "⏎");
    if let Some((at, _)) = command.char_indices().nth(70) {
        command.truncate(at);
        command.push('…');
    }
    let without = check.without.as_ref().map(|o| format!("without the edits: {}, ", ended(o))).unwrap_or_default();
    let why = check.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    one_line(&format!("{}: {without}with the edits: {}: {command}{why}", check.level, ended(&check.with)))
}

/// The most files that [`automatic_line`] names.
const MOST_NAMED: usize = 8;

/// Files of the patch that tools run on their own, on one line; nothing where there are none.
pub(crate) fn automatic_line(files: &[voe_repo::Automatic], paint: Paint) -> Text {
    named_line("runs automatically", files, paint)
}

/// Files of the patch whose new content the diff can't show, on one line; nothing where there are none.
pub(crate) fn unseen_line(files: &[String], paint: Paint) -> Text {
    named_line("not text, so not shown above", files, paint)
}

fn named_line<F: std::fmt::Display>(what: &str, files: &[F], paint: Paint) -> Text {
    if files.is_empty() {
        return Text::default();
    }
    let mut named: Vec<String> = files.iter().take(MOST_NAMED).map(|file| one_line(&file.to_string())).collect();
    if files.len() > MOST_NAMED {
        named.push(format!("and {} more", files.len() - MOST_NAMED));
    }
    Text::from("\n").then(paint.yellow(&format!("{what}: {}", named.join(", "))))
}

/// What became of the patch, for the block.
pub(crate) fn applied_line(applied: Applied, empty: bool) -> &'static str {
    match applied {
        _ if empty => "empty",
        Applied::Yes => "applied; to revert it, run `voe undo`",
        Applied::No => "not applied",
        Applied::Conflict => "not applied: your tree changed in the meantime",
    }
}

#[cfg(test)]
mod tests {
    use voe_repo::{Automatic, Trigger};

    use super::*;

    #[test]
    fn files_that_tools_run_by_themselves_are_named_on_one_line_and_not_all_of_many() {
        let line = |paths: &[&str]| {
            let file = |path: &&str| Automatic { path: (*path).to_owned(), trigger: Trigger::Tests };
            automatic_line(&paths.iter().map(file).collect::<Vec<_>>(), Paint::never()).render()
        };
        assert_eq!(line(&[]), "");
        assert_eq!(line(&["a\nb", "conftest.py"]).lines().count(), 2, "an empty line before it, and one");
        assert_eq!(line(&["conftest.py"]), "\nruns automatically: conftest.py (with the tests)");
        let many = line(&["x"; 20]);
        assert!(many.ends_with(", and 12 more") && many.matches("x (").count() == 8, "{many}");
    }
}
