//! When a part of the work is verified. The method and what follows are in `drive/verify.rs`.

use super::{Policy, PolicyAction, PolicyView};
use crate::record::history::VerifyPoint;
use crate::strategy::{Granularity, Method};

pub(super) struct Parts;

impl Policy for Parts {
    fn after_step(&self, view: PolicyView<'_>) -> Vec<PolicyAction> {
        let keys = &view.strategy.verify;
        let due = keys.method != Method::None
            && match keys.when {
                Granularity::End => false,
                Granularity::Feature => view.log.history.part_done(),
                Granularity::Step => !view.log.ledger.edited_in(view.step()).is_empty(),
            };
        due.then_some(PolicyAction::Verify(VerifyPoint::Part)).into_iter().collect()
    }
}
