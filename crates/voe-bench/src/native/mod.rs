//! Tasks of the official suites without Docker: the row's pinned environment, built once by uv, the checkout at `/testbed`
//! and a stand-in for conda, so that the eval script runs unchanged.
//!
//! - [`pins`]: pinned environments from a file; [`fetch`]: from the official repository; `pinned`: for which tasks it has
//!   them; `conda`: the Python packages among conda's pins
//! - [`ahead`]: what is known about a task before anything is built; [`watch`]: progress of builds; [`machine`]: what
//!   the machine has
//! - `environment`: builds one; `interpreter`: finds its Python; `inside`: the sandbox in which it is built
//! - `repos`: the task's repository, cloned once
//! - `install`: runs the task's own install command once; `prepare`: the steps before it

pub mod ahead;
mod conda;
pub mod environment;
pub mod fetch;
mod inside;
mod install;
mod interpreter;
pub mod machine;
mod pinned;
pub mod pins;
mod prepare;
mod repos;
pub mod watch;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};
use voe_grade::Instance;
use voe_repo::{HistoryCache, RepoError, sealed_checkout};
use voe_sandbox::{BackendChoice, SandboxError};

use crate::run::memory::no_room;
use crate::workspace::error::{PrepareError, Remedy};
use crate::workspace::prepared::PreparedTask;
use environment::Unbuilt;
use pins::Pins;

/// Where the official images have conda.
pub(crate) const CONDA: &str = "/opt/miniconda3";

/// Most checkouts and installations at the same time: each may take gigabytes of memory while it compiles.
const MOST_AT_ONCE: usize = 8;

/// Prepares tasks of the official suites without Docker.
#[derive(Debug)]
pub struct Native {
    /// The pinned environments; without them each one is fetched.
    pub pins: Option<Pins>,
    lists: fetch::Lists,
    /// A directory of clones or mirrors; missing ones are cloned.
    pub repos: Option<PathBuf>,
    /// voe's state directory, with the index of open sandboxes.
    pub state: Option<PathBuf>,
    /// Whether environments with missing packages are built again, once each.
    pub again: Option<environment::Tried>,
    /// Called when a build begins and ends.
    pub watch: watch::BuildWatch,
    /// Results of searching for Pythons, by version.
    pythons: Mutex<HashMap<String, Result<interpreter::Python, String>>>,
    /// One environment is built at a time: builds are heavy, and tasks share them.
    building: Mutex<()>,
    /// Limits checkouts and installations at the same time.
    preparing: Semaphore,
}

