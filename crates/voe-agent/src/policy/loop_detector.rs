//! Detects repeated calls with the same results: one nudge to the model, then the attempt ends.

use voe_trace::Reason;
use voe_trace::event::NudgeKind;

use super::{Policy, PolicyAction, PolicyView, RanCall};
use crate::prompt::HARNESS;
use crate::record::loops::Repetition;
use crate::strategy::Placement;

pub(super) struct LoopDetector;

impl Policy for LoopDetector {
    fn after_call(&self, view: PolicyView<'_>, ran: &RanCall<'_>) -> Vec<PolicyAction> {
        match view.log.habit(ran.result).0 {
            Repetition::Nothing => Vec::new(),
            Repetition::Repeating(times) => {
                let text = format!(
                    "{HARNESS} This is the same call with the same result, {times} times over. Repeating it changes nothing: \
                     do something else."
                );
                vec![PolicyAction::Nudge(NudgeKind::Stuck, text, Placement::ToolResult)]
            }
            Repetition::Stuck => vec![PolicyAction::End(Reason::Stuck)],
        }
    }
}
