//! The ledger of evidence: which files were edited, which checks ran since, and their levels. A fold of the trajectory.

use std::collections::BTreeMap;

use voe_trace::event::{Change, ChangeKind, Evidence, ToolResult};
use voe_trace::{Check, Event, FoundBy, Level, Outcome, TestRun, Why};

use crate::check::{lacks_its_own, regressed};
use crate::gate::Require;

/// The edits so far and the evidence for them.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    edits: BTreeMap<String, LedgerEdit>,
    checks: Vec<Check>,
    byproducts: Vec<String>,
    /// Hash of the changed files, after the last call.
    tree: String,
    /// The same hash, without tests.
    code_tree: String,
    /// For each tree seen, its hash without tests.
    codes: BTreeMap<String, String>,
    /// Counts calls, so that "since the last edit" is also defined within a step.
    clock: u64,
    last_edit: u64,
    last_check: u64,
    /// The reason why evidence is void, if it is.
    void: Option<String>,
}

/// An edited file.
#[derive(Debug, Clone)]
struct LedgerEdit {
    at: u64,
    step: u32,
}

/// The level of a change by its checks: that of the best one, unless something that passes without the change fails with it.
pub fn level_of<'a>(checks: impl Iterator<Item = &'a Check> + Clone) -> Level {
    if checks.clone().any(regressed) {
        return Level::Refuted;
    }
    checks.map(|check| check.level).max().unwrap_or(Level::None)
}

