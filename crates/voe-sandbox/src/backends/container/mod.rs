//! Containers, through the API that Docker and Podman share: one long-lived container an attempt, with voe in it.

mod bridge;
mod config;
mod engine;
mod images;
mod inside;
mod names;
mod upload;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::{ContainerConfig, ExecConfig};
use bollard::query_parameters::{AttachContainerOptionsBuilder, CommitContainerOptionsBuilder};
use futures_util::StreamExt;
use tokio::process::Command;
use voe_protocol::Toolbox;
use voe_protocol::{CallResult, Hello, Setup};
use voe_trace::event::SandboxFacts;

pub(crate) use bridge::run as bridge;
pub use images::{EngineImage, Images, PullError};
pub(crate) use inside::{contained, idle, reset};

use crate::backend::{Backend, BoxFuture, Capabilities, Snapshot};
use crate::choice::BackendChoice;
use crate::config::SandboxConfig;
use crate::environment;
use crate::error::SandboxError;
use crate::groups::Groups;
use crate::home::index::HomeRecord;
use crate::home::root::{self, SandboxRoot};
use crate::watch::Meter;
use config::{body, named};
use engine::failed;

/// voe's own directory inside.
pub(crate) const OWN: &str = "/.voe";
const PROGRAM: &str = "/.voe/voe";
/// The toolbox's own directory inside.
pub(crate) const SCRATCH: &str = "/.voe/scratch";
/// The path inside of the workspace as it was at the start.
pub(crate) const BASE: &str = "/.voe/base";

/// Its capabilities.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    isolates: true,
    fork: true,
    snapshot: false,
    keeps_tmp: false,
    private_tmp: true,
    loopback: true,
    in_place: false,
    mounts: true,
    image: true,
    hides: true,
};

/// A sandbox in a container.
#[derive(Debug)]
pub(crate) struct Container {
    spec: SandboxConfig,
    root: Arc<SandboxRoot>,
    place: PathBuf,
    docker: Docker,
    address: String,
    id: String,
    workspace: PathBuf,
    /// The environment that the image sets.
    env: BTreeMap<String, String>,
    meter: Meter,
    detail: String,
}

/// A container as it was, as an image.
#[derive(Debug)]
struct Image {
    id: String,
    address: String,
}

impl Drop for Image {
    fn drop(&mut self) {
        let id = std::mem::take(&mut self.id);
        engine::apart(move |docker| async move { engine::remove_image(&docker, &id).await }, self.address.clone());
    }
}

