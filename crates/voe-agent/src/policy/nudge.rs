//! Asks the model to verify its edits.

use voe_trace::event::NudgeKind;

use super::{Action, Policy, Ran, View};
use crate::prompt;

pub(super) struct NudgeAfterEdits;

impl Policy for NudgeAfterEdits {
    fn after_call(&self, view: View<'_>, ran: &Ran<'_>) -> Vec<Action> {
        let files = view.log.habit(ran.result).1;
        if files.is_empty() {
            return Vec::new();
        }
        let text = prompt::nudge(view.strategy, &files);
        vec![Action::Nudge(NudgeKind::Verify, text, view.strategy.nudge.placement)]
    }
}
