//! Maven's Surefire and Failsafe: each class has a line (`Tests run: 4, Failures: 1, … <<< FAILURE! -- in a.PagesTest`), followed by its failures;
//! at the end stand the sums. Passed tests are not named, so classes are reported by their own names as well.

use super::report::{RunnerReport, labelled};

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let (mut report, mut ended) = (RunnerReport::default(), false);
    for line in output.lines() {
        let line =
            ["[INFO] ", "[ERROR] ", "[WARNING] "].iter().find_map(|level| line.strip_prefix(level)).unwrap_or(line);
        if let Some((passed, failed)) = counts(line) {
            match line.split_once("Time elapsed") {
                None => {
                    report.count(passed, failed);
                    ended = true;
                }
                Some((_, rest)) => {
                    if let Some((_, class)) = rest.rsplit_once(" in ")
                        && (passed > 0 || failed > 0)
                    {
                        report.add(class.trim(), Some(failed == 0));
                    }
                }
            }
        } else if line.ends_with("<<< FAILURE!") || line.ends_with("<<< ERROR!") {
            let name = line.split("Time elapsed").next().unwrap_or(line);
            report.fail(name.trim_end_matches([' ', '-']));
        }
    }
    ended.then_some(report)
}

/// `Tests run: 4, Failures: 1, Errors: 1, Skipped: 1`
fn counts(line: &str) -> Option<(u32, u32)> {
    let mut parts = line.split(',');
    let run = labelled(parts.next()?, "Tests run:")?;
    let mut others = |label: &str| labelled(parts.next()?, label);
    let (failures, errors, skipped) = (others("Failures:")?, others("Errors:")?, others("Skipped:")?);
    let failed = failures.saturating_add(errors);
    Some((run.saturating_sub(failed).saturating_sub(skipped), failed))
}
