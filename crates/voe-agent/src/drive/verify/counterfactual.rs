//! The patch's evidence: some check must fail without the changes and pass with them, and none may do the reverse.

use voe_trace::Level;

use super::{Verdict, VerifyOutcome};
use crate::end::LoopEnd;
use crate::session::Session;

pub(super) async fn run(session: &mut Session) -> Result<VerifyOutcome, LoopEnd> {
    session.collect_counterfactuals().await?;
    let level = session.log.ledger.level();
    let mut lines = vec![match level {
        Level::Proven => "A check fails without the changes and passes with them.".to_owned(),
        Level::Refuted => "A check fails with the changes.".to_owned(),
        Level::None => "Nothing was run since the last edit.".to_owned(),
        _ => "No check was seen to fail without the changes and pass with them.".to_owned(),
    }];
    lines.extend(session.facts());
    Ok(Verdict::new(Some(level == Level::Proven), lines.join("\n")).into())
}
