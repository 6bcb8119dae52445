use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(text: &str) -> Result<Value, LiteralError> {
    parse(text, EscapeRules::Json).map(|literal| literal.value)
}

#[test]
fn faults_with_one_meaning_are_repaired() {
    for (text, value) in [
        (r#"{"a": "x", "b": [1, -2.5e3, true, null]} rest"#, json!({"a": "x", "b": [1, -2.5e3, true, null]})),
        ("{\"a\": \"line1\nline2\t\"}", json!({"a": "line1\nline2\t"})),
        ("{'a': 'it\\'s', 'b': True, \"c\": None}", json!({"a": "it's", "b": true, "c": null})),
        (r#"{"a": 1, "b": [1, 2,],}"#, json!({"a": 1, "b": [1, 2]})),
        ("{\"a\": \"\\u00e9\\ud83d\\ude00\n\"}", json!({"a": "é😀\n"})),
        ("{\n}", json!({})),
    ] {
        assert_eq!(read(text), Ok(value), "{text}");
    }
    assert_eq!(parse_whole("{\"a\": {\"b\": \"c\"}\n").unwrap().value, json!({"a": {"b": "c"}}));
    assert_eq!(parse_whole("{\"a\": 1}}}").unwrap().end, 10);
}

#[test]
fn faults_with_more_than_one_meaning_are_not() {
    for text in [
        r#"{"a": "grep \d"}"#,
        r#"{"a": "say "hi""}"#,
        "{'a': 'it's'}",
        r#"{"a": 1 "b": 2}"#,
        r#"{'a': 1, 'a': 2}"#,
        r#"{a: 1}"#,
        "{\"a\": \"\\ud83d\n\"}",
    ] {
        assert!(matches!(read(text), Err(LiteralError::Wrong { .. })), "{text}: {:?}", read(text));
    }
    for text in
        ["{\"a\": \"ls", "{\"a\": \"ls}}", "{\"a\":", "{\"a\": 1, ", "{\"a\": tr", "[12", "{'a': '\\", "{'a\\u12"]
    {
        assert_eq!(read(text), Err(LiteralError::Cut { closers: None }), "{text}");
    }
    assert_eq!(read("{\"a\": {\"b\": [\"c\""), Err(LiteralError::Cut { closers: Some("]}}".into()) }));
    assert!(parse_whole("{\"a\": \"ls").is_err());
    assert!(matches!(read(&"[".repeat(5000)), Err(LiteralError::Wrong { .. })));
}

#[test]
fn python_strings_keep_backslashes_that_mean_nothing() {
    let value = parse(
        r#"['grep "\d+" x', """a "b"
c"""]"#,
        EscapeRules::Python,
    )
    .unwrap()
    .value;
    assert_eq!(value, json!(["grep \"\\d+\" x", "a \"b\"\nc"]));
    assert!(parse(r"'\x41'", EscapeRules::Python).is_err());
}

proptest! {
    #[test]
    fn what_is_json_is_read_as_json_and_a_beginning_of_it_never_as_something_else(
        text in "[a-z\"\\\\\n{}é:,'\\[\\]]{0,20}", cut in any::<proptest::sample::Index>(),
    ) {
        let whole = json!({"name": "bash", "arguments": {"command": text, "n": 12}}).to_string();
        let value = read(&whole).unwrap();
        prop_assert_eq!(value["arguments"]["command"].as_str(), Some(text.as_str()));
        let mut end = cut.index(whole.len());
        while !whole.is_char_boundary(end) { end -= 1; }
        prop_assert!(read(&whole[..end]).is_err());
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = (parse(&text, EscapeRules::Json), parse(&text, EscapeRules::Python), parse_whole(&text));
    }
}
