//! The value of a state to a search, by its evidence.

use voe_trace::event::Finish;
use voe_trace::{Level, Reason};

/// The value of an attempt by its evidence, from 0 to 1. The distances between levels are a choice, not a measurement; only their order has a meaning.
pub fn by_evidence(finish: &Finish) -> f64 {
    let level: f64 = match finish.evidence.level {
        Level::Proven => 0.9,
        Level::Ran => 0.55,
        Level::Kept => 0.5,
        Level::Vacuous => 0.45,
        Level::Inconclusive => 0.4,
        // An edit on which nothing was run is better than none.
        Level::None if !finish.patch.is_empty() => 0.3,
        Level::None => 0.2,
        Level::Refuted => 0.1,
    };
    match finish.reason {
        Reason::Completed if finish.evidence.level == Level::Proven => 1.0,
        Reason::Stuck | Reason::Context | Reason::ModelError | Reason::Internal => level * 0.5,
        _ => level,
    }
}
