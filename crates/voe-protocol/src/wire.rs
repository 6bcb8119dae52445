//! Requests and answers between voe and its toolbox, one JSON object a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use voe_trace::result::{render, render_own};
use voe_trace::{Change, CheckFileCopy, EndedBy, FileRole, Note, TestRun};

/// A request to the toolbox. Requests are answered one at a time, in order. A request that arrives while a command runs cancels
/// that command: it is ended, and both are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolboxRequest {
    /// Returned in the answer.
    pub id: u64,
    /// The operation.
    #[serde(flatten)]
    pub op: Op,
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// The first request: where to work and within which limits. Answered by [`Hello`].
    Hello(Box<Setup>),
    /// Run a tool. Answered by [`CallResult`].
    Call {
        /// The tool's name.
        tool: String,
        /// Its arguments, an object.
        arguments: Value,
    },
    /// Run one of voe's own commands (a check at the end, a re-run): like `bash`, but with its own time limit, and files that it
    /// leaves are by-products. Answered by [`CallResult`].
    Check {
        /// The command, for `bash -c`.
        command: String,
        /// Its time limit in seconds.
        timeout_s: f64,
    },
    /// A summary of the differences from base. Answered by [`WorkspaceState`].
    State,
    /// The differences from base with contents, for making the patch. Answered by [`Export`].
    Export,
    /// Write files (paths relative to the workspace), as the [`FileState`]s of an `Export`. Answered by [`WorkspaceState`].
    Import {
        /// The files; `None` deletes.
        files: Vec<(RawBytes, Option<FileState>)>,
    },
    /// Read a file where the file tools may read. Answered by [`crate::FileRead`].
    ReadFile {
        /// The path, relative to the workspace or absolute.
        path: RawBytes,
        /// Bytes of content at most; the toolbox returns no more than 64 MiB.
        most_bytes: u64,
        /// Refuse a larger file; otherwise its first bytes are returned.
        #[serde(default)]
        whole: bool,
    },
    /// Search the workspace's files, as `grep` does and within its limits. Answered by [`crate::SearchMatches`].
    Search {
        /// A regular expression.
        pattern: String,
        /// Only files that match this pattern.
        #[serde(default)]
        glob: Option<String>,
    },
    /// List the workspace's files, as `glob` does and within its limits. Answered by [`crate::PathList`].
    ListFiles {
        /// A pattern such as `**/*.py`.
        pattern: String,
    },
    /// Find where a function of a source text begins and ends: by the language's grammar, else by the layout of the lines. Answered
    /// by [`crate::FunctionExtent`].
    FunctionExtent {
        /// The file's path, from which the language is derived. It is not read.
        path: String,
        /// The text: that of the file, or one that is to be written to it.
        text: String,
        /// The line with the function's name, from 0.
        line: u64,
    },
    /// Pack regular files, directories and symbolic links in `/tmp`. Other mounts are skipped. Answered by
    /// [`crate::Packed`].
    Pack {
        /// Absolute paths to pack: `/tmp` or below it. Missing ones are left out.
        paths: Vec<RawBytes>,
        /// Bytes of the archive at most.
        most_bytes: u64,
    },
    /// Put the files of a pack where they were. Set-id bits and owners are dropped, links are not followed, and an archive
    /// that leads out of `/tmp` is refused. Answered by `null`.
    Unpack {
        /// The archive that `Pack` returned.
        archive: RawBytes,
    },
}

/// The toolbox's configuration: where it works and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The workspace: the directory in which commands start and to which relative paths refer.
    pub workspace: PathBuf,
    /// voe's own directory outside the workspace, kept as long as the attempt: full outputs, original contents of files.
    pub scratch: PathBuf,
    /// The source of the base's contents.
    pub pristine: BaseSource,
    /// Limits on each call.
    #[serde(default)]
    pub limits: CallLimits,
    /// The environment of commands: these variables and no others.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What to do about an edit that breaks a file's syntax.
    #[serde(default)]
    pub syntax: SyntaxCheck,
    /// Patterns (gitignore's syntax) of by-products, in addition to the shipped ones.
    #[serde(default)]
    pub byproducts: Vec<String>,
    /// The base is the content of [`BaseSource`], not the workspace as it is now (a resumed attempt).
    #[serde(default)]
    pub resumed: bool,
    /// Commands that were run before in this attempt: files that they run can be check files.
    #[serde(default)]
    pub earlier_commands: Vec<String>,
    /// Changes are not tracked: a copy in which checks run. The tree is never scanned, and every state reports no differences.
    #[serde(default)]
    pub unwatched: bool,
}

/// The source of the base's contents, for counting changed lines and for the patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseSource {
    /// A git directory that contains the tree (and its blobs, directly or through alternates).
    Git {
        /// The git directory.
        git_dir: PathBuf,
        /// The tree's object name.
        tree: String,
    },
    /// A read-only directory with the base's files at the same relative paths.
    Dir(PathBuf),
}

