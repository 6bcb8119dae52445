//! Unpacking an archive that others made, below a directory that others filled.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;
use tar::{EntryType, Header};

use crate::{Error, FileKind, UntrustedDir};

/// Bytes of one header that carries a long name or extended attributes.
const LONGEST_HEADER: u64 = 1 << 20;

/// The deepest nesting of directories. Deeper trees take long to remove.
const DEEPEST: usize = 200;

/// The system's limit on a path, its end included. Bytes.
const LONGEST_PATH: usize = 4096;

/// Permissions of a directory that is unpacked.
const UNPACKED: Mode = Mode::from_raw_mode(0o755);

/// Limits on an archive's content.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// Entries, including directories that are made for them.
    pub entries: u64,
    /// Bytes of all files together.
    pub bytes: u64,
}

/// Names from the headers before an entry, which replace those in its own.
#[derive(Default)]
struct LongNames {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

impl UntrustedDir {
    /// Unpacks a tar archive below this directory: regular files, directories, symbolic links, and hard links whose target is
    /// below it, too; other entries are left out, and so are those that `keep` refuses. A file replaces an existing entry and
    /// is never written into it; nothing is written through a link, whether the archive or the directory has it. Set-id bits
    /// and owners are dropped.
    ///
    /// # Errors
    /// A path that leads out, through a link or too deep; more content than `most`; a damaged archive; an I/O error. Entries
    /// unpacked before stay.
    pub fn unpack(&self, archive: File, most: Most, keep: impl FnMut(&Path, FileKind) -> bool) -> Result<(), Error> {
        self.unpack_from(io::BufReader::new(archive), Path::new(""), most, keep).map(drop)
    }

    /// Unpacks an archive all of whose paths, including targets of hard links, are at or below `prefix`, which stands for this
    /// directory. New directories get their permissions from the archive, without set-id bits. Otherwise as
    /// [`UntrustedDir::unpack`].
    ///
    /// # Errors
    /// As [`UntrustedDir::unpack`]; a path that is not below `prefix`.
    pub fn unpack_prefixed(&self, archive: impl Read, prefix: &Path, most: Most) -> Result<(), Error> {
        let made = self.unpack_from(archive, prefix, most, |_, _| true)?;
        // Inner directories first: an outer one may become impossible to enter.
        for (path, mode) in made.iter().rev() {
            let mode = Mode::from_raw_mode(mode & 0o1777);
            rustix::fs::fchmod(self.dir(path)?, mode).map_err(Error::io("change", &self.path().join(path)))?;
        }
        Ok(())
    }

