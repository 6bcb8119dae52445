//! The HTTP client: certificates, names, proxies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};

use crate::address::Address;
use crate::error::ModelError;
use crate::secret::Secret;

/// A client for one server. This machine is reached without a proxy, and `localhost` is resolved without a resolver.
pub(crate) fn client(address: &Address, connect: Duration) -> Result<Client, ModelError> {
    let setup = |message: String| ModelError::Setup { message };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(format!("TLS: {error}")))?
        .with_root_certificates(roots(address.is_secure()))
        .with_no_client_auth();
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(connect)
        // A redirected POST arrives as a GET: better to report the new address.
        .redirect(Policy::none())
        .user_agent(concat!("voe/", env!("CARGO_PKG_VERSION")));
    if address.is_loopback() {
        let port = address.port();
        let near = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        builder = builder.no_proxy().resolve_to_addrs("localhost", &near.map(|ip| SocketAddr::new(ip, port)));
    }
    builder.build().map_err(|error| setup(chain(&error)))
}

/// The system's certificates (`SSL_CERT_FILE` and `SSL_CERT_DIR` first); Mozilla's where the system has none, as in a bare
/// container. None at all if the connection is not `secure`: reading them takes longer than the rest of the set-up.
fn roots(secure: bool) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    if !secure {
        return roots;
    }
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// Adds the key and the credentials of the address.
pub(crate) fn authorise(request: RequestBuilder, address: &Address, key: Option<&Secret>) -> RequestBuilder {
    match (key, &address.credentials) {
        (Some(key), _) => request.bearer_auth(key.expose()),
        (None, Some((user, password))) => request.basic_auth(user, Some(password)),
        (None, None) => request,
    }
}

/// An error and its causes in one line, without the address (it may contain credentials).
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let part = cause.to_string();
        if !text.ends_with(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
        next = cause.source();
    }
    if text.is_empty() {
        text = if error.is_timeout() { "timed out".into() } else { "the request failed".into() };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_can_be_had_for_encrypted_and_for_local_servers() {
        for address in ["https://api.example.com/v1", "http://localhost:8000", "http://[::1]:8000"] {
            let address = Address::parse(address).unwrap();
            assert!(client(&address, Duration::from_secs(1)).is_ok(), "{address:?}");
        }
        assert!(!roots(true).is_empty());
    }
}
