//! The token in the viewer's URL: without it nothing is shown.
//!
//! Any user of the machine can connect to loopback, and so can any page in the user's browser. The token is in the path
//! and not in a cookie: a browser sends its cookies for `127.0.0.1` to every port there, including those of other users.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};

/// Source of random numbers.
const SOURCE: &str = "/dev/urandom";

/// 128 random bits in hexadecimal.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// A new token.
    pub(super) fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        File::open(SOURCE)
            .and_then(|mut source| source.read_exact(&mut bytes))
            .map_err(|error| io::Error::new(error.kind(), format!("{SOURCE}: {error}")))?;
        let mut text = String::new();
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// The token itself, for the URL that the user gets.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The rest of a path after the token; `None` if the path does not start with it.
    pub(super) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (given, rest) = path.strip_prefix('/')?.split_once('/')?;
        self.is(given).then(|| &path[path.len() - rest.len() - 1..])
    }

    /// Whether it equals this one. Takes the same time wherever the first difference is.
    fn is(&self, given: &str) -> bool {
        let (own, given) = (self.0.as_bytes(), given.as_bytes());
        own.len() == given.len() && own.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_random_stripped_from_its_own_path_only_and_never_printed() {
        let (token, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert!(token.expose().len() == 32 && token.expose() != other.expose());
        let path = |text: &str| token.strip(text).map(str::to_owned);
        assert_eq!(path(&format!("/{}/", token.expose())).as_deref(), Some("/"));
        assert_eq!(path(&format!("/{}/data/x", token.expose())).as_deref(), Some("/data/x"));
        for wrong in ["/", "", "//", "/data/x", &format!("/{}", token.expose()), &format!("/{}/", other.expose())] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
        assert_eq!(path(&format!("//{}/", token.expose())), None);
        assert_eq!(path(&format!("/{}x/", token.expose())), None);
        assert_eq!(format!("{token:?}"), "Token(***)");
    }
}
