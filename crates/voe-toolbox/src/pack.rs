//! Scratch files in one archive, so that checks which need them can be run elsewhere and later.
//!
//! Only `/tmp` is packed and unpacked. Commands of the model run at the same time, so everything uses descriptors that follow no
//! links, and everything is bounded.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rustix::fs::{AtFlags, FileType, StatxFlags};
use tar::{Builder, EntryType, Header};
use voe_protocol::{Packed, RawBytes, SkipReason, SkippedPath};
use voe_untrusted::{Error, Most, UntrustedDir};

/// The directory that is packed, and its path in archives.
const ROOT: &str = "/tmp";
const PREFIX: &str = "tmp";

/// Limit on the entries that are visited.
const MOST_ENTRIES: usize = 20_000;
/// Bytes of all files together before they are compressed.
const MOST_BYTES: u64 = 256 << 20;
/// Limits on nested directories and on the bytes of a path, as in unpacking.
const DEEPEST: usize = 190;
const LONGEST_PATH: usize = 4000;
/// At most this many omitted entries are named.
const MOST_SKIPPED: usize = 100;
/// Bytes of a link's target that fit into the header itself.
const SHORT_TARGET: usize = 100;

/// The archive would exceed the limits.
struct TooLarge;

impl From<io::Error> for TooLarge {
    // Files are read into memory first, so the only thing that fails while an archive is written is the bounded buffer.
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// Packs the files at `paths`. The same files give the same bytes: names are sorted, times and owners left out.
pub(crate) fn pack(paths: &[RawBytes], most_bytes: u64) -> Result<Packed, String> {
    let wanted = paths.iter().map(|path| below_root(&path.0)).collect::<Result<BTreeSet<_>, _>>()?;
    let Ok(root) = UntrustedDir::open(Path::new(ROOT)) else { return Ok(Packed::Nothing) };
    let packing = Packing {
        builder: Builder::new(GzEncoder::new(Bounded { bytes: Vec::new(), most: most_bytes }, Compression::default())),
        files: 0,
        bytes_left: MOST_BYTES,
        entries_left: MOST_ENTRIES,
        skipped: Vec::new(),
    };
    Ok(packing.run(&root, &wanted).unwrap_or(Packed::TooLarge))
}

/// Unpacks files to their original paths. Existing files are replaced, directories stay.
pub(crate) fn unpack(archive: &[u8]) -> Result<(), String> {
    let root = UntrustedDir::open(Path::new(ROOT)).map_err(|error| error.to_string())?;
    // A long path or target needs a separate entry.
    let most = Most { entries: 3 * MOST_ENTRIES as u64, bytes: MOST_BYTES };
    // Other things take space too: headers, and whatever an archive has between entries.
    let plain = GzDecoder::new(archive).take(MOST_BYTES + most.entries * 4096);
    root.unpack_prefixed(plain, Path::new(PREFIX), most).map_err(|error| format!("the pack is not unpacked: {error}"))
}

/// The part of an absolute path below the directory that is packed; empty for all of it.
fn below_root(path: &[u8]) -> Result<PathBuf, String> {
    let given = Path::new(OsStr::from_bytes(path));
    let below = given.strip_prefix(ROOT).ok();
    below
        .filter(|below| !path.contains(&0) && below.components().all(|part| matches!(part, Component::Normal(_))))
        .map(Path::to_owned)
        .ok_or_else(|| format!("{} is not a path in {ROOT}", voe_protocol::shown_path(path)))
}

struct Packing {
    builder: Builder<GzEncoder<Bounded>>,
    /// Regular files so far.
    files: u64,
    bytes_left: u64,
    entries_left: usize,
    skipped: Vec<SkippedPath>,
}

impl Packing {
    fn run(mut self, root: &UntrustedDir, wanted: &BTreeSet<PathBuf>) -> Result<Packed, TooLarge> {
        let mut last: Option<&Path> = None;
        for path in wanted {
            // Entries in a packed directory are packed already.
            if last.is_some_and(|last| path.starts_with(last)) {
                continue;
            }
            last = Some(path);
            self.start(root, path)?;
        }
        if self.files == 0 {
            return Ok(Packed::Nothing);
        }
        let bounded = self.builder.into_inner()?.finish()?;
        Ok(Packed::Archive { archive: RawBytes(bounded.bytes), skipped: self.skipped })
    }

    /// Adds what is at a path that was asked for, whatever mount it is on.
    fn start(&mut self, root: &UntrustedDir, path: &Path) -> Result<(), TooLarge> {
        let Some(name) = path.file_name() else { return self.content(root, path) };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        // Not there, or behind a link.
        let Ok(parent) = parent.map_or_else(|| root.again(), |parent| root.dir(parent)) else { return Ok(()) };
        self.entry(&parent, name, path, None)
    }

    /// Adds everything in a directory.
    fn content(&mut self, dir: &UntrustedDir, path: &Path) -> Result<(), TooLarge> {
        let Ok(mut entries) = dir.entries() else {
            self.skip(path, SkipReason::Unreadable);
            return Ok(());
        };
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let mount = MountId::of(dir);
        for entry in entries {
            self.entry(dir, &entry.name, &path.join(&entry.name), Some(&mount))?;
        }
        Ok(())
    }

