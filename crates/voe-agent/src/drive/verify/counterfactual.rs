//! The patch's evidence: some check must fail without the changes and pass with them, and none the other way round.

use voe_trace::Level;

use super::{Look, Verdict};
use crate::attempt::End;
use crate::session::Session;

pub(super) async fn look(session: &mut Session) -> Result<Look, End> {
    session.hear_counterfactuals().await?;
    let level = session.log.ledger.level();
    let mut said = vec![match level {
        Level::Proven => "A check fails without the changes and passes with them.".to_owned(),
        Level::Refuted => "A check fails with the changes.".to_owned(),
        Level::None => "Nothing was run since the last edit.".to_owned(),
        _ => "No check was seen to fail without the changes and pass with them.".to_owned(),
    }];
    said.extend(session.facts());
    Ok(Verdict::new(Some(level == Level::Proven), said.join("\n")).into())
}
