//! Addresses of servers: with or without `/v1`, and never shown with credentials.

use std::net::IpAddr;

use reqwest::Url;

use crate::error::ModelError;

/// A server's address.
#[derive(Clone, PartialEq)]
pub(crate) struct Address {
    /// Ends in `/v1` or another version, without a slash; no credentials.
    url: Url,
    /// User and password, if the address had them.
    pub(crate) credentials: Option<(String, String)>,
}

impl Address {
    /// Reads what a person types: `localhost:8000`, `http://host/v1/`, `https://host/api/v1/chat/completions`.
    pub(crate) fn parse(text: &str) -> Result<Self, ModelError> {
        let typed = text.trim();
        let whole = if typed.contains("://") {
            typed.to_owned()
        } else {
            let host = typed.split(['/', ':']).next().unwrap_or_default();
            let near = !host.contains('.') || host.parse::<IpAddr>().is_ok() || typed.starts_with('[');
            format!("{}://{typed}", if near { "http" } else { "https" })
        };
        let refuse = |why: &str| ModelError::Setup {
            message: format!("the server's address {:?} {why}; give one like http://localhost:8000/v1", hide(typed)),
        };
        let mut url = Url::parse(&whole).map_err(|_| refuse("is not an address"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(refuse("is not an http or https address"));
        }
        let password = url.password().map(decode).unwrap_or_default();
        let credentials =
            (!url.username().is_empty() || !password.is_empty()).then(|| (decode(url.username()), password));
        if credentials.is_some() && (url.set_username("").is_err() || url.set_password(None).is_err()) {
            return Err(refuse("has credentials in a place where none belong"));
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path).to_owned();
        let versioned = path.split('/').any(|part| {
            part.strip_prefix('v').is_some_and(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()))
        });
        url.set_path(&if versioned { path } else { format!("{path}/v1") });
        Ok(Self { url, credentials })
    }

    /// The address of `path` below the version, `chat/completions` or the like.
    pub(crate) fn join(&self, path: &str) -> Url {
        self.with_path(&format!("{}/{path}", self.url.path()))
    }

    /// The address of `path` at the server's root, the version left out.
    pub(crate) fn root(&self, path: &str) -> Url {
        let base = self.url.path();
        self.with_path(&format!("{}/{path}", base.rsplit_once('/').map_or(base, |(root, _)| root)))
    }

    fn with_path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    /// The address, for people: without credentials and without a query, which may contain a key.
    pub(crate) fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }

    /// Whether it is this machine: no proxy is used.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.url.host_str().unwrap_or_default() {
            "localhost" | "0.0.0.0" | "[::]" => true,
            host => host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// `text` without anything between the scheme and an `@`.
fn hide(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("***@{host}"),
        Some((_, host)) => format!("{scheme}://***@{host}"),
        None => text.to_owned(),
    }
}

/// Percent-decoding, for credentials.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_understood_as_people_type_it() {
        for (typed, meant) in [
            ("localhost:8000", "http://localhost:8000/v1"),
            ("127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
            ("[::1]:8000", "http://[::1]:8000/v1"),
            ("gpu-box:8000", "http://gpu-box:8000/v1"),
            ("http://localhost:11434/v1/", "http://localhost:11434/v1"),
            ("https://openrouter.ai/api/v1/chat/completions", "https://openrouter.ai/api/v1"),
            ("http://proxy/llm", "http://proxy/llm/v1"),
            ("https://host/v1beta/openai", "https://host/v1beta/openai"),
            ("api.example.com", "https://api.example.com/v1"),
        ] {
            assert_eq!(Address::parse(typed).map(|a| a.shown()).unwrap(), meant, "{typed}");
        }
        for typed in ["", "http://", "ftp://host", "http://[::1", "what is this"] {
            assert_eq!(Address::parse(typed).unwrap_err().kind().word(), "setup", "{typed:?}");
        }
    }

    #[test]
    fn credentials_are_used_and_never_shown() {
        let address = Address::parse("https://me:s%3Acret@host/v1?key=abc").unwrap();
        assert_eq!(address.credentials, Some(("me".into(), "s:cret".into())));
        assert_eq!(format!("{} {address:?}", address.shown()), "https://host/v1 https://host/v1");
        assert_eq!(address.join("models").as_str(), "https://host/v1/models?key=abc");
        assert_eq!(address.root("props").path(), "/props");
        let error = Address::parse("http://me:secret@[::1").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for near in ["localhost", "127.0.0.1:1", "127.0.1.1", "[::1]:80", "0.0.0.0:8000"] {
            assert!(Address::parse(near).unwrap().is_loopback(), "{near}");
        }
        for far in ["10.0.0.1", "gpu-box", "localhost.example.com"] {
            assert!(!Address::parse(far).unwrap().is_loopback(), "{far}");
        }
    }
}
