//! Replacing characters that change how other text is shown.
//!
//! File names, commit subjects, tool calls, output of commands and replies are foreign text. A terminal obeys control
//! characters in it: escape sequences set the clipboard or the title, a carriage return overwrites a line, bidirectional controls
//! show a diff in another order than it has. All of these are replaced one by one, so that a sequence that arrives in two
//! pieces is harmless, too, and the text after it stays readable.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Replaces a character that must not be printed.
const REPLACEMENT: char = '\u{fffd}';

/// Whether a terminal obeys or hides a character instead of showing it. Line ends and tabs don't count: they are layout.
///
/// Joiners (U+200C, U+200D) and variation selectors are kept: names, words and emoji need them.
pub fn is_hazard(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // C0 with ESC and CR, DEL, C1 with the one-character forms of CSI and OSC.
        c if c.is_control() => true,
        // Bidirectional marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // Line and paragraph separator.
        '\u{2028}' | '\u{2029}' => true,
        // Zero width: two names that look the same may differ.
        '\u{ad}'
        | '\u{34f}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}' => true,
        // Letters without a glyph.
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => true,
        // Interlinear annotations, and the noncharacters next to them.
        '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => true,
        // Format controls of shorthand and music, and tags.
        '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// The text with a replacement character for each hazard.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hazard) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_hazard(c) { REPLACEMENT } else { c }).collect())
}

/// A name on one line: a line end in it can't start a line that seems to be voe's.
pub fn one_line(text: &str) -> String {
    text.trim_matches('\n').replace('\n', "⏎")
}

/// JSON with each hazard written as `\uXXXX`. The value stays the same: outside of strings JSON has none of them.
pub fn sanitize_json(json: &str) -> Cow<'_, str> {
    if !json.contains(is_hazard) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_hazard(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}
