//! voe's end of the pipe: a client of the toolbox.

use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::files::{FileRead, FunctionExtent, Packed, PathList, SearchMatches};
use crate::wire::{
    AnswerBody, CallResult, Export, FileState, Hello, Op, RawBytes, Setup, ToolboxAnswer, ToolboxRequest,
    WorkspaceState,
};

/// A request to the toolbox failed. After [`ClientError::Died`] and [`ClientError::Silent`] it must be started again.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It could not be started.
    #[error("cannot start the toolbox: {0}")]
    Start(std::io::Error),
    /// It exited.
    #[error("the toolbox exited unexpectedly ({0})")]
    Died(String),
    /// It did not answer in time.
    #[error("the toolbox did not answer within {0} s")]
    Silent(u64),
    /// It answered with an error, or with something that is not an answer.
    #[error("the toolbox answered: {0}")]
    Answer(String),
}

impl ClientError {
    /// Whether the toolbox is gone and may be started again on the same workspace.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Answer(_))
    }
}

/// A running toolbox. Dropping it ends the process.
#[derive(Debug)]
pub struct Toolbox {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    next: u64,
    /// The bytes still to be written, and those read of a line: a request whose future is dropped half-way must not leave the
    /// pipe in the middle of one.
    unsent: Vec<u8>,
    line: Vec<u8>,
}

/// Seconds that the toolbox may take beyond a command's own limit: scanning a large workspace on a busy machine.
const GRACE: Duration = Duration::from_secs(120);

