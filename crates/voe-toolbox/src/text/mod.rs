//! Edits a file's text without touching the rest.
//!
//! - [`view`]: a file as the model sees it, and the way back to its bytes
//! - [`edit`]: one edit
//! - [`nearest`]: the closest parts to a text that is not there

pub(crate) mod edit;
pub(crate) mod nearest;
pub(crate) mod view;
