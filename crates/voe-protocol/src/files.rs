//! Answers about files: one that is read, those that a search finds, a function in one, and packs of scratch files.

use serde::{Deserialize, Serialize};

use crate::RawBytes;

/// What became of [`crate::Op::ReadFile`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRead {
    /// It was read.
    Content(FileContent),
    /// Nothing is at the path.
    Missing,
    /// A directory, a named pipe, a socket or a device.
    NotAFile,
    /// Larger than asked for, where only the whole file was wanted.
    TooLarge {
        /// The file's size in bytes.
        size: u64,
    },
    /// The path leads to where the file tools may not go, or is not a path.
    Refused {
        /// The reason, in one line.
        why: String,
    },
    /// The system does not let it be read.
    Unreadable {
        /// The reason, in one line.
        why: String,
    },
}

impl FileRead {
    /// The content, if there is one.
    pub fn content(self) -> Option<Vec<u8>> {
        match self {
            Self::Content(file) => Some(file.content.0),
            _ => None,
        }
    }
}

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContent {
    /// The content, or its first bytes.
    pub content: RawBytes,
    /// The file's size in bytes; more than `content` has if that is only its begin.
    pub size: u64,
}

/// What [`crate::Op::Search`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchMatches {
    /// The lines, file after file in the order of their names.
    pub matches: Vec<LineMatch>,
    /// There may be more: a limit was reached.
    pub capped: bool,
}

/// A line that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineMatch {
    /// The file, relative to the workspace.
    pub path: RawBytes,
    /// The line's number, from 1.
    pub line: u64,
    /// The line without its end; U+FFFD stands for what is not UTF-8.
    pub text: String,
    /// `text` is only the begin of a long line.
    #[serde(default)]
    pub cut: bool,
}

/// What [`crate::Op::ListFiles`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathList {
    /// The files, relative to the workspace, in the order of their names.
    pub paths: Vec<RawBytes>,
    /// How many fit the pattern; more than `paths` has if the limit was reached.
    pub total: u64,
}

/// What [`crate::Op::FunctionExtent`] found: lines, from 0, within the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionExtent {
    /// The first line, that of a decorator if there is one.
    pub begin: u64,
    /// The line after the last one.
    pub end: u64,
}

/// What became of [`crate::Op::Pack`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packed {
    /// There is a pack. The same files give the same bytes.
    Archive {
        /// A compressed tar archive (gzip); its paths are relative to `/`.
        archive: RawBytes,
        /// What is not in it, the first hundred.
        skipped: Vec<SkippedPath>,
    },
    /// There is no regular file to pack.
    Nothing,
    /// The files are above the limit, and nothing was packed.
    TooLarge,
}

/// Something that is not in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedPath {
    /// Relative to `/`.
    pub path: RawBytes,
    /// Why it is left out.
    pub why: SkipReason,
}

/// Why something is not in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Another file system is mounted there.
    OtherMount,
    /// A named pipe, a socket or a device.
    SpecialFile,
    /// It could not be read.
    Unreadable,
    /// It lies in too many directories, or its path is too long.
    TooDeep,
}