    /// Adds the entry `name` of a directory. `mount`: the mount it has to be on.
    fn entry(
        &mut self,
        parent: &UntrustedDir,
        name: &OsStr,
        path: &Path,
        mount: Option<&MountId>,
    ) -> Result<(), TooLarge> {
        self.entries_left = self.entries_left.checked_sub(1).ok_or(TooLarge)?;
        // An entry that vanished meanwhile is skipped.
        let Ok(stat) = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) else { return Ok(()) };
        if path.iter().count() > DEEPEST || path.as_os_str().len() > LONGEST_PATH {
            self.skip(path, SkipReason::TooDeep);
            return Ok(());
        }
        // Without the bits that change a user or group.
        let mode = stat.st_mode & 0o1777;
        let added = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return self.directory(parent, name, path, mode, mount),
            FileType::RegularFile => self.file(parent, name, path, mount)?,
            FileType::Symlink => match parent.link_target(name) {
                Ok(target) => {
                    self.link(path, target.as_os_str().as_bytes())?;
                    Ok(())
                }
                Err(error) => Err(reason(&error)),
            },
            _ => Err(Some(SkipReason::SpecialFile)),
        };
        if let Err(Some(why)) = added {
            self.skip(path, why);
        }
        Ok(())
    }

    fn directory(
        &mut self,
        parent: &UntrustedDir,
        name: &OsStr,
        path: &Path,
        mode: u32,
        mount: Option<&MountId>,
    ) -> Result<(), TooLarge> {
        let dir = match parent.dir(name) {
            Ok(dir) => dir,
            Err(error) => {
                if let Some(why) = reason(&error) {
                    self.skip(path, why);
                }
                return Ok(());
            }
        };
        let here = MountId::of(&dir);
        if mount.is_some_and(|mount| mount.device != here.device || mount.differs(&here)) {
            self.skip(path, SkipReason::OtherMount);
            return Ok(());
        }
        self.append(EntryType::Directory, mode, path, &[])?;
        self.content(&dir, path)
    }

    /// Adds a regular file; the inner error is why it is left out, unless it has vanished.
    fn file(
        &mut self,
        parent: &UntrustedDir,
        name: &OsStr,
        path: &Path,
        mount: Option<&MountId>,
    ) -> Result<Result<(), Option<SkipReason>>, TooLarge> {
        let file = match parent.open_file(name) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(Err(None)),
            Err(error) => return Ok(Err(reason(&error))),
        };
        // Not by device: on an overlay, files can have another one than their directory.
        if mount.is_some_and(|mount| mount.differs(&MountId::of(&file))) {
            return Ok(Err(Some(SkipReason::OtherMount)));
        }
        let Ok(stat) = rustix::fs::fstat(&file) else { return Ok(Err(Some(SkipReason::Unreadable))) };
        if u64::try_from(stat.st_size).unwrap_or(0) > self.bytes_left {
            return Err(TooLarge);
        }
        let mut content = Vec::new();
        if file.take(self.bytes_left + 1).read_to_end(&mut content).is_err() {
            return Ok(Err(Some(SkipReason::Unreadable)));
        }
        self.bytes_left = self.bytes_left.checked_sub(content.len() as u64).ok_or(TooLarge)?;
        self.append(EntryType::Regular, stat.st_mode & 0o1777, path, &content)?;
        self.files += 1;
        Ok(Ok(()))
    }

    fn link(&mut self, path: &Path, target: &[u8]) -> io::Result<()> {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        if target.len() > SHORT_TARGET {
            // As GNU tar does: the target is the content of an entry before.
            let mut long = self::header(EntryType::GNULongLink, 0o644, target.len() as u64 + 1);
            long.set_path("././@LongLink")?;
            long.set_cksum();
            self.builder.append(&long, target.chain(&b"\0"[..]))?;
        }
        header.set_link_name_literal(&target[..target.len().min(SHORT_TARGET)])?;
        self.builder.append_data(&mut header, Path::new(PREFIX).join(path), io::empty())
    }

    fn append(&mut self, kind: EntryType, mode: u32, path: &Path, content: &[u8]) -> io::Result<()> {
        let mut header = header(kind, mode, content.len() as u64);
        self.builder.append_data(&mut header, Path::new(PREFIX).join(path), content)
    }

    fn skip(&mut self, path: &Path, why: SkipReason) {
        if self.skipped.len() < MOST_SKIPPED {
            let path = Path::new(PREFIX).join(path);
            self.skipped.push(SkippedPath { path: RawBytes(path.as_os_str().as_bytes().to_vec()), why });
        }
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Why something is left out; `None` if it has vanished.
fn reason(error: &Error) -> Option<SkipReason> {
    match error {
        error if error.is_not_found() => None,
        Error::NotAFile(_) => Some(SkipReason::SpecialFile),
        Error::Io { .. } => Some(SkipReason::Unreadable),
        // A link in place of another kind of entry: it was replaced meanwhile.
        _ => None,
    }
}

/// The identity of a mount.
struct MountId {
    device: u64,
    /// If the kernel reports it (5.8 and later).
    id: Option<u64>,
}

impl MountId {
    fn of(file: impl AsFd) -> Self {
        let device = rustix::fs::fstat(&file).map_or(0, |stat| stat.st_dev);
        let stat = rustix::fs::statx(&file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID);
        let known = |stat: &rustix::fs::Statx| stat.stx_mask & StatxFlags::MNT_ID.bits() != 0;
        Self { device, id: stat.ok().filter(known).map(|stat| stat.stx_mnt_id) }
    }

    /// Whether both are known and not the same.
    fn differs(&self, other: &Self) -> bool {
        self.id.zip(other.id).is_some_and(|(one, other)| one != other)
    }
}

/// A buffer with a size limit.
struct Bounded {
    bytes: Vec<u8>,
    most: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.most {
            return Err(io::Error::other("the archive is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