    /// Unpacks, and returns the directories that have entries of their own, with their modes.
    fn unpack_from(
        &self,
        archive: impl Read,
        prefix: &Path,
        most: Most,
        mut keep: impl FnMut(&Path, FileKind) -> bool,
    ) -> Result<BTreeMap<PathBuf, u32>, Error> {
        let io = |source| Error::Io { action: "unpack an archive in", path: self.path().to_owned(), source };
        let too_many = || Error::TooMany { path: self.path().to_owned(), most: most.entries };
        let too_much = || Error::TooLarge { path: self.path().to_owned(), most: most.bytes };
        let mut archive = tar::Archive::new(archive);
        let (mut entries, mut bytes) = (most.entries, 0);
        let mut names = LongNames::default();
        let mut dirs = BTreeMap::new();
        // Raw: the library would read long names and extended headers of any size into memory.
        for entry in archive.entries().map_err(io)?.raw(true) {
            let mut entry = entry.map_err(io)?;
            entries = entries.checked_sub(1).ok_or_else(too_many)?;
            let kind = entry.header().entry_type();
            if names.read(kind, &mut entry).map_err(io)? {
                continue;
            }
            let before = std::mem::take(&mut names);
            let path = before.path.unwrap_or_else(|| entry.path_bytes().into_owned());
            let path = below(&path, prefix).ok_or_else(|| self.outside(&path))?;
            let link = before.link.or_else(|| entry.link_name_bytes().map(std::borrow::Cow::into_owned));
            let is = match kind {
                EntryType::Directory => FileKind::Dir,
                EntryType::Regular | EntryType::Continuous | EntryType::Link => FileKind::File,
                EntryType::Symlink => FileKind::Link,
                _ => FileKind::Other,
            };
            if path.as_os_str().is_empty() || !keep(&path, is) {
                continue;
            }
            let dir = if is == FileKind::Dir { path.as_path() } else { path.parent().unwrap_or(Path::new("")) };
            if dir.iter().count() > DEEPEST || path.as_os_str().len() >= LONGEST_PATH {
                return Err(Error::TooDeep { path: self.path().to_owned(), most: DEEPEST });
            }
            if is == FileKind::Other {
                continue;
            }
            // Directories made on the way to an entry fill a disk as well.
            let made = self.make_missing(dir, UNPACKED, entries)?.ok_or_else(too_many)?;
            entries -= made;
            match kind {
                EntryType::Regular | EntryType::Continuous => {
                    let header = entry.header().clone();
                    let left = most.bytes - bytes;
                    let written = self.put_file(&path, &header, &mut (&mut entry).take(left.saturating_add(1)))?;
                    bytes += written;
                    if bytes > most.bytes {
                        return Err(too_much());
                    }
                }
                EntryType::Symlink => {
                    let (parent, name) = self.clear(&path)?;
                    let target = link.unwrap_or_default();
                    rustix::fs::symlinkat(OsStr::from_bytes(&target), &parent, name)
                        .map_err(Error::io("create", &self.path().join(&path)))?;
                }
                EntryType::Link => self.hard_link(&path, prefix, &link.unwrap_or_default())?,
                EntryType::Directory if made > 0 => {
                    dirs.insert(path, entry.header().mode().map_err(io)?);
                }
                _ => {}
            }
        }
        Ok(dirs)
    }

