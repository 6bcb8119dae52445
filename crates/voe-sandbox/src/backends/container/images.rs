//! Images of an engine: pulling, inspecting, changing and removing them.

use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::models::{ContainerConfig, ContainerCreateBody};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateImageOptionsBuilder, DownloadFromContainerOptionsBuilder, LogsOptionsBuilder,
    RemoveImageOptionsBuilder,
};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;
use voe_protocol::CallLimits;
use voe_untrusted::{FileKind, Most, UntrustedDir};

use super::config::{bounds, named};
use super::engine::{self, failed};
use super::upload;
use crate::choice::BackendChoice;
use crate::error::SandboxError;

/// Limits on what is copied out of an image.
const MOST_BYTES: u64 = 16 << 30;
const MOST_ENTRIES: u64 = 2_000_000;

/// The images of an engine.
#[derive(Debug, Clone)]
pub struct Images {
    docker: Docker,
    choice: BackendChoice,
}

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineImage {
    /// Its id.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// Bytes of all its layers.
    pub bytes: u64,
}

/// An image could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct PullError {
    /// The engine's message, in one line.
    pub why: String,
    /// Whether a later try may succeed: a rate limit, a broken connection.
    pub passing: bool,
}

impl Images {
    /// The images of Docker or Podman.
    ///
    /// # Errors
    /// No Docker or Podman answers, or it refuses.
    pub async fn connect(choice: BackendChoice) -> Result<Self, SandboxError> {
        let docker = engine::connect(choice, &engine::address(choice)).await?;
        Ok(Self { docker, choice })
    }

    /// The engine: Docker or Podman.
    pub fn choice(&self) -> BackendChoice {
        self.choice
    }

    /// The image of this name or id, if the engine has it.
    ///
    /// # Errors
    /// The engine could not be asked; a missing image is not an error.
    pub async fn find(&self, image: &str) -> Result<Option<EngineImage>, SandboxError> {
        match self.docker.inspect_image(image).await {
            Ok(there) => Ok(Some(EngineImage {
                id: there.id.unwrap_or_default(),
                names: there.repo_tags.unwrap_or_default(),
                bytes: u64::try_from(there.size.unwrap_or(0)).unwrap_or(0),
            })),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(failed("looking for an image")(error)),
        }
    }

    /// An id that distinguishes this engine from others; empty if the engine reports none.
    pub async fn engine(&self) -> String {
        self.docker.info().await.ok().and_then(|info| info.id).unwrap_or_default()
    }

    /// Fetches an image: one try.
    ///
    /// # Errors
    /// The image can't be fetched, with what its registry or the engine reported.
    pub async fn pull(&self, image: &str) -> Result<(), PullError> {
        // Without a tag an engine would fetch all of them.
        let tagged = image.rsplit('/').next().is_some_and(|name| name.contains([':', '@']));
        let name = if tagged { image.to_owned() } else { format!("{image}:latest") };
        let options = CreateImageOptionsBuilder::default().from_image(&name).build();
        let mut news = self.docker.create_image(Some(options), None, None);
        while let Some(piece) = news.next().await {
            let problem = match piece {
                Ok(info) => info.error_detail.map(|detail| (detail.message.unwrap_or_default(), None)),
                Err(Error::DockerResponseServerError { status_code, message }) => Some((message, Some(status_code))),
                Err(error) => Some((error.to_string(), None)),
            };
            if let Some((why, status)) = problem {
                let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
                return Err(PullError { passing: passes(&why, status), why });
            }
        }
        Ok(())
    }

    /// Free bytes where the engine keeps its images, and that directory, if it is on this machine.
    pub async fn disk_left(&self) -> Option<(u64, PathBuf)> {
        let root = PathBuf::from(self.docker.info().await.ok()?.docker_root_dir?);
        let stat = rustix::fs::statvfs(&root).ok()?;
        Some((stat.f_bavail * stat.f_frsize, root))
    }

    /// Copies the directory or file `path` of an image into the directory `to` on this machine, under its own name: regular
    /// files, directories and links that `keep` accepts.
    ///
    /// # Errors
    /// The image does not have the path, or too much at it, or the engine or the disk failed.
    pub async fn take_out(
        &self,
        image: &str,
        path: &str,
        to: &Path,
        keep: impl Fn(&Path, FileKind) -> bool + Send + 'static,
    ) -> Result<(), SandboxError> {
        let container = self.create(image, "true", false).await?;
        let archive = to.join("archive.tar");
        let took = self.download(&container, path, &archive).await;
        engine::remove(&self.docker, &container).await;
        took?;
        let (from, into) = (archive.clone(), to.to_owned());
        let unpacked = tokio::task::spawn_blocking(move || -> Result<(), String> {
            let archive = std::fs::File::open(&from).map_err(|error| error.to_string())?;
            let most = Most { entries: MOST_ENTRIES, bytes: MOST_BYTES };
            let into = UntrustedDir::open(&into).map_err(|error| error.to_string())?;
            into.unpack(archive, most, keep).map_err(|error| error.to_string())?;
            std::fs::remove_file(&from).map_err(|error| error.to_string())
        });
        let unpacked = unpacked.await.map_err(|error| error.to_string()).and_then(|done| done);
        unpacked.map_err(|why| SandboxError::Failed(format!("{path} of {image}: {why}")))
    }

