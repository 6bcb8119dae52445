//! Running a check whose files are gone, from copies of them.
//!
//! The copies are only put into forks, never into the workspace itself: what was deleted there stays deleted.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use voe_protocol::{CallResult, FileRead, FileState, RawBytes};
use voe_trace::{CheckFile, CheckFileCopy, CopiedContent};

use crate::Files;
use crate::workspace::{CallEnd, Workspace, WorkspaceError};

/// The limit for writing one scratch file.
const LIMIT: Duration = Duration::from_secs(30);

impl Workspace {
    /// Which files of a check are not in the workspace, or outside of it, any more.
    ///
    /// # Errors
    /// The toolbox can't be reached any more.
    pub async fn missing<'a>(&mut self, files: &'a [CheckFile]) -> Result<Vec<&'a CheckFile>, WorkspaceError> {
        let mut missing = Vec::new();
        for file in files {
            if let CallEnd::Result(FileRead::Missing) = self.read_file(&file.path, 1).await? {
                missing.push(file);
            }
        }
        Ok(missing)
    }

    /// Runs a check in a fork of the workspace as it is now, with those of `copies` that are missing put back. `None`: there can be no
    /// fork, or the run was cut off.
    ///
    /// # Errors
    /// The toolbox can't be reached any more.
    pub async fn check_from_copies(
        &mut self,
        command: &str,
        copies: &[CheckFileCopy],
        limit: Duration,
    ) -> Result<Option<Box<CallResult>>, WorkspaceError> {
        let export = self.export().await?;
        let files: Files = export.files.into_iter().map(|file| (file.path, file.now)).collect();
        let mut fork = match self.fork_edits(files, copies).await {
            Ok(fork) => fork,
            Err(WorkspaceError::Sandbox(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let called = fork.check(command, limit).await;
        // The next start sweeps what could not be cleaned up.
        let _ = fork.close().await.close().await;
        Ok(match called? {
            CallEnd::Result(result) => Some(result),
            CallEnd::Died(_) => None,
        })
    }

    /// A fork of the base with `files`, and with those of `copies` that are missing then: a fork without the edits.
    ///
    /// # Errors
    /// The sandbox can't be forked, or the files can't be written into the fork.
    pub async fn fork_without(&mut self, mut files: Files, copies: &[CheckFileCopy]) -> Result<Self, WorkspaceError> {
        add(&mut files, copies);
        self.fork_base(files).await?.with_scratch(copies).await
    }

    /// The same with `files` for all that differs from the base: a fork with the edits.
    ///
    /// # Errors
    /// The sandbox can't be forked, or the files can't be written into the fork.
    pub async fn fork_edits(&mut self, mut files: Files, copies: &[CheckFileCopy]) -> Result<Self, WorkspaceError> {
        add(&mut files, copies);
        self.fork_with(files).await?.with_scratch(copies).await
    }

    /// Puts scratch files back that are missing. A `/tmp` that others share is not written to.
    async fn with_scratch(mut self, copies: &[CheckFileCopy]) -> Result<Self, WorkspaceError> {
        if self.sandbox().private_tmp().is_some() {
            for copy in copies.iter().filter(|copy| is_scratch(copy)) {
                if let Some(command) = put_back(copy) {
                    self.check(&command, LIMIT).await?;
                }
            }
        }
        Ok(self)
    }
}

fn is_scratch(copy: &CheckFileCopy) -> bool {
    copy.path.starts_with('/')
}

/// Adds the copies that `files` lacks.
fn add(files: &mut Files, copies: &[CheckFileCopy]) {
    for copy in copies.iter().filter(|copy| !is_scratch(copy)) {
        // A file that the change deletes is listed without a state.
        let known = files.iter().position(|(path, _)| path.0 == copy.path.as_bytes());
        match known.map(|at| &mut files[at].1) {
            Some(Some(_)) => {}
            Some(gone) => *gone = content(copy),
            None => files.push((RawBytes(copy.path.clone().into_bytes()), content(copy))),
        }
    }
}

/// The file that a copy is of; `None`: the copy can't be read.
fn content(copy: &CheckFileCopy) -> Option<FileState> {
    bytes(copy).map(|bytes| FileState { mode: copy.mode, content: RawBytes(bytes) })
}

fn bytes(copy: &CheckFileCopy) -> Option<Vec<u8>> {
    match &copy.content {
        CopiedContent::Text(text) => Some(text.clone().into_bytes()),
        CopiedContent::Bytes { base64 } => STANDARD.decode(base64).ok(),
    }
}

/// A command that writes a scratch file where there is none.
fn put_back(copy: &CheckFileCopy) -> Option<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    let (above, _) = copy.path.rsplit_once('/')?;
    let (path, above, content) = (quoted(&copy.path), quoted(above), STANDARD.encode(bytes(copy)?));
    let executable = if copy.mode & 0o100 != 0 { format!("chmod +x {path}\n") } else { String::new() };
    Some(format!(
        "[ -e {path} ] || {{ mkdir -p {above} && base64 -d > {path} <<'END'\n{content}\nEND\n{executable}}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use voe_trace::FileRole;

    use super::*;

    #[test]
    fn a_scratch_file_is_written_where_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a b/it's.sh");
        let copy = |text: &str| CheckFileCopy {
            path: path.display().to_string(),
            role: FileRole::RunByCheck,
            hash: "h".into(),
            mode: 0o100_755,
            content: CopiedContent::Text(text.into()),
        };
        let run = |text: &str| {
            let command = put_back(&copy(text)).unwrap();
            assert!(std::process::Command::new("bash").args(["-c", &command]).status().unwrap().success());
        };
        run("#!/bin/sh\necho 1\n");
        run("another");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\necho 1\n");
        assert!(std::process::Command::new(&path).status().unwrap().success());
    }
}
