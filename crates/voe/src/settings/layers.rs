//! The values in force, and where each comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use toml::Value;
use voe_sandbox::BackendChoice;
use voe_untrusted::UntrustedDir;

use super::kind;
use super::row::{ByRepository, SettingRow};
use super::source::{ValueSource, check};
use super::{files, table, units, words};
use crate::UsageError;

/// The settings in force. Each value is one that its row allows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (Value, ValueSource)>,
    /// What the repository asks for, not in force.
    asked: Option<RepositorySettings>,
    /// The flag `--allow-home`. No file and no variable sets it.
    pub(crate) allow_home: bool,
}

/// Settings that a repository asks for and that the user has to accept.
#[derive(Debug, Clone)]
pub(crate) struct RepositorySettings {
    /// The repository's `voe.toml`.
    pub(crate) file: PathBuf,
    /// Names and values.
    pub(crate) values: BTreeMap<&'static str, Value>,
}

impl RepositorySettings {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.values.keys().copied().collect()
    }
}

impl Settings {
    /// The defaults alone.
    pub(crate) fn defaults() -> Self {
        let value =
            |row: &&'static SettingRow| Some((row.name, (row.kind.read(&row.default.text()?), ValueSource::Default)));
        Self { values: table::ALL.iter().filter_map(value).collect(), ..Self::default() }
    }

    /// Reads all layers below the flags. `repository`: the top of the work tree, if there is one.
    ///
    /// # Errors
    /// A file can't be read, or has a setting that does not exist, that can't have this value, or that is not the repository's.
    pub(crate) fn load(repository: Option<&Path>) -> anyhow::Result<Self> {
        let mut settings = Self::defaults();
        if let Some(path) = files::user() {
            match std::fs::read_to_string(&path) {
                Ok(text) => settings.file(&text, &ValueSource::User(path))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(UsageError(format!("cannot read {}: {error}", path.display())).into()),
            }
        }
        if let Some(top) = repository {
            let text = UntrustedDir::open(top).and_then(|top| top.read_text(files::REPOSITORY, files::MOST));
            if let Some(text) = text.map_err(|error| UsageError(error.to_string()))? {
                settings.file(&text, &ValueSource::Repository(top.join(files::REPOSITORY)))?;
            }
        }
        for row in table::ALL {
            if let Some(text) = std::env::var(row.env).ok().filter(|text| !text.is_empty()) {
                let (value, source) = (row.kind.read(&text), ValueSource::Variable(row.env));
                check(row, &value, &source)?;
                settings.values.insert(row.name, (value, source));
            }
        }
        Ok(settings)
    }

