//! The last known state of the workspace, for [`super::walk`] to compare with.
//!
//! Each file costs one `fstatat` and a comparison; rules are applied and contents read only for what is new or different.
//! Directories that are ignored are not entered, unless the base has files in them.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::CWD;

use super::base::TrackedBase;
use super::node::{Finding, Stat, WalkDir, WalkNode, WalkNodeKind, open_directory, push, stat_of};
use super::rules::Rules;
use super::walk::Walk;

/// The clock of a file system ticks in steps of some milliseconds: a file changed this shortly before it was looked at may
/// change once more unnoticed. Nanoseconds.
const RACY: i64 = 20_000_000;

/// The last known state of the workspace.
#[derive(Debug)]
pub(crate) struct WorkspaceTree {
    root: PathBuf,
    rules: Rules,
    exclude: Stat,
    top: WalkDir,
    /// Files that were there before the attempt, ignored or not, have older change times. Nanoseconds since 1970.
    pub(crate) began: i64,
    round: u32,
}

impl WorkspaceTree {
    /// Nothing known yet.
    pub(crate) fn new(root: &Path, byproducts: &[String]) -> Self {
        Self {
            root: root.to_owned(),
            rules: Rules::new(byproducts),
            exclude: Stat::default(),
            top: WalkDir::default(),
            began: now() - RACY,
            round: 0,
        }
    }

    /// Walks through everything. The first walk of an attempt finds nothing: the existing files are the base.
    pub(crate) fn scan(
        &mut self,
        base: &TrackedBase,
        claimed: &BTreeSet<Vec<u8>>,
        first: bool,
    ) -> io::Result<Vec<Finding>> {
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

    /// Checks one path only, and new directories above it.
    pub(crate) fn look(
        &mut self,
        base: &TrackedBase,
        claimed: &BTreeSet<Vec<u8>>,
        path: &[u8],
    ) -> io::Result<Vec<Finding>> {
        if path.rsplit(|&b| b == b'/').next() == Some(b".gitignore") {
            return self.scan(base, claimed, false);
        }
        let fd = self.open()?;
        self.walk(base, claimed, false, |walk, top| walk.path(top, fd, path))
    }

    /// The workspace's directory; a removed one is created again, empty.
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
        base: &TrackedBase,
        claimed: &BTreeSet<Vec<u8>>,
        first: bool,
        go: impl FnOnce(&mut Walk<'_>, &mut WalkDir) -> io::Result<()>,
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
        fn go(dir: &WalkDir, path: &mut Vec<u8>, each: &mut dyn FnMut(&[u8], &Stat)) {
            for (name, node) in &dir.entries {
                let length = push(path, name);
                match &node.kind {
                    WalkNodeKind::File { stat, .. } => each(path, stat),
                    WalkNodeKind::Dir(dir) => go(dir, path, each),
                    WalkNodeKind::Out { .. } => {}
                }
                path.truncate(length);
            }
        }
        go(&self.top, &mut Vec::new(), each);
    }

    /// Marks a file as known, with these metadata.
    pub(crate) fn assume(&mut self, path: &[u8], stat: Stat) {
        let mut dir = &mut self.top;
        let mut parts = path.split(|&b| b == b'/').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                dir.entries.insert(part.into(), WalkNode { kind: WalkNodeKind::File { stat, racy: false }, seen: 0 });
                return;
            }
            let node = dir
                .entries
                .entry(part.into())
                .or_insert_with(|| WalkNode { kind: WalkNodeKind::Dir(Box::default()), seen: 0 });
            let WalkNodeKind::Dir(next) = &mut node.kind else { return };
            dir = next;
        }
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
