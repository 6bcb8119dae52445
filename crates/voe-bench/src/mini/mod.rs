//! The built-in suite: small tasks that run anywhere.

mod commit;
mod rows;
mod workspace;

use std::collections::BTreeMap;

use serde::Deserialize;
use voe_grade::Instance;
use voe_protocol::{FileState, RawBytes};
pub(crate) use workspace::{checkout, origin, prepare, shipped, variables};

/// Every file of `suites/mini`, by its path there.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/mini.rs"));

/// A task of the suite `mini`.
#[derive(Debug, Clone)]
pub struct MiniTask {
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
    /// `mini__<name>-1`.
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

/// Whether a row is from this suite: such tasks need programs of the machine, but no environment.
pub fn is_of(row: &Instance) -> bool {
    row.repo.starts_with("mini/")
}

/// All tasks, by id.
///
/// # Errors
/// A `task.toml` is invalid, which the tests rule out.
pub fn tasks() -> Result<Vec<MiniTask>, toml::de::Error> {
    let mut folders: BTreeMap<&str, Vec<(&str, &[u8])>> = BTreeMap::new();
    for (path, content) in FILES {
        if let Some((folder, rest)) = path.split_once('/') {
            folders.entry(folder).or_default().push((rest, content));
        }
    }
    folders.into_values().map(|files| task(&files)).collect()
}

/// The task of this id.
///
/// # Errors
/// As [`tasks`].
pub fn find(id: &str) -> Result<Option<MiniTask>, toml::de::Error> {
    Ok(tasks()?.into_iter().find(|task| task.about.id == id))
}

fn task(files: &[(&str, &[u8])]) -> Result<MiniTask, toml::de::Error> {
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
    Ok(MiniTask {
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
        let tasks = super::tasks().unwrap();
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
