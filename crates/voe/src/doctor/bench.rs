//! What `voe bench` needs besides a model: uv, Pythons, an engine for containers, room.

use std::path::{Path, PathBuf};

use voe_bench::{cache, native::machine};
use voe_sandbox::{BackendProbe, Images, SandboxConfig, SandboxError};

use super::DoctorCheck;
use crate::state;

/// Free disk below this is little. Bytes.
const LITTLE_DISK: u64 = 2 << 30;
/// Free disk below this is little for environments and checkouts. Bytes.
const LITTLE_CACHE: u64 = 20 << 30;

/// uv and the Pythons that it makes environments from.
pub(super) async fn environments() -> Vec<DoctorCheck> {
    let mut checks = vec![match machine::uv().await {
        Some((path, version)) => DoctorCheck::good("uv", format!("{version} ({})", path.display())),
        None => DoctorCheck::warn(
            "uv",
            "not found on PATH",
            "needed for SWE-bench tasks without containers: pip install uv",
        ),
    }];
    let (there, missing) = machine::pythons().await;
    checks.push(pythons(&there, &missing));
    checks
}

fn pythons(there: &[&str], missing: &[&str]) -> DoctorCheck {
    let found = if there.is_empty() { "none found".to_owned() } else { format!("{} found", there.join(" ")) };
    if missing.is_empty() {
        return DoctorCheck::good("pythons", found);
    }
    let remedy = format!("some SWE-bench tasks without containers need them: {}", machine::install(missing));
    DoctorCheck::warn("pythons", format!("{found}; {} missing", missing.join(" ")), remedy)
}

/// A sandbox that was tried. Containers can't be without an image: then what counts is whether an engine answers.
pub(super) async fn sandbox(probe: BackendProbe, spec: &SandboxConfig) -> DoctorCheck {
    let what = format!("sandbox {}", probe.choice);
    let in_containers = voe_sandbox::capabilities(probe.choice).image && spec.image.is_none();
    let works = match probe.works {
        Err((_, remedy)) if in_containers => match Images::connect(probe.choice).await {
            Ok(_) => Err(("an engine answers; tasks of SWE-bench bring their images, others need one".into(), remedy)),
            Err(SandboxError::Unavailable { problem, remedy, .. }) => Err((problem, remedy)),
            Err(error) => Err((error.to_string(), remedy)),
        },
        works => works,
    };
    match works {
        Ok(detail) => DoctorCheck::good(&what, detail),
        Err((problem, remedy)) => {
            let problem = problem.strip_prefix(&what).map_or(problem.as_str(), str::trim_start);
            DoctorCheck::warn(&what, problem.trim_start_matches(": "), remedy)
        }
    }
}

/// Room for records, and for what the bench builds.
pub(super) fn disks() -> anyhow::Result<Vec<DoctorCheck>> {
    let mut checks = vec![disk("disk", &state::dir()?, "records", "VOE_STATE_DIR", LITTLE_DISK)];
    if let Some(cache) = cache::dir() {
        checks.push(disk("disk of the cache", &cache, "environments and checkouts", "VOE_CACHE_DIR", LITTLE_CACHE));
    }
    Ok(checks)
}

fn disk(what: &str, dir: &Path, of: &str, variable: &str, little: u64) -> DoctorCheck {
    let place: PathBuf = dir.ancestors().find(|path| path.exists()).unwrap_or(dir).to_owned();
    let free = match rustix::fs::statvfs(&place) {
        Ok(stat) => stat.f_bavail * stat.f_frsize,
        Err(error) => {
            let remedy = format!("set {variable} to a place that can be written");
            return DoctorCheck::bad(what, format!("{}: {error}", place.display()), remedy);
        }
    };
    let text = format!("{:.1} GiB free for {of} in {}", free as f64 / f64::from(1 << 30), dir.display());
    if free < little {
        DoctorCheck::warn(what, text, format!("free some, or set {variable} to a place with more"))
    } else {
        DoctorCheck::good(what, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_that_are_missing_are_named_with_the_command_that_installs_them() {
        let look = pythons(&["3.6", "3.9"], &["3.5", "3.13"]);
        assert_eq!(look.text, "3.6 3.9 found; 3.5 3.13 missing");
        assert!(look.remedy.ends_with("need them: uv python install 3.13, pyenv install 3.5"), "{}", look.remedy);
        assert_eq!(pythons(&["3.9"], &[]).remedy, "");
    }
}
