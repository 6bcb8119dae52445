//! Where tasks run: on this machine, or in containers. From flags and settings for a new run; for an existing one,
//! see [`super::remembered`].

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use voe_bench::docker::{Docker, Retention};
use voe_bench::native::Native;
use voe_bench::native::pins::{PinnedContent, Pins};
use voe_bench::run::place::{CommandLimits, Environments, PlaceBackend, PlaceRecord};
use voe_bench::workspace::Workspaces;
use voe_bench::{Hub, Suite, shipped};
use voe_sandbox::{BackendChoice, Images};

use super::{cache_dir, hide};
use crate::settings::table::{BACKEND, DISK, ENV, IMAGE, MEMORY, PROCESSES, READ};
use crate::settings::{Settings, units, words};
use crate::{UsageError, trust};

/// Where tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PlaceFlag {
    Auto,
    Native,
    Docker,
}

impl PlaceFlag {
    /// What it names; `None`: it is to be found out.
    pub(super) fn backend(self) -> Option<PlaceBackend> {
        match self {
            Self::Auto => None,
            Self::Native => Some(PlaceBackend::Native),
            Self::Docker => Some(PlaceBackend::Docker),
        }
    }
}

/// Where a grading's tests run, or who runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum GradedBy {
    Auto,
    Native,
    Docker,
    Official,
}

impl GradedBy {
    /// Where it is, unless the official package finds its own place.
    pub(super) fn place(self) -> Option<PlaceFlag> {
        match self {
            Self::Auto => Some(PlaceFlag::Auto),
            Self::Native => Some(PlaceFlag::Native),
            Self::Docker => Some(PlaceFlag::Docker),
            Self::Official => None,
        }
    }
}

/// How many fetched images are kept: `all`, a number of them, or their total size.
fn retention(text: &str) -> Result<Retention, String> {
    if text == "all" {
        return Ok(Retention::All);
    }
    let number = text.parse().map(Retention::Number);
    number.or_else(|_| units::bytes(text).map(Retention::Bytes)).map_err(|_| {
        format!("{text:?} is neither a number of images nor a size; give a number such as 10, or a size such as 50GiB")
    })
}

/// Where commands run.
#[derive(Debug, clap::Args, Default, Clone)]
pub(super) struct PlaceFlags {
    /// Isolation of commands [default: auto, or that of the run]
    #[arg(long = BACKEND.flag, value_name = "SANDBOX", value_parser = words::sandbox())]
    pub(super) sandbox: Option<BackendChoice>,
    /// Container image for all tasks, in place of each row's own (required for mini)
    #[arg(long, value_name = "IMAGE")]
    pub(super) image: Option<String>,
    /// Fetched images to keep: a number or a total size [default: as many as fit on the disk]
    #[arg(long, value_name = "N|SIZE", value_parser = retention)]
    pub(super) keep_images: Option<Retention>,
    /// Pinned environments of official tasks (environments.json)
    #[arg(long, value_name = "FILE")]
    pub(super) environments: Option<PathBuf>,
    /// Directory with clones or mirrors of the tasks' repositories [default: cloned into the cache]
    #[arg(long, value_name = "DIR")]
    pub(super) repos: Option<PathBuf>,
}

/// The user's flags and settings about the place; `None` if not given.
#[derive(Debug)]
pub(super) struct RequestedPlace {
    pub(super) backend: Option<PlaceBackend>,
    /// By flag.
    pub(super) sandbox: Option<BackendChoice>,
    /// By a variable or the user's own file.
    pub(super) usual_sandbox: Option<BackendChoice>,
    /// By flag.
    pub(super) image: Option<String>,
    /// By a variable or the user's own file.
    pub(super) usual_image: Option<String>,
    /// Absolute.
    pub(super) environments: Option<PathBuf>,
    /// Absolute.
    pub(super) repos: Option<PathBuf>,
    /// From the settings.
    pub(super) limits: CommandLimits,
    /// Further paths that commands may read, from the settings.
    pub(super) read: Vec<PathBuf>,
    /// Further variables that commands get, by name, from the settings.
    pub(super) env: Vec<String>,
}

/// A place, with the files that were read to resolve it.
pub(super) struct ResolvedPlace {
    pub(super) place: PlaceRecord,
    pub(super) pins: Option<Pins>,
}

/// Whether any task needs an environment: one of an official suite.
pub(super) fn is_official(suite: &Suite) -> bool {
    !suite.tasks.iter().all(shipped::is_of)
}

