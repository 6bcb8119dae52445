//! RSpec: `3 examples, 1 failure`, and a line for each failure: `rspec ./spec/pages_spec.rb:3 # Pages count`.

use super::report::{RunnerReport, counted};

pub(super) fn read(output: &str) -> Option<RunnerReport> {
    let (mut report, mut ended) = (RunnerReport::default(), false);
    for line in output.lines() {
        if let Some((passed, failed)) = counts(line) {
            report.count(passed, failed);
            ended = true;
        } else if let Some(example) = line.strip_prefix("rspec ").filter(|example| example.contains(" # ")) {
            report.fail(example.trim_end());
        }
    }
    ended.then_some(report)
}

/// `3 examples, 1 failure, 1 pending, 1 error occurred outside of examples`
fn counts(line: &str) -> Option<(u32, u32)> {
    let number = |words: &[&str]| line.split(',').find_map(|part| words.iter().find_map(|word| counted(part, word)));
    let all = number(&["examples", "example"])?;
    let failures = number(&["failures", "failure"])?;
    let errors = number(&["error occurred outside of examples", "errors occurred outside of examples"]).unwrap_or(0);
    let passed = all.saturating_sub(failures).saturating_sub(number(&["pending"]).unwrap_or(0));
    Some((passed, failures.saturating_add(errors)))
}
