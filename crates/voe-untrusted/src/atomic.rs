//! Files in voe's own directories that are written whole or not at all.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file, for the user alone, so that a kill leaves the old one or the new one. What is at its path is replaced, a link
/// too, and never written into. Its directory must be there and voe's own; where others can write, [`UntrustedDir::replace`] does this.
///
/// [`UntrustedDir::replace`]: crate::UntrustedDir::replace
///
/// # Errors
/// `write` fails, or the disk does. What is at the path stays.
pub fn atomic_write(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(dir)?;
    write(new.as_file_mut())?;
    new.persist(path).map(drop).map_err(|failed| failed.error)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_one_that_fails_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notes");
        atomic_write(&path, |file| file.write_all(b"old")).unwrap();
        let failed = atomic_write(&path, |file| {
            file.write_all(b"ne")?;
            Err(io::Error::other("full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        atomic_write(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (path, precious) = (dir.path().join("notes"), dir.path().join("precious"));
        fs::write(&precious, "the user's").unwrap();
        symlink(&precious, &path).unwrap();
        atomic_write(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&precious).unwrap(), "the user's");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }
}
