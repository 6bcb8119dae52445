//! What checks showed, as text for the model.

use voe_evidence::check::regressed;
use voe_trace::{Check, Level, OutputDifference, Why};

use crate::prompt::HARNESS;

/// What a check showed, as text for the model.
pub(crate) fn fact(check: &Check) -> String {
    let name = short(&check.command);
    let with = &check.with;
    let why = check.why.as_ref().map(Why::to_string);
    let Some(without) = &check.without else {
        let why = why.unwrap_or_else(|| "no run without your changes was made".to_owned());
        return format!("{HARNESS} `{name}`: {why}.");
    };
    let both = format!("{HARNESS} `{name}` was also run on a copy without your changes: {without}; with them: {with}.");
    match check.level {
        Level::Proven => {
            let line = why.map(|line| format!(" Without them it prints: {line}")).unwrap_or_default();
            let tests = check.tests.as_ref().map(|tests| tests.proven.as_slice()).unwrap_or_default();
            let tests = named(" These tests fail without your changes and pass with them: ", tests);
            format!("{both} So it shows that the change makes the difference.{tests}{line}")
        }
        Level::Vacuous | Level::Kept if check.difference.is_some() => {
            format!("{both} It passes either way{}", check.difference.as_ref().map(differs).unwrap_or_default())
        }
        Level::Vacuous => format!(
            "{both} It passes either way, so it shows nothing about your change. A check that shows something fails \
             without the change."
        ),
        Level::Kept => {
            format!("{both} Your changes keep it, which is good; it does not show that the problem is solved.")
        }
        Level::Refuted if regressed(check) => {
            let tests = check.tests.as_ref().map(|tests| tests.regressed.as_slice()).unwrap_or_default();
            let tests = named(" These tests pass without your changes and fail with them: ", tests);
            format!("{both} So your changes break it.{tests}")
        }
        Level::Refuted => format!("{both} It failed before your changes too."),
        _ => {
            format!("{both} That proves nothing: {}.", why.as_deref().unwrap_or("it could not run without them"))
        }
    }
}

/// How the outputs of two runs that passed differ.
fn differs(difference: &OutputDifference) -> String {
    let printed = |line: &str| if line.is_empty() { "nothing".to_owned() } else { format!("`{line}`") };
    let (with, without) = (printed(&difference.with), printed(&difference.without));
    format!(", but with your changes it prints {with} instead of {without}: assert that, and it shows what they do.")
}

/// The most tests that a fact names.
const MOST_NAMED: usize = 8;

/// `before` and the names of tests; nothing where there are none.
fn named(before: &str, tests: &[String]) -> String {
    let more = match tests.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names: Vec<&str> = tests.iter().take(MOST_NAMED).map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!("{before}{}{more}.", names.join(", ")) }
}

pub(crate) use voe_proof::own_tests::short;

#[cfg(test)]
mod tests {
    use voe_trace::{Outcome, TestComparison};

    use super::*;

    fn said(level: Level, exits: [i32; 2], change: impl FnOnce(&mut Check)) -> String {
        let ended = |exit| Outcome { exit: Some(exit), ..Outcome::default() };
        let (with, without) = (ended(exits[0]), Some(ended(exits[1])));
        let mut check = Check { command: "t".into(), level, with, without, ..Check::default() };
        change(&mut check);
        fact(&check).trim_start_matches(HARNESS).trim().to_owned()
    }

    #[test]
    fn each_level_is_told_in_its_own_words() {
        let tests = |proven: &[&str], regressed: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            Some(TestComparison { proven: owned(proven), regressed: owned(regressed), ..TestComparison::default() })
        };
        let difference = OutputDifference { with: "-1".into(), without: String::new() };
        let run = |with: i32, without: i32| {
            format!(
                "`t` was also run on a copy without your changes: exit code {without}; with them: exit code {with}."
            )
        };
        for (found, exits, expected) in [
            (
                said(Level::Proven, [1, 1], |check| check.tests = tests(&["a", "b"], &[])),
                [1, 1],
                "So it shows that the change makes the difference. These tests fail without your changes and pass with them: a, b.",
            ),
            (
                said(Level::Refuted, [1, 1], |check| check.tests = tests(&[], &["a"])),
                [1, 1],
                "So your changes break it. These tests pass without your changes and fail with them: a.",
            ),
            (said(Level::Refuted, [1, 1], |_| {}), [1, 1], "It failed before your changes too."),
            (
                said(Level::Kept, [0, 0], |_| {}),
                [0, 0],
                "Your changes keep it, which is good; it does not show that the problem is solved.",
            ),
            (
                said(Level::Vacuous, [0, 0], |check| check.difference = Some(difference)),
                [0, 0],
                "It passes either way, but with your changes it prints `-1` instead of nothing: assert that, and it shows what they do.",
            ),
            (
                said(Level::Inconclusive, [1, 1], |check| check.why = Some(Why::SameTestsFail { tests: 2 })),
                [1, 1],
                "That proves nothing: the same 2 tests fail without the changes.",
            ),
        ] {
            assert_eq!(found, format!("{} {expected}", run(exits[0], exits[1])));
        }
    }

    #[test]
    fn not_all_of_many_tests_are_named() {
        let names: Vec<String> = (0..20).map(|at| format!("t{at}")).collect();
        assert!(named(" Red: ", &names).ends_with("t7 and 12 more."));
        assert_eq!(named(" Red: ", &[]), "");
    }
}
