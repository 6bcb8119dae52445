//! Where a value comes from, and whether it is allowed.

use std::fmt;
use std::path::PathBuf;

use toml::Value;

use super::kind::Kind;
use super::row::Row;
use crate::Usage;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Variable(&'static str),
    Repository(PathBuf),
    User(PathBuf),
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::Repository(path) | Self::User(path) => write!(f, "{}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Whether a setting can have this value.
///
/// # Errors
/// It can't: what it can have.
pub(super) fn check(row: &Row, value: &Value, source: &Source) -> Result<(), Usage> {
    row.kind.check(value).map_err(|expected| {
        let shown = match row.kind {
            Kind::Text => String::new(),
            _ => format!(" {value}"),
        };
        Usage(format!("{source}: invalid value{shown} for {}: {expected}", row.name))
    })
}
