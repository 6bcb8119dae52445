//! What is known of a task before anything is fetched or built for it: whether it can be prepared here at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use voe_grade::Instance;

use super::pins::Environment;
use super::{Native, environment, interpreter};
use crate::mini;
use crate::workspace::Remedy;

/// The parsers of logs of programs that are not in Python (SWE-bench Multilingual).
const NOT_PYTHON: [&str; 19] = [
    "parse_log_ant",
    "parse_log_cargo",
    "parse_log_doctest",
    "parse_log_googletest",
    "parse_log_gotest",
    "parse_log_gradle_custom",
    "parse_log_immutable_js",
    "parse_log_jekyll",
    "parse_log_jest",
    "parse_log_jq",
    "parse_log_karma",
    "parse_log_maven",
    "parse_log_micropython_test",
    "parse_log_phpunit",
    "parse_log_redis",
    "parse_log_rspec_transformed_json",
    "parse_log_ruby_unit",
    "parse_log_tap",
    "parse_log_vitest",
];

/// Why a task can't be prepared here. The same reason is the same for all tasks that it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, and what to do.
    pub why: String,
    /// What removes the reason.
    pub remedy: Remedy,
}

impl Refusal {
    pub(super) fn new(remedy: Remedy) -> impl Fn(String) -> Self {
        move |why| Self { why, remedy }
    }
}

/// What preparing a task will take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ahead {
    /// No environment has to be built.
    Built,
    /// This environment has to be.
    Builds(PathBuf),
    /// Its list has to be fetched first.
    Fetches,
}

/// What preparing some tasks will take, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Environments that have to be built.
    pub builds: usize,
    /// Whether there may be more, since lists have to be fetched first.
    pub open: bool,
}

impl Native {
    /// What preparing `task` will take, found out without a network and without building anything.
    ///
    /// # Errors
    /// It can't be prepared here.
    pub async fn ahead(&self, task: &Instance, cache: &Path) -> Result<Ahead, Refusal> {
        if mini::is_of(task) {
            return Ok(Ahead::Built);
        }
        let Some(pins) = self.known(task, cache)? else { return Ok(Ahead::Fetches) };
        let python = self.python(&pins.python).await?;
        match environment::to_build(cache, &pins, &python) {
            None => Ok(Ahead::Built),
            Some(_) if interpreter::on_path("uv").is_none() => Err(Refusal::new(Remedy::Install)(NO_UV.into())),
            Some(place) => Ok(Ahead::Builds(place)),
        }
    }

    /// The same of several, without those that can't be prepared.
    pub async fn plan(&self, tasks: &[Instance], cache: &Path) -> Plan {
        let (mut builds, mut open) = (BTreeSet::new(), false);
        for task in tasks {
            match self.ahead(task, cache).await {
                Ok(Ahead::Builds(place)) => _ = builds.insert(place),
                Ok(Ahead::Fetches) => open = true,
                Ok(Ahead::Built) | Err(_) => {}
            }
        }
        Plan { builds: builds.len(), open }
    }

    /// How many of `tasks` have a pinned environment, and how many could have one.
    pub fn pinned(&self, tasks: &[Instance], cache: &Path) -> (usize, usize) {
        let official = || tasks.iter().filter(|task| !mini::is_of(task));
        (official().filter(|task| self.known(task, cache).is_ok()).count(), official().count())
    }

    /// The pinned environment of a task, as far as it is on this machine; `None` if it can be fetched.
    pub(super) fn known(&self, task: &Instance, cache: &Path) -> Result<Option<Environment>, Refusal> {
        if task.log_parser.as_deref().is_some_and(|parser| NOT_PYTHON.contains(&parser)) {
            let why = "not a task in Python, and only those have environments without containers; use --backend docker";
            return Err(Refusal::new(Remedy::Docker)(why.into()));
        }
        match &self.pins {
            Some(pins) => {
                let lacks = || Refusal::new(Remedy::Environments)(pins.lacks());
                pins.of(&task.instance_id).cloned().map(Some).ok_or_else(lacks)
            }
            None => self.lists.known(cache, &task.repo, &task.instance_id).map_err(Refusal::new(Remedy::Environments)),
        }
    }

    /// The Python of an environment, looked for once.
    pub(super) async fn python(&self, version: &str) -> Result<interpreter::Python, Refusal> {
        let mut known = self.pythons.lock().await;
        let found = match known.get(version) {
            Some(found) => found.clone(),
            None => {
                let found = interpreter::find(version).await;
                known.insert(version.to_owned(), found.clone());
                found
            }
        };
        found.map_err(Refusal::new(Remedy::Install))
    }
}

/// What to do where uv is missing.
pub(super) const NO_UV: &str = "uv was not found on PATH; install it (pip install uv)";
