//! Reads what a test runner prints: how many tests passed and failed, and which.
//!
//! One file a runner, each a function from a command's whole output to a [`RunnerReport`]. A runner is recognized by its closing lines
//! and not by the command, since `make test`, `npm test` or a script may start any of them; without the closing lines the run was not
//! finished, or its output was cut, and nothing is read. Names are as the runner prints them, with the file, class or groups where it
//! has them. Tests that are skipped, or expected to fail, count for nothing.
//!
//! voe-grade has parsers of logs as well. They reproduce the rules of the SWE-bench package, its mistakes included, and stay
//! separate: what counts here is what the runner meant.

mod cargo;
mod ctest;
mod go;
mod gradle;
mod jest;
mod maven;
mod mocha;
mod node;
mod pytest;
mod report;
mod rspec;
mod tap;
mod unittest;
mod vitest;

use report::RunnerReport;
use voe_trace::TestRun;

use crate::command;

/// The runners, in no order: one output may have the reports of several.
const READERS: [fn(&str) -> Option<RunnerReport>; 13] = [
    cargo::read,
    ctest::read,
    go::read,
    gradle::read,
    jest::read,
    maven::read,
    mocha::read,
    node::read,
    pytest::read,
    rspec::read,
    tap::read,
    unittest::read,
    vitest::read,
];

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

#[cfg(test)]
mod reading {
    use super::*;

    fn shown(output: &str) -> String {
        read("make test", output).map_or_else(String::new, |run| {
            format!("{}/{} -{} +{}", run.passed, run.failed, run.failing.join(","), run.passing.join(","))
        })
    }

    /// From Surefire's documentation and its source, for runs that could not be made here.
    #[test]
    fn maven_names_failures_and_classes() {
        let new = "[INFO] Running a.PagesTest\n\
            [ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1, Time elapsed: 0.03 s <<< FAILURE! -- in a.PagesTest\n\
            [ERROR] a.PagesTest.rest -- Time elapsed: 0.004 s <<< FAILURE!\n\
            [INFO] Tests run: 1, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.001 s -- in a.OtherTest\n\
            [INFO] Results:\n[ERROR] Failures: \n[ERROR]   PagesTest.rest:7 expected: <3> but was: <2>\n\
            [ERROR] Tests run: 4, Failures: 1, Errors: 0, Skipped: 1\n";
        assert_eq!(shown(new), "2/1 -a.PagesTest,a.PagesTest.rest +a.OtherTest");
        let old = "Tests run: 2, Failures: 0, Errors: 1, Skipped: 0, Time elapsed: 0.03 sec <<< FAILURE! - in a.PagesTest\n\
            rest(a.PagesTest)  Time elapsed: 0.004 sec  <<< ERROR!\n\
            Tests run: 2, Failures: 0, Errors: 1, Skipped: 0\n";
        assert_eq!(shown(old), "1/1 -a.PagesTest,rest(a.PagesTest) +");
        assert_eq!(shown("[INFO] No tests to run.\n[INFO] BUILD SUCCESS"), "");
    }

    /// From Gradle's documentation.
    #[test]
    fn gradle_names_failures_and_logged_tests() {
        let failed = "> Task :test FAILED\n\nPagesTest > rest() FAILED\n    org.opentest4j.AssertionFailedError at PagesTest.java:7\n\
            \n3 tests completed, 1 failed, 1 skipped\n\nFAILURE: Build failed with an exception.\n\nBUILD FAILED in 2s\n";
        assert_eq!(shown(failed), "1/1 -PagesTest > rest() +");
        assert_eq!(
            shown("> Task :test\n\nPagesTest > full() PASSED\n\nBUILD SUCCESSFUL in 2s\n"),
            "1/0 - +PagesTest > full()"
        );
        assert_eq!(shown("> Task :test\n\nBUILD SUCCESSFUL in 2s\n"), "");
    }

    #[test]
    fn tap_of_other_programs_is_read() {
        assert_eq!(shown("1..2\nok 1 - a\nnot ok 2 - b\n"), "1/1 -b +a");
        assert_eq!(shown("TAP version 14\nok - a\nok 2 # skip no\nnot ok 3 - c # TODO later\n1..3\n"), "1/0 - +a");
        assert_eq!(shown("1..9\nok 1 - a\nBail out! no database\n"), "");
        assert_eq!(shown("1..3\nok 1 - a\n"), "", "it was cut or has crashed");
        assert_eq!(shown("ok\nok 1 - a\nok then"), "", "there is no plan");
    }

    #[test]
    fn a_run_that_did_not_come_to_its_end_has_no_report() {
        for output in [
            "t.py::test_a PASSED [ 50%]\nFatal Python error: Segmentation fault",
            "test_a (t.T.test_a) ... ok\n",
            "running 2 tests\ntest a ... ok\n",
            "=== RUN   TestA\n--- PASS: TestA (0.00s)\n",
            "PASS a.test.js\n  ✓ adds (2 ms)\n",
            "  group\n    ✔ adds\n",
            "",
        ] {
            assert_eq!(shown(output), "", "{output}");
        }
    }

    #[test]
    fn only_the_last_lines_are_needed() {
        let output = "FAILED t.py::test_b - assert 2 == 3\n1 failed, 2 passed in 0.12s\n";
        assert_eq!(shown(output), "2/1 -t.py::test_b +");
        assert_eq!(shown("========= 3 passed, 2 warnings in 61.30s (0:01:01) ========="), "3/0 - +");
        assert_eq!(
            shown("test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s"),
            "2/0 - +"
        );
        assert_eq!(shown("# tests 3\n# pass 2\n# fail 1\n"), "", "a plan belongs to it");
    }

    #[test]
    fn no_tests_are_no_report() {
        for output in [
            "no tests ran in 0.01s",
            "Ran 0 tests in 0.000s\n\nOK\n",
            "ok  \tx/b\t0.01s [no tests to run]\n",
            "0 passing (1ms)",
        ] {
            assert_eq!(shown(output), "", "{output}");
        }
    }

    #[test]
    fn a_crashed_test_binary_failed() {
        let output = "     Running unittests src/lib.rs (target/debug/deps/pages-3ac49bcbd94df144)\n\nrunning 2 tests\n\
            test a ... ok\nerror: test failed, to rerun pass `--lib`\n";
        assert_eq!(shown(output), "0/1 -pages +pages::a");
    }

    #[test]
    fn several_runners_in_one_output_are_added() {
        let output =
            "FAILED t.py::test_b - no\n1 failed, 2 passed in 0.1s\n\nTests:       1 failed, 4 passed, 5 total\n";
        assert_eq!(shown(output), "6/2 -t.py::test_b +");
    }

    #[test]
    fn a_command_that_only_reads_has_no_tests() {
        assert_eq!(read("cat log.txt", "1 failed, 2 passed in 0.12s"), None);
        assert!(read("pytest | tail -3", "1 failed, 2 passed in 0.12s").is_some());
    }
}
