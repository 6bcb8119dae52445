//! Sending files into a container as a stream of tar.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bollard::Docker;
use bollard::query_parameters::UploadToContainerOptionsBuilder;
use futures_util::stream;
use tokio::sync::mpsc;

use super::engine::failed;
use crate::error::SandboxError;
use crate::home::{credentials, homes};

/// Bytes of a piece of the stream, and how many pieces may wait.
const PIECE: usize = 256 * 1024;
const PIECES: usize = 8;

/// Sends `from` (a file, or a directory with all that is in it) to `to`, an absolute path inside, whose parents are made.
pub(super) async fn send(docker: &Docker, container: &str, from: &Path, to: &Path) -> Result<(), SandboxError> {
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let (source, target) = (from.to_path_buf(), to.strip_prefix("/").unwrap_or(to).to_path_buf());
    let writing = tokio::task::spawn_blocking(move || {
        let secrets = credentials::in_homes(&homes::all(homes::own().as_deref()));
        archive(&source, &target, &secrets, Sender { sender, piece: Vec::new() })
    });
    let stream = stream::poll_fn(move |context| receiver.poll_recv(context).map(|piece| piece.map(Ok::<_, io::Error>)));
    let options = UploadToContainerOptionsBuilder::default().path("/").build();
    let body = bollard::body_try_stream(futures_util::StreamExt::map(stream, |piece| piece.map(Into::into)));
    let sent = docker.upload_to_container(container, Some(options), body).await;
    match writing.await {
        // A broken pipe here only means that the engine stopped reading; its own error has the reason.
        Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => Err(SandboxError::io("copy", from)(error)),
        _ => sent.map_err(failed("copying into the container")),
    }
}

fn archive(from: &Path, to: &Path, secrets: &BTreeSet<PathBuf>, out: Sender) -> io::Result<()> {
    let mut tar = tar::Builder::new(out);
    tar.follow_symlinks(false);
    // Engines do not read GNU sparse entries.
    tar.sparse(false);
    let mut parents: Vec<&Path> = to.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).collect();
    parents.reverse();
    for parent in parents {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        tar.append_data(&mut header, parent, io::empty())?;
    }
    if from.is_dir() {
        directory(&mut tar, from, to, secrets)?;
    } else {
        tar.append_path_with_name(from, to)?;
    }
    tar.into_inner()?.finish()
}

/// A directory without credentials, and without entries that have no content (sockets and the like).
fn directory(tar: &mut tar::Builder<Sender>, from: &Path, to: &Path, secrets: &BTreeSet<PathBuf>) -> io::Result<()> {
    tar.append_dir(to, from)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        if secrets.contains(&entry.path()) {
            continue;
        }
        if kind.is_dir() {
            directory(tar, &entry.path(), &to.join(name), secrets)?;
        } else if kind.is_file() || kind.is_symlink() {
            match tar.append_path_with_name(entry.path(), to.join(name)) {
                // It vanished meanwhile, or can't be read: then it is missing inside, too.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {}
                other => other?,
            }
        }
    }
    Ok(())
}

/// Sends what is written, in pieces.
struct Sender {
    sender: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
}

impl Sender {
    fn finish(mut self) -> io::Result<()> {
        self.pass_on()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        self.sender.blocking_send(piece).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
