//! What checks showed, as text for the model.

use voe_trace::{Check, Level, Why};

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
            format!("{both} So it shows that the change makes the difference.{line}")
        }
        Level::Vacuous => format!(
            "{both} It passes either way, so it shows nothing about your change. A check that shows something fails \
             without the change."
        ),
        Level::Kept => format!("{both} Your changes keep it; it does not show the problem."),
        Level::Refuted if without.exit == Some(0) => {
            format!("{both} So your changes break it.")
        }
        Level::Refuted => format!("{both} It failed before your changes too."),
        _ => {
            format!("{both} That proves nothing: {}.", why.as_deref().unwrap_or("it could not run without them"))
        }
    }
}

pub(crate) use voe_proof::own_tests::short;
