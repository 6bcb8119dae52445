//! Landlock: restricts reading and writing, and keeps signals and abstract sockets inside.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};

use crate::plan::SetupPlan;
use crate::setup::{InStep, SetupFailure, SetupResult, SetupStep};

/// The newest rules that are used where the kernel knows them; older kernels enforce those that they know.
const NEWEST: ABI = ABI::V6;

/// Restricts this process and its children.
pub(crate) fn apply(plan: &SetupPlan) -> SetupResult {
    // In a private file system Landlock is a second layer and may be missing; where it is the only one, it may not.
    fence(&plan.readable, &plan.writable, plan.view.is_none())
}

/// In a container: everything but voe's own directory may be written, since commands run as root there.
pub(crate) fn guard_own(own: &Path, scratch: &Path) -> SetupResult {
    let entries = std::fs::read_dir("/").step(SetupStep::Landlock, || "read /".into())?;
    let mut writable: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path != own).collect();
    writable.push(scratch.to_path_buf());
    fence(&[], &writable, false)
}

/// `readable`: empty for everything.
fn fence(readable: &[PathBuf], writable: &[PathBuf], required: bool) -> SetupResult {
    // Without this right `truncate` empties any file by path: then Landlock can be a second layer, but not the only one.
    let truncation = if required { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    let mut rules = Ruleset::default()
        .set_compatibility(truncation)
        .handle_access(AccessFs::Truncate)
        .step(SetupStep::Landlock, || "Landlock (Linux 6.2 for the only fence)".into())?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.scope(Scope::AbstractUnixSocket))
        .and_then(|rules| rules.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .step(SetupStep::Landlock, || "Landlock".into())?;
    let everything = [PathBuf::from("/")];
    let readable = if readable.is_empty() { &everything[..] } else { readable };
    for path in readable {
        rules = allow(rules, path, AccessFs::from_read(NEWEST))
            .step(SetupStep::Landlock, || format!("Landlock: {}", path.display()))?;
    }
    for path in writable {
        rules = allow(rules, path, AccessFs::from_all(NEWEST))
            .step(SetupStep::Landlock, || format!("Landlock: {}", path.display()))?;
    }
    let status = rules.restrict_self().step(SetupStep::Landlock, || "Landlock".into())?;
    if required && status.ruleset == RulesetStatus::NotEnforced {
        return Err(SetupFailure::new(
            SetupStep::Landlock,
            "Landlock",
            "this kernel does not have it (Linux 6.2, listed in lsm=)",
        ));
    }
    Ok(())
}

/// Adds rules for paths; missing ones need none.
fn allow(
    rules: landlock::RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, landlock::RulesetError> {
    let Ok(fd) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(fd, access))
}
