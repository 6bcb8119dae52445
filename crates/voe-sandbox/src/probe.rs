//! Which backends work here, and what to do about the others.

use crate::backends::KINDS;
use crate::choice::Choice;
use crate::error::SandboxError;
use crate::sandbox::Sandbox;
use crate::spec::Spec;

/// Whether a backend works here.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The backend.
    pub choice: Choice,
    /// What it enforces here, or the problem and its remedy.
    pub works: Result<String, (String, String)>,
}

/// Tries every backend by opening it on `spec`'s workspace, which does not change; strongest first.
pub async fn probe(spec: &Spec) -> Vec<Probe> {
    let mut probes = Vec::new();
    for kind in &KINDS {
        let works = if kind.capabilities.isolates {
            // Nothing runs in it.
            match Sandbox::open(Spec { choice: kind.choice, allow_home: true, ..spec.clone() }).await {
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
        probes.push(Probe { choice: kind.choice, works });
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
