//! Foreign text on its way to a terminal.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use voe_untrusted::text::{is_hazard, one_line, sanitize, sanitize_json};

#[test]
fn a_control_character_of_any_kind_is_replaced_and_the_rest_of_its_sequence_stays_readable() {
    for c in (0..=0x1f).chain(0x7f..=0x9f).filter_map(char::from_u32).filter(|c| !matches!(c, '\n' | '\t')) {
        assert_eq!(sanitize(&format!("a{c}[2Jb")), "a\u{fffd}[2Jb", "{:x}", u32::from(c));
    }
    let invisible = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}\u{2028}\u{2029}\u{200b}\u{2060}\u{feff}\u{fff9}\u{fffb}\u{e0001}\u{e0041}\u{e007f}\u{3164}";
    for c in invisible.chars() {
        assert_eq!(sanitize(&c.to_string()), "\u{fffd}", "{:x}", u32::from(c));
    }
}

#[test]
fn layout_other_scripts_and_emoji_stay_as_they_are() {
    for text in [
        "a\tb\nc",
        "שלום",
        "سلام",
        "नमस्\u{200d}ते",
        "می\u{200c}خواهم",
        "👩\u{200d}💻",
        "❤\u{fe0f}",
        "naïve",
        "日本語",
        "⏎ →",
    ] {
        assert!(matches!(sanitize(text), Cow::Borrowed(same) if same == text), "{text:?}");
    }
}

#[test]
fn json_with_hazards_is_written_without_them_and_parses_to_the_same_value() {
    let text = "\u{1b}]52;c;x\u{7} \u{9b}2J \u{7f} \u{202e} \\ \\u202e \" \u{e0041} \u{fffe} \r\n\t é";
    let value = serde_json::json!({"text": text, text: [1, null]});
    for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
        let written = sanitize_json(&json);
        assert!(!written.contains(is_hazard), "{written:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }
}

#[test]
fn a_name_with_line_ends_stays_on_one_line() {
    assert_eq!(one_line("a\nvoe: all is well\n"), "a⏎voe: all is well");
}
