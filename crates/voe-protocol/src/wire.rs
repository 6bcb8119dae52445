//! What is said between voe and its toolbox, one JSON object a line.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use voe_trace::result::{render, render_own};
use voe_trace::{Change, EndedBy, Note};

/// A request to the toolbox. Requests are answered one at a time, in order. One that comes while a command runs means that
/// nobody waits for that command any more: it is ended, and both are answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Comes back in the answer.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub op: Op,
}

/// What to do.
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
    /// Run a command that is voe's own (a check at the end, a re-run); like `bash` but with its own time limit, and
    /// whatever it leaves behind is a by-product. Answered by [`CallResult`].
    Check {
        /// The command, for `bash -c`.
        command: String,
        /// Its time limit in seconds.
        timeout_s: f64,
    },
    /// What differs from base, summed up. Answered by [`State`].
    State,
    /// What differs from base, with contents, for making the patch. Answered by [`Export`].
    Export,
    /// Write files (paths relative to the workspace), as [`FileState`]s that an `Export` gave; answered by [`State`].
    Import {
        /// The files; `None` deletes.
        files: Vec<(RawBytes, Option<FileState>)>,
    },
    /// Read a file where the file tools may read. Answered by [`crate::FileRead`].
    ReadFile {
        /// The path, relative to the workspace or absolute.
        path: RawBytes,
        /// Bytes of content that are given at most; the toolbox gives no more than 64 MiB.
        most_bytes: u64,
        /// A larger file is not wanted; otherwise its first bytes are given.
        #[serde(default)]
        whole: bool,
    },
    /// Search the workspace's files, as `grep` does and within its limits. Answered by [`crate::SearchMatches`].
    Search {
        /// A regular expression.
        pattern: String,
        /// Only files that fit this pattern.
        #[serde(default)]
        glob: Option<String>,
    },
    /// List the workspace's files, as `glob` does and within its limits. Answered by [`crate::PathList`].
    ListFiles {
        /// A pattern such as `**/*.py`.
        pattern: String,
    },
    /// Find where a function of a source text begins and ends: by the language's grammar, else by the form of the lines. Answered by
    /// [`crate::FunctionExtent`].
    FunctionExtent {
        /// The file's path, which tells the language. It is not read.
        path: String,
        /// The text: the file's, or one that is to come into it.
        text: String,
        /// The line at which the function's name is, from 0.
        line: u64,
    },
    /// Pack regular files, directories and symbolic links in `/tmp`. Other mounts are not entered. Answered by
    /// [`crate::Packed`].
    Pack {
        /// What to pack, as absolute paths: `/tmp` or below it. What is not there is left out.
        paths: Vec<RawBytes>,
        /// Bytes of the archive at most.
        most_bytes: u64,
    },
    /// Put the files of a pack where they were. Set-id bits and owners are dropped, links are not followed, and an archive
    /// that leads out of `/tmp` is refused. Answered by `null`.
    Unpack {
        /// What `Pack` gave.
        archive: RawBytes,
    },
}

/// Where to work and within which limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// The workspace: the directory in which commands start and to which relative paths refer.
    pub workspace: PathBuf,
    /// A directory of voe's own outside the workspace, kept as long as the attempt: full outputs, first contents of files.
    pub scratch: PathBuf,
    /// Where the base's contents can be read.
    pub pristine: BaseSource,
    /// Bounds on each call.
    #[serde(default)]
    pub limits: Limits,
    /// The environment of the commands: these variables and no others.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What to do about an edit that breaks a file's syntax.
    #[serde(default)]
    pub syntax: Syntax,
    /// More patterns (gitignore's syntax) of by-products, beside the shipped ones.
    #[serde(default)]
    pub byproducts: Vec<String>,
    /// The base is not the workspace as it stands but what [`BaseSource`] holds (an attempt that goes on).
    #[serde(default)]
    pub resumed: bool,
    /// Nobody asks what calls change: a copy in which checks run. The tree is never walked, and every state says that nothing
    /// differs.
    #[serde(default)]
    pub unwatched: bool,
}

