//! Tracks which call changed what, and how the workspace differs from base.
//!
//! - [`tree`], [`walk`]: the last known state, and the walk that finds differences
//! - [`rules`], [`byproducts`]: which files count
//! - [`base`]: the files at base
//! - [`roles`], [`references`]: which new files are check files, and which of them code refers to
//! - [`copies`]: copies of the files that a check needs
//! - [`content`], [`diff`]: compare contents and count lines
//! - [`store`]: state that must outlive a killed toolbox
//! - [`transfer`]: exports the changes of a workspace and applies them to another

mod base;
mod byproducts;
mod content;
mod copies;
mod diff;
mod node;
mod references;
mod roles;
mod rules;
mod stale;
mod store;
mod transfer;
mod tree;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use voe_trace::Change;

use base::TrackedBase;
use content::{HashedContent, KEPT};
use node::{Finding, Stat, WalkDifference};
use references::References;
use roles::RoleBook;
use store::TrackerStore;
use tree::WorkspaceTree;
use voe_evidence::command::{Intent, NewFile};
use voe_protocol::{Setup, WorkspaceState};

/// More new files than this from one command that does not unpack or copy are not an edit. They are by-products.
const FLOOD: usize = 5000;

/// By-products that one result lists.
const LISTED: usize = 100;

/// Tracks the workspace.
#[derive(Debug)]
pub(crate) struct Tracker {
    root: PathBuf,
    unwatched: bool,
    tree: WorkspaceTree,
    base: TrackedBase,
    store: TrackerStore,
    /// The files that differ from base.
    changed: BTreeMap<Vec<u8>, Changed>,
    byproducts: BTreeSet<Vec<u8>>,
    /// Files that a tool wrote by name: edits, whatever they are called.
    claimed: BTreeSet<Vec<u8>>,
    /// By-products that become edits if code refers to them.
    doubtful: BTreeSet<Vec<u8>>,
    /// What the changed files are as evidence.
    roles: RoleBook,
    references: References,
    /// Files that can't be part of a patch: sockets, FIFOs, devices, files that can't be read.
    special: BTreeSet<Vec<u8>>,
}

/// A file that differs from base. The parts are mode and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Changed {
    base: Option<ContentKey>,
    now: Option<ContentKey>,
}

/// Mode and hash of a content.
type ContentKey = (u32, [u8; 32]);

fn key(content: &HashedContent) -> ContentKey {
    (content.mode, content.hash)
}

/// Who made a change, which decides whether a new file is an edit.
#[derive(Debug)]
pub(crate) enum By<'a> {
    /// A file tool, by name: always an edit.
    Tool,
    /// A command of the model's.
    Command(&'a Intent),
    /// A command of voe's own: never an edit.
    Check,
    /// The attempt so far, seen by a restarted toolbox.
    Before,
}

/// What a call changed.
#[derive(Debug, Default)]
pub(crate) struct CallChanges {
    pub(crate) changes: Vec<Change>,
    pub(crate) byproducts: Vec<String>,
    pub(crate) diff: String,
    /// The hash of the code before the call by the roles after it, if they have changed.
    pub(crate) code_before: Option<String>,
}

impl Tracker {
    /// Scans the workspace for the first time, or again after the toolbox was killed.
    pub(crate) fn open(setup: &Setup, root: &Path, own: &Path) -> io::Result<Self> {
        let base = TrackedBase::open(&setup.pristine)?;
        let mut tracker = Self {
            root: root.to_owned(),
            unwatched: setup.unwatched,
            tree: WorkspaceTree::new(root, &setup.byproducts),
            base,
            store: TrackerStore::new(own)?,
            changed: BTreeMap::new(),
            byproducts: BTreeSet::new(),
            claimed: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            roles: RoleBook::new(&[root, &setup.workspace]),
            references: References::default(),
            special: BTreeSet::new(),
        };
        for command in &setup.earlier_commands {
            tracker.roles.ran(command);
        }
        if setup.unwatched {
            tracker.store.forget()?;
        } else if setup.resumed {
            tracker.recall()?;
        } else {
            tracker.store.forget()?;
            tracker.tree.scan(&tracker.base, &tracker.claimed, true)?;
            // On a full disk the attempt continues; only a second toolbox would have to compare all contents.
            let _ = tracker.store.keep_tree(&tracker.tree);
        }
        Ok(tracker)
    }

    /// Finds the differences from base that were made before this toolbox was started.
    fn recall(&mut self) -> io::Result<()> {
        if !self.store.recall_tree(&mut self.tree) {
            // Only the base is known: every file is compared with it.
            self.tree.began = 0;
            for path in self.base.paths() {
                self.tree.assume(path, Stat::default());
            }
        }
        let mut names = self.store.recall_names();
        let mut set = |mark| names.remove(&mark).unwrap_or_default();
        (self.claimed, self.byproducts, self.doubtful) = (set(b'c'), set(b'b'), set(b'd'));
        for command in set(b'r') {
            self.roles.ran(&String::from_utf8_lossy(&command));
        }
        let found = self.tree.scan(&self.base, &self.claimed, false)?;
        self.settle(found, &By::Before);
        Ok(())
    }