impl Native {
    /// With these pins and clones.
    pub fn new(pins: Option<Pins>, repos: Option<PathBuf>) -> Self {
        Self {
            pins,
            lists: fetch::Lists::default(),
            repos,
            state: None,
            again: None,
            watch: watch::BuildWatch::default(),
            pythons: Mutex::default(),
            building: Mutex::default(),
            preparing: Semaphore::new(
                std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, MOST_AT_ONCE)),
            ),
        }
    }

    /// The task's workspace.
    pub(crate) async fn prepare(
        &self,
        task: &Instance,
        cache: &Path,
        program: &Path,
        hidden: &[PathBuf],
    ) -> Result<PreparedTask, PrepareError> {
        let id = &task.instance_id;
        let skip = |remedy: Remedy| move |why: String| PrepareError::Environment { id: id.clone(), why, remedy };
        let refused = |refusal: ahead::Refusal| skip(refusal.remedy)(refusal.why);
        let pinned = match self.known(task, cache).map_err(refused)? {
            Some(pinned) => pinned,
            None => self.fetched(task, cache).await.map_err(skip(Remedy::Environments))?,
        };
        let python = self.python(&pinned.python).await.map_err(refused)?;
        let builder = environment::Builder {
            cache,
            program,
            hidden,
            state: self.state.clone(),
            watch: &self.watch,
            again: self.again.as_ref(),
        };
        let built = match builder.there(&pinned, &python) {
            Some(there) => there,
            None => {
                let _one = self.building.lock().await;
                builder.build(&pinned, &python).await.map_err(|error| match error {
                    Unbuilt::Why(why) => skip(Remedy::Reason)(why),
                    Unbuilt::Full(full) => PrepareError::io("build an environment in", cache)(full),
                })?
            }
        };
        let _slot = self.preparing.acquire().await;
        let mirror = repos::mirror(self.repos.as_deref(), cache, &task.repo).await.map_err(skip(Remedy::Repos))?;
        let (repo, of, commit) = (task.repo.clone(), id.clone(), task.base_commit.clone());
        let history = HistoryCache::new(cache.join("history").join(repo.replace('/', "__")));
        let check_out = move |dir: &Path| match sealed_checkout(&mirror.dir, &commit, dir, Some(&history)) {
            Ok(_) => Ok(()),
            // git's error about the clone; for a full disk another clone would not help.
            Err(
                error @ (RepoError::Git { .. }
                | RepoError::GitAnswer { .. }
                | RepoError::NoCommit { .. }
                | RepoError::Shallow(_)),
            ) if no_room(dir).is_none() => {
                let why = mirror.unusable(&repo, &error);
                Err(PrepareError::Environment { id: of.clone(), why, remedy: Remedy::Repos })
            }
            Err(error) => Err(error.into()),
        };
        let installed = install::Install {
            task,
            check_out: Arc::new(check_out),
            environment: &built,
            python: &python,
            prepare: match self.pins.as_ref().and_then(|pins| pins.spec(&task.repo, &task.version)) {
                Some(spec) => spec.pre_install.iter().map(String::as_str).collect(),
                None => prepare::usual(&task.repo, &task.version),
            },
            program,
            state: self.state.clone(),
            hidden,
        };
        let (checkout, opt) = installed.get(cache).await?;
        let mut overlays = vec![(opt, PathBuf::from("/opt"))];
        let mut before = String::new();
        if task.repo == "sphinx-doc/sphinx" {
            // tox runs the interpreter that the environment was made from, which doesn't know the environment.
            let site = format!("lib/python{}/site-packages", pinned.minor());
            let own = python.prefix.join(&site).join("voe-testbed.pth");
            before = format!("echo {CONDA}/envs/testbed/{site} > {}", own.display());
            overlays.push((python.prefix.clone(), python.prefix.clone()));
        }
        Ok(PreparedTask {
            env: variables(),
            overlays,
            read: vec![python.prefix.clone()],
            before,
            origin: format!("Python {}, {} at {:.12}", python.version, built.name, task.base_commit),
            lacks: built.lacks,
            ..PreparedTask::new(checkout)
        })
    }
}

/// Why `local` does not work, with a remedy that is right for tasks with an environment: other sandboxes without containers would
/// run them without it.
pub(crate) fn no_other_sandbox(error: SandboxError) -> SandboxError {
    match error {
        SandboxError::Unavailable { choice: BackendChoice::Local, step, problem, .. } => SandboxError::Unavailable {
            choice: BackendChoice::Local,
            step,
            problem,
            remedy: "tasks with an environment need it: run as root, or allow unprivileged user namespaces (`voe doctor` says \
                     how), or use --backend docker"
                .into(),
        },
        other => other,
    }
}

/// Variables of commands: as after `conda activate testbed`.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let env = format!("{CONDA}/envs/testbed");
    let path = format!("{env}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    [("PATH", path), ("CONDA_PREFIX", env), ("CONDA_DEFAULT_ENV", "testbed".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_local_does_not_work_no_sandbox_is_named_that_cannot_hold_an_environment() {
        let error = SandboxError::Unavailable {
            choice: BackendChoice::Local,
            step: None,
            problem: "user namespace: Operation not permitted".into(),
            remedy: "use --sandbox landlock as an ordinary user".into(),
        };
        insta::assert_snapshot!(no_other_sandbox(error), @"sandbox local: user namespace: Operation not permitted; tasks with an environment need it: run as root, or allow unprivileged user namespaces (`voe doctor` says how), or use --backend docker");
    }
}
