//! Toolchains in homes, which commands need.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::config::SandboxConfig;
use crate::home::{credentials, homes};

/// Variables that name directories of tools.
const TOOL_VARIABLES: [&str; 9] = [
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYENV_ROOT",
    "NVM_DIR",
    "RUSTUP_HOME",
    "GOROOT",
    "GOPATH",
    "JAVA_HOME",
    "NODE_PATH",
];

/// Tools in homes. Nothing here depends on the workspace: links in a repository lead where its author wants.
pub(crate) fn in_homes(spec: &SandboxConfig, homes: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named: Vec<PathBuf> = named_tools().collect();
    let mut tools = homes::tools(homes, &path, &named);
    let credentials = credentials::in_homes(homes);
    tools.retain(|path| {
        let Ok(real) = path.canonicalize() else { return false };
        !path.starts_with(&spec.workspace)
            && !homes.iter().any(|home| home.starts_with(&real))
            && !credentials.iter().any(|secret| real.starts_with(secret))
    });
    tools
}

/// Directories that variables name.
pub(crate) fn named_tools() -> impl Iterator<Item = PathBuf> {
    TOOL_VARIABLES.iter().filter_map(std::env::var_os).map(PathBuf::from).filter(|path| path.is_absolute())
}
