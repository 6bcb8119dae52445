//! Writes files in a folder that the user named. Others may control its contents: a clone, an unpacked archive.

use std::fs;
use std::path::{Path, PathBuf};

use voe_untrusted::{FileKind, UntrustedDir};

use crate::ReportError;

/// A folder to write to. Links are followed up to it but not below it.
#[derive(Debug)]
pub(crate) struct Folder(UntrustedDir);

impl Folder {
    /// Opens the folder; creates it and its parents if missing.
    pub(crate) fn named(path: &Path) -> Result<Self, ReportError> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        fs::create_dir_all(path).map_err(ReportError::write(path))?;
        Ok(Self(UntrustedDir::named(path)?))
    }

    /// Writes a file at `name`, a path below the folder, and replaces what is there. Returns its path.
    pub(crate) fn write(&self, name: impl AsRef<Path>, content: &str) -> Result<PathBuf, ReportError> {
        let name = name.as_ref();
        if let Some(above) = name.parent() {
            self.0.make_dirs(above)?;
        }
        self.0.replace(name, content.as_bytes())?;
        Ok(self.0.path().join(name))
    }
}

/// Writes the file that the user named, whose folder is `folder`. A link, a device or a pipe at its path is refused: the
/// first may be somebody else's, and none of them should be replaced by a file.
pub(crate) fn file(folder: &Folder, path: &Path, content: &str) -> Result<PathBuf, ReportError> {
    let Some(name) = path.file_name() else {
        return Err(ReportError::Usage(format!("{} is not a valid file name", path.display())));
    };
    match folder.0.kind(name)? {
        None | Some(FileKind::File) => folder.write(name, content)?,
        Some(kind) => return Err(ReportError::Taken { path: path.to_owned(), kind }),
    };
    Ok(path.to_owned())
}