    /// The number of files that count.
    pub(crate) fn files(&self) -> u64 {
        let mut files = 0;
        self.tree.each(&mut |_, _| files += 1);
        files
    }

    /// The process that reads the base, which is not a command's.
    pub(crate) fn reader(&self) -> Option<Pid> {
        self.base.reader()
    }

    /// Saves what a restarted toolbox must know. On a full disk the attempt continues without.
    fn keep_names(&self) {
        let sets =
            [(b'c', &self.claimed), (b'b', &self.byproducts), (b'd', &self.doubtful), (b'r', self.roles.commands())];
        let _ = self.store.keep_names(sets);
    }

    /// Remembers a command that was run: files that it runs can be check files.
    pub(crate) fn ran(&mut self, command: &str) {
        if !self.unwatched && self.roles.ran(command) {
            self.keep_names();
        }
    }

    /// What a command changed.
    pub(crate) fn after(&mut self, by: &By<'_>) -> io::Result<CallChanges> {
        if self.unwatched {
            return Ok(CallChanges::default());
        }
        let found = self.tree.scan(&self.base, &self.claimed, false)?;
        Ok(self.settle(found, by))
    }

    /// What a tool changed by writing one file, by its path relative to the workspace.
    pub(crate) fn wrote(&mut self, path: &[u8]) -> io::Result<CallChanges> {
        if self.unwatched {
            return Ok(CallChanges::default());
        }
        if self.claimed.insert(path.to_vec()) {
            self.keep_names();
        }
        let found = self.tree.look(&self.base, &self.claimed, path)?;
        Ok(self.settle(found, &By::Tool))
    }

    /// Reads what the walk has found, and decides what the changed files are as evidence.
    fn settle(&mut self, found: Vec<Finding>, by: &By<'_>) -> CallChanges {
        let before = self.changed.clone();
        let code_before = self.code_of(&before);
        let (mut report, mut shown) = self.read(found, by);
        self.promote(&mut report, &mut shown);
        report.diff = shown.finish();
        self.split();
        for change in &mut report.changes {
            change.role = self.role(change.path.as_bytes());
        }
        let code = self.code_of(&before);
        report.code_before = (code != code_before).then_some(code);
        report
    }

    /// Reads what the walk has found, and separates edits from by-products.
    fn read(&mut self, mut found: Vec<Finding>, by: &By<'_>) -> (CallChanges, diff::ShownDiffs) {
        let (mut report, mut shown) = (CallChanges::default(), diff::ShownDiffs::default());
        let names = self.byproducts.len();
        let new = found.iter().filter(|(_, found)| *found == WalkDifference::New).count();
        let flood = new > FLOOD && !matches!(by, By::Command(intent) if intent.bulk) && !matches!(by, By::Before);
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        if let By::Command(intent) = by {
            self.look_ahead(&found, intent);
        }
        let mut listed = Vec::new();
        for (path, found) in found {
            match found {
                WalkDifference::Special => drop(self.special.insert(path)),
                WalkDifference::Hidden => drop(self.changed.remove(&path)),
                WalkDifference::Byproduct { directory } => {
                    let mut name = path;
                    if directory {
                        name.push(b'/');
                    }
                    if self.byproducts.insert(name.clone()) {
                        listed.push(name);
                    }
                }
                WalkDifference::GoneUnseen => {
                    self.special.remove(&path);
                    self.byproducts.remove(&path);
                    self.byproducts.remove(&[&path[..], b"/"].concat());
                }
                WalkDifference::Gone => {
                    self.special.remove(&path);
                    if !self.byproducts.remove(&path) {
                        report.changes.extend(self.update(&path, None, &mut shown));
                    }
                }
                WalkDifference::New | WalkDifference::Touched => {
                    let known = self.byproducts.contains(&path);
                    let meant = match by {
                        By::Tool => true,
                        By::Command(intent) => intent.names(&path),
                        By::Check | By::Before => false,
                    };
                    if known && !meant {
                        continue;
                    }
                    if found == WalkDifference::New && flood && !meant {
                        if self.byproducts.insert(path.clone()) {
                            listed.push(path);
                        }
                        continue;
                    }
                    let now = match HashedContent::in_workspace(&self.root, &path, KEPT) {
                        Ok(Some(now)) => now,
                        // Deleted since: the next scan reports it.
                        Ok(None) => continue,
                        Err(_) => {
                            self.special.insert(path);
                            continue;
                        }
                    };
                    self.special.remove(&path);
                    let edit = meant
                        || self.changed.contains_key(&path)
                        || self.claimed.contains(&path)
                        || self.base.content(&path, 0).is_ok_and(|base| base.is_some())
                        || match by {
                            By::Tool | By::Before => true,
                            By::Command(intent) => match intent.of_new(&path, now.text()) {
                                NewFile::Meant => true,
                                NewFile::MeantIfReferredTo => {
                                    let meant = self.code_refers_to(&path);
                                    if !meant {
                                        self.doubtful.insert(path.clone());
                                    }
                                    meant
                                }
                                NewFile::Byproduct => false,
                            },
                            By::Check => false,
                        };
                    if !edit {
                        if self.byproducts.insert(path.clone()) {
                            listed.push(path);
                        }
                        continue;
                    }
                    self.byproducts.remove(&path);
                    self.doubtful.remove(&path);
                    stale::forget(&self.root, &path);
                    report.changes.extend(self.update(&path, Some(now), &mut shown));
                }
            }
        }
        if self.byproducts.len() != names || !listed.is_empty() {
            self.keep_names();
        }
        report.byproducts = list(listed);
        (report, shown)
    }

