//! Finding strategies: the shipped ones by name, a user's by path, each on top of what it extends.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::strategy::Strategy;

/// The shipped strategies: name and text, in the order in which they are listed.
pub const SHIPPED: &[(&str, &str)] = &[
    ("baseline", include_str!("../../../strategies/baseline.toml")),
    ("verify-at-last", include_str!("../../../strategies/verify-at-last.toml")),
    ("verify-on-edit", include_str!("../../../strategies/verify-on-edit.toml")),
    ("prove-on-edit", include_str!("../../../strategies/prove-on-edit.toml")),
    ("red-first", include_str!("../../../strategies/red-first.toml")),
    ("self-review", include_str!("../../../strategies/self-review.toml")),
    ("tests", include_str!("../../../strategies/tests.toml")),
    ("spec", include_str!("../../../strategies/spec.toml")),
    ("pipeline", include_str!("../../../strategies/pipeline.toml")),
    ("ralph", include_str!("../../../strategies/ralph.toml")),
    ("best-of-n", include_str!("../../../strategies/best-of-n.toml")),
    ("bst", include_str!("../../../strategies/bst.toml")),
    ("mcts", include_str!("../../../strategies/mcts.toml")),
];

/// How many files may extend one another: more is a circle or a mistake.
const DEPTH: usize = 8;

/// A strategy could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such file, no such name.
    #[error("no strategy {name:?}: it is neither a file nor one of {}", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the strategy {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not TOML, or not a strategy.
    #[error("the strategy {name}: {error}")]
    Invalid {
        /// Name or path.
        name: String,
        /// What is wrong, one line.
        error: String,
    },
    /// It extends itself.
    #[error("the strategy {name} extends itself, or more than {DEPTH} files deep")]
    Circle {
        /// Name or path.
        name: String,
    },
}

fn names() -> String {
    SHIPPED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The strategy `what`: a path to a TOML file, or the name of a shipped one. `dir`: where a relative path starts.
pub fn load(what: &str, dir: &Path) -> Result<Strategy, LoadError> {
    let strategy = read(what, dir)?;
    for name in strategy.search.iter().flat_map(|search| &search.strategies) {
        let invalid = |error: String| LoadError::Invalid { name: what.into(), error };
        let one = read(name, dir).map_err(|error| invalid(format!("search.strategies: {error}")))?;
        if one.search.is_some() {
            return Err(invalid(format!(
                "search.strategies: {name} is a search itself; name strategies of one attempt"
            )));
        }
    }
    Ok(strategy)
}

/// The same without a look at the strategies that it names.
fn read(what: &str, dir: &Path) -> Result<Strategy, LoadError> {
    let mut table = resolve(what, dir, 0)?;
    table.remove("extends");
    let strategy: Strategy = Value::Table(table)
        .try_into()
        .map_err(|e: toml::de::Error| LoadError::Invalid { name: what.into(), error: one_line(e.message()) })?;
    crate::prompt::validate(&strategy).map_err(|error| LoadError::Invalid { name: what.into(), error })?;
    Ok(strategy)
}

/// The strategy as a complete TOML text, every key with its value.
pub fn show(strategy: &Strategy) -> String {
    toml::to_string_pretty(strategy).unwrap_or_else(|e| format!("# {e}"))
}

/// Reads a strategy back from the text in a record.
pub fn parse(text: &str) -> Result<Strategy, LoadError> {
    toml::from_str(text).map_err(|e| LoadError::Invalid { name: "in the record".into(), error: one_line(e.message()) })
}

fn resolve(what: &str, dir: &Path, depth: usize) -> Result<Table, LoadError> {
    if depth > DEPTH {
        return Err(LoadError::Circle { name: what.into() });
    }
    let shipped = SHIPPED.iter().find(|(name, _)| *name == what);
    let path = dir.join(what);
    let (text, stem, beside) = match shipped {
        Some((name, text)) => ((*text).to_owned(), (*name).to_owned(), dir.to_owned()),
        None if what.ends_with(".toml") || path.is_file() => {
            let text = std::fs::read_to_string(&path).map_err(|source| LoadError::Io { path: path.clone(), source })?;
            let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            (text, stem, path.parent().unwrap_or(dir).to_owned())
        }
        None => return Err(LoadError::Unknown { name: what.into() }),
    };
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| LoadError::Invalid {
        name: what.into(),
        error: format!("{}{}", one_line(e.message()), line_of(&text, &e)),
    })?;
    beside_it(&mut table, &beside);
    // The parent's name and description are its own.
    table.entry("name").or_insert(Value::String(stem));
    table.entry("about").or_insert(Value::String(String::new()));
    match table.get("extends").cloned() {
        None => Ok(table),
        Some(Value::String(parent)) => {
            let mut base = resolve(&parent, &beside, depth + 1)?;
            merge(&mut base, table);
            Ok(base)
        }
        Some(_) => Err(LoadError::Invalid { name: what.into(), error: "`extends` is the name of one strategy".into() }),
    }
}

/// Names that `search.strategies` gives to files beside this one hold wherever voe is started.
fn beside_it(table: &mut Table, dir: &Path) {
    let named = table.get_mut("search").and_then(|search| search.get_mut("strategies")).and_then(Value::as_array_mut);
    for name in named.into_iter().flatten() {
        let own = name.as_str().filter(|name| SHIPPED.iter().all(|(shipped, _)| shipped != name));
        let path = own.and_then(|file| std::path::absolute(dir.join(file)).ok());
        if let Some(path) = path.filter(|path| path.is_file()) {
            *name = Value::String(path.display().to_string());
        }
    }
}

/// Lays `over` on `base`, table by table.
fn merge(base: &mut Table, over: Table) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(base)), Value::Table(over)) => merge(base, over),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn line_of(text: &str, error: &toml::de::Error) -> String {
    error
        .span()
        .map(|span| format!(" (line {})", text[..span.start.min(text.len())].matches('\n').count() + 1))
        .unwrap_or_default()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
