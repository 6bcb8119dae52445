//! What the workspace looked like last time, and the walk that finds what looks different now.
//!
//! Each file costs one `fstatat` and a comparison; rules are asked and contents read only for what is new or different.
//! Directories that are ignored are not entered, unless the base has files in them.

use std::collections::{BTreeSet, HashMap};
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::SystemTime;

use ignore::gitignore::Gitignore;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, openat, statat};

use super::base::Base;
use super::byproducts;
use super::rules::{self, Chain, Rule, Rules};

/// What tells a file from its former self. The change time and the inode number are there because a tool can set size and
/// modification time to what they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stat {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) mtime: i64,
    /// Nanoseconds since 1970.
    pub(crate) ctime: i64,
    pub(crate) mode: u32,
}

/// What the walk found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A file that was not there, or did not count, before.
    New,
    /// A file whose metadata differ, or cannot be relied upon.
    Touched,
    /// A file that is gone.
    Gone,
    /// A file that does not count any more, since an ignore file changed.
    Hidden,
    /// A new by-product; of a directory only itself.
    Byproduct { directory: bool },
    /// A new socket, FIFO or device.
    Special,
}

/// A path relative to the workspace, and what was found there.
pub(crate) type Finding = (Vec<u8>, Found);

/// The clock of a file system ticks in steps of some milliseconds: a file changed this shortly before it was looked at may
/// change once more without a trace. Nanoseconds.
const RACY: i64 = 20_000_000;

/// Directories deeper than this are left alone.
const DEEPEST: usize = 200;

/// The workspace as it was last seen.
#[derive(Debug)]
pub(crate) struct Tree {
    root: PathBuf,
    rules: Rules,
    exclude: Stat,
    top: Dir,
    /// Files that were there before the attempt, ignored or not, have older change times. Nanoseconds since 1970.
    pub(crate) began: i64,
    round: u32,
}

#[derive(Debug, Default)]
struct Dir {
    entries: HashMap<Box<[u8]>, Node>,
    ignore: Option<(Stat, Rc<Gitignore>)>,
    /// Why only files of the base (and claimed ones) count in here, if so.
    only: Option<Rule>,
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    /// The round of the walk that last saw it.
    seen: u32,
}

#[derive(Debug)]
enum Kind {
    File {
        stat: Stat,
        racy: bool,
    },
    Dir(Box<Dir>),
    /// Does not count.
    Out {
        directory: bool,
    },
}

/// What stays the same during a walk.
struct Walk<'a> {
    root: &'a Path,
    rules: &'a Rules,
    base: &'a Base,
    /// Files that a tool wrote by name: no by-products, whatever they are called.
    claimed: &'a BTreeSet<Vec<u8>>,
    found: Vec<Finding>,
    /// The first walk of an attempt: what is there is the base.
    first: bool,
    began: i64,
    /// Files changed after this are racy. Nanoseconds since 1970.
    racy_after: i64,
    round: u32,
}

impl Tree {
    /// Nothing seen yet.
    pub(crate) fn new(root: &Path, byproducts: &[String]) -> Self {
        Self {
            root: root.to_owned(),
            rules: Rules::new(byproducts),
            exclude: Stat::default(),
            top: Dir::default(),
            began: now() - RACY,
            round: 0,
        }
    }

    /// Walks through all. The first walk of an attempt finds nothing: what is there is the base.
    pub(crate) fn scan(&mut self, base: &Base, claimed: &BTreeSet<Vec<u8>>, first: bool) -> io::Result<Vec<Finding>> {
        let fd = self.open()?;
        let exclude = stat_of(&fd, c".git/info/exclude").unwrap_or_default();
        let changed = self.exclude != exclude || self.round == 0;
        if changed {
            self.rules.read_exclude(&self.root);
            self.exclude = exclude;
        }
        self.walk(base, claimed, first, |walk, top| {
            walk.directory(top, &fd, &mut Vec::new(), &walk.rules.root(), changed, 0)
        })
    }

    /// Looks at one path only, and at what is new above it.
    pub(crate) fn look(&mut self, base: &Base, claimed: &BTreeSet<Vec<u8>>, path: &[u8]) -> io::Result<Vec<Finding>> {
        if path.rsplit(|&b| b == b'/').next() == Some(b".gitignore") {
            return self.scan(base, claimed, false);
        }
        let fd = self.open()?;
        self.walk(base, claimed, false, |walk, top| walk.path(top, fd, path))
    }

