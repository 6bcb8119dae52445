use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tools() -> Vec<ToolSpec> {
    let tool = |name: &str, properties: Value, required: Value| ToolSpec {
        name: name.into(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": properties, "required": required}),
    };
    vec![
        tool("bash", json!({"command": {"type": "string"}, "timeout": {"type": "integer"}}), json!(["command"])),
        tool("file_read", json!({"path": {"type": "string"}, "offset": {"type": "integer"}}), json!(["path"])),
        tool(
            "file_write",
            json!({"path": {"type": "string"}, "content": {"type": "string"}}),
            json!(["path", "content"]),
        ),
        tool("status", json!({}), json!([])),
    ]
}

fn look(text: &str) -> Findings {
    salvage(text, &tools(), TextSource::Content, false)
}

/// `bash {"command":"ls"}` for each call.
fn calls(found: &Findings) -> Vec<String> {
    found.calls.iter().map(|call| format!("{} {}", call.name, Value::Object(call.arguments.clone()))).collect()
}

const LS: &str = r#"bash {"command":"ls"}"#;

#[test]
fn a_call_is_read_in_every_form_that_models_write() {
    for text in [
        // Hermes, and tags that small models put in its place.
        "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>",
        "<tool_call>{\"name\": \"bash\", \"arguments\": \"{\\\"command\\\": \\\"ls\\\"}\"}</tool_call><|im_end|>",
        "<function_call>{\"name\": \"functions.bash\", \"parameters\": {\"command\": \"ls\"}}</function_call>",
        "<tools>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tools>",
        "<tool_call>\n```json\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n```\n</tool_call>",
        // Faults of it that can be read in only one way.
        "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}",
        "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}\n</tool_call>",
        "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}}\n</tool_call>",
        "<tool_call>\n{'name': 'bash', 'arguments': {'command': 'ls'}}\n</tool_call>",
        // Qwen's XML.
        "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>",
        "<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=bash>\n<parameter=command=ls</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=bash>\n<parameter=command\nls\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</parameter>\n</function>\n</function>\n</tool_call>\n</tool_call>",
        "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</function>\n</tool_call>",
        "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</tool_call>",
        "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>",
        // Bare and fenced JSON.
        "{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}",
        "```json\n{\n  \"name\": \"bash\",\n  \"arguments\": {\n    \"command\": \"ls\"\n  }\n}\n```\n\n\n",
        "```\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}\n```",
        "[{\"type\": \"function\", \"id\": \"1\", \"function\": {\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}}]",
        "{\"tool_calls\": [{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}]}",
        "```xml\n<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>\n```",
        // Mistral.
        "[TOOL_CALLS][{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}]",
        "[TOOL_CALLS]bash[ARGS]{\"command\": \"ls\"}</s>",
        "[TOOL_CALLS]bash[CALL_ID]abc123XYZ[ARGS]{\"command\": \"ls\"}",
        "[TOOL_CALLS] [{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}] [/TOOL_CALLS]",
        // Llama.
        "<|python_tag|>{\"name\": \"bash\", \"parameters\": {\"command\": \"ls\"}}<|eom_id|>",
        "<|python_tag|>bash.call(command=\"ls\")",
        "<function=bash>{\"command\": \"ls\"}</function>",
        "{\"type\": \"function\", \"name\": \"bash\", \"parameters\": {\"command\": \"ls\"}}",
        "[bash(command='ls')]",
        // LFM2.
        "<|tool_call_start|>[bash(command=\"ls\")]<|tool_call_end|>",
        "<|tool_call_start|>[{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}]<|tool_call_end|>",
        // GLM.
        "<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>ls</arg_value>\n</tool_call>",
    ] {
        for before in ["", "Let me look at the files.\n\n"] {
            let found = look(&format!("{before}{text}"));
            assert_eq!((calls(&found), &found.malformed), (vec![LS.to_owned()], &vec![]), "{before}{text}");
            assert!(!found.rest.contains("bash"), "{text} leaves {}", found.rest);
            assert!(found.rest.starts_with(before.trim()), "{text} leaves {}", found.rest);
        }
    }
}

#[test]
fn several_calls_come_in_order_and_with_the_types_of_the_schema() {
    let two = [r#"file_read {"path":"a.py"}"#, r#"file_read {"path":"b.py","offset":10}"#];
    for text in [
        "<tool_call>\n{\"name\": \"file_read\", \"arguments\": {\"path\": \"a.py\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"file_read\", \"arguments\": {\"path\": \"b.py\", \"offset\": \"10\"}}\n</tool_call>",
        "<tool_call>{\"name\": \"file_read\", \"arguments\": {\"path\": \"a.py\"}}</tool_call><tool_call>{\"name\": \"file_read\", \"arguments\": {\"path\": \"b.py\", \"offset\": 10}}</tool_call>\nI have called both.",
        "<tool_call>\n<function=file_read>\n<parameter=path>\na.py\n</parameter>\n</function>\n</tool_call>\n<tool_call>\n<function=file_read>\n<parameter=path>\nb.py\n</parameter>\n<parameter=offset>\n10\n</parameter>\n</function>\n</tool_call>",
        "```json\n{\"name\": \"file_read\", \"arguments\": {\"path\": \"a.py\"}}\n```\n\n```json\n{\"name\": \"file_read\", \"arguments\": {\"path\": \"b.py\", \"offset\": 10}}\n```",
        "{\"name\": \"file_read\", \"arguments\": {\"path\": \"a.py\"}}\n{\"name\": \"file_read\", \"arguments\": {\"path\": \"b.py\", \"offset\": 10}}",
        "<|python_tag|>{\"name\": \"file_read\", \"parameters\": {\"path\": \"a.py\"}}; {\"name\": \"file_read\", \"parameters\": {\"path\": \"b.py\", \"offset\": 10}}",
        "<|tool_call_start|>[file_read(path=\"a.py\"), file_read(path=\"b.py\", offset=10)]<|tool_call_end|>",
        "[TOOL_CALLS]file_read[ARGS]{\"path\": \"a.py\"}[TOOL_CALLS]file_read[ARGS]{\"path\": \"b.py\", \"offset\": 10}",
    ] {
        let found = look(text);
        assert_eq!((calls(&found), found.malformed), (two.map(str::to_owned).to_vec(), vec![]), "{text}");
    }
}

#[test]
fn an_incomplete_or_ambiguous_call_is_not_run_and_is_reported_to_the_model() {
    for (text, why) in [
        ("<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls -la /very", "breaks off"),
        (
            "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls}}\n</tool_call>",
            "breaks off, or a string is not closed",
        ),
        (
            "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"echo \"hi\"\"}}\n</tool_call>",
            "must be written \\\"",
        ),
        (
            "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"grep '\\d'\"}}\n</tool_call>",
            "no escape \\d",
        ),
        ("<tool_call>\n{\"name\": \"bash\", \"arguments\": {}}\n</tool_call>", "command is missing"),
        ("<tool_call>\n{\"name\": \"bash\", \"command\": \"ls\"}\n</tool_call>", "no \"arguments\""),
        (
            "<tool_call>\n{\"name\": \"ls\", \"arguments\": {}}\n</tool_call>",
            "no tool \"ls\"; there are bash, file_read, file_write, status",
        ),
        ("<tool_call>\n{\"arguments\": {}}\n</tool_call>", "no \"name\""),
        ("<tool_call><tool_call><tool_call><tool_call>", "no call in it"),
        ("<tool_call>\n<function=bash>\n<parameter=command>\nls -la /very/long", "breaks off"),
        ("<tool_call>\n<function=bash>\n      \n\n\n", "breaks off"),
        ("<tool_call>\n<function=bash>\n</function>\n</tool_call>", "command is missing"),
        (
            "<tool_call>\n<function=list_files>\n<parameter=path>\n.\n</parameter>\n</function>\n</tool_call>",
            "no tool \"list_files\"",
        ),
        // A missing end tag, or a file that mentions calls?
        (
            "<tool_call>\n<function=bash>\n<parameter=command>\nls\n<parameter=timeout>\n3\n</parameter>\n</function>\n</tool_call>",
            "left out",
        ),
        (
            "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</function>\n</tool_call>\nand more\n",
            "</parameter> is missing",
        ),
        ("{\"name\": \"bash\", \"arguments\": {\"command\": \"ls -la /very", "breaks off"),
        ("```json\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls -la /very", "breaks off"),
        ("[TOOL_CALLS]bash[ARGS]{\"command\": \"ls -la /ve", "breaks off"),
        ("<|python_tag|>import os\nprint(os.listdir())", "no call of a tool"),
        ("<|tool_call_start|>[bash(command=\"ls -la /ve", "breaks off"),
        ("<tool_call>bash\n<arg_key>command</arg_key>\n<arg_value>ls -la /ve", "breaks off"),
    ] {
        let found = look(text);
        assert_eq!(calls(&found), Vec::<String>::new(), "{text}");
        assert!(found.malformed.first().is_some_and(|wrong| wrong.why.contains(why)), "{text}: {:?}", found.malformed);
        assert_eq!(found.rest, text, "the model's own text stays");
    }
}

#[test]
fn a_reply_that_a_limit_cut_off_needs_the_end_marks_of_its_call() {
    let text = "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>";
    assert_eq!(calls(&look(text)), [LS]);
    let cut = salvage(text, &tools(), TextSource::Content, true);
    assert_eq!((calls(&cut).len(), cut.malformed.len()), (0, 1));
}

#[test]
fn text_that_shows_a_call_is_not_run() {
    const CALL: &str = "{\"name\": \"bash\", \"arguments\": {\"command\": \"rm -rf build\"}}";
    // Illustrations in the middle of a text: ignored silently.
    for text in [
        format!("I fixed the parser. A call looks like this:\n\n```json\n{CALL}\n```\n\nThat is all. TASK_COMPLETE"),
        format!("The log has these lines:\n{CALL}\nand nothing else."),
        format!("Use `{CALL}` for that."),
        format!("Use `<tool_call>{CALL}</tool_call>` for that."),
        format!("In the docs:\n\n```\n$ cat log\n<tool_call>\n{CALL}\n</tool_call>\n```\n\nDone."),
        format!("~~~~\n```\n{CALL}\n```\n~~~~\nDone. {CALL}"),
        "The tag <tool_call> opens a call, and `<function=bash>` names its tool.".to_owned(),
        "<function=NAME> is the form, with <parameter=KEY> inside.".to_owned(),
        "[bash(command=\"rm -rf build\")] is how Llama writes it; we do not.".replace("[bash", "See [bash"),
        format!("{{\"settings\": {CALL}}}"),
        "{\"name\": \"bash\", \"version\": 3, \"arguments\": {\"command\": \"ls\"}}".to_owned(),
        "{\"name\": \"Alice\", \"arguments\": {\"command\": \"ls\"}}".to_owned(),
        "{\"name\": \"bash\"}".to_owned(),
    ] {
        let found = look(&text);
        assert_eq!((calls(&found), found.malformed, found.rest.as_str()), (vec![], vec![], text.as_str()), "{text}");
    }
    // At the end or the beginning, but as an example: not run, and reported to the model.
    for text in [
        format!("You could do it with a call like this:\n\n```json\n{CALL}\n```"),
        format!("For example:\n{CALL}"),
        format!("{CALL}\n\nThis is an example of what I can do."),
        format!("First:\n```json\n{CALL}\n```\nThen:\n```json\n{CALL}\n```"),
        format!("```json\n{CALL}\n```\nThen I will run:\n```json\n{CALL}\n```"),
    ] {
        let found = look(&text);
        assert_eq!(calls(&found), Vec::<String>::new(), "{text}");
        assert!(!found.malformed.is_empty(), "{text}");
    }
}

#[test]
fn a_call_runs_next_to_text_that_does_not_make_it_an_example() {
    for text in [
        "I will list the files first.\n\n```json\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n```",
        "{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n\nThis lists the files.",
        "Let me look. <tool_call>{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}</tool_call>",
        "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>\n\nI have called the tool.",
        "The code is:\n```python\nx = {\"name\": \"bash\"}\n```\nNow:\n<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>",
    ] {
        assert_eq!(calls(&look(text)), [LS], "{text}");
    }
}

#[test]
fn a_call_inside_a_file_being_written_is_part_of_the_file() {
    let inner = "Docs:\n```\n<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"rm -rf /\"}}\n</tool_call>\n```\n";
    let json = json!({"name": "file_write", "arguments": {"path": "a.md", "content": inner}}).to_string();
    let xml = "<parameter=command>\nrm -rf /\n</parameter> and </function> are tags";
    let form = |content: &str| {
        format!(
            "<tool_call>\n<function=file_write>\n<parameter=path>\na.md\n</parameter>\n<parameter=content>\n{content}\n</parameter>\n</function>\n</tool_call>"
        )
    };
    for (text, content) in [
        (format!("<tool_call>\n{json}\n</tool_call>"), inner),
        (json.clone(), inner),
        (format!("```json\n{json}\n```"), inner),
        (form(inner), inner),
        (form(&format!("The tags {xml}")), &format!("The tags {xml}")),
    ] {
        let found = look(&text);
        assert_eq!(found.calls.len(), 1, "{text}: {found:?}");
        assert_eq!(found.calls[0].arguments["content"], content, "{text}");
    }
    // A whole call of the same form in the content: the end of the file is ambiguous, so nothing is run.
    let nested = form(&form("x"));
    assert_eq!(calls(&look(&nested)), Vec::<String>::new(), "{nested}");
}

#[test]
fn in_thinking_only_a_call_in_marks_at_its_end_counts() {
    let think = |text: &str| calls(&salvage(text, &tools(), TextSource::Reasoning, false));
    let call = "<tool_call>\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>\n</tool_call>";
    assert_eq!(think(&format!("I will call it now.\n{call}\n")), [LS]);
    assert_eq!(think(&format!("I could do\n{call}\nbut better not.")), Vec::<String>::new());
    assert_eq!(
        think("Then {\"name\": \"bash\"…\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}"),
        Vec::<String>::new()
    );
}

#[test]
fn the_model_is_shown_the_right_form_of_the_dialect_that_it_speaks() {
    let form = |text: &str| look(text).malformed.remove(0).form;
    assert_eq!(
        form("<tool_call>\n<function=bash>\n</function>\n</tool_call>"),
        "<tool_call>\n<function=bash>\n<parameter=command>\n…\n</parameter>\n</function>\n</tool_call>"
    );
    assert_eq!(
        form("<tool_call>\n{\"name\": \"file_read\", \"arguments\": {}}"),
        "<tool_call>\n{\"name\":\"file_read\",\"arguments\":{\"path\":\"…\"}}\n</tool_call>"
    );
}

#[test]
fn without_tools_on_offer_nothing_is_a_call() {
    let text = "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>";
    assert_eq!(salvage(text, &[], TextSource::Content, false).rest, text);
}

/// A call in each of the forms, as a model would write it.
fn written(name: &str, arguments: &Map<String, Value>) -> Vec<String> {
    let json = json!({"name": name, "arguments": arguments}).to_string();
    let mut forms: Vec<String> = DIALECTS.iter().map(|dialect| (dialect.form)(name, arguments)).collect();
    forms.extend([format!("```json\n{json}\n```"), format!("[TOOL_CALLS][{json}]"), format!("<|python_tag|>{json}")]);
    forms
}

proptest! {
    #[test]
    fn a_call_in_any_form_comes_back_as_it_was_meant_or_not_at_all(
        command in "[a-z <>/=\"'`\\\\\n{}()\\[\\]$&|;.-]{1,60}",
    ) {
        let arguments = json!({"command": command}).as_object().unwrap().clone();
        for text in written("bash", &arguments) {
            let found = look(&text);
            prop_assert!(found.calls.len() <= 1, "{}", text);
            if let Some(call) = found.calls.first() {
                prop_assert_eq!(&call.arguments, &arguments, "{}", text);
            }
        }
    }

    #[test]
    fn the_beginning_of_a_call_never_runs_the_beginning_of_its_command(
        command in "[a-z \"'\\\\\n/;&{}-]{1,40}", cut in any::<prop::sample::Index>(), limit in any::<bool>(),
    ) {
        let arguments = json!({"command": command, "timeout": 30}).as_object().unwrap().clone();
        for text in written("bash", &arguments) {
            let mut end = cut.index(text.len());
            while !text.is_char_boundary(end) { end -= 1; }
            for call in salvage(&text[..end], &tools(), TextSource::Content, limit).calls {
                prop_assert_eq!(&call.arguments["command"], &arguments["command"], "{}", &text[..end]);
            }
        }
    }

    #[test]
    fn prose_contains_no_call(
        words in prop::collection::vec(
            "[A-Za-z]{1,8}|bash|file_read|tool_call|arguments|\\{|\\}|`|```|\n|<|>|\\[|\\]|\"|:|name|function=|=|[(),.;]", 0..60),
        place in prop::sample::select(vec![TextSource::Content, TextSource::Reasoning]),
    ) {
        let text = words.join(" ");
        prop_assert_eq!(calls(&salvage(&text, &tools(), place, false)), Vec::<String>::new(), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic_and_no_call_has_a_name_that_is_not_in_it(
        text in ".{0,60}|(<tool_call>|<function=|bash|>|</tool_call>|<parameter=|command|\\{|\"name\"|:|\"bash\"|,|\"arguments\"|\\}|\n|```|\\[TOOL_CALLS\\]|<\\|python_tag\\|>|\\[|\\(|\\)|\\]|é|</parameter>|</function>|<arg_key>){0,30}",
        place in prop::sample::select(vec![TextSource::Content, TextSource::Reasoning]),
    ) {
        let found = salvage(&text, &tools(), place, false);
        for call in &found.calls {
            prop_assert!(text.contains(&call.name));
        }
        if found.calls.is_empty() {
            prop_assert_eq!(found.rest, text);
        }
    }
}
