//! Tasks of the official suites without Docker: the row's pinned environment, built once by uv, the checkout at `/testbed`,
//! and a stand-in for conda, so that the eval script runs as it is.
//!
//! - [`pins`]: the pinned environments, from a file; [`fetch`]: from the official repository
//! - `environment`: building one; `interpreter`: finding its Python; `inside`: the sandbox in which it is built
//! - `repos`: the task's repository, cloned once
//! - `install`: the task's own install command, run once; `prepare`: what goes before it

mod environment;
pub mod fetch;
mod inside;
mod install;
mod interpreter;
pub mod pins;
mod prepare;
mod repos;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tokio::sync::{Mutex, Semaphore};
use voe_grade::Instance;
use voe_repo::sealed_checkout;

use crate::workspace::checkout;
use crate::workspace::{Prepared, WorkspaceError};
use pins::Pins;

/// Where the official images have conda.
pub(crate) const CONDA: &str = "/opt/miniconda3";

/// What is needed for tasks of the official suites without Docker.
#[derive(Debug)]
pub struct Native {
    /// The pinned environments; without them each is fetched.
    pub pins: Option<Pins>,
    lists: fetch::Lists,
    /// A directory of clones or mirrors; what isn't in it is cloned.
    pub repos: Option<PathBuf>,
    /// voe's state directory, with the index of open sandboxes.
    pub state: Option<PathBuf>,
    /// One environment is built at a time: builds are heavy, and tasks share them.
    building: Mutex<()>,
    /// Checkouts and installs at a time.
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
            building: Mutex::default(),
            preparing: Semaphore::new(2),
        }
    }

    /// The task's workspace.
    pub(crate) async fn prepare(
        &self,
        task: &Instance,
        cache: &Path,
        program: &Path,
        hidden: &[PathBuf],
    ) -> Result<Prepared, WorkspaceError> {
        let id = &task.instance_id;
        let environment = |why: String| WorkspaceError::Environment { id: id.clone(), why };
        let fetched;
        let pinned = match &self.pins {
            Some(pins) => {
                pins.of(id).ok_or_else(|| environment("the lists of --environments don't have it".to_owned()))?
            }
            None => {
                fetched = self.lists.get(cache, &task.repo, id).await.map_err(environment)?;
                &fetched
            }
        };
        let python = interpreter::find(&pinned.python).await.map_err(environment)?;
        let built = {
            let _one = self.building.lock().await;
            environment::Builder { cache, program, hidden, state: self.state.clone() }
                .build(pinned, &python)
                .await
                .map_err(environment)?
        };
        let _slot = self.preparing.acquire().await;
        let mirror = repos::mirror(self.repos.as_deref(), cache, &task.repo).await.map_err(environment)?;
        let (commit, place, key) =
            (task.base_commit.clone(), cache.to_owned(), format!("{id}-{:.12}", task.base_commit));
        let bare = tokio::task::spawn_blocking(move || {
            checkout::get(&place, &key, |dir| Ok(sealed_checkout(&mirror, &commit, dir).map(drop)?))
        })
        .await
        .map_err(|error| environment(error.to_string()))??;
        let installed = install::Install {
            task,
            bare: &bare,
            opt: &built.opt,
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
        Ok(Prepared {
            env: variables(),
            overlays,
            read: vec![python.prefix],
            before,
            lacks: built.lacks,
            ..Prepared::new(checkout)
        })
    }
}

/// The environment of commands: as after `conda activate testbed`.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let env = format!("{CONDA}/envs/testbed");
    let path = format!("{env}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    [("PATH", path), ("CONDA_PREFIX", env), ("CONDA_DEFAULT_ENV", "testbed".to_owned())]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}
