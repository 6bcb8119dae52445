//! The protocol between voe and its toolbox: one JSON object a line.
//!
//! - `wire`: requests and answers, and the types in them
//! - `files`: answers about reading, searching, listing and packing files
//! - [`shown_path`]: a path for a line of text
//! - [`client`]: voe's end of the pipe; the other end is `voe_toolbox::server`
//!
//! # The wire
//!
//! ```
//! use voe_protocol::{Op, ToolboxRequest, shown_path};
//!
//! let request = ToolboxRequest { id: 7, op: Op::Check { command: "pytest -q".into(), timeout_s: 60.0 } };
//! let line = serde_json::to_string(&request)?;
//! assert_eq!(line, r#"{"id":7,"op":"check","command":"pytest -q","timeout_s":60.0}"#);
//! assert_eq!(serde_json::from_str::<ToolboxRequest>(&line)?, request);
//!
//! // Paths are bytes; in a line of text they are shown with escapes.
//! assert_eq!(shown_path(b"caf\xe9.txt"), r"caf\xe9.txt");
//! # Ok::<(), serde_json::Error>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod client;
mod files;
mod names;
mod wire;

pub use client::{ClientError, Toolbox};
pub use files::{
    FileContent, FileRead, FunctionExtent, LineMatch, Packed, PathList, SearchMatches, SkipReason, SkippedPath,
};
pub use names::shown_path;
pub use wire::{
    AnswerBody, BaseSource, CallLimits, CallResult, Export, ExportedFile, FileState, Hello, Op, RawBytes, Setup,
    SyntaxCheck, ToolboxAnswer, ToolboxRequest, WorkspaceState,
};
