//! jest. Each file has a line `PASS a.test.js` or `FAIL a.test.js`; its tests follow, indented by groups, if there is one file or with
//! `--verbose`; else only headings of those that failed (`● group › test`). The end is `Tests: 1 failed, 2 passed, 3 total`.
//!
//! A file whose tests are not shown is reported by its own name as well, so that it can be seen to pass.

use std::collections::BTreeSet;

use super::report::{RunnerReport, TestGroups, counted, indent, without_time};

const BETWEEN: &str = " › ";

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut file, mut groups, mut ended, mut details) = (None, TestGroups::default(), false, false);
    let (mut passed_files, mut failed_files, mut shown) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut broken = BTreeSet::new();
    for line in output.lines() {
        if let Some((passed, path)) = file_line(line) {
            if passed {
                passed_files.insert(path)
            } else {
                failed_files.insert(path)
            };
            (file, groups, details) = (Some(path), TestGroups::default(), false);
        } else if let Some((passed, failed)) = line.strip_prefix("Tests:").and_then(totals) {
            report.count(passed, failed);
            (ended, file) = (true, None);
        }
        let Some(path) = file.filter(|_| line.starts_with("  ")) else { continue };
        let (at, text) = (indent(line), line.trim());
        if let Some(heading) = text.strip_prefix("● ").filter(|_| at == 2) {
            details = true;
            match heading {
                "Console" => {}
                "Test suite failed to run" => {
                    broken.insert(path);
                }
                _ if failed_files.contains(path) => report.fail(format!("{path}{BETWEEN}{heading}")),
                _ => {}
            }
        } else if let Some((mark, name)) =
            text.split_once(' ').filter(|(mark, _)| matches!(*mark, "✓" | "✕" | "√" | "×"))
        {
            let name = groups.path(at, without_time(name), BETWEEN);
            report.add(format!("{path}{BETWEEN}{name}"), Some(matches!(mark, "✓" | "√")));
            shown.insert(path);
        } else if !details && !text.starts_with(['○', '✎']) && !text.is_empty() {
            groups.enter(at, text);
        }
    }
    for path in passed_files.difference(&shown) {
        report.pass(*path);
    }
    for path in failed_files.difference(&shown) {
        report.fail(*path);
    }
    report.count(0, u32::try_from(broken.len()).unwrap_or(u32::MAX));
    ended.then_some(report)
}

/// `PASS a.test.js (5.1 s)`
fn file_line(line: &str) -> Option<(bool, &str)> {
    let passed = line.strip_prefix("PASS ");
    let path = without_time(passed.or_else(|| line.strip_prefix("FAIL "))?).trim();
    (!path.is_empty()).then_some((passed.is_some(), path))
}

/// `1 failed, 1 skipped, 2 passed, 4 total`
fn totals(text: &str) -> Option<(u32, u32)> {
    let number = |word: &str| text.split(',').find_map(|part| counted(part, word));
    number("total")?;
    Some((number("passed").unwrap_or(0), number("failed").unwrap_or(0)))
}
