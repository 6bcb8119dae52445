//! Cleaning up after a voe that was killed.

use std::path::Path;

use crate::backends::KINDS;
use crate::groups;
use crate::home::root;

/// Removes what dead voes left: control groups, containers, and the directories of sandboxes that the index in `state`
/// ([`crate::SandboxConfig::state`]) lists. Nothing is removed for its name alone: others can use the same names. Processes and mounts
/// need no sweeping: they end with their namespaces, and those with voe. To be called at the start.
pub fn sweep(state: &Path) {
    groups::sweep();
    let dead = root::sweep(state);
    for sweep in KINDS.iter().filter_map(|kind| kind.sweep) {
        sweep(&dead);
    }
}
