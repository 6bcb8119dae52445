//! mocha: tests indented by groups (`✔ passes`, `1) fails`), then `2 passing (5ms)`, `1 failing`, and the failures with their groups. Reporters
//! that print no tests, such as `dot`, have the same end.

use super::report::{RunnerReport, TestGroups, counted, indent, without_time};

const BETWEEN: &str = " > ";

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut groups, mut ended) = (TestGroups::default(), false);
    // The names of a failure so far, each in its own line.
    let mut failure: Option<Vec<&str>> = None;
    for line in output.lines().filter(|line| line.starts_with("  ")) {
        let (at, text) = (indent(line), line.trim());
        let plain = without_time(text);
        if let Some(passed) = counted(plain, "passing").filter(|_| plain != text) {
            report.count(passed, 0);
            ended = true;
        } else if let Some(failed) = counted(text, "failing").filter(|_| ended) {
            report.count(0, failed);
        } else if !ended {
            if let Some(name) = text.strip_prefix("✔ ").or_else(|| text.strip_prefix("✓ ")) {
                report.pass(groups.path(at, without_time(name), BETWEEN));
            } else if let Some(name) = numbered(text) {
                report.fail(groups.path(at, name, BETWEEN));
            } else if !text.is_empty() && !text.starts_with("- ") {
                groups.enter(at, text);
            }
        } else if let Some(name) = numbered(text).filter(|_| at == 2) {
            failure = Some(vec![name]);
        } else if let Some(names) = &mut failure {
            names.push(text);
        }
        let complete = failure.as_ref().and_then(|names| names.last()).is_some_and(|last| last.ends_with(':'));
        if complete && let Some(names) = failure.take() {
            report.fail(names.join(BETWEEN).trim_end_matches(':'));
        }
    }
    ended.then_some(report)
}

/// The name in `1) fails`.
fn numbered(text: &str) -> Option<&str> {
    let (number, name) = text.split_once(") ")?;
    number.parse::<u32>().is_ok().then_some(name)
}
