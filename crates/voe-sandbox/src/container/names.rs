//! What containers and snapshots are called. An image's author can give every container of the image labels, but not a name:
//! by its name alone voe knows what it made itself, and on which machine.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::owner::Owner;

/// The repository of the images that snapshots are.
pub(super) const SNAPSHOTS: &str = "voe-snapshot";

const PREFIX: &str = "voe-";

/// A new name of this process's own.
pub(super) fn new() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{PREFIX}{}-{}-{number}", place(), Owner::own().word())
}

/// The owner that stands in a name; `None` if it is no name of voe's, or one of another machine or PID namespace, whose
/// processes can't be seen from here.
pub(super) fn owner(name: &str) -> Option<Owner> {
    let rest = name.trim_start_matches('/').strip_prefix(PREFIX)?.strip_prefix(&place())?;
    Owner::in_name(rest.strip_prefix('-')?)
}

/// The same of an image's name.
pub(super) fn owner_of_snapshot(name: &str) -> Option<Owner> {
    owner(name.trim_start_matches("localhost/").strip_prefix(SNAPSHOTS)?.strip_prefix(':')?)
}

/// This machine, and the PID namespace that this process's id is of.
fn place() -> String {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let machine: String = machine.chars().filter(char::is_ascii_hexdigit).take(12).collect();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let namespace: String = namespace.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    format!("{machine}.{namespace}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_owner_and_names_of_other_machines_and_programs_do_not() {
        let name = new();
        assert_eq!(owner(&name), Some(Owner::own()));
        assert_eq!(owner(&format!("/{name}")), Some(Owner::own()));
        assert_eq!(owner_of_snapshot(&format!("localhost/{SNAPSHOTS}:{name}")), Some(Owner::own()));
        assert_ne!(new(), name);
        for foreign in ["voe-1-1-0", "voe-0123456789ab.4026531836-1-1-0", "x", "voe-", "/postgres"] {
            assert!(owner(foreign).is_none(), "{foreign}");
            assert!(owner_of_snapshot(&format!("{SNAPSHOTS}:{foreign}")).is_none());
        }
        assert!(owner_of_snapshot(&format!("other:{name}")).is_none());
    }
}
