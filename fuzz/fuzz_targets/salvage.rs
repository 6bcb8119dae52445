//! Whatever text a model writes: no panic, no call of a tool that is not on offer, no text lost without a call.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use voe_model::ToolSpec;
use voe_model::salvage::{TextSource, salvage};

static TOOLS: LazyLock<Vec<ToolSpec>> = LazyLock::new(|| {
    let tool = |name: &str, key: &str| ToolSpec {
        name: name.into(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": {key: {"type": "string"}, "n": {"type": "integer"}}, "required": [key]}),
    };
    vec![tool("bash", "command"), tool("file_read", "path")]
});

fuzz_target!(|input: (bool, bool, &str)| {
    let (thinking, cut, text) = input;
    let place = if thinking { TextSource::Reasoning } else { TextSource::Content };
    let found = salvage(text, &TOOLS, place, cut);
    for call in &found.calls {
        let tool = TOOLS.iter().find(|tool| tool.name == call.name).expect("a tool on offer");
        assert!(text.contains(&tool.name));
        assert!(call.arguments.contains_key(tool.parameters["required"][0].as_str().unwrap_or_default()));
    }
    if found.calls.is_empty() {
        assert_eq!(found.rest, text);
    }
});
