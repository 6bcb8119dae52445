//! The tools, one a file, and the table of them.

mod arguments;
mod bash;
mod file_edit;
mod file_read;
mod file_write;
mod glob;
mod grep;
mod walk;

use serde_json::Value;
use voe_trace::{EndedBy, Note, TestRun};

use crate::inbox::Inbox;
use crate::place::AllowedPath;
use crate::session::ToolboxSession;
pub(crate) use arguments::Arguments;
pub(crate) use bash::run_command;
pub(crate) use glob::list;
pub(crate) use grep::search;

/// A tool: its description for the model, and its function.
pub(crate) struct Tool {
    name: &'static str,
    description: &'static str,
    /// Its parameters, as a JSON schema.
    parameters: fn() -> Value,
    run: fn(&mut ToolboxSession, &Arguments, &mut Inbox) -> Result<ToolOutcome, String>,
}

/// What a tool did.
#[derive(Debug, Default)]
pub(crate) struct ToolOutcome {
    pub(crate) output: String,
    /// The tool failed; `output` explains why.
    pub(crate) failed: bool,
    pub(crate) exit: Option<i32>,
    pub(crate) ended_by: Option<EndedBy>,
    pub(crate) notes: Vec<Note>,
    pub(crate) tail: String,
    /// What test runners report in a command's output.
    pub(crate) tests: Option<TestRun>,
    pub(crate) effect: Effect,
}

/// What a tool may have changed.
#[derive(Debug, Default)]
pub(crate) enum Effect {
    /// Nothing: the workspace need not be scanned.
    #[default]
    None,
    /// This file.
    File(AllowedPath),
    /// Anything, by this command.
    Command(String),
}

impl ToolOutcome {
    /// A text without an effect.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { output: text.into(), ..Self::default() }
    }
}

const TOOLS: [Tool; 6] = [bash::TOOL, file_read::TOOL, file_edit::TOOL, file_write::TOOL, grep::TOOL, glob::TOOL];

/// The tools as described to the model: name, description, parameters (a JSON schema).
pub fn specs() -> Vec<(&'static str, &'static str, Value)> {
    TOOLS.iter().map(|tool| (tool.name, tool.description, (tool.parameters)())).collect()
}

/// Runs the tool of that name. The error is for the model.
pub(crate) fn run(
    session: &mut ToolboxSession,
    name: &str,
    arguments: &Value,
    inbox: &mut Inbox,
) -> Result<ToolOutcome, String> {
    let Some(tool) = TOOLS.iter().find(|tool| tool.name == name) else {
        let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        return Err(format!("there is no tool {name}; the tools are {}", names.join(", ")));
    };
    let arguments = Arguments::new(tool.name, arguments, &(tool.parameters)())?;
    (tool.run)(session, &arguments, inbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_described_with_its_fixed_parameters_in_few_words() {
        let interface: Vec<String> = specs()
            .iter()
            .map(|(name, _, schema)| {
                let required = schema["required"].as_array().unwrap();
                let parameters = schema["properties"].as_object().unwrap().keys();
                let parameters: Vec<String> = parameters
                    .map(|p| if required.contains(&Value::from(p.as_str())) { p.clone() } else { format!("{p}?") })
                    .collect();
                format!("{name}({})", parameters.join(", "))
            })
            .collect();
        insta::assert_snapshot!(interface.join("\n"), @r"
        bash(command, timeout_s?)
        file_read(path, offset?, limit?)
        file_edit(path, old_string, new_string, line?)
        file_write(path, content)
        grep(pattern, path?, glob?, context?)
        glob(pattern, path?)
        ");
        let size: usize = specs().iter().map(|(n, d, s)| n.len() + d.len() + s.to_string().len() + 60).sum();
        assert!(size < 4000, "the tools take {size} bytes of the first request");
    }
}