/// The file of a suite that voe doesn't ship.
fn suite_file(suite: &Suite) -> Option<&Path> {
    Some(Path::new(&suite.source.file)).filter(|path| path.is_file())
}

impl PlaceFlags {
    /// Records which paths the user gave, so that a run may use them.
    ///
    /// # Errors
    /// voe's state directory can't be written.
    pub(super) fn remember(&self) -> anyhow::Result<()> {
        for path in [&self.environments, &self.repos].into_iter().flatten() {
            trust::path::given(&std::path::absolute(path)?)?;
        }
        Ok(())
    }

    /// Reads the flags and the user's settings.
    ///
    /// # Errors
    /// The current directory was deleted.
    pub(super) fn said(&self, settings: &Settings, backend: Option<PlaceFlag>) -> anyhow::Result<RequestedPlace> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        let usual = CommandLimits::default();
        let chosen = |choice: &BackendChoice| *choice != BackendChoice::Auto;
        Ok(RequestedPlace {
            backend: backend.and_then(PlaceFlag::backend),
            sandbox: self.sandbox.filter(chosen),
            usual_sandbox: Some(settings.sandbox()).filter(chosen),
            image: self.image.clone().filter(|image| !image.is_empty()),
            usual_image: settings.text(&IMAGE).filter(|text| !text.is_empty()),
            environments: absolute(&self.environments)?,
            repos: absolute(&self.repos)?,
            limits: CommandLimits {
                memory_bytes: settings.bytes(&MEMORY).unwrap_or(usual.memory_bytes),
                processes: settings.count(&PROCESSES).unwrap_or(usual.processes),
                disk_bytes: settings.bytes(&DISK).unwrap_or(usual.disk_bytes),
            },
            read: settings.paths(&READ),
            env: settings.list(&ENV),
        })
    }
}

impl RequestedPlace {
    /// The place of a new run or grading with tasks of `suite`.
    pub(super) async fn place(self, suite: &Suite) -> anyhow::Result<ResolvedPlace> {
        // A flag takes precedence over settings.
        let said = self.sandbox.or(self.usual_sandbox.filter(|usual| fits(self.backend, *usual)));
        let sandbox = match (self.backend, said) {
            (Some(backend), Some(sandbox)) if PlaceBackend::of(sandbox) != backend => {
                let text = format!("--backend {backend} cannot be used with --sandbox {sandbox}; leave one out");
                return Err(UsageError(text).into());
            }
            (_, Some(sandbox)) => sandbox,
            (Some(PlaceBackend::Docker), None) => BackendChoice::Docker,
            (Some(PlaceBackend::Native), None) => BackendChoice::Local,
            (None, None) if self.by_itself(suite).await => BackendChoice::Docker,
            (None, None) => BackendChoice::Local,
        };
        let pins = self.environments.as_deref().map(Pins::read).transpose().map_err(UsageError)?;
        let backend = PlaceBackend::of(sandbox);
        let image = self.image.or(self.usual_image).filter(|_| backend == PlaceBackend::Docker);
        let environments = pins.as_ref().zip(self.environments).map(|(pins, file)| environments(file, pins, suite));
        let mut read = self.read;
        if backend == PlaceBackend::Docker && !read.is_empty() {
            errln!("voe: {} does not apply in containers", READ.name);
            read.clear();
        }
        let place = PlaceRecord {
            backend,
            sandbox,
            network: false,
            image,
            repos: self.repos,
            environments,
            limits: self.limits,
            read,
            env: self.env,
        };
        let found = ResolvedPlace { place, pins };
        found.check(suite)?;
        Ok(found)
    }

    /// Whether "auto" means containers: official tasks, no environments file, and an engine that answers.
    async fn by_itself(&self, suite: &Suite) -> bool {
        is_official(suite) && self.environments.is_none() && Images::connect(BackendChoice::Docker).await.is_ok()
    }
}

/// Whether a sandbox from the settings is compatible with the given backend.
fn fits(backend: Option<PlaceBackend>, usual: BackendChoice) -> bool {
    backend.is_none_or(|backend| backend == PlaceBackend::of(usual))
}

