//! Markdown that foreign text can't break out of.

use std::fmt::Write;

use voe_trace::Outcome;

use super::one_line;

/// Lines of output that are shown of each run.
const LINES: usize = 25;

/// One run, with the end of its output; nothing if it was not made.
pub(crate) fn side(out: &mut String, name: &str, outcome: Option<&Outcome>) {
    let Some(outcome) = outcome else { return };
    let _ = writeln!(out, "{name}: {}", ended(outcome));
    let lines: Vec<_> = outcome.tail.lines().collect();
    let tail = lines[lines.len().saturating_sub(LINES)..].join("\n");
    if tail.trim().is_empty() {
        let _ = writeln!(out);
    } else {
        let _ = writeln!(out, "\n{}\n", fenced("text", &tail));
    }
}

/// How a run ended.
pub(crate) fn ended(outcome: &Outcome) -> String {
    outcome.exit_code().map_or_else(
        || outcome.ended_by.map_or_else(|| "did not end".into(), |by| code(&by.to_string())),
        |exit| format!("exit code {exit}"),
    )
}

/// Text in a fence that it cannot break out of.
pub(crate) fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", text.trim_end())
}

/// Text in a code span that it cannot break out of, on one line.
pub(crate) fn code(text: &str) -> String {
    let text = one_line(text.trim());
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_backticks_stays_inside_its_fence() {
        assert_eq!(fenced("sh", "echo '```'"), "````sh\necho '```'\n````");
        assert_eq!(code("echo `date`"), "`` echo `date` ``");
        assert_eq!(code("a\nb"), "`a⏎b`");
    }
}
