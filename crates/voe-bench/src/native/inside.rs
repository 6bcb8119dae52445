//! The sandbox in which environments are built and installations run: with a network, without the user's files. A package's
//! `setup.py` and a row's install command are other people's programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use voe_protocol::Toolbox;
use voe_protocol::{BaseSource, CallLimits, Setup};
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

use super::no_other_sandbox;
use crate::workspace::error::PrepareError;

/// Memory limit of a build, in bytes; compilers take more than most tests.
const MEMORY: u64 = 8 << 30;

/// A running sandbox with its toolbox.
pub(super) struct Inside {
    sandbox: Sandbox,
    /// The toolbox that runs commands.
    pub(super) toolbox: Toolbox,
}

impl Inside {
    /// Starts one. `spec`: the settings that differ from a sandbox with a network.
    pub(super) async fn start(mut spec: SandboxConfig, limit: std::time::Duration) -> Result<Self, PrepareError> {
        spec.choice = BackendChoice::Local;
        spec.network = true;
        spec.limits.memory_bytes = MEMORY;
        spec.env.extend(installers(std::env::vars()));
        spec.read.extend(certificates());
        let workspace = spec.mount_at.clone().unwrap_or_else(|| spec.workspace.clone());
        let sandbox = Sandbox::open(spec).await.map_err(no_other_sandbox)?;
        let setup = Setup {
            workspace,
            scratch: PathBuf::new(),
            pristine: BaseSource::Dir(sandbox.base_inside().unwrap_or_default()),
            limits: CallLimits { max_timeout_s: limit.as_secs_f64(), ..CallLimits::default() },
            env: BTreeMap::new(),
            syntax: Default::default(),
            byproducts: Vec::new(),
            resumed: false,
            earlier_commands: Vec::new(),
            unwatched: true,
        };
        let (toolbox, _) = sandbox.toolbox(setup).await?;
        Ok(Self { sandbox, toolbox })
    }

    /// Stops it and everything that runs inside.
    pub(super) async fn end(self) -> Result<(), PrepareError> {
        self.toolbox.close().await;
        Ok(self.sandbox.close().await?)
    }
}

/// The variables of `own` that configure where installers get packages: indexes, proxies, certificates. Directories of the host are not
/// available inside, and tokens for publishing must not be.
fn installers(own: impl Iterator<Item = (String, String)>) -> impl Iterator<Item = (String, String)> {
    const NAMES: [&str; 17] = [
        "PIP_CERT",
        "PIP_DEFAULT_TIMEOUT",
        "PIP_EXTRA_INDEX_URL",
        "PIP_INDEX_URL",
        "PIP_NO_INDEX",
        "PIP_PROXY",
        "PIP_RETRIES",
        "PIP_TIMEOUT",
        "PIP_TRUSTED_HOST",
        "REQUESTS_CA_BUNDLE",
        "UV_CONCURRENT_BUILDS",
        "UV_CONCURRENT_DOWNLOADS",
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_HTTP_TIMEOUT",
        "UV_INSECURE_HOST",
        "UV_NATIVE_TLS",
    ];
    own.filter(|(name, _)| {
        let name = name.to_uppercase();
        NAMES.contains(&name.as_str())
            || ["SSL_CERT", "UV_INDEX"].iter().any(|start| name.starts_with(start))
            || name.ends_with("_PROXY")
    })
}

/// Certificates that the user's environment names, wherever they are.
fn certificates() -> impl Iterator<Item = PathBuf> {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "PIP_CERT"].into_iter();
    named.filter_map(std::env::var_os).map(PathBuf::from).filter(|path| path.is_absolute() && path != Path::new("/"))
}

/// Quotes a word for a shell.
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_proxies_pass_and_tokens_and_directories_do_not() {
        let own = [
            "PIP_INDEX_URL",
            "UV_INDEX_URL",
            "https_proxy",
            "SSL_CERT_FILE",
            "UV_PUBLISH_TOKEN",
            "UV_CACHE_DIR",
            "UV_CONFIG_FILE",
            "PIP_FIND_LINKS",
            "PIP_TARGET",
            "OPENAI_API_KEY",
        ];
        let passed: Vec<String> =
            installers(own.iter().map(|name| ((*name).to_owned(), String::new()))).map(|(name, _)| name).collect();
        assert_eq!(passed, own[..4]);
    }

    #[test]
    fn a_word_with_quotes_stays_one_word() {
        assert_eq!(quoted("a'; rm -rf ~ #"), r"'a'\''; rm -rf ~ #'");
    }
}
