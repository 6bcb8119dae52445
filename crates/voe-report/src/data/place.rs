//! Files of a run directory, which may come from somebody else.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use voe_untrusted::{FileKind, UntrustedDir, named_file};

use crate::ReportError;

/// Most bytes read of a list of verdicts, a suite or predictions.
pub(crate) const LONGEST_TEXT: u64 = 256 << 20;

/// Most bytes read of `run.toml`, which voe writes.
pub(crate) const LONGEST_RUN: u64 = 1 << 20;

/// A file or folder below a directory that the user named. Links are followed up to that directory but not below it, and
/// only regular files are read. The directory stays open, so replacing it later has no effect.
#[derive(Debug, Clone)]
pub struct RunPlace {
    root: Arc<UntrustedDir>,
    /// Path from the root; empty for the root itself.
    below: PathBuf,
}

impl RunPlace {
    /// Opens a directory that the user named.
    ///
    /// # Errors
    /// It doesn't exist or can't be opened.
    pub fn dir(path: &Path) -> Result<Self, ReportError> {
        let root = UntrustedDir::named(path).map_err(|error| named(path, error))?;
        Ok(Self { root: Arc::new(root), below: PathBuf::new() })
    }

    /// Opens a file that the user named, with related files in the same folder. A link to it is followed.
    ///
    /// # Errors
    /// Its folder doesn't exist or can't be opened.
    pub fn file(path: &Path) -> Result<Self, ReportError> {
        let path =
            if path.is_symlink() { path.canonicalize().map_err(ReportError::input(path))? } else { path.to_owned() };
        let Some(name) = path.file_name() else { return Err(ReportError::Missing { path }) };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self::dir(folder)?.join(name))
    }

    /// The entry at a path below.
    #[must_use]
    pub fn join(&self, path: impl AsRef<Path>) -> Self {
        Self { root: self.root.clone(), below: self.below.join(path) }
    }

    /// The file with the same name and a suffix.
    pub(crate) fn with(&self, ending: &str) -> Self {
        let mut below = self.below.clone().into_os_string();
        below.push(ending);
        Self { root: self.root.clone(), below: below.into() }
    }

    /// Its folder, below the same root; `None` for the root itself.
    pub(crate) fn folder(&self) -> Option<Self> {
        self.below.parent().map(|below| Self { root: self.root.clone(), below: below.to_owned() })
    }

    /// The directory that the user named.
    pub(crate) fn root(&self) -> Self {
        Self { root: self.root.clone(), below: PathBuf::new() }
    }

    /// Its path, for messages.
    pub fn path(&self) -> PathBuf {
        let root = self.root.path();
        if self.below.as_os_str().is_empty() { root.to_owned() } else { root.join(&self.below) }
    }

    /// Whether a regular file exists there.
    ///
    /// # Errors
    /// Something else exists there: a link, also in the path, a pipe or a directory.
    pub(crate) fn is_file(&self) -> Result<bool, ReportError> {
        match self.root.kind(&self.below)? {
            None => Ok(false),
            Some(FileKind::File) => Ok(true),
            Some(kind) => Err(ReportError::Foreign { path: self.path(), kind }),
        }
    }

    /// The file, open for reading.
    ///
    /// # Errors
    /// It doesn't exist; as [`RunPlace::is_file`].
    pub fn open(&self) -> Result<File, ReportError> {
        let gone = || ReportError::read(&self.path())(std::io::ErrorKind::NotFound.into());
        self.root.open_file(&self.below)?.ok_or_else(gone)
    }

    /// The file's text of at most `most` bytes; `None` if it doesn't exist.
    ///
    /// # Errors
    /// As [`RunPlace::is_file`]; it is larger, or not text.
    pub(crate) fn text(&self, most: u64) -> Result<Option<String>, ReportError> {
        Ok(self.root.read_text(&self.below, most)?)
    }

    /// The folders in this one, sorted; empty if it doesn't exist.
    ///
    /// # Errors
    /// It contains a link or a special file, which could lead to files that the reader of a run must not see. It can't be listed.
    pub(crate) fn folders(&self) -> Result<Vec<(String, Self)>, ReportError> {
        self.listed(FileKind::Dir, |name| Some(name.to_string_lossy().into_owned()))
    }

    /// The files with an extension in this folder, by stem, sorted; empty if the folder doesn't exist.
    ///
    /// # Errors
    /// As [`RunPlace::folders`].
    pub(crate) fn files(&self, extension: &str) -> Result<Vec<(String, Self)>, ReportError> {
        let ending = format!(".{extension}");
        self.listed(FileKind::File, |name| name.to_string_lossy().strip_suffix(&ending).map(str::to_owned))
    }

    fn listed(
        &self,
        wanted: FileKind,
        called: impl Fn(&OsStr) -> Option<String>,
    ) -> Result<Vec<(String, Self)>, ReportError> {
        let below = if self.below.as_os_str().is_empty() { self.root.again() } else { self.root.dir(&self.below) };
        let dir = match below {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            dir => dir?,
        };
        let mut found = Vec::new();
        for entry in dir.entries()? {
            let Some(name) = called(&entry.name) else { continue };
            let place = self.join(&entry.name);
            match entry.kind {
                kind @ (FileKind::Link | FileKind::Other) => {
                    return Err(ReportError::Foreign { path: place.path(), kind });
                }
                kind if kind == wanted => found.push((name, place)),
                _ => {}
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }
}

/// The text of a file that the user named; a link to it is followed.
pub(crate) fn named_text(path: &Path) -> Result<String, ReportError> {
    use std::io::Read as _;
    let file = named_file(path).map_err(|error| named(path, error))?;
    let mut bytes = Vec::new();
    file.take(LONGEST_TEXT + 1).read_to_end(&mut bytes).map_err(ReportError::read(path))?;
    if bytes.len() as u64 > LONGEST_TEXT {
        return Err(voe_untrusted::Error::TooLarge { path: path.to_owned(), most: LONGEST_TEXT }.into());
    }
    String::from_utf8(bytes).map_err(|_| voe_untrusted::Error::NotText(path.to_owned()).into())
}

fn named(path: &Path, error: voe_untrusted::Error) -> ReportError {
    if error.is_not_found() { ReportError::Missing { path: path.to_owned() } } else { error.into() }
}