    async fn download(&self, container: &str, path: &str, to: &Path) -> Result<(), SandboxError> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let mut stream = self.docker.download_from_container(container, Some(options));
        let mut file = tokio::fs::File::create(to).await.map_err(SandboxError::io("create", to))?;
        let mut bytes = 0;
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(failed(&format!("copying {path} out of the image")))?;
            bytes += piece.len() as u64;
            if bytes > MOST_BYTES {
                return Err(SandboxError::Failed(format!("{path} of the image is larger than {MOST_BYTES} bytes")));
            }
            file.write_all(&piece).await.map_err(SandboxError::io("write", to))?;
        }
        file.flush().await.map_err(SandboxError::io("write", to))
    }

    /// Makes the image `name` from `image`: each file of `put` is copied to its path, then `script` is run by a shell, without
    /// a network.
    ///
    /// # Errors
    /// The script failed, or the engine did.
    pub async fn derive(&self, image: &str, name: &str, put: (&Path, &Path), script: &str) -> Result<(), SandboxError> {
        let container = self.create(image, script, true).await?;
        let made = async {
            upload::send(&self.docker, &container, put.0, put.1).await?;
            match self.run_to_end(&container).await? {
                (0, _) => {}
                (code, output) => {
                    return Err(SandboxError::Failed(format!("preparing {image} ended with {code}: {output}")));
                }
            }
            let (repo, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
            let options =
                CommitContainerOptionsBuilder::default().container(&container).repo(repo).tag(tag).pause(false).build();
            let entrypoint = Some(vec!["/bin/bash".to_owned()]);
            let config = ContainerConfig { entrypoint, ..ContainerConfig::default() };
            self.docker.commit_container(options, config).await.map_err(failed("keeping the image"))
        };
        let made = made.await;
        engine::remove(&self.docker, &container).await;
        made.map(drop)
    }

    /// Runs `script` by a shell in a fresh container of `image`: its exit code, and what it wrote.
    ///
    /// # Errors
    /// The image does not exist, or the engine failed.
    pub async fn run(&self, image: &str, script: &str) -> Result<(i64, String), SandboxError> {
        let container = self.create(image, script, true).await?;
        let done = self.run_to_end(&container).await;
        engine::remove(&self.docker, &container).await;
        done
    }

    async fn create(&self, image: &str, script: &str, shell: bool) -> Result<String, SandboxError> {
        let command = if shell { vec!["/bin/sh", "-c", script] } else { vec![script] };
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            user: Some("0".to_owned()),
            entrypoint: Some(command.into_iter().map(str::to_owned).collect()),
            cmd: Some(Vec::new()),
            working_dir: Some("/".to_owned()),
            network_disabled: Some(true),
            host_config: Some(bounds(&CallLimits::default(), false)),
            ..ContainerCreateBody::default()
        };
        let made = self.docker.create_container(Some(named(&crate::home::index::new_id())), body).await;
        Ok(made.map_err(failed(&format!("creating a container of {image}")))?.id)
    }

    async fn run_to_end(&self, container: &str) -> Result<(i64, String), SandboxError> {
        self.docker.start_container(container, None).await.map_err(failed("starting the container"))?;
        let ended: Result<Vec<_>, Error> = self.docker.wait_container(container, None).try_collect().await;
        let code = match ended {
            Ok(all) => all.last().map_or(0, |end| end.status_code),
            // bollard reports exit codes other than 0 as errors.
            Err(Error::DockerContainerWaitError { code, .. }) => code,
            Err(error) => return Err(failed("waiting for the container")(error)),
        };
        let options = LogsOptionsBuilder::default().stdout(true).stderr(true).build();
        let mut output = String::new();
        let mut log = self.docker.logs(container, Some(options));
        while let Some(Ok(piece)) = log.next().await {
            if let LogOutput::StdOut { message } | LogOutput::StdErr { message } | LogOutput::Console { message } =
                piece
            {
                output.push_str(&String::from_utf8_lossy(&message));
            }
        }
        Ok((code, output.trim().chars().take(2000).collect()))
    }

    /// Removes an image's name, and the image if that was its last; not while a container uses it.
    ///
    /// # Errors
    /// It is in use, or the engine failed.
    pub async fn remove(&self, image: &str) -> Result<(), SandboxError> {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        match self.docker.remove_image(image, Some(options), None).await {
            Ok(_) | Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            Err(error) => Err(failed("removing an image")(error)),
        }
    }
}

/// Whether the same try may succeed later.
fn passes(why: &str, status: Option<u16>) -> bool {
    let why = why.to_lowercase();
    // Without a network another try would only cost time, for each of some hundred images.
    let offline = ["no such host", "network is unreachable", "connection refused", "no route to host"];
    let wrong =
        ["not found", "manifest unknown", "denied", "unauthorized", "invalid reference", "no matching manifest"];
    let full = ["no space left"];
    if ["toomanyrequests", "too many requests", "rate limit"].iter().any(|word| why.contains(word)) {
        return true;
    }
    let client = status.is_some_and(|status| (400..500).contains(&status) && status != 408 && status != 429);
    !client && ![&offline[..], &wrong, &full].concat().iter().any(|word| why.contains(word))
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn limits_and_broken_connections_pass_and_missing_images_full_disks_and_no_network_do_not() {
        for why in [
            "toomanyrequests: You have reached your unauthenticated pull rate limit",
            "net/http: TLS handshake timeout",
            "unexpected EOF",
        ] {
            assert!(passes(why, Some(500)), "{why}");
        }
        assert!(!passes("pull access denied for x, repository does not exist", Some(404)));
        assert!(!passes("dial tcp: lookup registry-1.docker.io: no such host", Some(500)));
        assert!(!passes("manifest unknown: manifest unknown", Some(500)));
        assert!(!passes("write /var/lib/docker/tmp/x: no space left on device", None));
    }
}