    /// The workspace's directory; one that was removed is made again, empty.
    fn open(&self) -> io::Result<OwnedFd> {
        match open_directory(CWD, &self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.root)?;
                open_directory(CWD, &self.root)
            }
            other => other,
        }
    }

    fn walk(
        &mut self,
        base: &Base,
        claimed: &BTreeSet<Vec<u8>>,
        first: bool,
        go: impl FnOnce(&mut Walk<'_>, &mut Dir) -> io::Result<()>,
    ) -> io::Result<Vec<Finding>> {
        self.round += 1;
        let mut walk = Walk {
            root: &self.root,
            rules: &self.rules,
            base,
            claimed,
            found: Vec::new(),
            first,
            began: self.began,
            racy_after: now() - RACY,
            round: self.round,
        };
        go(&mut walk, &mut self.top)?;
        Ok(walk.found)
    }

    /// Calls `each` with every file that counts.
    pub(crate) fn each(&self, each: &mut dyn FnMut(&[u8], &Stat)) {
        fn go(dir: &Dir, path: &mut Vec<u8>, each: &mut dyn FnMut(&[u8], &Stat)) {
            for (name, node) in &dir.entries {
                let length = push(path, name);
                match &node.kind {
                    Kind::File { stat, .. } => each(path, stat),
                    Kind::Dir(dir) => go(dir, path, each),
                    Kind::Out { .. } => {}
                }
                path.truncate(length);
            }
        }
        go(&self.top, &mut Vec::new(), each);
    }

    /// Takes a file as seen, with these metadata.
    pub(crate) fn assume(&mut self, path: &[u8], stat: Stat) {
        let mut dir = &mut self.top;
        let mut parts = path.split(|&b| b == b'/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                dir.entries.insert(part.into(), Node { kind: Kind::File { stat, racy: false }, seen: 0 });
                return;
            }
            let node =
                dir.entries.entry(part.into()).or_insert_with(|| Node { kind: Kind::Dir(Box::default()), seen: 0 });
            let Kind::Dir(next) = &mut node.kind else { return };
            dir = next;
        }
    }
}

