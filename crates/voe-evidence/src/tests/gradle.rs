//! Gradle: `PagesTest > rest() FAILED`, and where something failed `3 tests completed, 1 failed`. Passed tests have a line only if the build
//! asks for it (`testLogging`); a run without such lines has no report.

use super::report::{RunnerReport, counted};

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let (mut report, mut ended) = (RunnerReport::default(), false);
    for line in output.lines() {
        if let Some((completed, rest)) = line.split_once(',')
            && let Some(all) = counted(completed, "tests completed").or_else(|| counted(completed, "test completed"))
        {
            let number = |word: &str| rest.split(',').find_map(|part| counted(part, word)).unwrap_or(0);
            let (failed, skipped) = (number("failed"), number("skipped"));
            report.count(all.saturating_sub(failed).saturating_sub(skipped), failed);
        } else if matches!(line.split(" in ").next(), Some("BUILD SUCCESSFUL" | "BUILD FAILED")) {
            ended = true;
        } else if let Some((name, result)) = line.rsplit_once(' ')
            && name.contains(" > ")
            && !name.starts_with(['>', ' '])
        {
            match result {
                "PASSED" => report.pass(name),
                "FAILED" => report.fail(name),
                _ => {}
            }
        }
    }
    ended.then_some(report)
}
