//! The record of an attempt.
//!
//! A trajectory is an append-only file of [`Event`]s, one JSON object a line. Everything that voe shows, resumes, replays or
//! reports is a fold of that file: a fact that is not in it did not happen.
//!
//! - [`chat`]: messages, tool calls and token counts, in the form in which they are recorded
//! - [`event`]: the events of an attempt; `start`, `conversation`, `search` and `finish` have the larger ones
//! - [`result`](mod@result): the result of a tool call, and the one function that renders it for the model
//! - [`ended_by`]: what ended a command early
//! - [`evidence`]: checks, their outcomes and levels; [`Why`]: the reason for a level; [`TestRun`]: single tests; [`FileRole`]: code,
//!   test or check file
//! - [`file`](mod@file): appending to a trajectory and reading it back, torn lines and newer versions included
//! - [`fold`]: the conversation and the totals of an attempt, folded from its events; [`skim`]: events without their texts
//! - [`layout`]: the names of files in the directories of attempts and runs
//!
//! # Reading a record
//!
//! ```
//! use std::path::Path;
//! use voe_trace::{Conversation, Event, Trajectory, last_patch};
//!
//! let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/2.0.jsonl");
//! let trajectory = Trajectory::read(&path)?;
//! assert!(matches!(trajectory.records[0].event, Event::Start(_)));
//!
//! // What the model was shown last, and what was changed, are folds of the events.
//! let conversation = Conversation::fold(&trajectory.records);
//! assert!(conversation.step > 0);
//! assert!(last_patch(&trajectory.records).is_some_and(|patch| patch.starts_with("diff --git")));
//! # Ok::<(), voe_trace::ReadError>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod chat;
mod conversation;
pub mod ended_by;
pub mod event;
pub mod evidence;
pub mod file;
mod finish;
pub mod fold;
pub mod layout;
pub mod result;
mod role;
mod search;
pub mod skim;
mod start;
mod test_run;
mod why;

pub use chat::{Message, Role, ToolCall, Usage};
pub use ended_by::EndedBy;
pub use event::{Change, ChangeKind, Event, Finish, Note, Reason, Record};
pub use evidence::{Check, CheckOrigin, Level, Outcome, OutputDifference};
pub use file::{FORMAT, LONGEST_LINE, ReadError, Trajectory, WriteError, Writer, check_format};
pub use fold::{Conversation, last_patch};
pub use role::{CheckFile, CheckFileCopy, CopiedContent, FileRole};
pub use test_run::{FoundBy, HiddenExit, MOST_FAILING, MOST_PASSING, TestComparison, TestRun};
pub use why::Why;
