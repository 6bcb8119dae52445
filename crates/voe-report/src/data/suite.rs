//! The tasks of the denominator.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::paths;
use super::place::named_text;
use crate::ReportError;

/// The facts of a suite that a report needs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskSet {
    /// Name of the suite or its file.
    pub name: String,
    /// Its tasks by id.
    pub tasks: BTreeMap<String, TaskFacts>,
}

/// One task of a suite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskFacts {
    /// `owner/name`.
    pub repo: String,
    /// Difficulty as the suite spells it ("1-4 hours"); empty if it has none.
    pub difficulty: String,
    /// The files that the gold patch touches; empty if the suite has no gold patch.
    pub gold_files: BTreeSet<String>,
}

/// A row in SWE-bench's format; other fields are ignored.
#[derive(Debug, Deserialize)]
struct SuiteRow {
    instance_id: String,
    #[serde(default)]
    repo: Option<String>,
    #[serde(default)]
    difficulty: Option<String>,
    #[serde(default)]
    patch: Option<String>,
}

impl TaskSet {
    /// Reads a `.jsonl` file (one row per line) or a `.json` file (a list of rows) with SWE-bench's fields.
    ///
    /// # Errors
    /// The file can't be read, or is not a suite.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let text = named_text(path)?;
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        Self::parse(name, &text).map_err(|why| ReportError::TaskSet { path: path.to_owned(), why })
    }

    /// The same from text. The error names the row.
    ///
    /// # Errors
    /// The text is not a suite, or has no rows.
    pub fn parse(name: impl Into<String>, text: &str) -> Result<Self, String> {
        let mut suite = Self { name: name.into(), tasks: BTreeMap::new() };
        if text.trim_start().starts_with('[') {
            let rows: Vec<SuiteRow> = serde_json::from_str(text).map_err(|e| e.to_string())?;
            rows.into_iter().for_each(|row| suite.add(row));
        } else {
            for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
                let row: SuiteRow = serde_json::from_str(line).map_err(|e| format!("line {}: {e}", i + 1))?;
                suite.add(row);
            }
        }
        if suite.tasks.is_empty() {
            return Err("it contains no rows with an instance_id".to_owned());
        }
        Ok(suite)
    }

    /// A suite with only the ids of its tasks.
    pub fn of_ids(name: impl Into<String>, ids: impl IntoIterator<Item = String>) -> Self {
        let tasks = ids.into_iter().map(|id| (id.clone(), TaskFacts::of_id(&id))).collect();
        Self { name: name.into(), tasks }
    }

    fn add(&mut self, row: SuiteRow) {
        let SuiteRow { instance_id, repo, difficulty, patch } = row;
        self.add_task(&instance_id, repo.as_deref(), difficulty.as_deref(), patch.as_deref());
    }

    /// Adds a task: id, repository (`owner/name`; else from the id), difficulty as the suite spells it, gold patch.
    pub fn add_task(&mut self, id: &str, repo: Option<&str>, stated: Option<&str>, patch: Option<&str>) {
        let facts = TaskFacts {
            repo: repo.filter(|repo| !repo.is_empty()).map_or_else(|| repo_of(id), str::to_owned),
            difficulty: stated.map(difficulty).unwrap_or_default().to_owned(),
            gold_files: patch.map(|patch| paths::of_patch(patch).into_iter().collect()).unwrap_or_default(),
        };
        self.tasks.insert(id.to_owned(), facts);
    }
}

impl TaskFacts {
    /// The facts that follow from an id alone.
    pub fn of_id(id: &str) -> Self {
        Self { repo: repo_of(id), ..Self::default() }
    }
}

/// `owner__name-123` → `owner/name`; an id of another form is its own repository.
pub(crate) fn repo_of(id: &str) -> String {
    let stem = id.rsplit_once('-').filter(|(_, n)| n.bytes().all(|b| b.is_ascii_digit())).map_or(id, |(stem, _)| stem);
    stem.replacen("__", "/", 1)
}

/// One spelling for each difficulty of Verified; published tables per task use short forms.
fn difficulty(text: &str) -> &str {
    match text.trim() {
        "<15 min" | "<15min" => "<15 min fix",
        "15min-1h" | "15 min-1h" => "15 min - 1 hour",
        "1-4h" => "1-4 hours",
        ">4h" => ">4 hours",
        other => other,
    }
}

/// Sort key of a difficulty: easiest first, then unknown ones, missing ones last.
pub(crate) fn difficulty_rank(text: &str) -> (usize, &str) {
    const ORDER: [&str; 4] = ["<15 min fix", "15 min - 1 hour", "1-4 hours", ">4 hours"];
    let rank = ORDER.iter().position(|&d| d == text).unwrap_or(if text.is_empty() { 9 } else { 8 });
    (rank, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_lines_and_from_a_list() {
        let row = r#"{"instance_id":"psf__requests-1","repo":"psf/requests","difficulty":"1-4h","patch":"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n"}"#;
        let other = r#"{"instance_id":"django__django-2"}"#;
        let lines = TaskSet::parse("s", &format!("{row}\n\n{other}\n")).unwrap();
        let list = TaskSet::parse("s", &format!("[{row},{other}]")).unwrap();
        assert_eq!(lines, list);
        let task = &lines.tasks["psf__requests-1"];
        assert_eq!((task.repo.as_str(), task.difficulty.as_str()), ("psf/requests", "1-4 hours"));
        assert!(task.gold_files.contains("x.py"));
        assert_eq!(lines.tasks["django__django-2"].repo, "django/django");
    }

    #[test]
    fn a_file_without_tasks_is_refused_with_the_line() {
        assert!(TaskSet::parse("s", "{\"a\":1}\n").unwrap_err().starts_with("line 1:"));
        assert!(TaskSet::parse("s", "").is_err());
        assert!(TaskSet::parse("s", "[]").is_err());
    }
}
