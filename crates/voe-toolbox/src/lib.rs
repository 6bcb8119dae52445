//! What runs inside the isolation: the tools, and what they changed.
//!
//! voe starts `voe toolbox` wherever the work is to happen and speaks with it over its standard input and output, one JSON
//! object a line (`voe_protocol`). The same code therefore serves every sandbox.
//!
//! - [`server`]: the toolbox's end of the pipe; `session` holds what it knows, `inbox` reads the requests
//! - [`specs`]: the tools as the model is told of them; each is a file in `tools/`
//! - `text`: editing without touching what was not meant ([`edit`] is the pure part)
//! - `process`: running a command until nothing of it is left
//! - `place`, `names`: where the file tools may go, and how paths are shown
//! - `read`, `pack`: files for voe itself: one that it reads, and the scratch files that it takes along
//! - `syntax`: whether a file still parses, and where a function begins and ends
//! - `changes`: which call changed what, and how the workspace differs from base
//!
//! # The tools, and one edit
//!
//! ```
//! use voe_toolbox::edit::{Edit, EditError, apply};
//!
//! let names: Vec<&str> = voe_toolbox::specs().into_iter().map(|(name, _, _)| name).collect();
//! assert!(names.contains(&"bash") && names.contains(&"file_edit"));
//!
//! let edited = apply(b"a = 1\nb = 1\n", &Edit { old: "b = 1", new: "b = 2", line: None })?;
//! assert_eq!(edited.content, b"a = 1\nb = 2\n");
//! assert_eq!(edited.line, 2);
//!
//! // A text that is there twice is not guessed at.
//! let twice = apply(b"a = 1\nb = 1\n", &Edit { old: "= 1", new: "= 2", line: None });
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
    pub use crate::text::edit::{Edit, EditError, Edited, apply};
    pub use crate::text::nearest::Candidate;
}

pub use tools::specs;
