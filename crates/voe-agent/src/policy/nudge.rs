//! Asks the model to verify its edits.

use voe_trace::event::NudgeKind;

use super::{Policy, PolicyAction, PolicyView, RanCall};
use crate::prompt;

pub(super) struct NudgeAfterEdits;

impl Policy for NudgeAfterEdits {
    fn after_call(&self, view: PolicyView<'_>, ran: &RanCall<'_>) -> Vec<PolicyAction> {
        let files = view.log.habit(ran.result).1;
        if files.is_empty() {
            return Vec::new();
        }
        let text = prompt::nudge(view.strategy, &files);
        vec![PolicyAction::Nudge(NudgeKind::Verify, text, view.strategy.nudge.placement)]
    }
}