    /// Removes a file or link; `false` if nothing is there. The path may have several components.
    ///
    /// # Errors
    /// A directory, a link on the way, a path that leads out.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> Result<bool, Error> {
        let full = self.path().join(&path);
        let path = beneath(path.as_ref().as_os_str()).ok_or_else(|| Error::Outside(full.clone()))?;
        let name = path.file_name().ok_or_else(|| Error::Outside(full.clone()))?;
        let parent = match self.parent(&path) {
            Err(error) if error.is_not_found() => return Ok(false),
            parent => parent?,
        };
        match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Error::io("remove", &full)(errno)),
        }
    }

    /// Moves an entry (one component) into another directory of the same file system, under a name that is free there.
    ///
    /// # Errors
    /// Nothing is there, the other name is taken, or the system refuses.
    pub fn move_to(&self, name: impl AsRef<OsStr>, to: &Self, new: impl AsRef<OsStr>) -> Result<(), Error> {
        let full = self.path().join(name.as_ref());
        let (name, new) = (self.component(name.as_ref())?, to.component(new.as_ref())?);
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(self, name, to, new, flags) {
            // The file system doesn't know the flag.
            Err(Errno::INVAL) if to.kind(new)?.is_none() => rustix::fs::renameat(self, name, to, new),
            done => done,
        }
        .map_err(Error::io("move", &full))
    }

    fn outside(&self, path: &[u8]) -> Error {
        Error::Outside(self.path().join(OsStr::from_bytes(path)))
    }

    /// The parent directory of `path`, which is below this one.
    pub(crate) fn parent(&self, path: &Path) -> Result<Self, Error> {
        match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => self.dir(parent),
            None => self.again(),
        }
    }

    /// Makes the missing directories of `path` and returns their number; `None` if there are more than `most`.
    fn make_missing(&self, path: &Path, mode: Mode, most: u64) -> Result<Option<u64>, Error> {
        let (mut dir, mut made) = (self.again()?, 0);
        for name in path.iter() {
            dir = match dir.dir(name) {
                Err(error) if error.is_not_found() => {
                    if made == most {
                        return Ok(None);
                    }
                    made += 1;
                    let new = dir.make_dir(name)?;
                    rustix::fs::fchmod(&new, mode).map_err(Error::io("change", new.path()))?;
                    new
                }
                there => there?,
            };
        }
        Ok(Some(made))
    }

    /// Removes the entry at `path` unless it is a directory, and returns its parent directory and name.
    fn clear<'p>(&self, path: &'p Path) -> Result<(Self, &'p OsStr), Error> {
        let full = self.path().join(path);
        let name = path.file_name().ok_or_else(|| Error::Outside(full.clone()))?;
        let parent = self.parent(path)?;
        match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok((parent, name)),
            Err(errno) => Err(Error::io("replace", &full)(errno)),
        }
    }

    fn put_file(&self, path: &Path, header: &Header, content: &mut impl Read) -> Result<u64, Error> {
        let full = self.path().join(path);
        let io = |source| Error::Io { action: "write", path: full.clone(), source };
        let (parent, name) = self.clear(path)?;
        let mut file = parent.create_file(name)?;
        let written = io::copy(content, &mut file).map_err(io)?;
        if let Some(modified) =
            header.mtime().ok().and_then(|seconds| UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds)))
        {
            file.set_modified(modified).map_err(io)?;
        }
        let mode = Mode::from_raw_mode(header.mode().map_err(io)? & 0o777);
        rustix::fs::fchmod(&file, mode).map_err(Error::io("change", &full))?;
        Ok(written)
    }

    fn hard_link(&self, path: &Path, prefix: &Path, target: &[u8]) -> Result<(), Error> {
        let to = below(target, prefix).ok_or_else(|| self.outside(target))?;
        let full = self.path().join(&to);
        // A hard link to a link, or to a device, is of no use here.
        if to == path || self.kind(&to)? != Some(FileKind::File) {
            return Err(Error::NotAFile(full));
        }
        let from = self.parent(&to)?;
        let (parent, name) = self.clear(path)?;
        let of = to.file_name().ok_or_else(|| Error::Outside(full.clone()))?;
        rustix::fs::linkat(&from, of, &parent, name, AtFlags::empty()).map_err(Error::io("link", &full))
    }
}

impl LongNames {
    /// Reads a header that describes the entry after it; `false` if this is an entry of its own.
    fn read(&mut self, kind: EntryType, entry: &mut impl Read) -> io::Result<bool> {
        let mut text = || -> io::Result<Vec<u8>> {
            let mut text = Vec::new();
            entry.take(LONGEST_HEADER + 1).read_to_end(&mut text)?;
            if text.len() as u64 > LONGEST_HEADER {
                return Err(io::Error::other("a header in it is too long"));
            }
            Ok(text)
        };
        let without_end = |mut text: Vec<u8>| {
            text.truncate(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
            text
        };
        match kind {
            EntryType::GNULongName => self.path = Some(without_end(text()?)),
            EntryType::GNULongLink => self.link = Some(without_end(text()?)),
            EntryType::XHeader => {
                for record in tar::PaxExtensions::new(&text()?) {
                    let record = record?;
                    match record.key_bytes() {
                        b"path" => self.path = Some(record.value_bytes().to_vec()),
                        b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                        // The header's own size would be wrong, and the next entry would be read at the wrong offset.
                        b"size" => return Err(io::Error::other("a file in it is too large")),
                        _ => {}
                    }
                }
            }
            EntryType::XGlobalHeader => drop(text()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A path of an archive, relative to `prefix`. `None` if it is not at or below that.
fn below(path: &[u8], prefix: &Path) -> Option<PathBuf> {
    beneath(OsStr::from_bytes(path))?.strip_prefix(prefix).ok().map(Path::to_owned)
}

/// A relative path without `.` and `..`; empty for the directory itself. `None` if the path leads out.
fn beneath(path: &OsStr) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(plain)
}
