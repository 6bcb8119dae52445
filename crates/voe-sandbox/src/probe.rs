//! Which backends work here, and what to do about the others.

use crate::backends::KINDS;
use crate::choice::BackendChoice;
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::sandbox::Sandbox;

/// Whether a backend works here.
#[derive(Debug, Clone)]
pub struct BackendProbe {
    /// The backend.
    pub choice: BackendChoice,
    /// What it enforces here, or the problem and its remedy.
    pub works: Result<String, (String, String)>,
}

/// Tries every backend by opening it on `spec`'s workspace, which does not change; strongest first.
pub async fn probe(spec: &SandboxConfig) -> Vec<BackendProbe> {
    let mut probes = Vec::new();
    for kind in &KINDS {
        let works = if kind.capabilities.isolates {
            // Nothing runs in it.
            match Sandbox::open(SandboxConfig { choice: kind.choice, allow_home: true, ..spec.clone() }).await {
                Ok(sandbox) => {
                    let detail = sandbox.facts().detail;
                    let _ = sandbox.close().await;
                    Ok(detail)
                }
                Err(error) => Err(problem_and_remedy(error)),
            }
        } else {
            Ok("no isolation; always available".to_owned())
        };
        probes.push(BackendProbe { choice: kind.choice, works });
    }
    probes
}

fn problem_and_remedy(error: SandboxError) -> (String, String) {
    match error {
        SandboxError::Unavailable { problem, remedy, .. } | SandboxError::Usage { problem, remedy } => {
            (problem, remedy)
        }
        other => (other.to_string(), "see docs/sandbox.md".into()),
    }
}
