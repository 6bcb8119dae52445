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
