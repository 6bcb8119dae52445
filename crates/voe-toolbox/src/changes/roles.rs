//! What the changed files are as evidence: code, tests or check files. The rule is in [`voe_evidence::change`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use voe_evidence::change::{ChangedFile, Reference, is_documentation, refers_by, roles};
use voe_evidence::command::{CommandFiles, Intent, NewFile, is_check};
use voe_evidence::{is_test, is_test_bytes, role_by_path};
use voe_trace::FileRole;

use super::content::{HashedContent, KEPT};
use super::node::{Finding, WalkDifference};
use super::{CallChanges, Tracker, diff};

/// Bytes of commands that are remembered.
const MOST_COMMANDS: usize = 1 << 20;
/// Bytes of a text that is searched for names.
const MOST_TEXT: usize = 1 << 20;
/// Files whose names are looked for at a time.
const MOST_NAMES: usize = 2000;
/// Changed files up to which a change is split: no person or agent checks with more new files.
const MOST_FILES: usize = 2000;

/// The roles of the changed files, and what they follow from.
#[derive(Debug, Default)]
pub(super) struct RoleBook {
    /// The workspace's path, by which commands may name files in it; it can have two names.
    roots: Vec<PathBuf>,
    /// Commands of the attempt that ran something.
    commands: BTreeSet<Vec<u8>>,
    bytes: usize,
    files: Vec<CommandFiles>,
    /// Roles that do not follow from the path; files that were deleted keep theirs.
    roles: BTreeMap<Vec<u8>, FileRole>,
    /// What the roles were computed from.
    seen: Option<blake3::Hash>,
}

impl RoleBook {
    pub(super) fn new(roots: &[&Path]) -> Self {
        Self { roots: roots.iter().map(|root| (*root).to_owned()).collect(), ..Self::default() }
    }

    /// Remembers a command. Whether it is a new one.
    pub(super) fn ran(&mut self, command: &str) -> bool {
        let new = is_check(command)
            && self.bytes + command.len() < MOST_COMMANDS
            && self.commands.insert(command.as_bytes().to_vec());
        if new {
            self.bytes += command.len();
            let files = self.files_of(command);
            self.files.push(files);
        }
        new
    }

    /// The commands that are remembered.
    pub(super) fn commands(&self) -> &BTreeSet<Vec<u8>> {
        &self.commands
    }

    /// The files in a command, relative to the workspace where they are in it.
    pub(super) fn files_of(&self, command: &str) -> CommandFiles {
        let mut files = CommandFiles::of(command);
        for path in files.runs.iter_mut().map(|run| &mut run.path).chain(&mut files.named) {
            let inside = self.roots.iter().find_map(|root| Path::new(&*path).strip_prefix(root).ok());
            if let Some(inside) = inside.map(|inside| inside.to_string_lossy().into_owned()) {
                *path = inside;
            }
        }
        files
    }

    /// Scripts outside of the workspace that commands ran.
    fn scratch(&self) -> BTreeSet<&str> {
        let runs = self.files.iter().flat_map(|command| &command.runs);
        runs.filter(|run| run.path.starts_with('/') && !run.directory).map(|run| run.path.as_str()).collect()
    }
}

impl Tracker {
    /// The role of a file that differs from the base, or did.
    pub(super) fn role(&self, path: &[u8]) -> FileRole {
        self.roles.roles.get(path).copied().unwrap_or_else(|| role_by_path(path))
    }

    /// Decides the roles again, if anything that they follow from has changed.
    pub(super) fn split(&mut self) {
        let candidates =
            self.changed.iter().any(|(path, file)| file.base.is_none() && file.now.is_some() && !is_test_bytes(path));
        // What was deleted keeps its role, until it is there again.
        self.roles.roles.retain(|path, _| !self.changed.contains_key(path) || candidates);
        if !candidates || self.changed.len() > MOST_FILES || self.roles.files.is_empty() {
            return;
        }
        let seen =
            blake3::hash(format!("{} {}", super::hash_of(&self.changed, |_| true), self.roles.files.len()).as_bytes());
        if self.roles.seen.replace(seen) == Some(seen) {
            return;
        }
        let texts: Vec<(Vec<u8>, String, Option<String>)> =
            self.changed.keys().map(|path| (path.clone(), shown(path), self.text_of(path))).collect();
        let files: Vec<ChangedFile<'_>> = texts
            .iter()
            .map(|(path, shown, text)| ChangedFile {
                path: shown,
                new: self.changed.get(path).is_some_and(|file| file.base.is_none()),
                in_new_directory: self.in_new_directory(path),
                text: text.as_deref(),
            })
            .collect();
        let scratch: Vec<(&str, String)> =
            self.roles.scratch().into_iter().filter_map(|path| Some((path, scratch_text(path)?))).collect();
        let scratch: Vec<(&str, &str)> = scratch.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let (references, root, tree) = (&mut self.references, &self.root, &self.tree);
        let (changed, byproducts) = (&self.changed, &self.byproducts);
        let decided = roles(&files, &self.roles.files, &scratch, &mut |path| {
            let differs = |path: &str| changed.contains_key(path.as_bytes()) || byproducts.contains(path.as_bytes());
            references.refers_to(path, Reference::Name, root, tree, &differs)
        });
        let decided: Vec<(Vec<u8>, FileRole)> =
            texts.iter().filter_map(|(path, shown, _)| Some((path.clone(), *decided.get(shown.as_str())?))).collect();
        self.roles.roles.extend(decided);
    }

