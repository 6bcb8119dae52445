//! Unix sockets of the host that have a path.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Paths of unix sockets on the host: a read-only mount does not prevent connecting to them.
pub(crate) fn listening() -> Vec<PathBuf> {
    let table = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let mut paths: BTreeSet<PathBuf> = in_table(&table).map(PathBuf::from).collect();
    paths.extend(["/var/run/docker.sock", "/run/docker.sock"].map(PathBuf::from));
    paths
        .into_iter()
        .filter(|path| path.symlink_metadata().is_ok())
        .filter_map(|path| path.canonicalize().ok())
        .collect()
}

/// Paths in `/proc/net/unix`: the eighth field, absent for sockets without a name, with `@` for abstract ones.
fn in_table(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(|line| {
        let path = line.split_ascii_whitespace().nth(7)?;
        path.starts_with('/').then(|| line.split_once(path).map_or(path, |(_, _)| path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_with_a_path_are_found() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000: 00000002 00000000 00010000 0001 01 12 /run/x.sock\n\
            0000: 00000003 00000000 00000000 0001 03 13\n\
            0000: 00000002 00000000 00010000 0001 01 14 @abstract\n";
        assert_eq!(in_table(table).collect::<Vec<_>>(), ["/run/x.sock"]);
    }
}
