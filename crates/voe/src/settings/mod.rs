//! Settings: flags over `VOE_*` variables over `voe.toml` in the repository over the user's own file.
//!
//! - [`table`]: every setting, a row each: its name, flag, variable, default, kind and text stand there and nowhere else
//! - [`row`]: what a row says; [`kind`]: what a value can be; [`units`]: durations and sizes
//! - [`words`]: the values of settings that have a fixed few
//! - [`layers`]: the values in force, and where each comes from
//! - [`files`]: reading a file of settings

mod files;
pub(crate) mod kind;
mod layers;
pub(crate) mod row;
mod source;
pub(crate) mod table;
#[cfg(test)]
mod tests;
pub(crate) mod units;
pub(crate) mod words;

pub(crate) use layers::{RepositorySettings, Settings};
pub(crate) use source::ValueSource;