    /// The text of a changed file; `None` if it is gone, too large or not text.
    pub(super) fn text_of(&self, path: &[u8]) -> Option<String> {
        let content = self.store.content(self.changed.get(path)?.now?);
        let text = content.text()?;
        Some(String::from_utf8_lossy(&text[..text.len().min(MOST_TEXT)]).into_owned())
    }

    /// Whether the base has nothing in the directory of a file.
    pub(super) fn in_new_directory(&self, path: &[u8]) -> bool {
        let above = path.iter().rposition(|&b| b == b'/').map(|at| &path[..at]);
        above.is_some_and(|above| !self.base.tracks_below(above))
    }

    fn reference_to(&self, path: &[u8]) -> Reference {
        if self.in_new_directory(path) { Reference::Path } else { Reference::Name }
    }

    /// Looks for references to all new files that are edits only if there are some, in one pass.
    pub(super) fn look_ahead(&mut self, found: &[Finding], intent: &Intent) {
        let new = found.iter().filter(|(_, found)| *found == WalkDifference::New).map(|(path, _)| path);
        let doubtful = new.filter(|path| intent.of_new(path, Some(b"")) == NewFile::MeantIfReferredTo);
        let paths: Vec<(String, Reference)> =
            doubtful.take(MOST_NAMES).map(|path| (shown(path), self.reference_to(path))).collect();
        if paths.len() > 1 {
            let paths: Vec<(&str, Reference)> = paths.iter().map(|(path, how)| (path.as_str(), *how)).collect();
            self.references.learn(&paths, &self.root, &self.tree);
        }
    }

    /// Whether code refers to a new file that a command wrote while it ran.
    pub(super) fn code_refers_to(&mut self, path: &[u8]) -> bool {
        let (shown, reference) = (shown(path), self.reference_to(path));
        let by_change = self.changed.keys().any(|from| self.changed_code_refers(from, &shown, reference));
        let (changed, byproducts) = (&self.changed, &self.byproducts);
        let differs = |path: &str| changed.contains_key(path.as_bytes()) || byproducts.contains(path.as_bytes());
        by_change || self.references.refers_to(&shown, reference, &self.root, &self.tree, &differs)
    }

    fn changed_code_refers(&self, from: &[u8], to: &str, reference: Reference) -> bool {
        let referrer = shown(from);
        self.role(from).is_code()
            && !is_documentation(&referrer)
            && self.text_of(from).is_some_and(|text| refers_by(&text, &referrer, to, reference))
    }

    /// Makes by-products edits to which code that was just changed refers.
    pub(super) fn promote(&mut self, report: &mut CallChanges, shown_diffs: &mut diff::ShownDiffs) {
        let edited: Vec<Vec<u8>> = report.changes.iter().map(|change| change.path.clone().into_bytes()).collect();
        if edited.is_empty() {
            return;
        }
        // A file that is as it was at base again may have been searched when it was not.
        if edited.iter().any(|path| !self.changed.contains_key(path)) {
            self.references.forget();
            self.roles.seen = None;
        }
        for path in self.doubtful.clone() {
            let (name, reference) = (shown(&path), self.reference_to(&path));
            if !edited.iter().any(|from| self.changed_code_refers(from, &name, reference)) {
                continue;
            }
            if let Ok(Some(now)) = HashedContent::in_workspace(&self.root, &path, KEPT) {
                self.doubtful.remove(&path);
                self.byproducts.remove(&path);
                report.byproducts.retain(|listed| *listed != name);
                report.changes.extend(self.update(&path, Some(now), shown_diffs));
                self.keep_names();
            }
        }
    }
}

/// A path as text. Bytes that are not UTF-8 are replaced: such a file is code.
fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The text of a script outside of the workspace.
fn scratch_text(path: &str) -> Option<String> {
    let content =
        HashedContent::in_workspace(Path::new("/"), path.trim_start_matches('/').as_bytes(), MOST_TEXT as u64)
            .ok()??;
    content.text().filter(|_| !is_test(path)).map(|text| String::from_utf8_lossy(text).into_owned())
}
