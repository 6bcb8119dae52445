//! Refuses commands that the strategy forbids.

use serde_json::Value;
use voe_trace::ToolCall;

use super::{Policy, PolicyAction, PolicyView};
use crate::record::habits::command;

pub(super) struct Refusals;

impl Policy for Refusals {
    fn before_call(&self, view: PolicyView<'_>, call: &ToolCall, arguments: &Value) -> Vec<PolicyAction> {
        let Some(command) = command(&call.name, arguments) else { return Vec::new() };
        let keys = &view.strategy.tools;
        if keys.refuse_installs && voe_evidence::command::installs_packages(command) {
            let text = "Refused: installing packages is not allowed here; the environment is complete. Work with what is there.";
            return vec![PolicyAction::Refuse(text.into())];
        }
        let lower = command.to_lowercase();
        let refused = keys.refuse.iter().find(|text| lower.contains(&text.to_lowercase()));
        let text = |text| format!("Refused: commands with {text:?} are not allowed here. Work with what is there.");
        refused.map(|refused| PolicyAction::Refuse(text(refused))).into_iter().collect()
    }
}
