//! Reads what a test runner prints: how many tests passed and failed, and which.
//!
//! One file a runner, each a function from a command's whole output to a [`RunnerReport`]. A runner is recognized by its closing lines
//! and not by the command, since `make test`, `npm test` or a script may start any of them; without the closing lines the run was not
//! finished, or its output was cut, and nothing is read. Names are as the runner prints them, with the file, class or groups where it
//! has them. Tests that are skipped, or expected to fail, count for nothing.
//!
//! voe-grade has parsers of logs as well. They reproduce the rules of the SWE-bench package, its mistakes included, and stay
//! separate: what counts here is what the runner meant.

mod pytest;
mod report;
mod unittest;

use report::RunnerReport;
use voe_trace::TestRun;

use crate::command;

/// The runners, in no order: one output may have the reports of several.
const READERS: [fn(&str) -> Option<RunnerReport>; 2] = [pytest::read, unittest::read];

/// What test runners report in the whole `output` of `command`, without terminal escapes; `None` if the command runs nothing, or no
/// runner reports at least one test that passed or failed.
pub fn read(command: &str, output: &str) -> Option<TestRun> {
    if !command::is_check(command) {
        return None;
    }
    let mut all = RunnerReport::default();
    for report in READERS.iter().filter_map(|read| read(output)) {
        all.merge(report);
    }
    all.into_run()
}
