//! The token in the viewer's address: whoever does not know it, sees nothing.
//!
//! Any user of the machine can connect to loopback, and so can any page in the user's browser. The token stands in the path
//! and not in a cookie: a browser sends its cookies for `127.0.0.1` to every port there, other users' included.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _};

/// Where the system's random numbers come from.
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

    /// The token itself, for the address that the user is given.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// What follows the token in a path; `None` where the path does not begin with it.
    pub(super) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let (given, rest) = path.strip_prefix('/')?.split_once('/')?;
        self.is(given).then(|| &path[path.len() - rest.len() - 1..])
    }

    /// Whether it is this one. Takes the same time wherever the first difference is.
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
