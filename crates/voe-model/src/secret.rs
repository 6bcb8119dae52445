//! Keys, which never reach a log.

use std::fmt;

/// An API key. Shown as `***` wherever it is printed; only the request's header gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the key; white space around it (a newline from a file) is dropped.
    pub fn new(key: impl AsRef<str>) -> Self {
        Self(key.as_ref().trim().to_owned())
    }

    /// Reads the key from the environment; `None` when the variable is unset, empty or no text.
    pub fn from_env(variable: &str) -> Option<Self> {
        std::env::var(variable).ok().filter(|key| !key.trim().is_empty()).map(Self::new)
    }

    /// The key itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with the key blotted out: servers quote what they were sent.
    pub(crate) fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, "***") }
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
    }
}
