//! Sets of pages, as typed into a print dialogue.

mod parse;
mod set;

pub use parse::ParseError;
pub use set::{PageSet, Range};
