//! The result of a tool call: what the tool reported, and what voe adds to it for the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ended_by::EndedBy;
use crate::event::NudgeKind;
use crate::role::FileRole;

/// A change of one file of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Relative to the workspace, `/` between parts; bytes that are not UTF-8 are shown as U+FFFD.
    pub path: String,
    /// The kind of change.
    pub kind: ChangeKind,
    /// Lines added; 0 for binary files.
    #[serde(default)]
    pub added: u64,
    /// Lines removed; 0 for binary files.
    #[serde(default)]
    pub removed: u64,
    /// Whether it is not text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
    /// What the file is as evidence, at that time.
    #[serde(default, skip_serializing_if = "FileRole::is_code")]
    pub role: FileRole,
}

/// The kind of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// The file is new.
    Added,
    /// Its content, mode or target changed.
    Modified,
    /// The file was deleted.
    Deleted,
}

/// The result of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ToolResult {
    /// The step of the call.
    pub step: u32,
    /// The call's id.
    pub call_id: String,
    /// The tool.
    pub tool: String,
    /// The arguments, as they were run (after coercion).
    pub arguments: Value,
    /// The tool's output: a command's output, a file's lines, an error. The conversation gets [`ToolResult::text`].
    pub output: String,
    /// Whether the tool did what it was asked to (a command that ran counts, whatever its exit code).
    pub ok: bool,
    /// The command's exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
    /// What ended the command early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<EndedBy>,
    /// Facts and messages for the model, besides the output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Seconds it took.
    pub seconds: f64,
    /// Files of the workspace that it changed, by whatever means.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// New files that are neither edits nor part of the patch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<String>,
    /// The changes as a unified diff, shortened; for showing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// Hash over all files that differ from base.
    #[serde(default)]
    pub tree: String,
    /// Hash over the changed code alone, tests and check files left out: the key of evidence.
    #[serde(default)]
    pub code_tree: String,
    /// The same hash before the call, where the call made files check files or code: what the code was by their roles now. Empty
    /// in records of format 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_before: Option<String>,
}

impl ToolResult {
    /// The text for the conversation.
    pub fn text(&self) -> String {
        render(&self.output, self.exit, self.ended_by, &self.notes)
    }

    /// The same without voe's own messages: what the call itself showed.
    pub fn own_text(&self) -> String {
        render_own(&self.output, self.exit, self.ended_by, &self.notes)
    }
}

/// A fact or message for the model that comes with a tool's result, besides the output.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The command left processes running, which were ended.
    EndedProcesses {
        /// Their names, at most eight.
        names: Vec<String>,
    },
    /// Some processes of the command could not be ended.
    UnendedProcesses,
    /// The workspace could not be read after the call, so its changes are not known.
    WorkspaceUnread {
        /// The system's error, in one line.
        error: String,
    },
    /// The command ended by changing the directory, which has no effect on the next one.
    DirectoryNotKept,
    /// One more limit that ended processes of the command.
    AlsoEndedBy {
        /// The limit.
        by: EndedBy,
    },
    /// A limit kept the command from starting processes.
    ProcessesRefused {
        /// The limit, processes at a time.
        limit: u64,
    },
    /// What a check showed.
    Evidence {
        /// The text for the model.
        text: String,
    },
    /// A message of the harness.
    Nudge {
        /// The kind of the nudge.
        kind: NudgeKind,
        /// The text for the model.
        text: String,
    },
}

impl Note {
    /// The note as a line about the call; `None` for notes that are rendered elsewhere.
    fn line(&self) -> Option<String> {
        Some(match self {
            Self::EndedProcesses { names } => format!("ended background processes: {}", names.join(", ")),
            Self::UnendedProcesses => "some of its processes could not be ended".to_owned(),
            Self::WorkspaceUnread { error } => format!("the workspace could not be looked at: {error}"),
            Self::DirectoryNotKept => {
                "the next call starts in the working directory again: put `cd DIR &&` before its command".to_owned()
            }
            Self::ProcessesRefused { limit } => {
                format!("process limit {limit} reached: no more processes could be started")
            }
            // Rendered with the first limit that ended the command.
            Self::AlsoEndedBy { .. } | Self::Evidence { .. } | Self::Nudge { .. } => return None,
        })
    }

    /// The note as a message of voe.
    fn paragraph(&self) -> Option<&str> {
        match self {
            Self::Evidence { text } | Self::Nudge { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// The text of a tool's result as the model sees it: output, exit code, what ended it, lines about the call, and voe's messages.
/// The only place where it is made.
pub fn render(output: &str, exit: Option<i32>, ended_by: Option<EndedBy>, notes: &[Note]) -> String {
    let mut text = render_own(output, exit, ended_by, notes);
    for paragraph in notes.iter().filter_map(Note::paragraph) {
        text.truncate(text.trim_end().len());
        text.push_str("\n\n");
        text.push_str(paragraph);
    }
    text
}

/// The same without voe's messages.
pub fn render_own(output: &str, exit: Option<i32>, ended_by: Option<EndedBy>, notes: &[Note]) -> String {
    let mut text = output.to_owned();
    let exit = exit.map(|exit| format!("exit code: {exit}"));
    let also = notes.iter().filter_map(|note| match note {
        Note::AlsoEndedBy { by } => Some(*by),
        _ => None,
    });
    let limits: Vec<String> = ended_by.into_iter().chain(also).map(|by| by.to_string()).collect();
    let ended_by = (!limits.is_empty()).then(|| format!("killed: {}", limits.join(", ")));
    for line in exit.into_iter().chain(ended_by).chain(notes.iter().filter_map(Note::line)) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_text_is_the_output_then_facts_then_what_voe_adds() {
        let notes = [
            Note::Evidence { text: "[voe] `x` was also run".into() },
            Note::EndedProcesses { names: vec!["sleep".into()] },
            Note::Nudge { kind: NudgeKind::Verify, text: "[voe] Test it.".into() },
        ];
        let killed = Some(EndedBy::TimeLimit { seconds: 2.0 });
        assert_eq!(
            render("out", Some(1), killed, &notes),
            "out\nexit code: 1\nkilled: time limit 2 s\nended background processes: sleep\n\n[voe] `x` was also run\n\n[voe] Test it."
        );
        assert_eq!(render_own("", Some(0), None, &notes[..1]), "exit code: 0");
        let also = [Note::AlsoEndedBy { by: EndedBy::DiskLimit { bytes: 1 << 30 } }];
        let memory = Some(EndedBy::MemoryLimit { bytes: 1 << 30 });
        assert_eq!(
            render_own("", Some(137), memory, &also),
            "exit code: 137\nkilled: memory limit 1 GiB, disk limit 1 GiB"
        );
    }

    #[test]
    fn output_that_looks_like_the_harness_is_still_output() {
        let output = "a\n\n[voe] printed by the program\nkilled: by nobody\n";
        let own = render_own(output, Some(0), None, &[Note::Evidence { text: "[voe] fact".into() }]);
        assert_eq!(own, format!("{output}exit code: 0"));
    }
}
