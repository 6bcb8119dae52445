//! Landlock: a second fence around what may be written, and a wall against signals and abstract sockets of others.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope,
};

use super::{Done, Failure, Step};
use crate::plan::Plan;

/// The newest rules that are used where the kernel knows them; older kernels hold what they can.
const NEWEST: ABI = ABI::V6;

/// Fences this process and its children in.
pub(super) fn apply(plan: &Plan) -> Done {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.scope(Scope::AbstractUnixSocket))
        .and_then(|rules| rules.scope(Scope::Signal))
        .and_then(Ruleset::create)
        .step(|| "Landlock".into())?;
    let everything = [Path::new("/").to_path_buf()];
    let readable = if plan.readable.is_empty() { &everything[..] } else { &plan.readable };
    for path in readable {
        rules = allow(rules, path, AccessFs::from_read(NEWEST)).step(|| format!("Landlock: {}", path.display()))?;
    }
    for path in &plan.writable {
        rules = allow(rules, path, AccessFs::from_all(NEWEST)).step(|| format!("Landlock: {}", path.display()))?;
    }
    let status = rules.restrict_self().step(|| "Landlock".into())?;
    // A second fence inside a private file system may be missing; the only one may not.
    if plan.view.is_none() && status.ruleset == RulesetStatus::NotEnforced {
        return Err(Failure::new("Landlock", "this kernel does not have it (Linux 5.13, listed in lsm=)"));
    }
    Ok(())
}

/// Paths that aren't there need no rule.
fn allow(
    rules: landlock::RulesetCreated,
    path: &Path,
    access: landlock::BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, landlock::RulesetError> {
    let Ok(fd) = PathFd::new(path) else { return Ok(rules) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(NEWEST) };
    rules.add_rule(PathBeneath::new(fd, access))
}
