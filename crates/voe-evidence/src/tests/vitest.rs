//! vitest. By default each file has a line (`✓ a.test.js (2 tests) 5ms`), with the verbose reporter each test
//! (`✓ a.test.js > group > test 1ms`); failures have a heading (`FAIL  a.test.js > group > test`). The end is `Tests  1 failed | 2 passed (3)`.
//!
//! A file whose tests are not named is reported by its own name as well, so that it can be seen to pass.

use super::report::{RunnerReport, counted};

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let mut report = RunnerReport::default();
    let (mut ended, mut broken) = (false, 0);
    for line in output.lines() {
        let text = line.trim();
        if let Some(counts) = text.strip_prefix("Tests ").and_then(totals) {
            report.count(counts.0, counts.1);
            ended = true;
        } else if let Some(heading) = text.strip_prefix("FAIL ").filter(|_| line.starts_with(' ')) {
            let heading = heading.trim_start();
            let suite = heading.split_once(" [ ").map(|(file, _)| file);
            broken += u32::from(suite.is_some());
            report.fail(suite.unwrap_or(heading).trim_end());
        } else if let Some((mark, name)) =
            text.split_once(' ').filter(|_| line.starts_with(' ') && !line.starts_with("  "))
        {
            let passed = match mark {
                "✓" => Some(true),
                "×" | "❯" => Some(false),
                _ => None,
            };
            if let Some(file) = file(name) {
                // A file without failing tests but with this mark could not be loaded: it has a heading.
                report.add(file, passed);
            } else if name.contains(" > ") && mark != "❯" {
                report.add(without_milliseconds(name), passed);
            }
        }
    }
    report.count(0, broken);
    ended.then_some(report)
}

/// The file in `a.test.js (2 tests | 1 failed) 5ms`.
fn file(text: &str) -> Option<&str> {
    let (file, rest) = text.split_once(" (")?;
    let number = rest.split(' ').next()?;
    let tests = rest[number.len()..].trim_start();
    (number.parse::<u32>().is_ok() && tests.starts_with("test")).then_some(file)
}

fn without_milliseconds(text: &str) -> &str {
    match text.rsplit_once(' ') {
        Some((before, time)) if time.strip_suffix("ms").is_some_and(|n| n.parse::<f64>().is_ok()) => before.trim_end(),
        _ => text,
    }
}

/// `1 failed | 4 passed | 1 skipped (6)`
fn totals(text: &str) -> Option<(u32, u32)> {
    let (parts, total) = text.rsplit_once(" (")?;
    total.strip_suffix(')')?.parse::<u32>().ok()?;
    let number = |word: &str| parts.split('|').find_map(|part| counted(part, word));
    Some((number("passed").unwrap_or(0), number("failed").unwrap_or(0)))
}
