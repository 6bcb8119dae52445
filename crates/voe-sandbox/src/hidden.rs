//! Paths that must not be visible inside, whatever else would show them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::config::SandboxConfig;

/// The existing paths of `spec.hidden`, canonical, and all others at which the same directories are mounted.
pub(crate) fn paths(spec: &SandboxConfig) -> BTreeSet<PathBuf> {
    let named: BTreeSet<PathBuf> = spec
        .hidden
        .iter()
        .filter_map(|path| path.canonicalize().ok())
        // Nothing can be seen without the root.
        .filter(|path| path.components().count() > 1)
        .collect();
    if named.is_empty() {
        return named;
    }
    let mounts = mounts(&std::fs::read("/proc/self/mountinfo").unwrap_or_default());
    let others: Vec<PathBuf> = named.iter().flat_map(|path| aliases(path, &mounts)).collect();
    named.into_iter().chain(others.into_iter().filter(|path| path.symlink_metadata().is_ok())).collect()
}

/// A line of `mountinfo`.
struct MountInfo {
    device: Vec<u8>,
    /// The directory of the file system that is mounted.
    root: PathBuf,
    at: PathBuf,
}

fn mounts(text: &[u8]) -> Vec<MountInfo> {
    let mount = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        Some(MountInfo { device: fields.next()?.to_vec(), root: path(fields.next()?), at: path(fields.next()?) })
    };
    text.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// A path as the kernel writes it: `\040` for a space.
fn path(field: &[u8]) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), field);
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'\\').then(|| after.get(..3)).flatten();
        let code = code.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[3..] } else { after };
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Other paths at which the content of `hidden` is visible.
fn aliases(hidden: &Path, mounts: &[MountInfo]) -> Vec<PathBuf> {
    // Of several mounts at one path the last one is visible.
    let own =
        mounts.iter().filter(|mount| hidden.starts_with(&mount.at)).max_by_key(|mount| mount.at.components().count());
    let Some((own, below)) = own.and_then(|own| Some((own, hidden.strip_prefix(&own.at).ok()?))) else {
        return Vec::new();
    };
    let inner = own.root.join(below);
    let others = mounts.iter().filter(|mount| mount.device == own.device && !std::ptr::eq(*mount, own));
    let alias = |mount: &MountInfo| match inner.strip_prefix(&mount.root) {
        Ok(below) => Some(mount.at.join(below)),
        Err(_) => mount.root.starts_with(&inner).then(|| mount.at.clone()),
    };
    others.filter_map(alias).filter(|path| path != hidden && !path.starts_with(hidden)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_wherever_its_file_system_is_mounted() {
        let text = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:2 / /data rw - ext4 /dev/sdb1 rw\n\
            3 1 8:2 /shared /srv/my\\040files rw - ext4 /dev/sdb1 rw\n\
            4 1 8:2 /shared/runs/x /mnt/x rw - ext4 /dev/sdb1 rw\n\
            5 1 8:1 /home /elsewhere rw - ext4 /dev/sda1 rw\n";
        let mounts = mounts(text);
        let of = |path: &str| aliases(Path::new(path), &mounts);
        assert_eq!(of("/data/shared/runs"), ["/srv/my files/runs", "/mnt/x"].map(PathBuf::from));
        assert_eq!(of("/srv/my files/runs"), ["/data/shared/runs", "/mnt/x"].map(PathBuf::from));
        assert_eq!(of("/home/ann/runs"), [PathBuf::from("/elsewhere/ann/runs")]);
        assert!(of("/data/other").is_empty());
    }
}