impl Toolbox {
    /// Starts `command` (which runs `voe toolbox` where it belongs) and sends it `setup`.
    ///
    /// # Errors
    /// The process can't be started, died, or refused `setup`.
    pub async fn start(mut command: Command, setup: &Setup) -> Result<(Self, Hello), ClientError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C in the terminal is for voe: the toolbox runs until the patch is taken.
        command.process_group(0);
        let mut child = command.spawn().map_err(ClientError::Start)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(ClientError::Died("no pipes".into()));
        };
        let stdout = BufReader::new(stdout);
        let mut toolbox = Self { child, stdin, stdout, next: 0, unsent: Vec::new(), line: Vec::new() };
        let hello = toolbox.ask(Op::Hello(Box::new(setup.clone())), GRACE).await?;
        Ok((toolbox, hello))
    }

    /// The process id, for a test that kills it.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Runs a tool. `limit`: how long the call itself may take.
    ///
    /// # Errors
    /// The toolbox died or did not answer in time. A tool that fails is not an error: its result reports it.
    pub async fn call(&mut self, tool: &str, arguments: Value, limit: Duration) -> Result<CallResult, ClientError> {
        self.ask(Op::Call { tool: tool.to_owned(), arguments }, limit + GRACE).await
    }

    /// Runs one of voe's own commands.
    ///
    /// # Errors
    /// The toolbox died or did not answer in time. A command that fails is not an error: its result reports it.
    pub async fn check(&mut self, command: &str, limit: Duration) -> Result<CallResult, ClientError> {
        let op = Op::Check { command: command.to_owned(), timeout_s: limit.as_secs_f64() };
        self.ask(op, limit + GRACE).await
    }

    /// The differences of the workspace from base.
    ///
    /// # Errors
    /// The toolbox died or did not answer, or the workspace can't be read.
    pub async fn state(&mut self) -> Result<WorkspaceState, ClientError> {
        self.ask(Op::State, GRACE).await
    }

    /// As [`Toolbox::state`], with contents.
    ///
    /// # Errors
    /// As [`Toolbox::state`].
    pub async fn export(&mut self) -> Result<Export, ClientError> {
        self.ask(Op::Export, GRACE).await
    }

    /// Writes files into the workspace.
    ///
    /// # Errors
    /// The toolbox died or did not answer, or a file can't be written.
    pub async fn import(&mut self, files: Vec<(RawBytes, Option<FileState>)>) -> Result<WorkspaceState, ClientError> {
        self.ask(Op::Import { files }, GRACE).await
    }

    /// Reads a file of at most `most_bytes` that the file tools may read. The path is relative to the workspace or absolute.
    ///
    /// # Errors
    /// The toolbox died or did not answer. Errors about the file are in the answer.
    pub async fn read_file(&mut self, path: &[u8], most_bytes: u64) -> Result<FileRead, ClientError> {
        self.ask(Op::ReadFile { path: RawBytes(path.to_vec()), most_bytes, whole: true }, GRACE).await
    }

    /// Reads the first `most_bytes` of a file, otherwise as [`Toolbox::read_file`].
    ///
    /// # Errors
    /// As [`Toolbox::read_file`].
    pub async fn read_start(&mut self, path: &[u8], most_bytes: u64) -> Result<FileRead, ClientError> {
        self.ask(Op::ReadFile { path: RawBytes(path.to_vec()), most_bytes, whole: false }, GRACE).await
    }

    /// Searches the workspace for lines that match a regular expression, in files that match `glob`.
    ///
    /// # Errors
    /// `glob` is not a valid pattern; the toolbox died or did not answer.
    pub async fn search(&mut self, pattern: &str, glob: Option<&str>) -> Result<SearchMatches, ClientError> {
        let op = Op::Search { pattern: pattern.to_owned(), glob: glob.map(str::to_owned) };
        self.ask(op, GRACE).await
    }

    /// Lists the workspace's files by a pattern of their paths.
    ///
    /// # Errors
    /// `pattern` is not a valid pattern; the toolbox died or did not answer.
    pub async fn list_files(&mut self, pattern: &str) -> Result<PathList, ClientError> {
        self.ask(Op::ListFiles { pattern: pattern.to_owned() }, GRACE).await
    }

    /// Finds the lines of the function whose name is at `line` (from 0) of a text. `path` tells the language.
    ///
    /// # Errors
    /// The toolbox died or did not answer.
    pub async fn function_extent(&mut self, path: &str, text: &str, line: u64) -> Result<FunctionExtent, ClientError> {
        self.ask(Op::FunctionExtent { path: path.to_owned(), text: text.to_owned(), line }, GRACE).await
    }

    /// Packs files in `/tmp` into an archive of at most `most_bytes`.
    ///
    /// # Errors
    /// A path that is not in `/tmp`; the toolbox died or did not answer.
    pub async fn pack(&mut self, paths: Vec<RawBytes>, most_bytes: u64) -> Result<Packed, ClientError> {
        self.ask(Op::Pack { paths, most_bytes }, GRACE).await
    }

    /// Puts packed files where they were.
    ///
    /// # Errors
    /// An archive that is damaged, too large or leads out of `/tmp`; a file that can't be written (files before it in the
    /// archive are then in place); the toolbox died or did not answer.
    pub async fn unpack(&mut self, archive: RawBytes) -> Result<(), ClientError> {
        self.ask(Op::Unpack { archive }, GRACE).await
    }

    async fn ask<T: DeserializeOwned>(&mut self, op: Op, limit: Duration) -> Result<T, ClientError> {
        match tokio::time::timeout(limit, self.exchange(op)).await {
            Ok(Ok(value)) => serde_json::from_value(value).map_err(|e| ClientError::Answer(e.to_string())),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ClientError::Silent(limit.as_secs())),
        }
    }

    async fn exchange(&mut self, op: Op) -> Result<Value, ClientError> {
        self.next += 1;
        let request = ToolboxRequest { id: self.next, op };
        let line = serde_json::to_vec(&request).map_err(|e| ClientError::Answer(e.to_string()))?;
        self.unsent.extend_from_slice(&line);
        self.unsent.push(b'\n');
        while !self.unsent.is_empty() {
            match self.stdin.write(&self.unsent).await {
                Ok(n) if n > 0 => drop(self.unsent.drain(..n)),
                _ => return Err(self.died().await),
            }
        }
        if self.stdin.flush().await.is_err() {
            return Err(self.died().await);
        }
        loop {
            match self.stdout.read_until(b'\n', &mut self.line).await {
                Ok(n) if n > 0 && self.line.last() == Some(&b'\n') => {}
                _ => return Err(self.died().await),
            }
            let line = std::mem::take(&mut self.line);
            let answer: ToolboxAnswer =
                serde_json::from_slice(&line).map_err(|e| ClientError::Answer(format!("an invalid line ({e})")))?;
            // The answer to a canceled request (its future was dropped) may still come.
            if answer.id < self.next {
                continue;
            }
            return match answer.body {
                AnswerBody::Ok(value) => Ok(value),
                AnswerBody::Error(error) => Err(ClientError::Answer(error)),
            };
        }
    }

    async fn died(&mut self) -> ClientError {
        let status = tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await;
        ClientError::Died(match status {
            Ok(Ok(status)) => status.to_string(),
            _ => "its pipe closed".into(),
        })
    }

    /// Ends the toolbox and waits for it.
    pub async fn close(mut self) {
        drop(self.stdin);
        if tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}
