//! File access where others can write: a repository, a sandbox's layers, a shared directory such as `/var/tmp`.
//!
//! A path is resolved again each time it is used, and whoever can write to one of its directories controls the result. So this
//! crate works relative to an open directory, follows no symbolic link below it, reads regular files only (a named pipe would
//! block), and limits the size of what it reads.
//!
//! - [`UntrustedDir`]: reading and writing below a directory that others can change.
//! - [`atomic_write()`]: files of voe's own that are written whole or not at all.
//! - [`private`]: directories that nobody else can change, and the check that they are.
//! - [`program()`]: programs found by name, but never in the current directory.
//! - [`user_dirs`]: the directories of settings, records and downloads.
//! - [`text`]: text that others wrote, without the characters that control a terminal.
//!
//! # Reading below a directory that others can write to
//!
//! ```
//! use voe_untrusted::UntrustedDir;
//! use voe_untrusted::text::sanitize;
//!
//! let folder = tempfile::tempdir()?;
//! std::fs::write(folder.path().join("notes.txt"), "read me")?;
//! std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link"))?;
//!
//! let dir = UntrustedDir::open(folder.path())?;
//! assert_eq!(dir.read_text("notes.txt", 1024)?.as_deref(), Some("read me"));
//! assert_eq!(dir.read_text("missing.txt", 1024)?, None);
//! assert!(dir.read_text("link", 1024).is_err(), "links are not followed");
//! assert!(dir.read_text("notes.txt", 3).is_err(), "larger than allowed");
//!
//! assert_eq!(sanitize("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::print_stdout, clippy::print_stderr)]
#![deny(missing_docs)]

mod atomic;
mod dir;
mod error;
mod kind;
pub mod private;
mod program;
mod remove;
pub mod text;
mod unpack;
pub mod user_dirs;
mod write;

pub use atomic::atomic_write;
pub use dir::{DirEntry, UntrustedDir};
pub use error::Error;
pub use kind::FileKind;
pub use program::{program, search_path};
pub use unpack::Most;
pub use write::{named_file, read_named};
