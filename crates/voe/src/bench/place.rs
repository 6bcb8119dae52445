//! Where tasks run: on this machine, or in containers.

use std::path::{Path, PathBuf};

use anyhow::Context;
use voe_bench::Suite;
use voe_bench::docker::{Docker, Keep};
use voe_bench::native::Native;
use voe_bench::native::pins::Pins;
use voe_bench::workspace::Workspaces;
use voe_sandbox::{Choice, Images};

use super::{cache_dir, hide};
use crate::Usage;

/// Where commands run.
#[derive(Debug, clap::Args, Default, Clone)]
pub(super) struct PlaceFlags {
    /// Where tasks run: auto, native or docker; in `grade` also official (the installed swebench package)
    #[arg(long, value_name = "BACKEND", default_value = "auto")]
    pub(super) backend: String,
    /// Isolation of commands: auto, local, landlock, docker, podman or none
    #[arg(long, value_name = "SANDBOX")]
    pub(super) sandbox: Option<String>,
    /// In containers: the image of all tasks, instead of each row's own; the suite mini needs one
    #[arg(long, value_name = "IMAGE")]
    pub(super) image: Option<String>,
    /// In containers: fetched images that stay when another is needed: a number or a size [default: while the disk has room]
    #[arg(long, value_name = "N|SIZE")]
    pub(super) keep_images: Option<String>,
    /// The pinned environments of official tasks (environments.json)
    #[arg(long, value_name = "FILE")]
    pub(super) environments: Option<PathBuf>,
    /// Directory with clones or mirrors of the tasks' repositories; others are cloned once
    #[arg(long, value_name = "DIR")]
    pub(super) repos: Option<PathBuf>,
}

/// The file of a suite that is not one of voe's own.
fn suite_file(suite: &Suite) -> Option<&Path> {
    Some(Path::new(&suite.source.file)).filter(|path| path.is_file())
}

impl PlaceFlags {
    /// The isolation of commands in tasks of `suite`.
    pub(super) async fn choice(&self, suite: &Suite) -> anyhow::Result<Choice> {
        let word = self.sandbox.clone().or_else(|| std::env::var("VOE_SANDBOX").ok()).unwrap_or_else(|| "auto".into());
        let choice: Choice = word.parse().map_err(|e: voe_sandbox::UnknownChoice| Usage(e.to_string()))?;
        let contained = matches!(choice, Choice::Docker | Choice::Podman);
        match self.backend.as_str() {
            "native" if contained => {
                Err(Usage(format!("--backend native and --sandbox {choice} exclude each other")).into())
            }
            "native" => Ok(choice),
            "docker" if contained => Ok(choice),
            "docker" if choice == Choice::Auto => Ok(Choice::Docker),
            "docker" => Err(Usage(format!("--backend docker and --sandbox {choice} exclude each other")).into()),
            "auto" if choice == Choice::Auto && self.by_itself(suite).await => Ok(Choice::Docker),
            "auto" | "official" => Ok(choice),
            other => Err(Usage(format!("no backend {other:?}; use auto, native, docker, or in grade official")).into()),
        }
    }

    /// Whether containers are the way without being told so: official tasks, no lists of environments, and an engine that answers.
    async fn by_itself(&self, suite: &Suite) -> bool {
        let official = suite.tasks.iter().any(|task| !task.repo.starts_with("mini/"));
        official && self.environments.is_none() && Images::connect(Choice::Docker).await.is_ok()
    }

    pub(super) async fn workspaces(&self, suite: &Suite) -> anyhow::Result<Workspaces> {
        let pins = match &self.environments {
            Some(file) => Some(Pins::read(file).map_err(Usage)?),
            None => None,
        };
        let program = std::env::current_exe().context("cannot find voe's own program")?;
        let repos = self.repos.as_ref().map(std::path::absolute).transpose()?;
        let choice = self.choice(suite).await?;
        let keep: Keep = self.keep_images.as_deref().map(str::parse).transpose().map_err(Usage)?.unwrap_or_default();
        let cache = cache_dir()?;
        // Whole directories of voe's own and of repositories, and files with what lies next to them.
        let own = [Some(cache.clone()), Some(crate::state::dir()?), repos.clone()].into_iter().flatten();
        let hidden = hide::of(own, self.environments.iter().map(PathBuf::as_path).chain(suite_file(suite)));
        let mut native = Native::new(pins, repos);
        native.state = crate::state::dir().ok();
        let mut workspaces = Workspaces::new(cache, program, choice, native);
        workspaces.hidden = hidden;
        if matches!(choice, Choice::Docker | Choice::Podman) {
            let image =
                self.image.clone().or_else(|| std::env::var("VOE_IMAGE").ok()).filter(|image| !image.is_empty());
            if image.is_none() && suite.tasks.iter().any(|task| task.repo.starts_with("mini/")) {
                let text = "tasks of the suite mini have no image of their own; name one with git, bash and python3 with --image";
                return Err(Usage(text.into()).into());
            }
            workspaces.docker = Some(Docker::connect(choice, image, keep).await?);
        }
        Ok(workspaces)
    }
}