impl Walk<'_> {
    /// Compares a directory with what is there now. `anew`: rules above have changed, so all of them are asked again.
    fn directory(
        &mut self,
        dir: &mut Dir,
        fd: &OwnedFd,
        path: &mut Vec<u8>,
        chain: &Chain,
        anew: bool,
        depth: usize,
    ) -> io::Result<()> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 16384];
        let mut names: Vec<(CString, FileType)> = Vec::with_capacity(dir.entries.len());
        let mut entries = RawDir::new(fd, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b".." | b".git") {
                names.push((name.to_owned(), entry.file_type()));
            }
        }
        let (chain, changed) = self.ignore_file(dir, fd, path, chain);
        let anew = anew || changed;
        for (name, kind) in &names {
            self.entry(dir, fd, path, name, *kind, &chain, anew, depth);
        }
        let seen = dir.entries.values().filter(|node| node.seen == self.round).count();
        if seen < dir.entries.len() {
            let round = self.round;
            let gone: Vec<Box<[u8]>> =
                dir.entries.iter().filter(|(_, node)| node.seen != round).map(|(name, _)| name.clone()).collect();
            for name in gone {
                if let Some(node) = dir.entries.remove(&name) {
                    let length = push(path, &name);
                    self.lost(&node.kind, path, &Found::Gone);
                    path.truncate(length);
                }
            }
        }
        Ok(())
    }

    /// The rules in a directory, and whether its own ignore file has changed.
    fn ignore_file(&self, dir: &mut Dir, fd: &OwnedFd, path: &[u8], chain: &Chain) -> (Chain, bool) {
        let stat = stat_of(fd, c".gitignore").filter(|stat| stat.mode & 0o170_000 == 0o100_000);
        let changed = dir.ignore.as_ref().map(|(stat, _)| *stat) != stat;
        if changed {
            dir.ignore = stat.map(|stat| {
                let relative = if path.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(path)) };
                let file = self.root.join(OsStr::from_bytes(path)).join(".gitignore");
                (stat, Rc::new(rules::read(&file, relative)))
            });
        }
        (dir.ignore.as_ref().map_or_else(|| chain.clone(), |(_, rules)| chain.with(rules)), changed)
    }

    /// Compares one entry of a directory.
    #[allow(clippy::too_many_arguments)]
    fn entry(
        &mut self,
        dir: &mut Dir,
        fd: &OwnedFd,
        path: &mut Vec<u8>,
        name: &CStr,
        kind: FileType,
        chain: &Chain,
        anew: bool,
        depth: usize,
    ) {
        let kind = match kind {
            FileType::Unknown => match statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(_) => return,
            },
            kind => kind,
        };
        let length = push(path, name.to_bytes());
        let known = dir.entries.remove(name.to_bytes());
        let only = dir.only;
        let after = match kind {
            FileType::Directory => self.below(known, fd, path, name, chain, only, anew, depth),
            FileType::RegularFile | FileType::Symlink => self.file(known, fd, path, name, chain, only, anew),
            _ => {
                if known.is_none() && !self.first {
                    self.found.push((path.clone(), Found::Special));
                }
                Some(Kind::Out { directory: false })
            }
        };
        path.truncate(length);
        if let Some(kind) = after {
            dir.entries.insert(name.to_bytes().into(), Node { kind, seen: self.round });
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn file(
        &mut self,
        known: Option<Node>,
        fd: &OwnedFd,
        path: &[u8],
        name: &CStr,
        chain: &Chain,
        only: Option<Rule>,
        anew: bool,
    ) -> Option<Kind> {
        match known.map(|node| node.kind) {
            Some(Kind::Out { directory: false }) if !anew => return Some(Kind::Out { directory: false }),
            Some(Kind::File { stat, racy }) if !anew || self.counts(path, chain, only) == Rule::Counts => {
                let now = stat_of(fd, name)?;
                if now != stat || racy {
                    self.found.push((path.to_vec(), Found::Touched));
                }
                return Some(Kind::File { stat: now, racy: now.ctime >= self.racy_after });
            }
            Some(Kind::File { .. }) => {
                self.found.push((path.to_vec(), Found::Hidden));
                return Some(Kind::Out { directory: false });
            }
            Some(lost @ Kind::Dir(_)) => self.lost(&lost, &mut path.to_vec(), &Found::Gone),
            _ => {}
        }
        let rule = self.counts(path, chain, only);
        if rule != Rule::Counts {
            if rule == Rule::Byproduct && self.is_new(fd, name) {
                self.found.push((path.to_vec(), Found::Byproduct { directory: false }));
            }
            return Some(Kind::Out { directory: false });
        }
        let stat = stat_of(fd, name)?;
        // Nobody made it: it was there, ignored, before the attempt, and an ignore file has changed.
        if anew && !self.first && stat.ctime < self.began && !self.base.tracks(path) {
            return Some(Kind::Out { directory: false });
        }
        if !self.first {
            self.found.push((path.to_vec(), Found::New));
        }
        Some(Kind::File { stat, racy: stat.ctime >= self.racy_after })
    }

    #[allow(clippy::too_many_arguments)]
    fn below(
        &mut self,
        known: Option<Node>,
        fd: &OwnedFd,
        path: &mut Vec<u8>,
        name: &CStr,
        chain: &Chain,
        only: Option<Rule>,
        anew: bool,
        depth: usize,
    ) -> Option<Kind> {
        let mut dir = match known.map(|node| node.kind) {
            Some(Kind::Out { directory: true }) if !anew && !self.claims_below(path) => {
                return Some(Kind::Out { directory: true });
            }
            Some(Kind::Dir(dir)) => Some(dir),
            Some(Kind::File { .. }) => {
                self.found.push((path.clone(), Found::Gone));
                None
            }
            _ => None,
        };
        let below = open_directory(fd, name).ok();
        if dir.is_none() || anew {
            let rule = match only {
                Some(rule) => rule,
                None => self.rule_of_directory(path, chain, below.as_ref()),
            };
            if rule != Rule::Counts && !self.has_below(path, rule) || below.is_none() || depth >= DEEPEST {
                if let Some(dir) = dir {
                    self.lost(&Kind::Dir(dir), path, &Found::Hidden);
                } else if rule == Rule::Byproduct && self.is_new(fd, name) {
                    self.found.push((path.clone(), Found::Byproduct { directory: true }));
                }
                return Some(Kind::Out { directory: true });
            }
            dir.get_or_insert_default().only = (rule != Rule::Counts).then_some(rule);
        }
        let (mut dir, below) = (dir?, below?);
        // What cannot be read is as if it were not there; the rest still counts.
        let _ = self.directory(&mut dir, &below, path, chain, anew, depth + 1);
        Some(Kind::Dir(dir))
    }

    /// Goes down to one path and compares only that; a directory on the way that is not known is compared whole.
    fn path(&mut self, top: &mut Dir, fd: OwnedFd, path: &[u8]) -> io::Result<()> {
        let (mut dir, mut fd, mut chain) = (top, fd, self.rules.root());
        let mut done = Vec::new();
        let parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
        for (depth, part) in parts.iter().enumerate() {
            chain = self.ignore_file(dir, &fd, &done, &chain).0;
            let name = CString::new(*part)?;
            let last = depth + 1 == parts.len();
            let known = matches!(dir.entries.get(*part), Some(Node { kind: Kind::Dir(_), .. }));
            let below = if last || !known { None } else { open_directory(&fd, &name).ok() };
            let Some(below) = below else {
                match statat(&fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => {
                        let kind = FileType::from_raw_mode(stat.st_mode);
                        self.entry(dir, &fd, &mut done, &name, kind, &chain, false, depth);
                    }
                    Err(_) => {
                        if let Some(node) = dir.entries.remove(*part) {
                            push(&mut done, part);
                            self.lost(&node.kind, &mut done, &Found::Gone);
                        }
                    }
                }
                return Ok(());
            };
            fd = below;
            push(&mut done, part);
            let Some(Node { kind: Kind::Dir(next), .. }) = dir.entries.get_mut(*part) else { return Ok(()) };
            dir = next;
        }
        Ok(())
    }

    /// Whether a file counts, or why not.
    fn counts(&self, path: &[u8], chain: &Chain, only: Option<Rule>) -> Rule {
        let rule = only.unwrap_or_else(|| self.rules.of(chain, path, false));
        let kept = match rule {
            Rule::Counts => true,
            Rule::Ignored => self.base.tracks(path),
            Rule::Byproduct => self.claimed.contains(path) || self.base.tracks(path),
        };
        if kept { Rule::Counts } else { rule }
    }

    fn rule_of_directory(&self, path: &[u8], chain: &Chain, fd: Option<&OwnedFd>) -> Rule {
        match self.rules.of(chain, path, true) {
            Rule::Counts => {
                let repository = fd.is_some_and(|fd| stat_of(fd, c".git").is_some());
                let marked = || byproducts::marked(&self.root.join(OsStr::from_bytes(path)));
                if repository || marked() { Rule::Byproduct } else { Rule::Counts }
            }
            rule => rule,
        }
    }

    /// Whether files count below a directory that itself does not.
    fn has_below(&self, path: &[u8], rule: Rule) -> bool {
        self.base.tracks_below(path) || rule == Rule::Byproduct && self.claims_below(path)
    }

    fn claims_below(&self, path: &[u8]) -> bool {
        if self.claimed.is_empty() {
            return false;
        }
        let mut prefix = path.to_vec();
        prefix.push(b'/');
        self.claimed.range(prefix.clone()..).next().is_some_and(|claimed| claimed.starts_with(&prefix))
    }

    /// Whether a by-product appeared during the attempt.
    fn is_new(&self, fd: &OwnedFd, name: &CStr) -> bool {
        !self.first && stat_of(fd, name).is_some_and(|stat| stat.ctime >= self.began)
    }

    /// Tells of all files of something that is gone.
    fn lost(&mut self, kind: &Kind, path: &mut Vec<u8>, how: &Found) {
        match kind {
            Kind::File { .. } => self.found.push((path.clone(), how.clone())),
            Kind::Dir(dir) => {
                for (name, node) in &dir.entries {
                    let length = push(path, name);
                    self.lost(&node.kind, path, how);
                    path.truncate(length);
                }
            }
            Kind::Out { .. } if *how == Found::Gone => self.found.push((path.clone(), Found::Gone)),
            Kind::Out { .. } => {}
        }
    }
}

/// Appends a name to a path and gives the length to truncate it to again.
fn push(path: &mut Vec<u8>, name: &[u8]) -> usize {
    let length = path.len();
    if length > 0 {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    length
}

fn open_directory(at: impl AsFd, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

fn stat_of(at: impl AsFd, name: &CStr) -> Option<Stat> {
    let at: BorrowedFd<'_> = at.as_fd();
    let stat = statat(at, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(Stat {
        dev: stat.st_dev,
        ino: stat.st_ino,
        size: stat.st_size as u64,
        mtime: (stat.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64),
        ctime: (stat.st_ctime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_ctime_nsec as i64),
        mode: stat.st_mode,
    })
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
