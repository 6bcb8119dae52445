//! pytest, with any verbosity and with xdist; tox prints it unchanged.
//!
//! The last line has the counts: `== 1 failed, 2 passed in 0.12s ==`. Names are in the short summary (`FAILED t.py::test - reason`),
//! and with `-v` or `-rA` those of passed tests too.

use super::report::{RunnerReport, counted};

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut ended, mut summary) = (false, false);
    for line in output.lines() {
        if let Some((passed, failed)) = counts(line) {
            report.count(passed, failed);
            (ended, summary) = (true, false);
        } else if line.starts_with('=') {
            summary = line.contains("short test summary info");
        } else if let Some((word, id)) = summary_line(line, summary).or_else(|| verbose_line(line)) {
            match word {
                "PASSED" => report.pass(id),
                "FAILED" | "ERROR" => report.fail(id),
                _ => {}
            }
        }
    }
    ended.then_some(report)
}

/// The numbers of passed and of failed tests in the last line of a session.
fn counts(line: &str) -> Option<(u32, u32)> {
    let line = line.trim_matches(|c| c == '=' || c == ' ');
    let (parts, time) = line.rsplit_once(" in ")?;
    let time = time.split(' ').next().unwrap_or_default();
    time.strip_suffix('s').unwrap_or(time).parse::<f64>().ok()?;
    let (mut passed, mut failed, mut known) = (0, 0, false);
    for part in parts.split(", ") {
        let number = |words: &[&str]| words.iter().find_map(|word| counted(part, word));
        if let Some(number) = number(&["passed"]) {
            passed = number;
        } else if let Some(number) = number(&["failed", "error", "errors"]) {
            failed += number;
        } else if number(&["skipped", "deselected", "xfailed", "xpassed", "warning", "warnings", "rerun"]).is_none() {
            // Plugins add their own, such as `3 subtests passed`.
            number(&["subtests passed", "subtests failed", "subtests skipped", "snapshots passed"])?;
            continue;
        }
        known = true;
    }
    known.then_some((passed, failed))
}

/// `FAILED t.py::test[a - b] - reason`; outside of the summary only what is clearly the id of a test.
fn summary_line(line: &str, summary: bool) -> Option<(&str, &str)> {
    let (word, rest) = line.split_once(' ')?;
    if !matches!(word, "PASSED" | "FAILED" | "ERROR") || rest.starts_with(' ') {
        return None;
    }
    let id = without_reason(rest);
    (summary || id.contains("::")).then_some((word, id))
}

/// The id before ` - reason`. Parameters may contain that dash.
fn without_reason(text: &str) -> &str {
    let plain = text.split(" - ").next().unwrap_or(text);
    let id = match (plain.find('['), text.find("] - ")) {
        (Some(open), Some(close)) if open < close && !plain.ends_with(']') => &text[..=close],
        (Some(_), None) if text.ends_with(']') => text,
        _ => plain,
    };
    id.trim_end()
}

/// `t.py::test PASSED [ 50%]`, or with xdist `[gw0] [ 50%] PASSED t.py::test`.
fn verbose_line(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_prefix("[gw") {
        let rest = rest.split_once(']')?.1.trim_start();
        let rest = if rest.starts_with('[') { rest.split_once(']')?.1.trim_start() } else { rest };
        let (word, id) = rest.split_once(' ')?;
        return id.contains("::").then_some((word, id.trim_end()));
    }
    let line = line.trim_end();
    let line = match line.rsplit_once(" [") {
        Some((before, percent)) if percent.ends_with("%]") => before.trim_end(),
        _ => line,
    };
    let (id, word) = line.rsplit_once(' ')?;
    let known = matches!(word, "PASSED" | "FAILED" | "ERROR");
    (known && id.contains("::") && !id.starts_with(' ')).then_some((word, id.trim_end()))
}
