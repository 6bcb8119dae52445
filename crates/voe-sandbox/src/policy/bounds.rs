//! Limits on processes inside: control groups, where there are any, and resource limits of single processes.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::plan::ProcessLimits;
use crate::setup::{InStep, SetupResult, SetupStep};

/// Puts this process, and so all its children, into the control groups.
pub(crate) fn join_groups(bounds: &ProcessLimits) -> SetupResult {
    for procs in &bounds.groups {
        fs::write(procs, "0").step(SetupStep::Limits, || format!("control group {}", procs.display()))?;
    }
    Ok(())
}

/// Sets the resource limits of single processes.
pub(crate) fn set(bounds: &ProcessLimits, user_namespace: bool) -> SetupResult {
    let both = |value| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::Fsize, both(bounds.file_bytes)).step(SetupStep::Limits, || "limit on file size".into())?;
    setrlimit(Resource::Core, both(0)).step(SetupStep::Limits, || "limit on core files".into())?;
    if let Some(bytes) = bounds.data_bytes {
        setrlimit(Resource::Data, both(bytes)).step(SetupStep::Limits, || "limit on memory".into())?;
    }
    // Counted by user: in a user namespace (since Linux 5.14) only the processes in it, elsewhere all of the user's. There it
    // only keeps a fork bomb from filling the machine before the supervisor, which counts its descendants, has ended it.
    if let Some(processes) = bounds.watch_processes {
        let most = if user_namespace { processes } else { tasks_of_user() + 2 * processes };
        setrlimit(Resource::Nproc, both(most)).step(SetupStep::Limits, || "limit on processes".into())?;
    }
    Ok(())
}

/// Threads of all processes of this user.
fn tasks_of_user() -> u64 {
    let user = rustix::process::getuid().as_raw();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = processes.filter(|entry| entry.metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == user));
    own.filter_map(|entry| fs::read_dir(entry.path().join("task")).ok()).map(|tasks| tasks.count() as u64).sum()
}
