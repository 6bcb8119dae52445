//! Text as Python sees it.
//!
//! The official parsers are written in Python, whose definition of white space and of line endings is wider than Rust's. Ids
//! with such characters exist in the data, so the difference changes verdicts.

use std::borrow::Cow;

use regex::Regex;

/// Whether Python's `str.split()`, `str.strip()` and `\s` take `c` for white space: Unicode's White_Space and the four
/// separators U+001C to U+001F.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// The words of a line, like Python's `str.split()`.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(is_space).filter(|word| !word.is_empty())
}

/// The text without white space at its ends, like Python's `str.strip()`.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The bytes of a log as text. What is not UTF-8 becomes U+FFFD, as when the official runner writes its log.
pub fn decode(log: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(log)
}

/// The text with `\r\n` and each lone `\r` turned into `\n`, as when Python reads a file as text.
pub fn universal_newlines(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(first) = memchr::memchr(b'\r', bytes) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, Some(first));
    while let Some(cr) = at {
        out.push_str(&text[copied..cr]);
        out.push('\n');
        copied = cr + 1 + usize::from(bytes.get(cr + 1) == Some(&b'\n'));
        at = memchr::memchr(b'\r', &bytes[copied..]).map(|next| copied + next);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// A pattern that is a constant of this crate. Python's `\s` is `[\s\x1c-\x1f]` here.
#[expect(clippy::expect_used, reason = "the patterns are constants, and each is compiled by a test")]
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_every_kind_of_python_white_space() {
        let line = "a\x1cb\x1dc\x1ed\x1fe\u{85}f\u{a0}g\u{1680}h\u{2003}i\u{2028}j\u{202f}k\u{3000}l\tm\x0bn\x0co";
        assert_eq!(words(line).collect::<String>(), "abcdefghijklmno");
        assert_eq!(words("zero\u{200b}width is no space").next(), Some("zero\u{200b}width"));
    }

    #[test]
    fn both_carriage_return_forms_end_a_line_and_text_without_them_is_not_copied() {
        assert_eq!(universal_newlines("a\r\nb\rc\n\r\n\r\r\nd\r"), "a\nb\nc\n\n\n\nd\n");
        assert!(matches!(universal_newlines("a\nb"), Cow::Borrowed("a\nb")));
    }

    #[test]
    fn bytes_that_are_not_utf8_become_replacement_characters() {
        assert_eq!(decode(b"a\xffb\xe2\x82"), "a\u{fffd}b\u{fffd}");
    }
}
