//! Compares the single tests of two runs of the same command.

use std::collections::BTreeSet;

use voe_trace::{TestComparison, TestRun};

/// How the tests differ between the runs with and without the change. A test that did not run in both counts for nothing.
pub fn compare(with: &TestRun, without: &TestRun) -> TestComparison {
    let proven = turned(without, with);
    let regressed = turned(with, without);
    let (red_with, red_without) = (names(&with.failing), names(&without.failing));
    let both = names(&with.passing).intersection(&names(&without.passing)).count() as u32;
    let at_most = with.passed.saturating_sub(count(&proven)).min(without.passed.saturating_sub(count(&regressed)));
    TestComparison {
        failing: red_with.intersection(&red_without).count() as u32,
        passing: if named(with) && named(without) { both } else { at_most },
        proven,
        regressed,
    }
}

/// Tests that fail in `red` and are known to pass in `green`.
fn turned(red: &TestRun, green: &TestRun) -> Vec<String> {
    let (failing, passing) = (names(&green.failing), names(&green.passing));
    // Not among the failing ones is only the same as passed where all failing ones are named and none was left out.
    let all_ran = !named(green) && green.failing.len() as u32 >= green.failed && ran(green) >= ran(red);
    let passed = |name: &str| passing.contains(name) || all_ran || is_whole_file(name, &failing, &passing);
    names(&red.failing).into_iter().filter(|name| !failing.contains(name) && passed(name)).map(str::to_owned).collect()
}

/// Whether `name` is a file that could not be loaded in one run, and whose tests all pass in the other.
fn is_whole_file(name: &str, failing: &BTreeSet<&str>, passing: &BTreeSet<&str>) -> bool {
    let inside = |test: &&&str| test.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    !failing.iter().any(|test| inside(&test)) && passing.iter().any(|test| inside(&test))
}

fn names(list: &[String]) -> BTreeSet<&str> {
    list.iter().map(String::as_str).collect()
}

/// Whether all tests that passed are named.
fn named(run: &TestRun) -> bool {
    run.passing.len() as u32 >= run.passed
}

fn ran(run: &TestRun) -> u32 {
    run.passed.saturating_add(run.failed)
}

fn count(names: &[String]) -> u32 {
    names.len() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(passing: &[&str], failing: &[&str]) -> TestRun {
        let owned = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        TestRun {
            passed: passing.len() as u32,
            failed: failing.len() as u32,
            passing: owned(passing),
            failing: owned(failing),
        }
    }

    /// The same, from a runner that does not name the tests that pass.
    fn unnamed(passed: u32, failing: &[&str]) -> TestRun {
        TestRun { passed, ..run(&[], failing) }
    }

    #[test]
    fn red_to_green_proves_green_to_red_regresses_and_red_to_red_counts_for_nothing() {
        let compared = compare(&run(&["a", "c"], &["b", "d"]), &run(&["b", "c"], &["a", "d"]));
        assert_eq!((compared.proven, compared.regressed), (vec!["a".to_owned()], vec!["b".to_owned()]));
        assert_eq!((compared.failing, compared.passing), (1, 1));
    }

    #[test]
    fn a_test_that_did_not_run_in_one_of_the_runs_counts_for_nothing() {
        assert_eq!(compare(&run(&["a"], &[]), &run(&["a"], &["gone"])).proven, [""; 0]);
        assert_eq!(compare(&run(&["a"], &["new"]), &run(&["a"], &[])).regressed, [""; 0]);
        // One test fewer ran: it may be the one that failed.
        assert_eq!(compare(&unnamed(3, &[]), &unnamed(3, &["gone"])).proven, [""; 0]);
    }

    #[test]
    fn where_passed_tests_have_no_names_as_many_tests_as_before_are_all_of_them() {
        let compared = compare(&unnamed(4, &[]), &unnamed(3, &["a"]));
        assert_eq!((compared.proven, compared.passing), (vec!["a".to_owned()], 3));
        // 600 failed and not all are named: `a` may be among them.
        let many = TestRun { failed: 600, ..unnamed(4, &["b"]) };
        assert_eq!(compare(&many, &unnamed(3, &["a", "b"])).proven, [""; 0]);
    }

    #[test]
    fn a_file_that_could_not_be_loaded_is_green_when_its_tests_pass() {
        let red = run(&[], &["tests/test_a.py"]);
        assert_eq!(compare(&run(&["tests/test_a.py::test_x"], &[]), &red).proven, ["tests/test_a.py"]);
        assert_eq!(compare(&run(&["tests/test_a.py::x"], &["tests/test_a.py::y"]), &red).proven, [""; 0]);
    }

    proptest! {
        #[test]
        fn no_test_both_proves_and_regresses(a in proptest::collection::vec(0..4_u8, 0..8), extra in 0..3_u32) {
            let of = |bit: u8| {
                let name = |at: usize| format!("t{at}");
                let red: Vec<String> = (0..a.len()).filter(|at| a[*at] & bit != 0).map(name).collect();
                TestRun { passed: (a.len() - red.len()) as u32 + extra, failed: red.len() as u32, failing: red, passing: Vec::new() }
            };
            let (with, without) = (of(1), of(2));
            let compared = compare(&with, &without);
            prop_assert!(compared.proven.iter().all(|test| !compared.regressed.contains(test)));
            let reversed = compare(&without, &with);
            prop_assert_eq!((compared.proven, compared.regressed), (reversed.regressed, reversed.proven));
        }
    }
}
