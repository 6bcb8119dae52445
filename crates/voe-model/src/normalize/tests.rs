use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tools() -> Vec<ToolSpec> {
    vec![ToolSpec {
        name: "bash".into(),
        description: String::new(),
        parameters: json!({"type": "object", "properties": {"command": {"type": "string"}, "timeout": {"type": "integer"}}, "required": ["command"]}),
    }]
}

fn native(arguments: &str) -> NormalizedReply {
    let call = RawCall { id: Some("c1".into()), name: "bash".into(), arguments: arguments.into() };
    normalize(Raw { calls: vec![call], finish_reason: "tool_calls".into(), ..Raw::default() }, &tools(), 0)
}

fn text(content: &str, reasoning: &str) -> NormalizedReply {
    normalize(Raw { content: content.into(), reasoning: reasoning.into(), ..Raw::default() }, &tools(), 3)
}

#[test]
fn arguments_of_a_parsed_call_become_a_json_object_that_fits_the_schema() {
    for (given, kept) in [
        (r#"{"command": "ls"}"#, r#"{"command":"ls"}"#),
        (r#""{\"command\": \"ls\"}""#, r#"{"command":"ls"}"#),
        ("{\"command\": \"line1\nline2\"}}", r#"{"command":"line1\nline2"}"#),
        (r#"{"command": "ls", "timeout": "30"}"#, r#"{"command":"ls","timeout":30}"#),
        ("{'command': 'ls'}", r#"{"command":"ls"}"#),
    ] {
        let reply = native(given);
        assert_eq!(reply.malformed, None, "{given}");
        assert_eq!(
            (reply.message.tool_calls[0].id.as_str(), reply.message.tool_calls[0].arguments.as_str()),
            ("c1", kept)
        );
    }
}

#[test]
fn a_parsed_call_that_is_not_whole_is_not_run_and_stays_where_the_model_sees_it() {
    for (given, why) in [
        (r#"{"command": "ls -la /very/long"#, "the arguments of bash are no JSON: it breaks off"),
        (r#"{"command": "ls"#, "breaks off"),
        // The string is closed, but what follows may be the rest of the command.
        (r#"{"command": "echo ""#, "closing brackets are missing"),
        (r#"{"command": "ls}}"#, "breaks off"),
        ("{}", "arrived without its arguments (command is missing)"),
        ("", "arrived without its arguments"),
        (r#"{"command": "a"} {"command": "b"}"#, "something follows"),
        (r#"{"command": ["ls", "-la"]}"#, "command must be string, not an array"),
    ] {
        let reply = native(given);
        assert_eq!(reply.message.tool_calls, [], "{given}");
        let malformed = reply.malformed.unwrap();
        assert!(malformed.contains(why), "{given}: {malformed}");
        assert!(malformed.contains("bash with the arguments {\"command\":\"…\"}"), "{malformed}");
        assert!(
            reply.message.content.contains(if given.is_empty() { "{}" } else { given }),
            "{}",
            reply.message.content
        );
    }
}

#[test]
fn whole_calls_next_to_a_broken_one_are_kept() {
    let call = |arguments: &str| RawCall { id: None, name: "bash".into(), arguments: arguments.into() };
    let raw = Raw { calls: vec![call(r#"{"command":"a"}"#), call(r#"{"command":"b"#)], ..Raw::default() };
    let reply = normalize(raw, &tools(), 7);
    assert_eq!(reply.message.tool_calls.len(), 1);
    assert_eq!(reply.message.tool_calls[0].id, "voe000007");
    assert!(reply.malformed.unwrap().contains("The other calls were run."));
}

#[test]
fn ids_are_kept_as_given_and_made_up_without_chance_where_they_lack_or_repeat() {
    let call = |id: Option<&str>| RawCall {
        id: id.map(str::to_owned),
        name: "bash".into(),
        arguments: r#"{"command":"a"}"#.into(),
    };
    let raw = || Raw { calls: vec![call(Some("x")), call(Some("x")), call(None), call(Some(""))], ..Raw::default() };
    let ids: Vec<String> = normalize(raw(), &tools(), 0).message.tool_calls.into_iter().map(|call| call.id).collect();
    assert_eq!(ids, ["x", "voe000001", "voe000002", "voe000003"]);
}

#[test]
fn a_name_with_a_namespace_or_control_tokens_is_the_tool_s_and_an_unknown_one_is_passed_on() {
    let named = |name: &str| {
        let call = RawCall { id: None, name: name.into(), arguments: r#"{"command":"a"}"#.into() };
        normalize(Raw { calls: vec![call], ..Raw::default() }, &tools(), 0).message.tool_calls[0].name.clone()
    };
    assert_eq!(named("functions.bash"), "bash");
    assert_eq!(named("bash<|channel|>commentary"), "bash");
    assert_eq!(named("list_files"), "list_files");
}

#[test]
fn thinking_is_parted_from_text_where_the_server_did_not() {
    for (content, reasoning, text_kept, thinking_kept) in [
        ("<think>\nhm\n</think>\n\nHello", "", "Hello", Some("hm\n")),
        ("hm\n</think>\n\nHello", "", "Hello", Some("hm\n")),
        ("<think>\nand then I stop", "", "", Some("and then I stop")),
        ("", "nothing to do\n</think>\n\n", "", Some("nothing to do\n")),
        ("\n\nHello", "hm\n", "Hello", Some("hm\n")),
        ("The tag `</think>` ends it.", "", "The tag `</think>` ends it.", None),
        ("Hello </think> there", "", "Hello </think> there", None),
    ] {
        let message = text(content, reasoning).message;
        assert_eq!(
            (message.content.as_str(), message.reasoning.as_deref()),
            (text_kept, thinking_kept),
            "{content:?} {reasoning:?}"
        );
    }
}

#[test]
fn a_call_is_looked_for_in_the_text_and_then_in_the_thinking() {
    let call = "<tool_call>\n{\"name\": \"bash\", \"arguments\": {\"command\": \"ls\"}}\n</tool_call>";
    let in_text = text(&format!("Look.\n{call}"), "hm");
    assert_eq!((in_text.message.content.as_str(), in_text.message.tool_calls.len()), ("Look.", 1));
    assert_eq!(in_text.repairs, ["the server gave a call as text, in the content: bash"]);
    let in_thinking = text("", &format!("I will call it.\n{call}"));
    assert_eq!(in_thinking.message.reasoning.as_deref(), Some("I will call it.\n"));
    assert_eq!(in_thinking.message.tool_calls[0].id, "voe000003");
    // There is text: the thinking before it is over.
    assert_eq!(text("All done.", call).message.tool_calls, []);
}

#[test]
fn marks_that_a_parser_left_over_are_dropped_outside_of_code() {
    let call = RawCall { id: None, name: "bash".into(), arguments: r#"{"command":"a"}"#.into() };
    let raw = Raw {
        content: "\n\n<tool_call>\n\n\nI called.\n```\n<tool_call>\n```".into(),
        calls: vec![call],
        ..Raw::default()
    };
    assert_eq!(normalize(raw, &tools(), 0).message.content, "I called.\n```\n<tool_call>\n```");
}

#[test]
fn tokens_that_were_counted_and_never_came_are_a_lost_call() {
    let raw = |reasoning: &str, finish: &str| Raw {
        reasoning: reasoning.into(),
        finish_reason: finish.into(),
        ..Raw::default()
    };
    assert!(lost_tokens(&raw("I should look at the files first.\n", "stop"), 48));
    assert!(!lost_tokens(&raw("thinking and thinking and then I stop", "stop"), 11));
    assert!(!lost_tokens(&raw("", "stop"), 2));
    assert!(!lost_tokens(&raw("", "length"), 400));
    assert!(!lost_tokens(&raw(&"为基础分公司".repeat(10), "stop"), 60));
}

proptest! {
    #[test]
    fn whatever_comes_what_is_kept_can_be_sent_back(
        content in ".{0,80}", reasoning in ".{0,40}", name in "bash|ls|.{0,6}", arguments in ".{0,30}|\\{\"command\": \"[a-z\"\\\\]{0,9}\"\\}",
        calls in 0_usize..3, finish in "stop|length|tool_calls",
    ) {
        let call = RawCall { id: None, name, arguments };
        let raw = Raw { content, reasoning, calls: vec![call; calls], finish_reason: finish };
        let reply = normalize(raw, &tools(), 0);
        for call in &reply.message.tool_calls {
            prop_assert!(serde_json::from_str::<serde_json::Map<String, Value>>(&call.arguments).is_ok());
            prop_assert!(!call.name.is_empty());
        }
        prop_assert!(reply.message.tool_calls.len() + usize::from(reply.malformed.is_some()) >= usize::from(calls > 0));
    }
}
