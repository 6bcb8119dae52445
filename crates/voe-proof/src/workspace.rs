//! The workspace: a toolbox in a sandbox that is started again when it dies.

use std::time::{Duration, Instant};

use serde_json::Value;
use voe_protocol::{
    BaseSource, CallResult, Export, FileRead, FileState, FunctionExtent, Packed, PathList, RawBytes, SearchMatches,
    Setup, WorkspaceState,
};
use voe_protocol::{ClientError, Toolbox};
use voe_repo::{Base, Patch};
use voe_sandbox::{Sandbox, SandboxError};

/// Deaths of the toolbox in a row after which it is not started again.
const RESTARTS: u32 = 3;

/// The workspace can't be reached any more.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The sandbox failed.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The toolbox failed repeatedly.
    #[error(transparent)]
    Toolbox(#[from] ClientError),
    /// The patch could not be made.
    #[error("cannot make the patch: {0}")]
    Patch(String),
}

/// The result of a call, or of another request.
pub enum CallEnd<T = Box<CallResult>> {
    /// Its result.
    Result(T),
    /// The toolbox died meanwhile and was started again: the reason.
    Died(String),
}

/// A toolbox in a sandbox.
pub struct Workspace {
    sandbox: Sandbox,
    setup: Setup,
    /// The base on the host, which commands in the sandbox can't change.
    base: Option<Base>,
    toolbox: Option<Toolbox>,
    deaths: u32,
    /// Absolute paths that commands name, and their replacements here: not every backend can show a fork, or the workspace of a
    /// resumed attempt, at the same path as before.
    moved: Vec<(String, String)>,
}

impl Workspace {
    /// Starts the toolbox. `base`: the base's contents on the host, against which patches are made.
    ///
    /// # Errors
    /// The toolbox can't be started in the sandbox.
    pub async fn open(sandbox: Sandbox, setup: Setup, base: &BaseSource) -> Result<Self, WorkspaceError> {
        let base = match base {
            BaseSource::Git { git_dir, tree } => {
                Some(Base { commit: None, tree: tree.clone(), git_dir: git_dir.clone(), skipped: Vec::new() })
            }
            BaseSource::Dir(_) => None,
        };
        let begun = Instant::now();
        let (toolbox, _) = sandbox.toolbox(setup.clone()).await?;
        tracing::debug!(backend = sandbox.facts().backend, ms = begun.elapsed().as_millis(), "toolbox started");
        Ok(Self { sandbox, setup, base, toolbox: Some(toolbox), deaths: 0, moved: Vec::new() })
    }

    /// Its sandbox.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Lets calls use the absolute path that the workspace had earlier in the attempt.
    pub fn known_as(&mut self, earlier: &str) {
        let now = self.sandbox.workspace().display().to_string();
        // A short path could be part of another.
        if earlier.starts_with('/') && std::path::Path::new(earlier).components().count() > 2 && earlier != now {
            self.moved.push((earlier.to_owned(), now));
        }
    }

    /// Runs a tool.
    ///
    /// # Errors
    /// The toolbox died and can't be started again.
    pub async fn call(&mut self, tool: &str, arguments: &Value, limit: Duration) -> Result<CallEnd, WorkspaceError> {
        let arguments = renamed(arguments, &self.moved);
        let begun = Instant::now();
        match self.toolbox().await?.call(tool, arguments, limit).await {
            Ok(mut result) => {
                self.deaths = 0;
                let (bytes, exit, ms) = (result.output.len(), result.exit, begun.elapsed().as_millis());
                tracing::debug!(tool, output_bytes = bytes, exit, ms, "tool call ended");
                self.sandbox.annotate(&mut result);
                Ok(CallEnd::Result(Box::new(result)))
            }
            Err(error) if error.is_fatal() => self.revive(error).await.map(CallEnd::Died),
            Err(error) => Err(error.into()),
        }
    }

