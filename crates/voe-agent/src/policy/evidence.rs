//! What checks showed, for the model.

use super::{Policy, PolicyAction, PolicyView, RanCall};

pub(super) struct EvidencePolicy;

impl Policy for EvidencePolicy {
    fn after_call(&self, _: PolicyView<'_>, _: &RanCall<'_>) -> Vec<PolicyAction> {
        vec![PolicyAction::Facts]
    }
}
