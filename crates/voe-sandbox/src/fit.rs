//! Whether a directory is fit to be a workspace.

use crate::error::SandboxError;
use crate::home::{credentials, homes};
use crate::spec::Spec;

/// Refuses a home as a workspace, unless that is allowed, and a place of credentials.
/// [`crate::Sandbox::open`] does so, too; a caller asks before it makes anything of the workspace.
///
/// # Errors
/// [`SandboxError::Usage`] with what is wrong.
pub fn check(spec: &Spec) -> Result<(), SandboxError> {
    // Without a workspace on the host, or with one that is not there: the backend reports it.
    let Ok(workspace) = spec.workspace.canonicalize() else { return Ok(()) };
    let homes = homes::all(homes::own().as_deref());
    if let Some(secret) = credentials::place_of(&workspace, &homes) {
        return Err(SandboxError::Usage {
            problem: format!("{} lies in {}, where credentials are kept", workspace.display(), secret.display()),
            remedy: "run voe in a copy of it elsewhere".into(),
        });
    }
    if !spec.allow_home && homes::is_or_has_home(&workspace, &homes) {
        let what = if homes.contains(&workspace) { "is a home directory" } else { "contains home directories" };
        return Err(SandboxError::Usage {
            problem: format!("{} {what}: commands could read all that is in it", workspace.display()),
            remedy: "run voe in a project directory, or pass --allow-home".into(),
        });
    }
    Ok(())
}
