//! What is known about a task before anything is fetched or built: whether it can be prepared here at all.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use voe_grade::Instance;

use super::environment::NO_UV;
use super::pins::Environment;
use super::{Native, environment, interpreter};
use crate::shipped;
use crate::workspace::error::Remedy;

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

/// Why a task can't be prepared here. Equal for all tasks with the same reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, and what to do.
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
    /// This environment has to be built.
    Builds(PathBuf),
    /// The list of its packages has to be fetched first.
    Fetches,
}

/// What preparing some tasks will take, as far as known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildPlan {
    /// Environments that have to be built.
    pub builds: usize,
    /// Whether there may be more, since lists have to be fetched first.
    pub open: bool,
}

impl Native {
    /// What preparing `task` will take; uses no network and builds nothing.
    ///
    /// # Errors
    /// The task can't be prepared on this machine; the error says why and what to do.
    pub async fn ahead(&self, task: &Instance, cache: &Path) -> Result<Ahead, Refusal> {
        if shipped::is_of(task) {
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

    /// The same for several tasks, without those that can't be prepared.
    pub async fn plan(&self, tasks: &[Instance], cache: &Path) -> BuildPlan {
        let (mut builds, mut open) = (BTreeSet::new(), false);
        for task in tasks {
            match self.ahead(task, cache).await {
                Ok(Ahead::Builds(place)) => _ = builds.insert(place),
                Ok(Ahead::Fetches) => open = true,
                Ok(Ahead::Built) | Err(_) => {}
            }
        }
        BuildPlan { builds: builds.len(), open }
    }

    /// How many of `tasks` have a pinned environment, and how many could have one.
    pub fn pinned(&self, tasks: &[Instance], cache: &Path) -> (usize, usize) {
        let official = || tasks.iter().filter(|task| !shipped::is_of(task));
        (official().filter(|task| self.known(task, cache).is_ok()).count(), official().count())
    }

    /// The pinned environment of a task, if it is on this machine; `None` if it can be fetched.
    pub(super) fn known(&self, task: &Instance, cache: &Path) -> Result<Option<Environment>, Refusal> {
        if task.log_parser.as_deref().is_some_and(|parser| NOT_PYTHON.contains(&parser)) {
            let why = "not a Python task, and without containers only those have environments; use --backend docker";
            return Err(Refusal::new(Remedy::Docker)(why.into()));
        }
        let (repo, id) = (&task.repo, &task.instance_id);
        let listed = || self.lists.known(cache, repo, id);
        match &self.pins {
            Some(pins) => {
                if let Some(listed) = pins.is_for_the_rest().then(listed).and_then(Result::ok) {
                    return Ok(listed);
                }
                let lacks = || Refusal::new(Remedy::Environments)(pins.lacks());
                pins.of(id).cloned().map(Some).ok_or_else(lacks)
            }
            None => listed().map_err(Refusal::new(Remedy::Environments)),
        }
    }

    /// The environment of a task with a list in the official repository; from the user's file, if the list can't be fetched.
    pub(super) async fn fetched(&self, task: &Instance, cache: &Path) -> Result<Environment, String> {
        let given = self.pins.as_ref().and_then(|pins| pins.of(&task.instance_id));
        match (self.lists.get(cache, &task.repo, &task.instance_id).await, given) {
            (Err(_), Some(given)) => Ok(given.clone()),
            (fetched, _) => fetched,
        }
    }

    /// The Python of an environment, searched for once.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::native::fetch::Lists;
    use crate::native::pins::Pins;

    #[tokio::test]
    async fn a_file_for_the_rest_serves_tasks_without_a_list_and_those_whose_list_cannot_be_fetched() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("environments.json");
        let ids = ["acme__stats-1", "psf__requests-5414"];
        let text = format!(
            r#"{{"environments": {{"e": {{"python": "3.1"}}}}, "instances": {{"{}": "e", "{}": "e"}}}}"#,
            ids[0], ids[1]
        );
        std::fs::write(&file, text).unwrap();
        let pins = || Pins::read(&file).unwrap();
        let task = |repo: &str, id: &str| -> Instance {
            let row = serde_json::json!({
                "repo": repo, "instance_id": id, "base_commit": "c", "patch": "p", "test_patch": "t",
                "problem_statement": "s", "version": "1", "FAIL_TO_PASS": ["x"], "PASS_TO_PASS": ["y"],
            });
            serde_json::from_value(row).unwrap()
        };
        let tasks = [task("acme/stats", ids[0]), task("psf/requests", ids[1])];
        let mut native = Native::new(Some(pins().for_the_rest()), None);
        let known = |native: &Native, task| native.known(task, dir.path()).unwrap().map(|pins| pins.python);
        assert_eq!(tasks.each_ref().map(|task| known(&native, task)), [Some("3.1".into()), None]);
        // Nothing listens there.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        native.lists = Lists::new(endpoint, Duration::ZERO);
        assert_eq!(native.fetched(&tasks[1], dir.path()).await.unwrap().python, "3.1");
        native.pins = Some(pins());
        assert_eq!(tasks.each_ref().map(|task| known(&native, task)), [Some("3.1".into()), Some("3.1".into())]);
    }
}
