//! Refusing directories that can't be a workspace.

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::home::{credentials, homes};

/// Refuses a home as a workspace, unless that is allowed, and a directory of credentials. [`crate::Sandbox::open`] calls it,
/// too; a caller does so before it reads the workspace.
///
/// # Errors
/// [`SandboxError::Usage`] with the reason.
pub fn check(spec: &SandboxConfig) -> Result<(), SandboxError> {
    // No workspace on the host, or a missing one: the backend reports it.
    let Ok(workspace) = spec.workspace.canonicalize() else { return Ok(()) };
    let homes = homes::all(homes::own().as_deref());
    if let Some(secret) = credentials::place_of(&workspace, &homes) {
        return Err(SandboxError::Usage {
            problem: format!("{} is in {}, where credentials are kept", workspace.display(), secret.display()),
            remedy: "run voe in a copy of it elsewhere".into(),
        });
    }
    if !spec.allow_home && homes::is_or_has_home(&workspace, &homes) {
        let what = if homes.contains(&workspace) { "is a home directory" } else { "contains home directories" };
        return Err(SandboxError::Usage {
            problem: format!("{} {what}: commands could read everything in it", workspace.display()),
            remedy: "run voe in a project directory, or pass --allow-home".into(),
        });
    }
    Ok(())
}