    /// Runs one of voe's own commands.
    ///
    /// # Errors
    /// The toolbox died and can't be started again.
    pub async fn check(&mut self, command: &str, limit: Duration) -> Result<CallEnd, WorkspaceError> {
        let command = replaced(command, &self.moved);
        let begun = Instant::now();
        match self.toolbox().await?.check(&command, limit).await {
            Ok(mut result) => {
                let (exit, ms) = (result.exit, begun.elapsed().as_millis());
                tracing::debug!(command_bytes = command.len(), exit, ms, "command of a check ended");
                self.sandbox.annotate(&mut result);
                Ok(CallEnd::Result(Box::new(result)))
            }
            Err(error) if error.is_fatal() => self.revive(error).await.map(CallEnd::Died),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a file of at most `most_bytes`; the path is as for the file tools.
    ///
    /// # Errors
    /// The toolbox can't be reached any more.
    pub async fn read_file(&mut self, path: &str, most_bytes: u64) -> Result<CallEnd<FileRead>, WorkspaceError> {
        let path = replaced(path, &self.moved);
        let read = self.toolbox().await?.read_file(path.as_bytes(), most_bytes).await;
        self.came_of(read).await
    }

    /// Searches the workspace for lines that match a regular expression, in files that match `glob`.
    ///
    /// # Errors
    /// `glob` is not a valid pattern; the toolbox can't be reached any more.
    pub async fn search(
        &mut self,
        pattern: &str,
        glob: Option<&str>,
    ) -> Result<CallEnd<SearchMatches>, WorkspaceError> {
        let found = self.toolbox().await?.search(pattern, glob).await;
        self.came_of(found).await
    }

    /// Lists the workspace's files by a pattern of their paths.
    ///
    /// # Errors
    /// `pattern` is not a valid pattern; the toolbox can't be reached any more.
    pub async fn list_files(&mut self, pattern: &str) -> Result<CallEnd<PathList>, WorkspaceError> {
        let found = self.toolbox().await?.list_files(pattern).await;
        self.came_of(found).await
    }

    /// Finds the lines of the function whose name is at `line` (from 0) of a text. `path` tells the language.
    ///
    /// # Errors
    /// The toolbox can't be reached any more.
    pub async fn function_extent(
        &mut self,
        path: &str,
        text: &str,
        line: u64,
    ) -> Result<CallEnd<FunctionExtent>, WorkspaceError> {
        let found = self.toolbox().await?.function_extent(path, text, line).await;
        self.came_of(found).await
    }

    /// Packs files in `/tmp`, as [`Toolbox::pack`].
    pub(crate) async fn pack(
        &mut self,
        paths: Vec<RawBytes>,
        most_bytes: u64,
    ) -> Result<CallEnd<Packed>, WorkspaceError> {
        match self.toolbox().await?.pack(paths, most_bytes).await {
            Err(error) if error.is_fatal() => self.revive(error).await.map(CallEnd::Died),
            other => Ok(CallEnd::Result(other?)),
        }
    }

    /// Unpacks files to their places, as [`Toolbox::unpack`].
    pub(crate) async fn unpack(&mut self, archive: RawBytes) -> Result<CallEnd<()>, WorkspaceError> {
        match self.toolbox().await?.unpack(archive).await {
            Err(error) if error.is_fatal() => self.revive(error).await.map(CallEnd::Died),
            other => Ok(CallEnd::Result(other?)),
        }
    }

    /// The differences of the workspace from base.
    ///
    /// # Errors
    /// The toolbox can't be reached any more, or the workspace can't be read.
    pub async fn state(&mut self) -> Result<WorkspaceState, WorkspaceError> {
        Ok(self.toolbox().await?.state().await?)
    }

    /// As [`Workspace::state`], with contents. Starts a dead toolbox again: the patch must not be lost.
    ///
    /// # Errors
    /// The toolbox can't be started again, or the workspace can't be read.
    pub async fn export(&mut self) -> Result<Export, WorkspaceError> {
        match self.toolbox().await?.export().await {
            Err(error) if error.is_fatal() => {
                self.revive(error).await?;
                Ok(self.toolbox().await?.export().await?)
            }
            other => Ok(other?),
        }
    }

    /// Writes files into the workspace.
    ///
    /// # Errors
    /// The toolbox can't be reached any more, or a file can't be written.
    pub async fn import(
        &mut self,
        files: Vec<(RawBytes, Option<FileState>)>,
    ) -> Result<WorkspaceState, WorkspaceError> {
        Ok(self.toolbox().await?.import(files).await?)
    }

    /// The current patch, and the export that it was made from.
    ///
    /// # Errors
    /// The workspace can't be exported, or git could not make the patch.
    pub async fn patch(&mut self) -> Result<(Patch, Export), WorkspaceError> {
        let export = self.export().await?;
        make_patch(export, self.base.clone()).await
    }

    /// A second workspace that starts from the base, with `files` written over it, for running checks. Its changes are not
    /// tracked.
    ///
    /// # Errors
    /// The sandbox can't be forked, or the files can't be written into the fork.
    pub async fn fork_base(&mut self, mut files: Vec<(RawBytes, Option<FileState>)>) -> Result<Self, WorkspaceError> {
        if self.setup.resumed && self.sandbox.in_place() {
            // The tree was edited in place before this sandbox was opened, so the sandbox's base is not the attempt's.
            let (_, export) = self.patch().await?;
            let code = export.files.into_iter().filter(|file| file.role.is_code());
            let back: Vec<_> = code.filter(|file| !files.iter().any(|(path, _)| *path == file.path)).collect();
            files.extend(back.into_iter().map(|file| (file.path, file.base)));
        }
        self.fork_with(files).await
    }

    /// The same, with `files` for all that differs from the base: a fork with the edits.
    pub(crate) async fn fork_with(
        &mut self,
        files: Vec<(RawBytes, Option<FileState>)>,
    ) -> Result<Self, WorkspaceError> {
        let fork = self.sandbox.fork(&self.sandbox.base()).await?;
        let mut names = self.moved.clone();
        names.extend(moved(&self.sandbox, &fork));
        // Only checks run in it. On a large tree, finding what they change would cost more than everything else.
        let setup = Setup { unwatched: true, earlier_commands: Vec::new(), ..self.setup.clone() };
        let mut fork = Self::open(fork, setup, &self.setup.pristine).await?;
        if !files.is_empty() {
            fork.import(files).await?;
        }
        fork.moved = names;
        Ok(fork)
    }

    /// An output of this fork with the paths of the workspace that was forked.
    pub(crate) fn as_in_original(&self, output: &str) -> String {
        self.moved.iter().fold(output.to_owned(), |text, (original, here)| text.replace(here, original))
    }

    /// Ends everything that runs inside; the workspace stays, and the next call starts the toolbox again.
    pub fn interrupt(&mut self) {
        self.setup.resumed = true;
        // Dropping the client kills the process.
        self.toolbox = None;
    }

    /// Ends the toolbox and returns the sandbox.
    pub async fn close(mut self) -> Sandbox {
        if let Some(toolbox) = self.toolbox.take() {
            toolbox.close().await;
        }
        self.sandbox
    }

    async fn toolbox(&mut self) -> Result<&mut Toolbox, WorkspaceError> {
        if self.toolbox.is_none() {
            let (toolbox, _) = self.sandbox.toolbox(self.setup.clone()).await?;
            self.toolbox = Some(toolbox);
        }
        self.toolbox.as_mut().ok_or_else(|| WorkspaceError::Toolbox(ClientError::Died("it did not start".into())))
    }

    /// The answer to a request in place of a tool's call.
    async fn came_of<T>(&mut self, answer: Result<T, ClientError>) -> Result<CallEnd<T>, WorkspaceError> {
        match answer {
            Ok(answer) => {
                self.deaths = 0;
                Ok(CallEnd::Result(answer))
            }
            Err(error) if error.is_fatal() => self.revive(error).await.map(CallEnd::Died),
            Err(error) => Err(error.into()),
        }
    }

    async fn revive(&mut self, error: ClientError) -> Result<String, WorkspaceError> {
        self.deaths += 1;
        self.interrupt();
        if self.deaths > RESTARTS {
            return Err(error.into());
        }
        self.toolbox().await?;
        Ok(error.to_string())
    }
}

fn replaced(text: &str, names: &[(String, String)]) -> String {
    names.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The arguments of a call with the paths in them replaced.
fn renamed(arguments: &Value, names: &[(String, String)]) -> Value {
    match arguments {
        _ if names.is_empty() => arguments.clone(),
        Value::String(text) => Value::String(replaced(text, names)),
        Value::Array(items) => items.iter().map(|item| renamed(item, names)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), renamed(value, names)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Paths that differ between a sandbox and its fork.
fn moved(from: &Sandbox, to: &Sandbox) -> Vec<(String, String)> {
    let paths = |sandbox: &Sandbox| {
        let tmp = sandbox.private_tmp().map(|tmp| tmp.display().to_string()).unwrap_or_default();
        [sandbox.workspace().display().to_string(), tmp]
    };
    let pairs = paths(from).into_iter().zip(paths(to));
    pairs.filter(|(from, to)| from != to && !from.is_empty() && !to.is_empty()).collect()
}

/// Makes the patch off the loop's thread: it runs git.
async fn make_patch(mut export: Export, base: Option<Base>) -> Result<(Patch, Export), WorkspaceError> {
    if export.files.is_empty() {
        return Ok((Patch::default(), export));
    }
    let made = tokio::task::spawn_blocking(move || {
        if let Some(base) = &base {
            base.correct(&mut export)?;
        }
        voe_repo::make_patch(&export, None).map(|patch| (patch, export))
    });
    made.await
        .map_err(|e| WorkspaceError::Patch(e.to_string()))?
        .map_err(|e: voe_repo::RepoError| WorkspaceError::Patch(e.to_string()))
}
