//! CTest: a line for each test (`1/2 Test #1: full ....   Passed    0.01 sec`), then `50% tests passed, 1 tests failed out of 2`.

use super::report::{RunnerReport, counted};

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let (mut report, mut ended) = (RunnerReport::default(), false);
    for line in output.lines() {
        if line.contains("% tests passed") && line.contains(" out of ") {
            // Newer versions leave out the number of failures where it is 0.
            if let Some(failed) =
                line.split([',', ';']).find_map(|part| counted(part.split(" out of ").next()?, "tests failed"))
                && let Some(all) = line.rsplit(' ').next().and_then(|number| number.parse::<u32>().ok())
            {
                report.count(all.saturating_sub(failed), failed);
            } else if let Some(all) = line.rsplit(' ').next().and_then(|number| number.parse().ok()) {
                report.count(all, 0);
            }
            ended = true;
        } else if let Some((name, result)) = test_line(line) {
            let skipped = ["Not Run (Disabled)", "Skipped"].iter().any(|word| result.starts_with(word));
            report.add(name, (!skipped).then(|| result.starts_with("Passed")));
        }
    }
    ended.then_some(report)
}

/// The name and the result in a test's line.
fn test_line(line: &str) -> Option<(&str, &str)> {
    let (_, rest) = line.split_once(" Test ")?;
    let (number, rest) = rest.trim_start().strip_prefix('#')?.split_once(": ")?;
    number.parse::<u32>().ok()?;
    let (name, result) = rest.split_once(" ..")?;
    Some((name, result.trim_start_matches(['.', ' ', '*'])))
}
