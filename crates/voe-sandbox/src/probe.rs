//! Which backends work here, and what to do about those that don't.

use crate::choice::Choice;
use crate::error::SandboxError;
use crate::sandbox::Sandbox;
use crate::spec::Spec;

/// What was found out about a backend.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Which.
    pub choice: Choice,
    /// What it holds here, or what is missing and what to do about it.
    pub works: Result<String, (String, String)>,
}

/// Tries every backend by opening it on `spec`'s workspace, which does not change; strongest first.
pub async fn probe(spec: &Spec) -> Vec<Probe> {
    let mut probes = Vec::new();
    for choice in Choice::ALL.into_iter().filter(|choice| *choice != Choice::Auto) {
        let works = if choice == Choice::None {
            Ok("always works and holds nothing".to_owned())
        } else {
            // Nothing runs in it.
            match Sandbox::open(Spec { choice, allow_home: true, ..spec.clone() }).await {
                Ok(sandbox) => {
                    let detail = sandbox.facts().detail;
                    let _ = sandbox.close().await;
                    Ok(detail)
                }
                Err(error) => Err(told(error)),
            }
        };
        probes.push(Probe { choice, works });
    }
    probes
}

/// Opens the strongest backend that works without being told more.
pub(crate) async fn strongest(spec: Spec) -> Result<Sandbox, SandboxError> {
    let mut problems = Vec::new();
    for choice in [Choice::Local, Choice::Docker, Choice::Podman, Choice::Landlock] {
        if matches!(choice, Choice::Docker | Choice::Podman) && spec.image.is_none() {
            continue;
        }
        match Box::pin(Sandbox::open(Spec { choice, ..spec.clone() })).await {
            Ok(sandbox) => return Ok(sandbox),
            Err(SandboxError::Unavailable { problem, .. }) => problems.push(format!("{choice}: {problem}")),
            Err(error) => return Err(error),
        }
    }
    Err(SandboxError::Unavailable {
        choice: Choice::Auto,
        problem: format!("no isolation works here ({})", problems.join("; ")),
        remedy: "`voe doctor` says what to do; `--sandbox none` runs commands without isolation".into(),
    })
}

fn told(error: SandboxError) -> (String, String) {
    match error {
        SandboxError::Unavailable { problem, remedy, .. } | SandboxError::Usage { problem, remedy } => {
            (problem, remedy)
        }
        other => (other.to_string(), "see the sandbox chapter of the manual".into()),
    }
}

/// What to do when a step of the set-up failed.
pub(crate) fn remedy(step: &str, error: &str) -> String {
    let denied = ["denied", "not permitted"].iter().any(|word| error.contains(word));
    if step.contains("user namespace") || (denied && step.contains("namespace")) || (denied && step.contains("mount")) {
        return "allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1, on Ubuntu also \
                kernel.apparmor_restrict_unprivileged_userns=0; in a container use --sandbox landlock as an ordinary user"
            .into();
    }
    if step.contains("overlay on") {
        return "keep voe's state on a local file system (ext4, xfs, btrfs, tmpfs), on Linux 5.11 or newer".into();
    }
    if step == "/proc" {
        return "in a container run it with an unmasked /proc (--security-opt systempaths=unconfined), or use --sandbox \
                landlock"
            .into();
    }
    if step.contains("Landlock") {
        return "use a kernel with Landlock, or --sandbox docker with --image".into();
    }
    "use --sandbox landlock as an ordinary user, or docker with --image".into()
}
