//! What voe and its toolbox say to each other, one JSON object a line.
//!
//! - `wire`: requests and answers, and the types in them
//! - `files`: answers about files that are read, searched for and packed
//! - [`shown_path`]: a path for a line of text
//! - [`client`]: voe's end of the pipe; the other end is `voe_toolbox::server`

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod client;
mod files;
mod names;
mod wire;

pub use client::{ClientError, Toolbox};
pub use files::{FileContent, FileRead, LineMatch, Packed, PathList, SearchMatches, SkipReason, SkippedPath};
pub use names::shown_path;
pub use wire::{
    Answer, AnswerBody, BaseSource, CallResult, Export, ExportedFile, FileState, Hello, Limits, Op, RawBytes, Request,
    Setup, State, Syntax,
};
