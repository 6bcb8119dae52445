//! The condition under which the gate accepts "done".

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use voe_trace::Level;

/// What the gate requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Nothing: the model's statement is enough.
    #[default]
    Nothing,
    /// Some check exited 0 after the last edit.
    Ran,
    /// The patch is proven, and no check that passed at the base fails now.
    Proven,
}

impl Require {
    /// Whether a patch of this level is accepted.
    pub fn accepts(self, level: Level) -> bool {
        match self {
            Self::Nothing => true,
            Self::Ran => level >= Level::Ran,
            Self::Proven => level == Level::Proven,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vacuous_check_is_not_enough_where_one_is_required() {
        let accepted = |require: Require| {
            [Level::Refuted, Level::None, Level::Inconclusive, Level::Vacuous, Level::Ran, Level::Proven]
                .map(|level| require.accepts(level))
        };
        assert_eq!(accepted(Require::Nothing), [true; 6]);
        assert_eq!(accepted(Require::Ran), [false, false, false, false, true, true]);
        assert_eq!(accepted(Require::Proven), [false, false, false, false, false, true]);
    }
}