impl Container {
    pub(crate) async fn open(spec: SandboxConfig) -> Result<Self, SandboxError> {
        let choice = spec.choice;
        let Some(image) = spec.image.clone().filter(|image| !image.is_empty()) else {
            return Err(SandboxError::Usage {
                problem: format!("sandbox {choice} needs an image"),
                remedy: "name one with --image, VOE_IMAGE or [sandbox] image".into(),
            });
        };
        let address = engine::address(choice);
        let docker = engine::connect(choice, &address).await?;
        engine::sweep(&docker, &[]).await;
        let own_checkout = spec.workspace.as_os_str().is_empty();
        let workspace = match &spec.mount_at {
            Some(at) => at.clone(),
            None if own_checkout => {
                return Err(SandboxError::Usage {
                    problem: "neither a workspace nor a path in the image is given".into(),
                    remedy: "name one of them".into(),
                });
            }
            None => spec.workspace.canonicalize().map_err(SandboxError::io("open the workspace", &spec.workspace))?,
        };
        let found = docker.inspect_image(&image).await.map_err(|error| SandboxError::Usage {
            problem: format!("image {image}: {}", engine::line(&error)),
            remedy: format!("fetch it ({choice} pull {image}) or name another one"),
        })?;
        let env = found.config.and_then(|config| config.env).unwrap_or_default();
        let env = env.iter().filter_map(|line| line.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect();
        let root = SandboxRoot::create(&spec.home, &spec, Some(&address))?;
        let container = Self::start(spec, root, docker, address, &image, workspace, env, true).await?;
        if !own_checkout {
            let from = container.spec.workspace.clone();
            upload::send(&container.docker, &container.id, &from, &container.workspace).await?;
        }
        // A second copy, next to the workspace: the base of the patch.
        let workspace = container.workspace.to_string_lossy().into_owned();
        container.run(&[PROGRAM, "sandbox-init", "reset", &workspace, BASE]).await?;
        Ok(container)
    }

    #[allow(clippy::too_many_arguments)]
    async fn start(
        spec: SandboxConfig,
        root: Arc<SandboxRoot>,
        docker: Docker,
        address: String,
        image: &str,
        workspace: PathBuf,
        env: BTreeMap<String, String>,
        fresh: bool,
    ) -> Result<Self, SandboxError> {
        let body = body(&spec, image);
        let options = named(root.id());
        let created = docker.create_container(Some(options), body).await.map_err(failed("creating the container"))?;
        let place = root.place(0)?;
        let meter = Meter::new(Groups::default(), place.join("events"), &spec);
        let detail = format!(
            "container of {image}: no new privileges, few capabilities, memory {}, {} processes; network {}",
            voe_trace::ended_by::size(spec.limits.memory_bytes),
            spec.limits.processes,
            if spec.network { "on" } else { "off" }
        );
        // From here on its drop removes the container.
        let container = Self { spec, root, place, docker, address, id: created.id, workspace, env, meter, detail };
        if fresh {
            let program = container.spec.program.clone();
            upload::send(&container.docker, &container.id, &program, Path::new(PROGRAM)).await?;
        }
        container.listen().await?;
        container.docker.start_container(&container.id, None).await.map_err(failed("starting the container"))?;
        Ok(container)
    }

    /// Writes the reports of the first process inside to a file.
    async fn listen(&self) -> Result<(), SandboxError> {
        let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).build();
        let mut attached = self
            .docker
            .attach_container(&self.id, Some(options))
            .await
            .map_err(failed("listening to the container"))?;
        let events = self.place.join("events");
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&events)
            .map_err(SandboxError::io("create", &events))?;
        tokio::spawn(async move {
            while let Some(Ok(piece)) = attached.output.next().await {
                if let LogOutput::StdOut { message } | LogOutput::Console { message } = piece {
                    let _ = file.write_all(&message);
                }
            }
        });
        Ok(())
    }

    async fn commit(&self) -> Result<Image, SandboxError> {
        let options = CommitContainerOptionsBuilder::default()
            .container(&self.id)
            .repo(names::SNAPSHOTS)
            .tag(&names::new(self.root.id()))
            .pause(true)
            .build();
        let image = self
            .docker
            .commit_container(options, ContainerConfig::default())
            .await
            .map_err(failed("keeping the container"))?;
        Ok(Image { id: image.id, address: self.address.clone() })
    }

    /// Runs one of voe's own commands inside.
    async fn run(&self, command: &[&str]) -> Result<(), SandboxError> {
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
            ..ExecConfig::default()
        };
        let failed = failed("preparing the container");
        let exec = self.docker.create_exec(&self.id, config).await.map_err(&failed)?;
        let mut printed = Vec::new();
        if let StartExecResults::Attached { mut output, .. } =
            self.docker.start_exec(&exec.id, None).await.map_err(&failed)?
        {
            while let Some(Ok(piece)) = output.next().await {
                printed.extend_from_slice(&piece.into_bytes());
            }
        }
        match self.docker.inspect_exec(&exec.id).await.map_err(&failed)?.exit_code {
            Some(0) => Ok(()),
            code => Err(SandboxError::Failed(format!(
                "preparing the container ended with {code:?}: {}",
                String::from_utf8_lossy(&printed).trim()
            ))),
        }
    }

    async fn forked(&self, at: &Snapshot) -> Result<Self, SandboxError> {
        let own;
        let kept = at.kept::<Image>()?;
        let image = match kept {
            Some(image) => image,
            None => {
                own = self.commit().await?;
                &own
            }
        };
        let fork = Self::start(
            self.spec.clone(),
            Arc::clone(&self.root),
            self.docker.clone(),
            self.address.clone(),
            &image.id,
            self.workspace.clone(),
            self.env.clone(),
            false,
        )
        .await?;
        if kept.is_none() {
            let workspace = fork.workspace.to_string_lossy().into_owned();
            fork.run(&[PROGRAM, "sandbox-init", "reset", BASE, &workspace]).await?;
        }
        Ok(fork)
    }
}

