//! What voe and its toolbox say to each other, one JSON object a line.
//!
//! - `wire`: requests and answers, and the types in them
//! - [`client`]: voe's end of the pipe; the other end is `voe_toolbox::server`

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod client;
mod wire;

pub use client::{ClientError, Toolbox};
pub use wire::{
    Answer, AnswerBody, BaseSource, CallResult, Export, ExportedFile, FileState, Hello, Limits, Op, RawBytes, Request,
    Setup, State, Syntax,
};