impl Ledger {
    /// Adds one event.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Result(result) => {
                self.clock += 1;
                if !result.changes.is_empty() {
                    self.last_edit = self.clock;
                }
                for change in &result.changes {
                    self.edits.insert(change.path.clone(), LedgerEdit { at: self.clock, step: result.step });
                }
                for path in &result.byproducts {
                    if !self.byproducts.contains(path) {
                        self.byproducts.push(path.clone());
                    }
                }
                // The same code with other roles of files has another hash: earlier checks stay checks of it.
                let before = self.code_before(result).to_owned();
                let known = std::mem::replace(&mut self.code_tree, result.code_tree.clone());
                if before != known {
                    let hashes =
                        self.checks.iter_mut().map(|check| &mut check.code_tree).chain(self.codes.values_mut());
                    hashes.filter(|hash| **hash == known).for_each(|hash| hash.clone_from(&before));
                }
                self.tree.clone_from(&result.tree);
                self.codes.insert(result.tree.clone(), result.code_tree.clone());
            }
            // An earlier state of the workspace was restored.
            Event::Patch { tree, .. } if *tree != self.tree => {
                self.tree.clone_from(tree);
                self.code_tree = self.codes.get(tree).cloned().unwrap_or_default();
                if self.current().next().is_some() {
                    self.last_check = self.clock;
                }
            }
            Event::Void { why, .. } => self.void = Some(why.clone()),
            Event::Check(check) => {
                self.last_check = self.clock;
                let same = |old: &Check| old.command == check.command && old.code_tree == check.code_tree;
                let mut check = (**check).clone();
                if let Some(at) = self.checks.iter().position(same) {
                    let old = self.checks.remove(at);
                    // Its files are gone meanwhile: what it showed about this code is still true.
                    if lacks_its_own(&check) && check.without.is_none() && old.with.passed() {
                        self.checks.push(old);
                        return;
                    }
                    // Run again with the same outcome: the result of the run without the edits is still valid.
                    if check.without.is_none() && check.why.is_none() && same_outcome(&old.with, &check.with) {
                        check.with.hidden = check.with.hidden.or(old.with.hidden);
                        (check.level, check.without, check.why) = (old.level, old.without, old.why);
                        (check.tests, check.difference, check.origin) = (old.tests, old.difference, old.origin);
                    }
                }
                self.checks.push(check);
            }
            _ => {}
        }
    }

    /// Why all evidence is void from now on, if it is: somebody else changed what it is based on.
    pub fn void(&self) -> Option<&str> {
        self.void.as_deref()
    }

    /// `check` with its effective level: once evidence is void, that is `none`.
    pub fn counted(&self, check: Check) -> Check {
        match &self.void {
            Some(why) => Check { level: Level::None, why: Some(Why::Void { why: why.clone() }), ..check },
            None => check,
        }
    }

    /// Whether anything differs from the base, tests left out.
    pub fn edited(&self) -> bool {
        !self.code_tree.is_empty()
    }

    /// Whether a proof is missing that is still possible.
    pub fn open(&self) -> bool {
        self.void.is_none() && self.level() != Level::Proven
    }

    /// Hash of the changed files, after the last call.
    pub fn tree(&self) -> &str {
        &self.tree
    }

    /// Hash of the changed files without tests, after the last call.
    pub fn code_tree(&self) -> &str {
        &self.code_tree
    }

    /// Whether the last edit is newer than the last check.
    pub fn unchecked_edit(&self) -> bool {
        self.edited() && self.last_edit > self.last_check
    }

    /// The hash of the code before a call, by the roles of files after it.
    pub fn code_before<'a>(&'a self, result: &'a ToolResult) -> &'a str {
        result.code_before.as_deref().unwrap_or(&self.code_tree)
    }

    /// All checks, newest last.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Checks of the current code.
    pub fn current(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.code_tree == self.code_tree)
    }

    /// The check of the current code by `command`.
    pub fn find(&self, command: &str) -> Option<&Check> {
        self.current().find(|check| check.command == command)
    }

    /// Files edited and not checked since, the oldest edit first.
    pub fn unchecked(&self) -> Vec<String> {
        let mut files: Vec<_> = self.edits.iter().filter(|(_, edit)| edit.at > self.last_check).collect();
        files.sort_by_key(|(_, edit)| edit.at);
        files.into_iter().map(|(path, _)| path.clone()).collect()
    }

    /// Files edited in `step`.
    pub fn edited_in(&self, step: u32) -> Vec<String> {
        self.edits.iter().filter(|(_, edit)| edit.step == step).map(|(path, _)| path.clone()).collect()
    }

    /// Files that were edited, by path; some may have been restored since.
    pub fn files(&self) -> Vec<String> {
        if self.tree.is_empty() { Vec::new() } else { self.edits.keys().cloned().collect() }
    }

    /// The by-products of checks and builds.
    pub fn byproducts(&self) -> &[String] {
        &self.byproducts
    }

    /// The level of the current code: the best one of its checks, unless one that passed at the base fails.
    pub fn level(&self) -> Level {
        self.level_of_code(&self.code_tree)
    }

    /// Like [`Self::level`], for an earlier state of the workspace, by the hash of its changed files.
    pub fn level_of(&self, tree: &str) -> Level {
        self.codes.get(tree).map_or(Level::None, |code| self.level_of_code(code))
    }

    fn level_of_code(&self, code: &str) -> Level {
        if code.is_empty() || self.void.is_some() {
            return Level::None;
        }
        level_of(self.checks.iter().filter(|check| check.code_tree == code))
    }

    /// Whether the gate accepts the current code.
    pub fn accepted(&self, require: Require) -> bool {
        require.accepts(self.level(), self.current())
    }

    /// A check that passes without the edits and fails with them.
    pub fn regression(&self) -> Option<&Check> {
        self.current().find(|check| regressed(check))
    }

    /// The patch's evidence. `changes`: the files of the patch; files that were edited and restored don't count.
    pub fn evidence(&self, changes: &[Change]) -> Evidence {
        let kept = |path: &String| changes.iter().any(|c| c.path == *path && c.kind != ChangeKind::Deleted);
        Evidence {
            level: self.level(),
            checks: self.current().cloned().collect(),
            unchecked: self.unchecked().into_iter().filter(kept).collect(),
            void: self.void.clone(),
        }
    }
}

/// Whether a check that was run again on the same code ended as before. A hidden exit code that a second run found is not looked for
/// again.
fn same_outcome(old: &Outcome, new: &Outcome) -> bool {
    let second_run = old.hidden.is_some_and(|hidden| hidden.by == FoundBy::SecondRun) && new.hidden.is_none();
    let failing = |outcome: &Outcome| outcome.tests.as_ref().map(|tests: &TestRun| tests.failing.clone());
    let exit = if second_run { old.exit == new.exit } else { old.exit_code() == new.exit_code() };
    exit && failing(old) == failing(new)
}
