//! How much a server may send: each body that it answers with is bounded, and so is what is kept of it.
//!
//! A server may be hostile, or send without end. The bounds of a reply follow from its token limit, with so much
//! to spare that no model reaches them: what does is not a model's reply.

use serde_json::Value;

use crate::error::{Excess, ModelError};

/// Bytes that a token may have, on average: the longest ones in today's vocabularies have about as many.
const BYTES_PER_TOKEN: u64 = 64;
/// Tokens of a reply whose limit is not known: a whole window of the larger models.
const UNKNOWN_TOKENS: u64 = 262_144;
/// The least that a reply may have in text, thinking and calls together, and the most. Bytes.
const LEAST_TEXT: u64 = 8 << 20;
const MOST_TEXT: u64 = 64 << 20;
/// JSON of a text is longer than the text: "\u4e2d" for three bytes.
const ESCAPED: u64 = 2;
/// A stream brings each token in an envelope of some hundred bytes.
const STREAMED: u64 = 16;

/// The most calls of tools in one reply.
pub(crate) const MOST_CALLS: usize = 1000;
/// The most JSON values in one text: each takes up to some hundred bytes of memory, whatever it takes in the text.
pub(crate) const MOST_VALUES: usize = 500_000;
/// Bytes of an error that are read; far fewer are shown.
pub(crate) const ERROR_BODY: usize = 64 << 10;
/// The most bytes of a list of models: that of the largest hosted service has about one million.
pub(crate) const MODEL_LIST: usize = 4 << 20;
/// The most bytes of any other answer about the server or a model.
pub(crate) const SMALL_ANSWER: usize = 1 << 20;
/// The most characters of a name (of a model, a finish reason, a server) that are kept.
pub(crate) const NAME: usize = 200;

/// The bounds of one reply, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReplyBounds {
    /// Text, thinking and calls together.
    pub(crate) text: usize,
    /// One line or event of a stream.
    pub(crate) event: usize,
    /// A body in one piece.
    pub(crate) body: usize,
    /// All bytes of a stream, comments and envelopes included.
    pub(crate) stream: usize,
}

impl ReplyBounds {
    /// The bounds of a reply with this token limit.
    pub(crate) fn of(max_tokens: Option<u64>) -> Self {
        let text = max_tokens.unwrap_or(UNKNOWN_TOKENS).saturating_mul(BYTES_PER_TOKEN).clamp(LEAST_TEXT, MOST_TEXT);
        let bytes = |factor: u64| usize::try_from(text * factor).unwrap_or(usize::MAX);
        Self { text: bytes(1), event: bytes(ESCAPED), body: bytes(ESCAPED), stream: bytes(STREAMED) }
    }
}

/// Why a server's text is not read as JSON.
#[derive(Debug)]
pub(crate) enum NotRead {
    /// It is not JSON.
    Json(serde_json::Error),
    /// It has more than [`MOST_VALUES`] values.
    Values,
}

/// Parses a server's text as JSON.
pub(crate) fn read_json(text: &str) -> Result<Value, NotRead> {
    match has_too_many_values(text) {
        true => Err(NotRead::Values),
        false => serde_json::from_str(text).map_err(NotRead::Json),
    }
}

/// Whether a JSON text has too many values for memory. Counts the separators outside of strings.
pub(crate) fn has_too_many_values(text: &str) -> bool {
    // Most texts are too short for it.
    if text.len() <= MOST_VALUES {
        return false;
    }
    let (mut values, mut string, mut escaped) = (0, false, false);
    for byte in text.bytes() {
        match (string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => string = !string,
            (false, b',' | b':' | b'[' | b'{') => values += 1,
            _ => {}
        }
    }
    values > MOST_VALUES
}

/// The error for a server that sent more than allowed.
pub(crate) fn exceeded(server: String, what: Excess, most: usize) -> ModelError {
    ModelError::TooMuch { server, what, most: most as u64 }
}

/// The beginning of a name.
pub(crate) fn clip(name: &str) -> &str {
    name.char_indices().nth(NAME).map_or(name, |(end, _)| &name[..end])
}

/// Upper limit of a token count: sums of such numbers don't overflow.
const MOST_TOKENS: u64 = 1 << 40;

/// A token count from a server.
pub(crate) fn token_count(value: &Value) -> Option<u64> {
    value.as_u64().map(|count| count.min(MOST_TOKENS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_follow_from_the_token_limit_and_have_a_least_and_a_most() {
        assert_eq!(ReplyBounds::of(Some(1)).text, 8 << 20);
        assert_eq!(ReplyBounds::of(Some(200_000)).text, 12_800_000);
        assert_eq!(ReplyBounds::of(None).text, 16 << 20);
        assert_eq!(ReplyBounds::of(Some(u64::MAX)).text, 64 << 20);
        let bounds = ReplyBounds::of(Some(1));
        assert_eq!((bounds.event, bounds.body, bounds.stream), (16 << 20, 16 << 20, 128 << 20));
    }

    #[test]
    fn a_text_with_too_many_json_values_is_not_read_and_a_long_string_is() {
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert!(matches!(read_json(&many), Err(NotRead::Values)));
        let objects = format!("[{}{{}}]", "{\"a\":{}},".repeat(MOST_VALUES / 3));
        assert!(matches!(read_json(&objects), Err(NotRead::Values)));
        let long = format!("[\"{}\"]", "a,[\\\"{:\\\\".repeat(MOST_VALUES));
        assert!(read_json(&long).is_ok());
        assert!(matches!(read_json("{"), Err(NotRead::Json(_))));
    }
}