    /// Sets what a flag says over the rest. The command line has checked it.
    pub(crate) fn flag(&mut self, row: &'static SettingRow, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.insert(row.name, (value.into(), ValueSource::Flag));
        }
    }

    /// The same for a word.
    pub(crate) fn flag_word(&mut self, row: &'static SettingRow, value: Option<impl ValueEnum>) {
        self.flag(row, value.map(|value| words::word(&value)));
    }

    /// The same for the isolation of commands.
    pub(crate) fn flag_sandbox(&mut self, value: Option<BackendChoice>) {
        self.flag(&table::BACKEND, value.map(BackendChoice::word));
    }

    /// The same for a count.
    pub(crate) fn flag_count(&mut self, row: &'static SettingRow, value: Option<u64>) {
        self.flag(row, value.map(|count| i64::try_from(count).unwrap_or(i64::MAX)));
    }

    /// A value and where it comes from.
    pub(crate) fn get(&self, row: &SettingRow) -> Option<&(Value, ValueSource)> {
        self.values.get(row.name)
    }

    /// The same, if it is not the default.
    pub(crate) fn set(&self, row: &SettingRow) -> Option<&(Value, ValueSource)> {
        self.get(row).filter(|(_, source)| *source != ValueSource::Default)
    }

    fn value(&self, row: &SettingRow) -> Option<&Value> {
        self.get(row).map(|(value, _)| value)
    }

    /// A text. Numbers are taken as they are written.
    pub(crate) fn text(&self, row: &SettingRow) -> Option<String> {
        self.value(row).and_then(kind::text)
    }

    /// One of a few words.
    pub(crate) fn word<T: ValueEnum>(&self, row: &SettingRow) -> Option<T> {
        T::from_str(&self.text(row)?, false).ok()
    }

    /// The isolation of commands.
    pub(crate) fn sandbox(&self) -> BackendChoice {
        self.text(&table::BACKEND).and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// A whole number.
    pub(crate) fn count(&self, row: &SettingRow) -> Option<u64> {
        self.value(row).and_then(kind::count)
    }

    /// A switch.
    pub(crate) fn switch(&self, row: &SettingRow) -> Option<bool> {
        self.value(row).and_then(kind::switch)
    }

    /// A list of texts.
    pub(crate) fn list(&self, row: &SettingRow) -> Vec<String> {
        match self.value(row) {
            Some(Value::Array(items)) => items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }

    /// A path; `~/` is the user's home.
    pub(crate) fn path(&self, row: &SettingRow) -> Option<PathBuf> {
        self.text(row).map(|path| expand_home(&path))
    }

    /// A list of paths, from the current directory where they are not absolute: that may be another one when they are used.
    pub(crate) fn paths(&self, row: &SettingRow) -> Vec<PathBuf> {
        let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        self.list(row).iter().map(|path| absolute(expand_home(path))).collect()
    }

    /// A time.
    pub(crate) fn duration(&self, row: &SettingRow) -> Option<Duration> {
        units::duration(&self.text(row)?).ok()
    }

    /// Bytes.
    pub(crate) fn bytes(&self, row: &SettingRow) -> Option<u64> {
        units::bytes(&self.text(row)?).ok()
    }

    /// What the repository asks for; `None` if the user has set all of it by flags or variables, or there is nothing.
    pub(crate) fn asked(&self) -> Option<&RepositorySettings> {
        self.asked.as_ref().filter(|asked| asked.values.keys().any(|name| self.is_open(name)))
    }

    /// Puts into force what the repository asks for, below flags and variables.
    pub(crate) fn accept(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        for (name, value) in asked.values {
            if self.is_open(name) {
                self.values.insert(name, (value, ValueSource::Repository(asked.file.clone())));
            }
        }
    }

    /// Whether neither a flag nor a variable sets it.
    fn is_open(&self, name: &str) -> bool {
        !matches!(self.values.get(name), Some((_, ValueSource::Flag | ValueSource::Variable(_))))
    }

    /// Whether the user's own file has a lower limit of this name: a repository does not raise it.
    fn is_below(&self, row: &SettingRow, value: &Value) -> bool {
        match self.get(row) {
            Some((own, ValueSource::User(_))) => {
                // As in a strategy, 0 means no limit.
                let limit = |value| row.kind.amount(value).map(|n| if n == 0.0 { f64::INFINITY } else { n });
                limit(own).zip(limit(value)).is_some_and(|(own, asked)| own < asked)
            }
            _ => false,
        }
    }

    /// Adds a file's settings.
    pub(super) fn file(&mut self, text: &str, source: &ValueSource) -> anyhow::Result<()> {
        for (row, value) in files::read(text, source)? {
            match (source, row.by_repository) {
                (ValueSource::Repository(_), ByRepository::Never) => {
                    return Err(UsageError(format!(
                        "{source}: {} is yours to set, not the repository's; put it into {} or {}",
                        row.name,
                        files::user().map_or_else(|| "your own config file".into(), |path| path.display().to_string()),
                        row.env
                    ))
                    .into());
                }
                (ValueSource::Repository(file), ByRepository::Asks) => {
                    let asked = self
                        .asked
                        .get_or_insert_with(|| RepositorySettings { file: file.clone(), values: BTreeMap::new() });
                    asked.values.insert(row.name, value);
                }
                (ValueSource::Repository(_), ByRepository::Sets) if self.is_below(row, &value) => {}
                _ => drop(self.values.insert(row.name, (value, source.clone()))),
            }
        }
        Ok(())
    }
}

fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}
