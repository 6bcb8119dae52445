//! The condition under which the gate accepts "done".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_trace::{Check, Level, Why};

/// What the gate requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Nothing: the model's statement is enough.
    #[default]
    Nothing,
    /// Some check passed since the last edit, whatever it shows, and none that passed at the base fails now.
    Ran,
    /// The patch is proven, and no check that passed at the base fails now.
    Proven,
}

impl Require {
    /// Whether a patch of this level is accepted. `checks`: the checks of its code.
    pub fn accepts<'a>(self, level: Level, checks: impl IntoIterator<Item = &'a Check>) -> bool {
        match self {
            Self::Nothing => true,
            Self::Ran => level != Level::Refuted && checks.into_iter().any(passed),
            Self::Proven => level == Level::Proven,
        }
    }
}

/// Whether a check is known to have passed: its exit code is its own, and no matter of chance.
fn passed(check: &Check) -> bool {
    check.with.passed() && !matches!(check.why, Some(Why::ExitHidden | Why::Chance | Why::Void { .. }))
}

#[cfg(test)]
mod tests {
    use voe_trace::Outcome;

    use super::*;

    fn check(exit: i32, level: Level, why: Option<Why>) -> Check {
        let with = Outcome { exit: Some(exit), ..Outcome::default() };
        Check { level, why, with, ..Check::default() }
    }

    #[test]
    fn any_check_that_passed_is_enough_where_one_is_required_and_only_a_proof_where_that_is() {
        let levels = [Level::Inconclusive, Level::Vacuous, Level::Kept, Level::Ran, Level::Proven];
        for level in levels {
            let checks = [check(0, level, None)];
            assert!(Require::Nothing.accepts(level, &checks) && Require::Ran.accepts(level, &checks), "{level}");
            assert_eq!(Require::Proven.accepts(level, &checks), level == Level::Proven, "{level}");
        }
    }

    #[test]
    fn a_failing_check_a_regression_and_a_hidden_exit_code_are_not_enough() {
        let failed = [check(1, Level::Inconclusive, None)];
        assert!(!Require::Ran.accepts(Level::Inconclusive, &failed) && !Require::Ran.accepts(Level::None, &[]));
        assert!(!Require::Ran.accepts(Level::Refuted, &[check(0, Level::Ran, None)]));
        let hidden = [check(0, Level::Inconclusive, Some(Why::ExitHidden))];
        assert!(!Require::Ran.accepts(Level::Inconclusive, &hidden));
        assert!(Require::Nothing.accepts(Level::None, &[]));
    }
}