/// An environments file as a run of tasks of `suite` records it.
pub(super) fn environments(file: PathBuf, pins: &Pins, suite: &Suite) -> Environments {
    let PinnedContent { sha256, specs_sha256 } = pins.content().clone();
    let ids = suite.tasks.iter().map(|task| &task.instance_id);
    let tasks = ids.filter_map(|id| Some((id.clone(), pins.digest(id)?))).collect();
    Environments { file, sha256, specs_sha256, rest: pins.is_for_the_rest(), tasks }
}

impl ResolvedPlace {
    /// Checks that tasks of `suite` can run there at all.
    ///
    /// # Errors
    /// The suite's tasks can't run in such a place; the error says what to use.
    pub(super) fn check(&self, suite: &Suite) -> anyhow::Result<()> {
        let PlaceRecord { backend, sandbox, image, .. } = &self.place;
        if *backend == PlaceBackend::Native && !voe_sandbox::capabilities(*sandbox).mounts && is_official(suite) {
            let text = format!(
                "--sandbox {sandbox} does not support environments, so the tests of these tasks would run without them; use \
                 --sandbox local, or --backend docker"
            );
            return Err(UsageError(text).into());
        }
        if *backend == PlaceBackend::Native && is_official(suite) {
            self.check_pins(suite)?;
        }
        if *backend == PlaceBackend::Docker && image.is_none() && suite.tasks.iter().any(shipped::is_of) {
            let text = "tasks that ship with voe have no image of their own; give one that has git, bash and python3 with --image";
            return Err(UsageError(text.into()).into());
        }
        Ok(())
    }

    /// Reports how many tasks have no pinned environment, and refuses a file that has none of them before anything starts.
    fn check_pins(&self, suite: &Suite) -> anyhow::Result<()> {
        let (with, of) = Native::new(self.pins.clone(), None).pinned(&suite.tasks, &cache_dir()?);
        if with == of {
            return Ok(());
        }
        match &self.place.environments {
            Some(environments) if with == 0 => {
                let text = format!(
                    "{} has no environment for any of these {of} tasks; give a file that has them, or leave --environments out",
                    environments.file.display()
                );
                Err(UsageError(text).into())
            }
            Some(environments) => {
                errln!(
                    "voe: {} has environments for {with} of {of} tasks; add the others",
                    environments.file.display()
                );
                Ok(())
            }
            None => {
                errln!(
                    "voe: {with} of {of} tasks have pinned environments; give the others with --environments FILE, or use \
                     --backend docker"
                );
                Ok(())
            }
        }
    }

    /// Workspaces there for tasks of `suite`. `keep`: the flag `--keep-images`.
    pub(super) async fn workspaces(&self, suite: &Suite, keep: Option<Retention>) -> anyhow::Result<Workspaces> {
        let place = &self.place;
        let program = std::env::current_exe().context("cannot find voe's own executable")?;
        let cache = cache_dir()?;
        // Whole directories of voe and of repositories, and files with their neighbors.
        let own = [Some(cache.clone()), Some(crate::state::dir()?), place.repos.clone()].into_iter().flatten();
        // Other suites have the same tasks.
        let own = own.chain(Hub::from_env(&cache).kept());
        let environments = place.environments.iter().map(|environments| environments.file.as_path());
        let hidden = hide::of(own, environments.chain(suite_file(suite)));
        let mut native = Native::new(self.pins.clone(), place.repos.clone());
        native.state = crate::state::dir().ok();
        let mut workspaces = Workspaces::new(cache, program, place.sandbox, native);
        workspaces.hidden = hidden;
        workspaces.limits = place.limits;
        workspaces.network = place.network;
        workspaces.read.clone_from(&place.read);
        workspaces.env = place.env.iter().filter_map(|name| Some((name.clone(), std::env::var(name).ok()?))).collect();
        if place.backend == PlaceBackend::Docker {
            workspaces.docker =
                Some(Docker::connect(place.sandbox, place.image.clone(), keep.unwrap_or_default()).await?);
        }
        Ok(workspaces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_kept_by_number_or_by_a_size_as_settings_have_it() {
        assert_eq!(retention("10"), Ok(Retention::Number(10)));
        assert_eq!(retention("all"), Ok(Retention::All));
        for size in ["50GB", "50 GiB", "1.5T", "512m"] {
            assert_eq!(retention(size), units::bytes(size).map(Retention::Bytes), "{size}");
        }
        for wrong in ["many", "0GB", "-1", "99999999999TB"] {
            assert!(retention(wrong).unwrap_err().contains("such as 50GiB"), "{wrong}");
        }
    }
}
