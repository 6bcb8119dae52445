//! The suites that ship with voe, each a folder of `suites`: small tasks that run anywhere. `suites/mini/README.md` describes a task.

mod commit;
mod rows;
mod workspace;

use std::collections::BTreeMap;

use serde::Deserialize;
use voe_grade::Instance;
use voe_protocol::{FileState, RawBytes};
pub(crate) use workspace::{checkout, of_row, origin, prepare, variables};

/// Every file of `suites`, by its path there: `SUITE/TASK/…`.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/suites.rs"));

/// A task that ships.
#[derive(Debug, Clone)]
pub struct ShippedTask {
    /// The content of `task.toml`.
    pub about: About,
    /// The problem statement; all that an agent sees besides the repository.
    pub statement: String,
    /// The files of the base commit.
    pub files: Vec<(RawBytes, FileState)>,
    /// A correct solution.
    pub gold: String,
    /// The tests that decide the verdict.
    pub test_patch: String,
    /// Wrong solutions, by name.
    pub wrong: BTreeMap<String, String>,
}

/// A task's `task.toml`; the keys are described in `suites/mini/README.md`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// `SUITE__NAME-1`.
    pub id: String,
    /// One of SWE-bench's difficulty labels.
    pub difficulty: String,
    /// "python", "node" …
    pub language: String,
    /// Commands that must be installed.
    pub needs: Vec<String>,
    /// Command that runs the tests; exits 0 if and only if all pass.
    pub test_command: String,
    /// "unittest", "node", "cargo" or "shell".
    pub log_parser: String,
    /// The files that the test patch changes.
    pub test_files: Vec<String>,
    /// Tests that fail at base and must pass.
    #[serde(rename = "FAIL_TO_PASS")]
    pub fail_to_pass: Vec<String>,
    /// Tests that pass at base and must still pass.
    #[serde(rename = "PASS_TO_PASS")]
    pub pass_to_pass: Vec<String>,
    /// For each wrong patch the tests that reject it.
    pub wrong: BTreeMap<String, Vec<String>>,
}

/// Whether a row is a task that ships: such tasks need programs of the machine, but no environment.
pub fn is_of(row: &Instance) -> bool {
    let suite = row.repo.split('/').next();
    FILES.iter().any(|(path, _)| path.split('/').next() == suite)
}

/// All tasks of a suite, by id.
///
/// # Errors
/// A `task.toml` is invalid, which the tests rule out.
pub fn tasks(suite: &str) -> Result<Vec<ShippedTask>, toml::de::Error> {
    let mut folders: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
    for (path, content) in FILES {
        let inside = path.split_once('/').filter(|(first, _)| *first == suite);
        if let Some((folder, rest)) = inside.and_then(|(_, inside)| inside.split_once('/')) {
            folders.entry(folder).or_default().push((rest, content));
        }
    }
    folders.into_values().map(|files| task(&files)).collect()
}

/// The task of this id.
///
/// # Errors
/// As [`tasks`].
pub fn find(id: &str) -> Result<Option<ShippedTask>, toml::de::Error> {
    let suite = id.split("__").next().unwrap_or_default();
    Ok(tasks(suite)?.into_iter().find(|task| task.about.id == id))
}

fn task(files: &[(&str, &[u8])]) -> Result<ShippedTask, toml::de::Error> {
    let text = |name: &str| -> String {
        let found = files.iter().find(|(path, _)| *path == name);
        found.map(|(_, content)| String::from_utf8_lossy(content).into_owned()).unwrap_or_default()
    };
    let about: About = toml::from_str(&text("task.toml"))?;
    let wrong = about.wrong.keys().map(|name| (name.clone(), text(&format!("{name}.diff")))).collect();
    let repo = files.iter().filter_map(|(path, content)| {
        let path = path.strip_prefix("repo/")?;
        let state = FileState { mode: 0o100_644, content: RawBytes(content.to_vec()) };
        Some((RawBytes(path.as_bytes().to_vec()), state))
    });
    Ok(ShippedTask {
        statement: text("statement.md"),
        gold: text("gold.diff"),
        test_patch: text("test.diff"),
        files: repo.collect(),
        wrong,
        about,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_task_is_whole() {
        let tasks = super::tasks("mini").unwrap();
        assert!(tasks.len() >= 20, "{} tasks", tasks.len());
        for task in tasks {
            let id = &task.about.id;
            assert!(!task.statement.is_empty() && !task.gold.is_empty() && !task.test_patch.is_empty(), "{id}");
            assert!(task.files.len() >= 2 && task.wrong.len() >= 2, "{id}");
            assert!(task.wrong.values().all(|diff| !diff.is_empty()), "{id}");
            assert!(!task.about.fail_to_pass.is_empty() && !task.about.pass_to_pass.is_empty(), "{id}");
        }
    }
}
