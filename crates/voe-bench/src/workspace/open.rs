//! Parts of opening a sandbox on a task's workspace.

use std::io;
use std::path::Path;

use voe_sandbox::{Sandbox, SandboxConfig, SandboxError};

use super::error::PrepareError;

/// Opens a sandbox and logs it.
pub(super) async fn opened(spec: SandboxConfig) -> Result<Sandbox, SandboxError> {
    let begun = std::time::Instant::now();
    let sandbox = Sandbox::open(spec).await?;
    tracing::debug!(backend = sandbox.facts().backend, ms = begun.elapsed().as_millis(), "sandbox opened");
    Ok(sandbox)
}

/// Copies a tree with its modes, times and links; shares the blocks where the file system can.
pub(super) async fn copy(from: &Path, to: &Path) -> Result<(), PrepareError> {
    let _ = std::fs::remove_dir_all(to);
    let status = tokio::process::Command::from(voe_untrusted::program("cp"))
        .args(["-a", "--reflink=auto", "--"])
        .args([from, to])
        .stdin(std::process::Stdio::null())
        .status()
        .await
        .map_err(PrepareError::io("copy", from))?;
    if status.success() {
        return Ok(());
    }
    Err(PrepareError::io("copy", from)(io::Error::other(format!("cp ended with {status}"))))
}
