//! Reading a file of settings.

use std::path::{Path, PathBuf};

use toml::Value;
use voe_agent::keys::{did_you_mean, nearest};

use super::kind::SettingKind;
use super::row::SettingRow;
use super::source::{ValueSource, check};
use super::table;
use crate::UsageError;

/// The repository's file, at the top of its work tree.
pub(super) const REPOSITORY: &str = "voe.toml";

/// More than any file of settings has. Bytes.
pub(super) const MOST: u64 = 1 << 20;

/// The user's own file.
pub(super) fn user() -> Option<PathBuf> {
    Some(voe_untrusted::user_dirs::config()?.join("config.toml"))
}

/// The settings in `text`.
///
/// # Errors
/// It is not TOML, or has a setting that does not exist or can't have this value.
pub(super) fn read(text: &str, source: &ValueSource) -> anyhow::Result<Vec<(&'static SettingRow, Value)>> {
    let table: toml::Table =
        text.parse().map_err(|e: toml::de::Error| UsageError(format!("{source}: {}", e.message())))?;
    let mut found = Vec::new();
    for (name, value) in flatten(table) {
        let Some(row) = table::by_name(&name) else {
            let near = did_you_mean(nearest(&name, table::ALL.iter().map(|row| row.name)));
            return Err(UsageError(format!("{source}: unknown setting {name:?}{near}; `voe config` lists them")).into());
        };
        check(row, &value, source)?;
        let value = match source {
            ValueSource::User(file) => at_file(row.kind, value, file),
            _ => value,
        };
        found.push((row, value));
    }
    Ok(found)
}

/// A value of the user's file as it is meant there.
fn at_file(kind: SettingKind, value: Value, file: &Path) -> Value {
    match (kind, value) {
        (SettingKind::Path | SettingKind::Paths, Value::String(path)) if !path.starts_with("~/") => {
            let dir = file.parent().unwrap_or(Path::new("/"));
            dir.join(&path).into_os_string().into_string().map_or(Value::String(path), Value::String)
        }
        (kind, Value::Array(items)) => Value::Array(items.into_iter().map(|item| at_file(kind, item, file)).collect()),
        (_, value) => value,
    }
}

/// `{a: {b: 1}}` as `a.b = 1`.
fn flatten(table: toml::Table) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => out.extend(flatten(inner).into_iter().map(|(n, v)| (format!("{name}.{n}"), v))),
            value => out.push((name, value)),
        }
    }
    out
}
