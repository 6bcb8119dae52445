//! Connecting to the engine, and what to do when that fails.

use std::collections::HashMap;
use std::path::Path;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
};

use super::names::{self, ContainerName};
use crate::choice::BackendChoice;
use crate::error::SandboxError;

/// The engine's address: `DOCKER_HOST` (`CONTAINER_HOST` for Podman), else its usual socket.
pub(super) fn address(choice: BackendChoice) -> String {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if choice == BackendChoice::Podman {
        let user = || {
            let path = format!("{}/podman/podman.sock", set("XDG_RUNTIME_DIR")?);
            Path::new(&path).exists().then(|| format!("unix://{path}"))
        };
        return set("CONTAINER_HOST").or_else(user).unwrap_or_else(|| "unix:///run/podman/podman.sock".into());
    }
    set("DOCKER_HOST").unwrap_or_else(|| "unix:///var/run/docker.sock".into())
}

/// Connects and checks that the engine answers.
pub(super) async fn connect(choice: BackendChoice, address: &str) -> Result<Docker, SandboxError> {
    let unavailable = |error: Error| SandboxError::Unavailable {
        choice,
        step: None,
        problem: format!("no engine answers at {address} ({})", line(&error)),
        remedy: match choice {
            BackendChoice::Podman => "start it (systemctl --user start podman.socket) or set CONTAINER_HOST".into(),
            _ => "start Docker, join the group that may use it, or set DOCKER_HOST".into(),
        },
    };
    let docker = Docker::connect_with_host(address).map_err(unavailable)?;
    let docker = docker.negotiate_version().await.map_err(unavailable)?;
    Ok(docker)
}

/// An error in one line.
pub(super) fn line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

pub(super) fn failed(what: &str) -> impl Fn(Error) -> SandboxError {
    move |error| SandboxError::Failed(format!("{what}: {}", line(&error)))
}

/// Whether the engine is on this machine.
pub(super) fn is_local(address: &str) -> bool {
    address.starts_with("unix://")
}

/// Removes containers and snapshot images whose owners are dead, and those of sandboxes that the index lists as `dead`.
/// Only names decide: labels can come from an image.
pub(super) async fn sweep(docker: &Docker, dead: &[String]) {
    let dead =
        |name: Option<ContainerName>| name.is_some_and(|name| name.owner.is_dead() || dead.contains(&name.sandbox));
    let named = HashMap::from([("name", vec!["voe-"])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&named).build();
    for container in docker.list_containers(Some(options)).await.unwrap_or_default() {
        if let (Some(id), Some(names)) = (container.id, container.names)
            && names.iter().any(|name| dead(ContainerName::of_container(name)))
        {
            remove(docker, &id).await;
        }
    }
    let named = HashMap::from([("reference", vec![names::SNAPSHOTS])]);
    let options = ListImagesOptionsBuilder::default().filters(&named).build();
    for image in docker.list_images(Some(options)).await.unwrap_or_default() {
        for name in image.repo_tags.iter().filter(|name| dead(ContainerName::of_snapshot(name))) {
            // The name, and the image with it if it has no other.
            remove_image(docker, name).await;
        }
    }
}

pub(super) async fn remove(docker: &Docker, id: &str) {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    // It may be gone already; the next start removes what is left.
    let _ = docker.remove_container(id, Some(options)).await;
}

pub(super) async fn remove_image(docker: &Docker, id: &str) {
    let options = RemoveImageOptionsBuilder::default().force(true).build();
    let _ = docker.remove_image(id, Some(options), None).await;
}

/// Runs a request to the engine where nothing can await it (a drop); gives up after a while.
pub(super) fn apart<F: Future<Output = ()>>(act: impl FnOnce(Docker) -> F + Send + 'static, address: String) {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
    let thread = std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            if let Ok(docker) = Docker::connect_with_host(&address) {
                let _ = tokio::time::timeout(PATIENCE, act(docker)).await;
            }
        });
    });
    let _ = thread.join();
}
