//! Keys, which never reach a log.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Bytes of the shortest key that can't be an ordinary word.
const SHORTEST: usize = 16;

/// An API key. Shown as `***` wherever it is printed; only the request's header gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the key; white space around it (a newline from a file) is dropped.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    /// Reads the key from the environment; `None` when the variable is unset, empty or not UTF-8.
    pub fn from_env(variable: &str) -> Option<Self> {
        std::env::var(variable).ok().filter(|key| !key.trim().is_empty()).map(Self::new)
    }

    /// The key itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with the key redacted: servers quote what they were sent. In JSON it may have escapes.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let text = match serde_json::from_str::<Value>(text) {
            Ok(value) if text.contains('\\') => value.to_string(),
            _ => text.to_owned(),
        };
        text.replace(&self.0, "***")
    }

    /// The same for the kept parts of a reply. A key that is a word (`EMPTY`, `none`, as for local servers) stays, since
    /// replies contain it for other reasons.
    pub(crate) fn redact_reply<T: Serialize + DeserializeOwned>(key: Option<&Self>, reply: T) -> T {
        let Some(key) = key.filter(|key| key.0.len() >= SHORTEST) else { return reply };
        match serde_json::to_string(&reply) {
            Ok(text) if text.contains(&key.0) => serde_json::from_str(&text.replace(&key.0, "***")).unwrap_or(reply),
            _ => reply,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed_and_is_blotted_out_of_what_a_server_quotes() {
        let key = Secret::new(" sk-123\n");
        assert_eq!(format!("{key} {key:?}"), "*** Secret(***)");
        assert_eq!(key.redact("Incorrect API key: sk-123."), "Incorrect API key: ***.");
        assert_eq!(key.redact(r#"{"error":"no \u0073k-123"}"#), r#"{"error":"no ***"}"#);
    }

    #[test]
    fn a_key_is_not_kept_in_a_reply_but_a_word_is() {
        let reply = vec!["the key sk-0123456789abcdef".to_owned(), "EMPTY".to_owned()];
        let long = Secret::new("sk-0123456789abcdef");
        assert_eq!(Secret::redact_reply(Some(&long), reply.clone()), ["the key ***", "EMPTY"]);
        assert_eq!(Secret::redact_reply(Some(&Secret::new("EMPTY")), reply.clone()), reply);
    }
}
