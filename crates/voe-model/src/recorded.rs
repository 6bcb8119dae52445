//! Replies from a trajectory or from a file, for replay, demos and tests.

mod replay;
mod script;

pub use replay::ReplayModel;
pub use script::{ModelScriptError, Scripted};

use voe_trace::chat::Message;

use crate::model::Delta;

/// Shows a reply as if it were streamed.
fn show(message: &Message, on: &mut (dyn FnMut(Delta<'_>) + Send)) {
    if let Some(reasoning) = message.reasoning.as_deref().filter(|text| !text.is_empty()) {
        on(Delta::Reasoning(reasoning));
    }
    if !message.content.is_empty() {
        on(Delta::Text(&message.content));
    }
    for call in &message.tool_calls {
        on(Delta::Call { name: &call.name });
    }
}
