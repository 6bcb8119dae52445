//! The part of voe that runs inside the sandbox: the tools, and tracking of their changes.
//!
//! voe starts `voe toolbox` where the work happens and communicates over its standard input and output, one JSON
//! object per line (`voe_protocol`). So the same code serves every sandbox.
//!
//! - [`server`]: the toolbox's end of the pipe; `session` is its state, `inbox` reads the requests
//! - [`specs`]: the tools as described to the model; each is a file in `tools/`
//! - `text`: edits that leave the rest of a file untouched ([`edit`] is the pure part)
//! - `process`: runs a command until all its processes have ended
//! - `place`, `names`: where the file tools may go, and how paths are shown
//! - `read`, `pack`: files for voe itself: a single file, and an archive of scratch files
//! - `syntax`: whether a file still parses, and where a function begins and ends
//! - `changes`: which call changed what, and how the workspace differs from base
//!
//! # The tools, and one edit
//!
//! ```
//! use voe_toolbox::edit::{TextEdit, EditError, apply};
//!
//! let names: Vec<&str> = voe_toolbox::specs().into_iter().map(|(name, _, _)| name).collect();
//! assert!(names.contains(&"bash") && names.contains(&"file_edit"));
//!
//! let edited = apply(b"a = 1\nb = 1\n", &TextEdit { old: "b = 1", new: "b = 2", line: None })?;
//! assert_eq!(edited.content, b"a = 1\nb = 2\n");
//! assert_eq!(edited.line, 2);
//!
//! // A text that is there twice is not guessed at.
//! let twice = apply(b"a = 1\nb = 1\n", &TextEdit { old: "= 1", new: "= 2", line: None });
//! assert!(matches!(twice, Err(EditError::Several { .. })));
//! # Ok::<(), EditError>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod calls;
mod changes;
mod inbox;
mod names;
mod pack;
mod place;
mod process;
mod read;
pub mod server;
mod session;
mod syntax;
mod text;
mod tools;
mod write;

/// One edit of a text, without any file: for tests, fuzzing and measuring.
pub mod edit {
    pub use crate::text::edit::{EditError, Edited, TextEdit, apply};
    pub use crate::text::nearest::NearestText;
}

pub use tools::specs;
