//! Cleaning up after a voe that was killed.

use std::path::Path;

use crate::{container, groups, local};

/// Removes what dead voes left: control groups, containers, and the directories of sandboxes in `state_dir`, up to three levels down.
/// Processes and mounts need no sweeping: they end with their namespaces, and those with voe. To be called at the start.
pub fn sweep(state_dir: &Path) {
    groups::sweep();
    local::family::sweep(state_dir, 3);
    local::sweep_fallbacks();
    container::sweep();
}
