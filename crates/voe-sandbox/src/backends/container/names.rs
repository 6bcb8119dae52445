//! Names of containers and snapshots. An image's author can give every container of the image labels, but not a name: by the
//! name alone voe recognizes what it made itself, and for which sandbox.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::owner::Owner;

/// The repository of the images that snapshots are.
pub(super) const SNAPSHOTS: &str = "voe-snapshot";

const PREFIX: &str = "voe-";

/// The parts of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ContainerName {
    /// The sandbox's id.
    pub(super) sandbox: String,
    /// The process that made it.
    pub(super) owner: Owner,
}

/// A new name for something of the sandbox with this id, made by this process: `voe-<id>-<owner>-<number>`.
pub(super) fn new(sandbox: &str) -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{sandbox}-{}-{number}", Owner::own().word())
}

impl ContainerName {
    /// Reads a container's name, with or without the engine's leading slash; `None` if it is not one of voe's.
    pub(super) fn of_container(name: &str) -> Option<Self> {
        let (sandbox, rest) = name.trim_start_matches('/').strip_prefix(PREFIX)?.split_once('-')?;
        let is_id = sandbox.len() == 32 && sandbox.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(Self { sandbox: sandbox.to_owned(), owner: Owner::in_name(rest)? })
    }

    /// The same of an image's name.
    pub(super) fn of_snapshot(name: &str) -> Option<Self> {
        Self::of_container(name.trim_start_matches("localhost/").strip_prefix(SNAPSHOTS)?.strip_prefix(':')?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_its_sandbox_and_owner_and_names_of_other_programs_are_not_read() {
        let id = crate::home::index::new_id();
        let name = new(&id);
        let own = || Some(ContainerName { sandbox: id.clone(), owner: Owner::own() });
        assert_eq!(ContainerName::of_container(&name), own());
        assert_eq!(ContainerName::of_container(&format!("/{name}")), own());
        assert_eq!(ContainerName::of_snapshot(&format!("localhost/{SNAPSHOTS}:{name}")), own());
        assert_ne!(new(&id), name);
        for foreign in ["voe-1-1-0", "voe-0123456789ab.4026531836-1-1-0", "x", "voe-", "/postgres"] {
            assert!(ContainerName::of_container(foreign).is_none(), "{foreign}");
            assert!(ContainerName::of_snapshot(&format!("{SNAPSHOTS}:{foreign}")).is_none());
        }
        assert!(ContainerName::of_snapshot(&format!("other:{name}")).is_none());
    }
}
