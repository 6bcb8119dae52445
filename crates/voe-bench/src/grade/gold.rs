//! Which gold patches pass on this machine: not all do, so results are reported against all tasks and against these.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_grade::RunReport;
use voe_untrusted::atomic_write;

/// Results of grading gold patches on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gold {
    /// Tasks whose gold patch resolves.
    pub passes: BTreeSet<String>,
    /// Tasks whose gold patch does not.
    pub fails: BTreeSet<String>,
    /// The environments that gold passed in, by task; missing in files of earlier builds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    origins: BTreeMap<String, String>,
}

impl Gold {
    /// Reads the results of earlier gradings of gold, of any suite.
    pub fn read(cache: &Path) -> Self {
        let text = std::fs::read(file(cache)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Adds a grading of gold and saves it. `origins`: the environments it ran in, by task.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn note(mut self, report: &RunReport, origins: &BTreeMap<String, String>, cache: &Path) -> std::io::Result<()> {
        for id in &report.resolved_ids {
            self.fails.remove(id);
            self.passes.insert(id.clone());
            match origins.get(id) {
                Some(origin) => self.origins.insert(id.clone(), origin.clone()),
                None => self.origins.remove(id),
            };
        }
        for id in report.unresolved_ids.iter().chain(&report.error_ids) {
            self.passes.remove(id);
            self.origins.remove(id);
            self.fails.insert(id.clone());
        }
        let path = file(cache);
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        atomic_write(&path, |file| file.write_all(&serde_json::to_vec_pretty(&self)?))
    }

    /// Whether the task's gold patch passed in exactly this environment.
    pub(crate) fn passed_in(&self, id: &str, origin: &str) -> bool {
        self.passes.contains(id) && self.origins.get(id).is_some_and(|there| there == origin)
    }

    /// Resolved tasks and all tasks, of those in `report` whose gold patch passes here; `None` if gold was never graded
    /// for any of them.
    pub fn against(&self, report: &RunReport) -> Option<(usize, usize)> {
        let ids = || report.submitted_ids.iter().chain(&report.incomplete_ids);
        let known = ids().any(|id| self.passes.contains(id) || self.fails.contains(id));
        let of = ids().filter(|id| self.passes.contains(*id)).count();
        let resolved = report.resolved_ids.iter().filter(|id| self.passes.contains(*id)).count();
        known.then_some((resolved, of))
    }
}

fn file(cache: &Path) -> PathBuf {
    cache.join("gold.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_against_the_tasks_whose_gold_passes_here() {
        let dir = tempfile::tempdir().unwrap();
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let gold = RunReport { resolved_ids: ids(&["a", "b"]), unresolved_ids: ids(&["c"]), ..Default::default() };
        Gold::default().note(&gold, &BTreeMap::new(), dir.path()).unwrap();
        let report =
            RunReport { submitted_ids: ids(&["a", "b", "c"]), resolved_ids: ids(&["a", "c"]), ..Default::default() };
        assert_eq!(Gold::read(dir.path()).against(&report), Some((1, 2)));
        assert_eq!(Gold::default().against(&report), None);
    }

    #[test]
    fn gold_has_passed_only_in_the_environment_that_it_was_graded_in() {
        let dir = tempfile::tempdir().unwrap();
        let of = |origin: &str| BTreeMap::from([("a".to_owned(), origin.to_owned())]);
        let gold = RunReport { resolved_ids: vec!["a".into()], ..Default::default() };
        Gold::default().note(&gold, &of("the image 1"), dir.path()).unwrap();
        let read = Gold::read(dir.path());
        assert!(read.passed_in("a", "the image 1") && !read.passed_in("a", "Python 3.9.1, packages 2 at 3"));
        // From an earlier build: it counts, but names no environment.
        std::fs::write(file(dir.path()), r#"{"passes": ["a"], "fails": []}"#).unwrap();
        let older = Gold::read(dir.path());
        assert!(older.passes.contains("a") && !older.passed_in("a", "the image 1"));
        let failed = RunReport { unresolved_ids: vec!["a".into()], ..Default::default() };
        read.note(&failed, &of("the image 1"), dir.path()).unwrap();
        assert!(!Gold::read(dir.path()).passed_in("a", "the image 1"));
    }
}
