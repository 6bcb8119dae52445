//! Versions that can be read, shown and put in order.

mod pre;
mod version;

pub use pre::Pre;
pub use version::{ParseError, Version};
