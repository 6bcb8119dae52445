//! Dropping the privileges that the set-up needed.

use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::setup::{InStep, SetupResult, SetupStep};

/// Capabilities that root keeps inside namespaces: those over files of other owners. Outside the workspace, `/tmp` and the
/// private home, mounts are read-only for root as well.
const KEPT_BY_ROOT: CapabilitySet =
    CapabilitySet::CHOWN.union(CapabilitySet::DAC_OVERRIDE).union(CapabilitySet::FOWNER).union(CapabilitySet::FSETID);

/// Drops all capabilities for good (where `mounts_confine`, root keeps those over files), and lets no program gain any.
pub(crate) fn drop_all(mounts_confine: bool) -> SetupResult {
    let root = rustix::process::geteuid().is_root();
    let kept = if root && mounts_confine { KEPT_BY_ROOT } else { CapabilitySet::empty() };
    for number in 0..64 {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if !kept.contains(one) {
            // Fails beyond the last capability that the kernel knows, and without CAP_SETPCAP, when there is none to drop.
            let _ = rustix::thread::remove_capability_from_bounding_set(one);
        }
    }
    let _ = rustix::thread::clear_ambient_capability_set();
    let own = rustix::thread::capabilities(None).step(SetupStep::Privileges, || "capabilities".into())?;
    let kept = own.permitted & kept;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets).step(SetupStep::Privileges, || "drop capabilities".into())?;
    rustix::thread::set_no_new_privs(true).step(SetupStep::Privileges, || "no new privileges".into())?;
    // No process may inspect the toolbox's memory or descriptors.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .step(SetupStep::Privileges, || "not dumpable".into())
}
