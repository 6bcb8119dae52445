//! The walk through the workspace.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::rc::Rc;

use rustix::fs::{AtFlags, FileType, RawDir, statat};

use super::base::TrackedBase;
use super::byproducts;
use super::node::{Finding, WalkDifference, WalkDir, WalkNode, WalkNodeKind, open_directory, push, stat_of};
use super::rules::{self, Chain, Rule, Rules};

/// Deeper directories are skipped.
const DEEPEST: usize = 200;

/// The constants of a walk.
pub(super) struct Walk<'a> {
    pub(super) root: &'a Path,
    pub(super) rules: &'a Rules,
    pub(super) base: &'a TrackedBase,
    /// Files that a tool wrote by name: not by-products, whatever they are called.
    pub(super) claimed: &'a BTreeSet<Vec<u8>>,
    pub(super) found: Vec<Finding>,
    /// The first walk of an attempt: the files found are the base.
    pub(super) first: bool,
    pub(super) began: i64,
    /// Files changed after this are racy. Nanoseconds since 1970.
    pub(super) racy_after: i64,
    pub(super) round: u32,
}

impl Walk<'_> {
    /// Compares a directory with what is there now. `recheck`: rules above have changed, so all entries are checked again.
    pub(super) fn directory(
        &mut self,
        dir: &mut WalkDir,
        fd: &OwnedFd,
        path: &mut Vec<u8>,
        chain: &Chain,
        recheck: bool,
        depth: usize,
    ) -> io::Result<()> {
        let names = DirNames::read(fd, dir.entries.len())?;
        let (chain, changed) = self.ignore_file(dir, fd, path, chain);
        let recheck = recheck || changed;
        for (name, kind) in names.iter() {
            if !recheck && matches!(kind, FileType::RegularFile | FileType::Symlink) && self.same(dir, fd, path, name) {
                continue;
            }
            self.entry(dir, fd, path, name, kind, &chain, recheck, depth);
        }
        let seen = dir.entries.values().filter(|node| node.seen == self.round).count();
        if seen < dir.entries.len() {
            let round = self.round;
            let gone: Vec<Box<[u8]>> =
                dir.entries.iter().filter(|(_, node)| node.seen != round).map(|(name, _)| name.clone()).collect();
            for name in gone {
                if let Some(node) = dir.entries.remove(&name) {
                    let length = push(path, &name);
                    self.lost(&node.kind, path, &WalkDifference::Gone);
                    path.truncate(length);
                }
            }
        }
        Ok(())
    }

    /// Compares a file that is known to count, which is the common case.
    fn same(&mut self, dir: &mut WalkDir, fd: &OwnedFd, path: &mut Vec<u8>, name: &CStr) -> bool {
        let Some(node) = dir.entries.get_mut(name.to_bytes()) else { return false };
        let WalkNodeKind::File { stat, racy } = &mut node.kind else { return false };
        let Some(now) = stat_of(fd, name) else { return false };
        node.seen = self.round;
        if now != *stat || *racy {
            let length = push(path, name.to_bytes());
            self.found.push((path.clone(), WalkDifference::Touched));
            path.truncate(length);
            (*stat, *racy) = (now, now.ctime >= self.racy_after);
        }
        true
    }

    /// The rules in a directory, and whether its own ignore file has changed.
    fn ignore_file(&self, dir: &mut WalkDir, fd: &OwnedFd, path: &[u8], chain: &Chain) -> (Chain, bool) {
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
        dir: &mut WalkDir,
        fd: &OwnedFd,
        path: &mut Vec<u8>,
        name: &CStr,
        kind: FileType,
        chain: &Chain,
        recheck: bool,
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
            FileType::Directory => self.below(known, fd, path, name, chain, only, recheck, depth),
            FileType::RegularFile | FileType::Symlink => self.file(known, fd, path, name, chain, only, recheck),
            _ => {
                if known.is_none() && !self.first {
                    self.found.push((path.clone(), WalkDifference::Special));
                }
                Some(WalkNodeKind::Out { directory: false })
            }
        };
        path.truncate(length);
        if let Some(kind) = after {
            dir.entries.insert(name.to_bytes().into(), WalkNode { kind, seen: self.round });
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn file(
        &mut self,
        known: Option<WalkNode>,
        fd: &OwnedFd,
        path: &[u8],
        name: &CStr,
        chain: &Chain,
        only: Option<Rule>,
        recheck: bool,
    ) -> Option<WalkNodeKind> {
        match known.map(|node| node.kind) {
            Some(WalkNodeKind::Out { directory: false }) if !recheck => {
                return Some(WalkNodeKind::Out { directory: false });
            }
            Some(WalkNodeKind::File { stat, racy }) if !recheck || self.counts(path, chain, only) == Rule::Counts => {
                let now = stat_of(fd, name)?;
                if now != stat || racy {
                    self.found.push((path.to_vec(), WalkDifference::Touched));
                }
                return Some(WalkNodeKind::File { stat: now, racy: now.ctime >= self.racy_after });
            }
            Some(WalkNodeKind::File { .. }) => {
                self.found.push((path.to_vec(), WalkDifference::Hidden));
                return Some(WalkNodeKind::Out { directory: false });
            }
            Some(lost @ WalkNodeKind::Dir(_)) => self.lost(&lost, &mut path.to_vec(), &WalkDifference::Gone),
            _ => {}
        }
        let rule = self.counts(path, chain, only);
        if rule != Rule::Counts {
            if rule == Rule::Byproduct && self.is_new(fd, name) {
                self.found.push((path.to_vec(), WalkDifference::Byproduct { directory: false }));
            }
            return Some(WalkNodeKind::Out { directory: false });
        }
        let stat = stat_of(fd, name)?;
        // Not made by a call: it existed, ignored, before the attempt, and an ignore file has changed.
        if recheck && !self.first && stat.ctime < self.began && !self.base.tracks(path) {
            return Some(WalkNodeKind::Out { directory: false });
        }
        if !self.first {
            self.found.push((path.to_vec(), WalkDifference::New));
        }
        Some(WalkNodeKind::File { stat, racy: stat.ctime >= self.racy_after })
    }

    #[allow(clippy::too_many_arguments)]
    fn below(
        &mut self,
        known: Option<WalkNode>,
        fd: &OwnedFd,
        path: &mut Vec<u8>,
        name: &CStr,
        chain: &Chain,
        only: Option<Rule>,
        recheck: bool,
        depth: usize,
    ) -> Option<WalkNodeKind> {
        let mut dir = match known.map(|node| node.kind) {
            Some(WalkNodeKind::Out { directory: true }) if !recheck && !self.claims_below(path) => {
                return Some(WalkNodeKind::Out { directory: true });
            }
            Some(WalkNodeKind::Dir(dir)) => Some(dir),
            Some(WalkNodeKind::File { .. }) => {
                self.found.push((path.clone(), WalkDifference::Gone));
                None
            }
            _ => None,
        };
        let below = open_directory(fd, name).ok();
        if dir.is_none() || recheck {
            let rule = match only {
                Some(rule) => rule,
                None => self.rule_of_directory(path, chain, below.as_ref()),
            };
            if rule != Rule::Counts && !self.has_below(path, rule) || below.is_none() || depth >= DEEPEST {
                if let Some(dir) = dir {
                    self.lost(&WalkNodeKind::Dir(dir), path, &WalkDifference::Hidden);
                } else if rule == Rule::Byproduct && self.is_new(fd, name) {
                    self.found.push((path.clone(), WalkDifference::Byproduct { directory: true }));
                }
                return Some(WalkNodeKind::Out { directory: true });
            }
            dir.get_or_insert_default().only = (rule != Rule::Counts).then_some(rule);
        }
        let (mut dir, below) = (dir?, below?);
        // Unreadable entries count as absent; the rest still counts.
        let _ = self.directory(&mut dir, &below, path, chain, recheck, depth + 1);
        Some(WalkNodeKind::Dir(dir))
    }

    /// Descends to one path and compares only that; an unknown directory on the way is compared as a whole.
    pub(super) fn path(&mut self, top: &mut WalkDir, fd: OwnedFd, path: &[u8]) -> io::Result<()> {
        let (mut dir, mut fd, mut chain) = (top, fd, self.rules.root());
        let mut done = Vec::new();
        let parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
        for (depth, part) in parts.iter().enumerate() {
            chain = self.ignore_file(dir, &fd, &done, &chain).0;
            let name = CString::new(*part)?;
            let last = depth + 1 == parts.len();
            let known = matches!(dir.entries.get(*part), Some(WalkNode { kind: WalkNodeKind::Dir(_), .. }));
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
                            self.lost(&node.kind, &mut done, &WalkDifference::Gone);
                        }
                    }
                }
                return Ok(());
            };
            fd = below;
            push(&mut done, part);
            let Some(WalkNode { kind: WalkNodeKind::Dir(next), .. }) = dir.entries.get_mut(*part) else {
                return Ok(());
            };
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

    /// Reports all files of a deleted entry.
    fn lost(&mut self, kind: &WalkNodeKind, path: &mut Vec<u8>, how: &WalkDifference) {
        match kind {
            WalkNodeKind::File { .. } => self.found.push((path.clone(), how.clone())),
            WalkNodeKind::Dir(dir) => {
                for (name, node) in &dir.entries {
                    let length = push(path, name);
                    self.lost(&node.kind, path, how);
                    path.truncate(length);
                }
            }
            WalkNodeKind::Out { .. } if *how == WalkDifference::Gone => {
                self.found.push((path.clone(), WalkDifference::GoneUnseen))
            }
            WalkNodeKind::Out { .. } => {}
        }
    }
}

/// The names in a directory, each terminated by a NUL, in one allocation.
struct DirNames {
    bytes: Vec<u8>,
    /// Where each ends, its NUL included, and what kind of file it is.
    ends: Vec<(usize, FileType)>,
}

impl DirNames {
    fn read(fd: &OwnedFd, about: usize) -> io::Result<Self> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 16384];
        let mut names = Self { bytes: Vec::with_capacity(about * 24), ends: Vec::with_capacity(about) };
        let mut entries = RawDir::new(fd, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b".." | b".git") {
                names.bytes.extend_from_slice(name.to_bytes_with_nul());
                names.ends.push((names.bytes.len(), entry.file_type()));
            }
        }
        Ok(names)
    }

    fn iter(&self) -> impl Iterator<Item = (&CStr, FileType)> {
        let mut start = 0;
        self.ends.iter().filter_map(move |(end, kind)| {
            let name = CStr::from_bytes_with_nul(&self.bytes[start..*end]).ok();
            start = *end;
            name.map(|name| (name, *kind))
        })
    }
}
