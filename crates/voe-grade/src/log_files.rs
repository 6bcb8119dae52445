//! Finds the task of a log by its file name.

use std::collections::HashSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::verdict::Graded;

/// A log and the verdict on it, as one flat JSON object: `file`, `instance_id`, `found`, `statuses`, `report`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GradedLog<'a> {
    /// The log's path relative to the directory of logs.
    pub file: &'a str,
    /// The task of the log.
    pub instance_id: &'a str,
    /// The verdict.
    #[serde(flatten)]
    pub graded: &'a Graded,
}

/// The ids of a suite, to find the task of a log.
#[derive(Debug, Clone, Default)]
pub struct LogNames<'a> {
    ids: HashSet<&'a str>,
}

impl<'a> LogNames<'a> {
    /// Makes a finder for these tasks.
    pub fn new(ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self { ids: ids.into_iter().collect() }
    }

    /// The task of a log, by its path relative to the directory of logs. Accepted are `<id>.txt`, `<id>_test_output.txt`,
    /// `<id>-<anything>.txt` (the longest id wins), in any directory, and `test_output.txt` in or below a directory `<id>` (the
    /// innermost wins).
    pub fn instance_of(&self, path: &Path) -> Option<&'a str> {
        let name = path.file_name()?.to_str()?;
        if name == "test_output.txt" {
            return path.parent()?.ancestors().find_map(|dir| self.id(dir.file_name()?.to_str()?));
        }
        let stem = name.strip_suffix(".txt")?;
        // candidates for the id, the longest first: the whole stem, or the part before the suffix or a dash
        let cuts = stem.char_indices().rev().filter(|(at, c)| *c == '-' && at + 1 < stem.len());
        let mut candidates: Vec<&str> = cuts.map(|(at, _)| &stem[..at]).collect();
        candidates.extend(stem.strip_suffix("_test_output"));
        candidates.push(stem);
        candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.len()));
        candidates.into_iter().find_map(|candidate| self.id(candidate))
    }

    fn id(&self, id: &str) -> Option<&'a str> {
        self.ids.get(id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 4] = ["a__b-1", "a__b-12", "a__b-1-2", "a__b"];

    fn instance_of(path: &str) -> Option<&'static str> {
        LogNames::new(IDS).instance_of(Path::new(path))
    }

    #[test]
    fn a_log_may_be_named_by_its_id_with_a_suffix_or_without() {
        assert_eq!(instance_of("a__b-1.txt"), Some("a__b-1"));
        assert_eq!(instance_of("deep/down/a__b-12_test_output.txt"), Some("a__b-12"));
        assert_eq!(instance_of("a__b-12-gold_test_output.txt"), Some("a__b-12"));
        assert_eq!(instance_of("a__b-1-try-2.txt"), Some("a__b-1"));
    }

    #[test]
    fn the_longest_id_wins() {
        assert_eq!(instance_of("a__b-1-2.txt"), Some("a__b-1-2"));
        assert_eq!(instance_of("a__b-1-2-gold.txt"), Some("a__b-1-2"));
        assert_eq!(instance_of("a__b-123.txt"), Some("a__b"), "an id does not end inside a number");
        assert_eq!(LogNames::new(["a__b-1"]).instance_of(Path::new("a__b-12.txt")), None);
    }

    #[test]
    fn official_run_directories_name_the_task_by_a_directory() {
        assert_eq!(instance_of("a__b-1/test_output.txt"), Some("a__b-1"));
        assert_eq!(instance_of("run/model/a__b-12/test_output.txt"), Some("a__b-12"));
        assert_eq!(instance_of("a__b-12/trial-1/test_output.txt"), Some("a__b-12"));
        assert_eq!(instance_of("a__b-1/a__b-12/x/test_output.txt"), Some("a__b-12"));
    }

    #[test]
    fn other_files_belong_to_no_task() {
        for path in ["", "test_output.txt", "x/test_output.txt", "a__b-1.log", "a__b-1/run_instance.log", "c__d-1.txt"]
        {
            assert_eq!(instance_of(path), None, "{path:?}");
        }
        assert_eq!(LogNames::new(["a__b-1"]).instance_of(Path::new("a__b-1-.txt")), None, "nothing after the dash");
    }
}