    /// Records a file's new content, and returns how it differs from the last one.
    fn update(&mut self, path: &[u8], now: Option<HashedContent>, shown: &mut diff::ShownDiffs) -> Option<Change> {
        let known = self.changed.get(path).cloned();
        let before = match &known {
            Some(known) => known.now.map(|key| self.store.content(key)),
            // If git fails, the file is reported as new: better than not at all.
            None => self.base.content(path, KEPT).unwrap_or(None),
        };
        let base = known.map_or_else(|| before.as_ref().map(key), |known| known.base);
        let change = diff::change(path, before.as_ref(), now.as_ref())?;
        shown.add(path, before.as_ref(), now.as_ref());
        let changed = Changed { base, now: now.as_ref().map(key) };
        if changed.base == changed.now {
            self.changed.remove(path);
        } else {
            if let Some(now) = &now {
                self.store.keep_content(now);
            }
            self.changed.insert(path.to_vec(), changed);
        }
        Some(change)
    }

    /// How the workspace differs from base, in two hashes.
    pub(crate) fn hashes(&self) -> WorkspaceState {
        let (tree, code_tree) = (hash_of(&self.changed, |_| true), self.code_of(&self.changed));
        WorkspaceState { tree, code_tree, ..WorkspaceState::default() }
    }

    /// The hash of the code among changed files, by the roles that they have now.
    fn code_of(&self, changed: &BTreeMap<Vec<u8>, Changed>) -> String {
        hash_of(changed, |path| self.role(path).is_code())
    }

    /// The same with the files by name.
    pub(crate) fn state(&mut self) -> WorkspaceState {
        let changed: Vec<(Vec<u8>, Changed)> = self.changed.iter().map(|(p, c)| (p.clone(), c.clone())).collect();
        let changes = changed.into_iter().filter_map(|(path, changed)| {
            let base = changed.base.and_then(|_| self.base.content(&path, KEPT).ok().flatten());
            let now = changed.now.map(|key| self.store.content(key));
            diff::change(&path, base.as_ref(), now.as_ref())
        });
        let mut changes: Vec<Change> = changes.collect();
        for change in &mut changes {
            change.role = self.role(change.path.as_bytes());
        }
        WorkspaceState { changes, byproducts: list(self.byproducts.iter().cloned().collect()), ..self.hashes() }
    }
}

/// Hash over changed files: paths, modes and contents; empty if there are none.
fn hash_of(changed: &BTreeMap<Vec<u8>, Changed>, wanted: impl Fn(&[u8]) -> bool) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut any = false;
    for (path, changed) in changed.iter().filter(|(path, _)| wanted(path)) {
        any = true;
        hasher.update(&(path.len() as u64).to_le_bytes()).update(path);
        match changed.now {
            Some((mode, content)) => hasher.update(&mode.to_le_bytes()).update(&content),
            None => hasher.update(&[0; 4]),
        };
    }
    if any { hasher.finalize().to_hex()[..32].to_owned() } else { String::new() }
}

/// By-products for a result: whole directories where there are many files in one, and not too many of them.
fn list(paths: Vec<Vec<u8>>) -> Vec<String> {
    let shown = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    if paths.len() <= LISTED {
        return paths.iter().map(|path| shown(path)).collect();
    }
    let mut directories: BTreeMap<&[u8], usize> = BTreeMap::new();
    for path in &paths {
        let end = path.iter().take(path.len() - 1).rposition(|&b| b == b'/').map_or(0, |at| at + 1);
        *directories.entry(&path[..end]).or_default() += 1;
    }
    let total = directories.len();
    let mut listed: Vec<String> = directories
        .into_iter()
        .take(LISTED)
        .map(|(directory, files)| {
            let name = if directory.is_empty() { "./".to_owned() } else { shown(directory) };
            format!("{name} ({files} files)")
        })
        .collect();
    if total > LISTED {
        listed.push(format!("and {} more directories", total - LISTED));
    }
    listed
}
