//! The model reviews its own change, in the same conversation. Its answer counts as a step.

use super::{VerifyOutcome, verdict};
use crate::session::Session;

const QUESTION: &str = "Before this is accepted, look at your own change as a strict reviewer who did not write it. Take the statement point \
                        by point: is everything done that it asks for, at every place that needs it? Does the change break what \
                        worked? Is anything left behind that does not belong (debug output, scratch files)? What you have not seen \
                        to work by running it does not count as working.";

pub(super) fn run(session: &Session) -> VerifyOutcome {
    let own = session.strategy.verify.text.trim();
    VerifyOutcome::Ask(format!("{}\n\n{}", if own.is_empty() { QUESTION } else { own }, verdict::FORM))
}
