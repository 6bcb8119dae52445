//! Where a value comes from, and whether it is allowed.

use std::fmt;
use std::path::PathBuf;

use toml::Value;

use super::kind::SettingKind;
use super::row::SettingRow;
use crate::UsageError;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValueSource {
    Flag,
    Variable(&'static str),
    Repository(PathBuf),
    User(PathBuf),
    Default,
}

impl fmt::Display for ValueSource {
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
pub(super) fn check(row: &SettingRow, value: &Value, source: &ValueSource) -> Result<(), UsageError> {
    row.kind.check(value).map_err(|expected| {
        let shown = match row.kind {
            SettingKind::Text => String::new(),
            _ => format!(" {value}"),
        };
        UsageError(format!("{source}: invalid value{shown} for {}: {expected}", row.name))
    })
}
