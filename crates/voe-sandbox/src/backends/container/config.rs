//! The configuration of containers: options, capabilities and limits.

use bollard::models::{ContainerCreateBody, HostConfig, ResourcesUlimits};

use super::{PROGRAM, names};
use crate::config::SandboxConfig;

/// Capabilities that a container's root keeps: those over files, as in `local`.
const KEPT: [&str; 4] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID"];

/// The options of a container that voe makes.
pub(super) fn named(sandbox: &str) -> bollard::query_parameters::CreateContainerOptions {
    bollard::query_parameters::CreateContainerOptionsBuilder::default().name(&names::new(sandbox)).build()
}

/// Parts of `/proc` and `/sys` that reveal facts about the host: what engines mask by default (a list given here replaces
/// theirs), and the pages of its memory.
const MASKED: [&str; 15] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Limits of every container that voe makes: few capabilities, no network unless requested.
pub(super) fn bounds(limits: &voe_protocol::CallLimits, network: bool) -> HostConfig {
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let ulimit = |name: &str, value: u64| ResourcesUlimits {
        name: Some(name.into()),
        soft: Some(bytes(value)),
        hard: Some(bytes(value)),
    };
    HostConfig {
        network_mode: (!network).then(|| "none".into()),
        memory: Some(bytes(limits.memory_bytes)),
        memory_swap: Some(bytes(limits.memory_bytes)),
        pids_limit: Some(bytes(limits.processes)),
        shm_size: Some(bytes((limits.memory_bytes / 4).max(64 << 20))),
        cap_drop: Some(vec!["ALL".into()]),
        cap_add: Some(KEPT.map(String::from).to_vec()),
        security_opt: Some(vec!["no-new-privileges".into()]),
        masked_paths: Some(MASKED.map(String::from).to_vec()),
        ulimits: Some(vec![ulimit("fsize", limits.file_bytes), ulimit("core", 0)]),
        ..HostConfig::default()
    }
}

/// The request that creates a container.
pub(super) fn body(spec: &SandboxConfig, image: &str) -> ContainerCreateBody {
    let limits = &spec.limits;
    ContainerCreateBody {
        image: Some(image.into()),
        // A container's root without capabilities, whoever the image's user is: the workspace must be writable.
        user: Some("0".into()),
        entrypoint: Some(
            [PROGRAM, "sandbox-init", "idle"]
                .map(String::from)
                .into_iter()
                .chain([spec.disk_bytes, limits.memory_bytes, limits.processes].map(|number| number.to_string()))
                .collect(),
        ),
        cmd: Some(Vec::new()),
        working_dir: Some("/".into()),
        network_disabled: Some(!spec.network),
        attach_stdout: Some(true),
        host_config: Some(HostConfig {
            nano_cpus: spec.cpus.map(|cpus| (cpus * 1e9) as i64),
            ..bounds(limits, spec.network)
        }),
        ..ContainerCreateBody::default()
    }
}