/// Limits on each call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallLimits {
    /// Seconds for a command that does not set its own limit.
    pub timeout_s: f64,
    /// Seconds that a command may set at most.
    pub max_timeout_s: f64,
    /// Characters of output that the model sees; the rest is kept in a file.
    pub output_chars: usize,
    /// Bytes of output that are kept in that file.
    pub output_file_bytes: u64,
    /// Processes at a time, where the sandbox can enforce it.
    pub processes: u64,
    /// Bytes of memory of all processes together, where the sandbox can enforce it.
    pub memory_bytes: u64,
    /// Bytes of one file that a command may write.
    pub file_bytes: u64,
    /// Lines of a file that `file_read` shows unless the call sets a number.
    pub read_lines: usize,
    /// Matching lines that `grep` shows.
    pub grep_matches: usize,
    /// Paths that `glob` lists.
    pub glob_files: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            timeout_s: 120.0,
            max_timeout_s: 1800.0,
            output_chars: 30_000,
            output_file_bytes: 16 << 20,
            processes: 512,
            memory_bytes: 4 << 30,
            file_bytes: 4 << 30,
            read_lines: 1000,
            grep_matches: 200,
            glob_files: 500,
        }
    }
}

/// What to do about an edit that breaks a file's syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SyntaxCheck {
    /// Don't check the syntax.
    Off,
    /// Keep the edit and report the place.
    #[default]
    Warn,
    /// Undo the edit and report the place.
    Rollback,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolboxAnswer {
    /// The request's id.
    pub id: u64,
    /// The answer itself, or an error of the toolbox (a tool's failure is a [`CallResult`] with `ok: false`).
    #[serde(flatten)]
    pub body: AnswerBody,
}

/// The two kinds of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerBody {
    /// The answer that [`Op`] names for the request.
    Ok(Value),
    /// The error, in one line.
    Error(String),
}

/// The toolbox's answer to its set-up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// voe's version inside.
    pub version: String,
    /// Files of the workspace that are not ignored.
    pub files: u64,
    /// Milliseconds of CPU that the first scan of the workspace took.
    pub scan_ms: f64,
}

/// The result of a call.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallResult {
    /// The tool's output: a command's output, a file's lines, an error.
    pub output: String,
    /// Whether the tool did what it was asked to (a command that ran counts, whatever its exit code).
    pub ok: bool,
    /// The command's exit code; a signal counts as 128 + its number.
    #[serde(default)]
    pub exit: Option<i32>,
    /// What ended the command early.
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
    /// Further facts about the call.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// The last lines of a command's output, for the record of a check.
    #[serde(default)]
    pub tail: String,
    /// Seconds of wall time.
    pub seconds: f64,
    /// Files that this call changed, compared with the state before it.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// New files that are neither edits nor part of the patch.
    #[serde(default)]
    pub byproducts: Vec<String>,
    /// The changes as a unified diff, for showing; shortened past 20 000 characters.
    #[serde(default)]
    pub diff: String,
    /// The state after the call.
    pub state: WorkspaceState,
    /// The hash of the code before the call, by the roles that files have after it; `None` if no role has changed.
    #[serde(default)]
    pub code_before: Option<String>,
    /// What a test runner reported in the command's output.
    #[serde(default)]
    pub tests: Option<TestRun>,
    /// The files that the command runs, or needs for that, and that are not code: tests and check files of the change, and scratch
    /// files, as they are after it.
    #[serde(default)]
    pub check_files: Vec<CheckFileCopy>,
}

impl CallResult {
    /// The text for the model.
    pub fn text(&self) -> String {
        render(&self.output, self.exit, self.ended_by, &self.notes)
    }

    /// The same without voe's own messages.
    pub fn own_text(&self) -> String {
        render_own(&self.output, self.exit, self.ended_by, &self.notes)
    }
}

/// The differences of the workspace from base.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkspaceState {
    /// Hash over all files that differ from base (path, mode, content); the empty string if none does.
    pub tree: String,
    /// The same for code alone, without tests and check files.
    pub code_tree: String,
    /// The files that differ from base, by path; only in the answer to `State` and `Import`.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// By-products so far; only in the answer to `State` and `Import`.
    #[serde(default)]
    pub byproducts: Vec<String>,
}

/// Bytes, as base64 in JSON: neither paths nor contents need be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RawBytes(pub Vec<u8>);

/// The differences from base, with contents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The files that differ.
    pub files: Vec<ExportedFile>,
    /// Entries that are left out, with the reason (sockets, files above the limit), one line each.
    #[serde(default)]
    pub skipped: Vec<String>,
}

/// One file that differs from base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Relative to the workspace.
    pub path: RawBytes,
    /// The file at the base; `None` if it did not exist.
    pub base: Option<FileState>,
    /// The file now; `None` if it does not exist.
    pub now: Option<FileState>,
    /// What it is as evidence.
    #[serde(default)]
    pub role: FileRole,
}

/// A file's content and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// As git knows it: 0o100644, 0o100755 or 0o120000 (a symbolic link; the content is its target).
    pub mode: u32,
    /// The content.
    pub content: RawBytes,
}

impl Serialize for RawBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for RawBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine;
        let text = String::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}