/// Where the base's contents can be read: for counting changed lines and for the patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseSource {
    /// A git directory that holds the tree (and its blobs, by itself or through alternates).
    Git {
        /// The git directory.
        git_dir: PathBuf,
        /// The tree's object name.
        tree: String,
    },
    /// A read-only directory with the base's files at the same relative paths.
    Dir(PathBuf),
}

/// Bounds on each call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Seconds for a command that does not ask for another limit.
    pub timeout_s: f64,
    /// The most seconds that a command may ask for.
    pub max_timeout_s: f64,
    /// Characters of output that the model sees; the rest is kept in a file.
    pub output_chars: usize,
    /// Bytes of output that are kept in that file.
    pub output_file_bytes: u64,
    /// Processes at a time, where the sandbox can hold it.
    pub processes: u64,
    /// Bytes of memory of all processes together, where the sandbox can hold it.
    pub memory_bytes: u64,
    /// Bytes of one file that a command may write.
    pub file_bytes: u64,
    /// Lines of a file that `file_read` shows to a call that asks for no other number.
    pub read_lines: usize,
    /// Matching lines that `grep` shows.
    pub grep_matches: usize,
    /// Paths that `glob` lists.
    pub glob_files: usize,
}

impl Default for Limits {
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

/// What to do about an edit that turns a file which parsed into one that does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// No check of the syntax.
    Off,
    /// Keep it and say where.
    #[default]
    Warn,
    /// Undo it and say where.
    Rollback,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The request's id.
    pub id: u64,
    /// The answer itself, or what went wrong with the toolbox (a tool's failure is a [`CallResult`] with `ok: false`).
    #[serde(flatten)]
    pub body: AnswerBody,
}

/// The two kinds of answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerBody {
    /// What [`Op`] says of the request.
    Ok(Value),
    /// What is wrong, in one line.
    Error(String),
}

/// What the toolbox found when it started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// voe's version in there.
    pub version: String,
    /// Files of the workspace that are not ignored.
    pub files: u64,
    /// Milliseconds of CPU that the first look at the workspace took.
    pub scan_ms: f64,
}

/// What a call did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CallResult {
    /// What the tool answered: a command's output, a file's lines, an error.
    pub output: String,
    /// Whether the tool did what it was asked to (a command that ran counts, whatever its exit code).
    pub ok: bool,
    /// The command's exit code; a signal counts as 128 + its number.
    #[serde(default)]
    pub exit: Option<i32>,
    /// What ended the command before its own end.
    #[serde(default)]
    pub ended_by: Option<EndedBy>,
    /// What else there is to know about the call.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// The last lines of a command's output, for the record of a check.
    #[serde(default)]
    pub tail: String,
    /// Seconds of wall time.
    pub seconds: f64,
    /// Files that this call changed, against the state before it.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// New files that are neither edits nor part of the patch.
    #[serde(default)]
    pub byproducts: Vec<String>,
    /// The changes as a unified diff, for showing; shortened past 20 000 characters.
    #[serde(default)]
    pub diff: String,
    /// The state after the call.
    pub state: State,
}

impl CallResult {
    /// What the model gets to see.
    pub fn text(&self) -> String {
        render(&self.output, self.exit, self.ended_by, &self.notes)
    }

    /// The same without what voe adds of its own accord.
    pub fn own_text(&self) -> String {
        render_own(&self.output, self.exit, self.ended_by, &self.notes)
    }
}

/// How the workspace differs from base.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Hash over all files that differ from base (path, mode, content); the empty string if none does.
    pub tree: String,
    /// The same without tests.
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

/// What differs from base, with contents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// Each file that differs: its path, what it was at base, what it is now.
    pub files: Vec<ExportedFile>,
    /// What is left out and why (sockets, files above the limit), one line each.
    #[serde(default)]
    pub skipped: Vec<String>,
}

/// One file that differs from base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Relative to the workspace.
    pub path: RawBytes,
    /// The file at the base; `None` if it was not there.
    pub base: Option<FileState>,
    /// The file now; `None` if it is not there.
    pub now: Option<FileState>,
    /// Whether it is a test, by the path rule.
    pub test: bool,
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
