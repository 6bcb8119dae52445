//! The tools offered to the model.

use serde_json::json;
use voe_model::ToolSpec;

use crate::strategy::Strategy;

/// The call that ends the attempt, where a strategy offers it.
pub const FINISH: &str = "finish";

/// The call by which the model reports that a part is done, where a strategy verifies each part.
pub const CHECKPOINT: &str = "checkpoint";

/// Whether a strategy may offer a tool of this name.
pub fn known(name: &str) -> bool {
    voe_toolbox::specs().iter().any(|(known, ..)| *known == name)
}

/// The tools offered under `strategy`, always in the same order: the order is part of the prompt that servers cache.
pub fn offered(strategy: &Strategy) -> Vec<ToolSpec> {
    let all = voe_toolbox::specs();
    let mut specs: Vec<ToolSpec> = strategy
        .tools
        .offer
        .iter()
        .filter_map(|name| all.iter().find(|(known, ..)| known == name))
        .map(|(name, description, parameters)| ToolSpec {
            name: (*name).to_owned(),
            description: (*description).to_owned(),
            parameters: parameters.clone(),
        })
        .collect();
    if strategy.verify.when == crate::strategy::Granularity::Feature {
        specs.push(own(
            CHECKPOINT,
            "Say that one part of the work is done, so that it is verified before you continue.",
            "part",
        ));
    }
    if strategy.done.finish_tool {
        specs.push(own(FINISH, "Say that the work is done.", "summary"));
    }
    specs
}

fn own(name: &str, description: &str, argument: &str) -> ToolSpec {
    let parameters = json!({"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]});
    ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters }
}
