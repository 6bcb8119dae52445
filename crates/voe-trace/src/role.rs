//! What a changed file is as evidence, and the files of a check.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a changed file is as evidence. The rule is in docs/evidence.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// What is being proven. In doubt a file is code.
    #[default]
    Code,
    /// A test, by its path.
    Test,
    /// A check file: a new file that a check's command runs and no code refers to.
    RunByCheck,
    /// A check file: a new file that only tests and check files refer to.
    NeededByCheck,
}

impl FileRole {
    /// Whether the file is part of what is being proven.
    pub fn is_code(&self) -> bool {
        *self == Self::Code
    }

    /// Whether it is a check file.
    pub fn is_check_file(self) -> bool {
        matches!(self, Self::RunByCheck | Self::NeededByCheck)
    }

    /// The rule by which the file has this role, in words.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Test => "a test by its path",
            Self::RunByCheck => "new, run by a check, and no code refers to it",
            Self::NeededByCheck => "new, and only tests and check files refer to it",
        }
    }
}

/// A file that goes along with a check into the run without the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckFile {
    /// Relative to the workspace; absolute for a scratch file.
    pub path: String,
    /// What it is; the rule that applied.
    pub role: FileRole,
    /// Hash of its mode and content when the check ran: names the copy in an earlier [`crate::Event::CheckFiles`]. Empty: there is
    /// no copy, since the file is too large.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
}

/// The copy of a check's file, from which the check can be run again when the file is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckFileCopy {
    /// Relative to the workspace; absolute for a scratch file.
    pub path: String,
    /// What it is.
    pub role: FileRole,
    /// Hash of mode and content.
    pub hash: String,
    /// As git knows it: 0o100644, 0o100755 or 0o120000.
    pub mode: u32,
    /// The content.
    pub content: CopiedContent,
}

/// A file's content in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CopiedContent {
    /// Text.
    Text(String),
    /// Bytes that are not UTF-8.
    Bytes {
        /// The bytes in base64.
        base64: String,
    },
}
