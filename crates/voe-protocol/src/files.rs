//! Answers about files: reading, searching, listing, the extent of a function, and packing.

use serde::{Deserialize, Serialize};

use crate::RawBytes;

/// The answer to [`crate::Op::ReadFile`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRead {
    /// It was read.
    Content(FileContent),
    /// Nothing is at the path.
    Missing,
    /// A directory, a named pipe, a socket or a device.
    NotAFile,
    /// Larger than the limit, where only the whole file was wanted.
    TooLarge {
        /// The file's size in bytes.
        size: u64,
    },
    /// The file tools may not read there, or the path is invalid.
    Refused {
        /// The reason, in one line.
        why: String,
    },
    /// The system can't read it.
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
    /// The file's size in bytes; more than `content` has if that is only its beginning.
    pub size: u64,
}

/// The answer to [`crate::Op::Search`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchMatches {
    /// The lines, by file in the order of names.
    pub matches: Vec<LineMatch>,
    /// Whether a limit was reached, so that there may be more.
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
    /// Whether `text` is only the beginning of a long line.
    #[serde(default)]
    pub cut: bool,
}

/// The answer to [`crate::Op::ListFiles`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathList {
    /// The files, relative to the workspace, in the order of their names.
    pub paths: Vec<RawBytes>,
    /// How many match the pattern; more than `paths` has if the limit was reached.
    pub total: u64,
}

/// The answer to [`crate::Op::FunctionExtent`]: lines, from 0, within the text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionExtent {
    /// The first line, that of a decorator if there is one.
    pub begin: u64,
    /// The line after the last one.
    pub end: u64,
}

/// The answer to [`crate::Op::Pack`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Packed {
    /// A pack. The same files give the same bytes.
    Archive {
        /// A compressed tar archive (gzip); its paths are relative to `/`.
        archive: RawBytes,
        /// The first hundred entries that are not in it.
        skipped: Vec<SkippedPath>,
    },
    /// No regular file to pack.
    Nothing,
    /// The files exceed the limit, and nothing was packed.
    TooLarge,
}

/// An entry that is not in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedPath {
    /// Relative to `/`.
    pub path: RawBytes,
    /// Why it was left out.
    pub why: SkipReason,
}

/// Why an entry is not in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Another file system is mounted there.
    OtherMount,
    /// A named pipe, a socket or a device.
    SpecialFile,
    /// It could not be read.
    Unreadable,
    /// It is too many directories deep, or its path is too long.
    TooDeep,
}