impl Backend for Container {
    fn facts(&self) -> SandboxFacts {
        SandboxFacts { backend: self.spec.choice.word().into(), detail: self.detail.clone() }
    }

    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    fn workspace(&self) -> &Path {
        &self.workspace
    }

    fn base_inside(&self) -> Option<PathBuf> {
        Some(BASE.into())
    }

    fn private_tmp(&self) -> Option<PathBuf> {
        Some("/tmp".into())
    }

    fn toolbox(&self, mut setup: Setup) -> BoxFuture<'_, Result<(Toolbox, Hello), SandboxError>> {
        Box::pin(async move {
            setup.workspace.clone_from(&self.workspace);
            setup.scratch = SCRATCH.into();
            let added = std::mem::take(&mut setup.env);
            setup.env = environment::allowed(self.env.clone(), &self.spec.env);
            setup.env.extend(self.env.clone());
            setup.env.entry("HOME".into()).or_insert_with(|| "/root".into());
            setup.env.extend(environment::identity());
            setup.env.extend(self.spec.env.clone());
            setup.env.extend(added);
            let limits = &self.spec.limits;
            setup.limits.memory_bytes = limits.memory_bytes;
            setup.limits.processes = limits.processes;
            setup.limits.file_bytes = limits.file_bytes;
            let mut command = Command::new(&self.spec.program);
            command.args(["sandbox-init", "bridge", &self.address, &self.id, PROGRAM, "sandbox-init", "contained"]);
            command.env_clear().current_dir("/").stderr(std::process::Stdio::null()).process_group(0);
            Ok(Toolbox::start(command, &setup).await?)
        })
    }

    fn annotate(&self, result: &mut CallResult) {
        self.meter.annotate(result);
    }

    // An image of the container as it is now.
    fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, SandboxError>> {
        Box::pin(async move { Ok(Snapshot::of(self.commit().await?)) })
    }

    fn fork<'a>(&'a self, at: &'a Snapshot) -> BoxFuture<'a, Result<Box<dyn Backend>, SandboxError>> {
        Box::pin(async move {
            let fork = self.forked(at).await?;
            Ok(Box::new(fork) as Box<dyn Backend>)
        })
    }

    fn close(mut self: Box<Self>) -> BoxFuture<'static, Result<(), SandboxError>> {
        Box::pin(async move {
            engine::remove(&self.docker, &std::mem::take(&mut self.id)).await;
            Ok(())
        })
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let id = std::mem::take(&mut self.id);
        if !id.is_empty() {
            engine::apart(move |docker| async move { engine::remove(&docker, &id).await }, self.address.clone());
        }
        root::remove(&self.place);
    }
}

/// Removes what dead owners left in the default engines, and in those where `dead` sandboxes had their containers. Does
/// nothing where no engine listens.
pub(crate) fn sweep(dead: &[(String, HomeRecord)]) {
    let mut addresses: Vec<String> = [BackendChoice::Docker, BackendChoice::Podman].map(engine::address).to_vec();
    addresses.retain(|address| engine::is_local(address));
    addresses.extend(dead.iter().filter_map(|(_, record)| record.engine.clone()));
    addresses.sort();
    addresses.dedup();
    for address in addresses {
        if address.strip_prefix("unix://").is_some_and(|path| !Path::new(path).exists()) {
            continue;
        }
        let of_it = |record: &HomeRecord| record.engine.as_ref() == Some(&address);
        let ids: Vec<String> = dead.iter().filter(|(_, record)| of_it(record)).map(|(id, _)| id.clone()).collect();
        engine::apart(
            move |docker| async move {
                if let Ok(docker) = docker.negotiate_version().await {
                    engine::sweep(&docker, &ids).await;
                }
            },
            address,
        );
    }
}
