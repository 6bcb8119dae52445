//! File access where somebody else can write: a repository, a sandbox's layers, a shared directory such as `/var/tmp`.
//!
//! A path is a question that is answered anew each time it is used, and whoever can write to one of its directories
//! chooses the answer. Here everything is done relative to an open directory, no symbolic link is followed below it, only
//! regular files are read (a named pipe would block), and what is read has an upper size.
//!
//! - [`UntrustedDir`]: reading and writing below a directory that others can change.
//! - [`private`]: directories that nobody else can change, and the check that they are.
//! - [`program()`]: programs that are found by name, but never in the current directory.
//! - [`text`]: text that others wrote, without the characters that a terminal obeys.

#![warn(clippy::print_stdout, clippy::print_stderr)]
#![deny(missing_docs)]

mod dir;
mod error;
pub mod private;
mod program;
mod remove;
pub mod text;
mod unpack;
mod write;

pub use dir::{Entry, Kind, UntrustedDir};
pub use error::Error;
pub use program::{program, search_path};
pub use unpack::Most;
pub use write::{named_file, read_named};
