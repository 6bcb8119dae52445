//! Loads strategies: the shipped ones by name, a user's by path, each merged over the one that it extends.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::{Table, Value};
use voe_untrusted::UntrustedDir;

use crate::strategy::Strategy;

/// A strategy file: a [`Strategy`], and the strategy that it extends. Only its schema is here; [`load`] reads it table by table.
#[derive(Debug)]
pub struct StrategyFile;

impl JsonSchema for StrategyFile {
    fn schema_name() -> Cow<'static, str> {
        "Strategy".into()
    }

    fn schema_id() -> Cow<'static, str> {
        concat!(module_path!(), "::StrategyFile").into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Strategy::json_schema(generator);
        let extends = json_schema!({
            "description": "The strategy that this one extends, key by key: a shipped one's name, or a file next to this one.",
            "type": "string",
        });
        let about = "How the agent works. Every key has a default, so a file contains only what is different.";
        schema.insert("description".into(), about.into());
        if let Some(serde_json::Value::Object(keys)) = schema.get_mut("properties") {
            keys.insert("extends".into(), extends.into());
        }
        schema
    }
}

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
    ("published/workflow", include_str!("../../../strategies/published/workflow.toml")),
    ("published/verify-at-last", include_str!("../../../strategies/published/verify-at-last.toml")),
    ("published/verify-on-edit", include_str!("../../../strategies/published/verify-on-edit.toml")),
];

/// The keys that a file can have.
static SCHEMA: LazyLock<serde_json::Value> = LazyLock::new(|| schemars::schema_for!(StrategyFile).to_value());

/// How many files may extend one another: more is a cycle or a mistake.
const DEPTH: usize = 8;

/// Size limit of a strategy file, in bytes.
const MOST: u64 = 1 << 20;

/// Why a strategy could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No such file or name.
    #[error("no strategy {name:?}: it is neither a file nor one of {}", names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the strategy {path}: {source}; give another file, or a name from `voe strategies`")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A repository names a strategy that voe does not read: a link, a path out of the work tree, not a regular file.
    #[error("the repository's strategy {name}: {source}")]
    Refused {
        /// What was asked for.
        name: String,
        /// What the file access reported.
        source: voe_untrusted::Error,
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
///
/// # Errors
/// No such file or name, not readable, not a strategy.
pub fn load(what: &str, dir: &Path) -> Result<Strategy, LoadError> {
    with_named(what, &NamesBase::Path(dir.to_owned()))
}

/// The same for a strategy that a repository names, which is not trusted: files below `top`, no links, and only shipped
/// strategies under `search.strategies`.
///
/// # Errors
/// As with [`load`]; a file that is a link or is outside `top`.
pub fn load_for_repository(what: &str, top: &Path) -> Result<Strategy, LoadError> {
    let refused = |source| LoadError::Refused { name: what.into(), source };
    let top = UntrustedDir::open(top).map_err(refused)?;
    with_named(what, &NamesBase::Repository { top: &top, dir: PathBuf::new() })
}

/// The directory that file names are relative to.
enum NamesBase<'a> {
    /// A directory of the user's.
    Path(PathBuf),
    /// `dir` below a repository's top, which no path may leave.
    Repository { top: &'a UntrustedDir, dir: PathBuf },
}

impl NamesBase<'_> {
    /// The text of the file `what` and where names in it start; `None` if it can only be a name and no file has it.
    fn read(&self, what: &str) -> Result<Option<(String, Self)>, LoadError> {
        match self {
            Self::Path(dir) => {
                let path = dir.join(what);
                if !what.ends_with(".toml") && !path.is_file() {
                    return Ok(None);
                }
                let text =
                    std::fs::read_to_string(&path).map_err(|source| LoadError::Io { path: path.clone(), source })?;
                Ok(Some((text, Self::Path(path.parent().unwrap_or(dir).to_owned()))))
            }
            Self::Repository { top, dir } => {
                let refused = |source| LoadError::Refused { name: what.into(), source };
                let path = plain(&dir.join(what))
                    .ok_or_else(|| refused(voe_untrusted::Error::Outside(top.path().join(dir).join(what))))?;
                match top.read_text(&path, MOST).map_err(refused)? {
                    Some(text) => {
                        let dir = path.parent().unwrap_or(Path::new("")).to_owned();
                        Ok(Some((text, Self::Repository { top, dir })))
                    }
                    None => Ok(None),
                }
            }
        }
    }
}

/// The path without `.` and `..`; `None` if it leads above its start.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir if out.pop() => {}
            _ => return None,
        }
    }
    Some(out)
}

fn with_named(what: &str, place: &NamesBase<'_>) -> Result<Strategy, LoadError> {
    let strategy = read(what, place)?;
    if matches!(place, NamesBase::Repository { .. }) {
        check_foreign(what, &strategy)?;
    }
    for name in strategy.search.iter().flat_map(|search| &search.strategies) {
        let invalid = |error: String| LoadError::Invalid { name: what.into(), error };
        if matches!(place, NamesBase::Repository { .. }) && !is_shipped(name) {
            return Err(invalid(format!(
                "search.strategies: {name} is not a shipped strategy; a repository can name only those"
            )));
        }
        let one = read(name, place).map_err(|error| invalid(format!("search.strategies: {error}")))?;
        if one.search.is_some() {
            return Err(invalid(format!(
                "search.strategies: {name} is a search itself; name strategies of one attempt"
            )));
        }
    }
    Ok(strategy)
}

/// Refuses a strategy that somebody else wrote (a repository, a record) where it chooses models or request fields, which only the
/// user may choose and pays for; and where its templates compute, because their memory is not limited.
///
/// # Errors
/// [`LoadError::Invalid`], with the key.
pub fn check_foreign(what: &str, strategy: &Strategy) -> Result<(), LoadError> {
    let refused = |error: String| {
        let error = format!("{error}; to use it, copy the strategy out of there and name the copy with --strategy");
        Err(LoadError::Invalid { name: what.into(), error })
    };
    let (mut texts, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for (name, _) in SHIPPED {
        let shipped = read(name, &NamesBase::Path(PathBuf::new()))?;
        texts.extend(crate::prompt::templates(&shipped).into_iter().map(|(_, text)| text.to_owned()));
        fields.extend(shipped.sampling.extra.into_iter().map(|(name, value)| format!("{name} = {value}")));
    }
    if strategy.search.as_ref().is_some_and(|search| !search.models.is_empty()) {
        return refused("search.models: only your own strategies can choose models".into());
    }
    for (name, value) in &strategy.sampling.extra {
        if !fields.contains(&format!("{name} = {value}")) {
            return refused(format!("sampling.extra.{name}: only your own strategies can add fields to the request"));
        }
    }
    for (key, text) in crate::prompt::templates(strategy) {
        if !texts.contains(text) && !crate::prompt::only_names(text) {
            return refused(format!("{key}: only templates of your own strategies can have more than {{{{ name }}}}"));
        }
    }
    Ok(())
}

fn is_shipped(name: &str) -> bool {
    SHIPPED.iter().any(|(shipped, _)| *shipped == name)
}

/// The same without checking the strategies that it names.
fn read(what: &str, place: &NamesBase<'_>) -> Result<Strategy, LoadError> {
    let mut table = resolve(what, place, 0)?;
    table.remove("extends");
    let strategy: Strategy = Value::Table(table)
        .try_into()
        .map_err(|e: toml::de::Error| LoadError::Invalid { name: what.into(), error: one_line(e.message()) })?;
    crate::strategy::validate(&strategy).map_err(|error| LoadError::Invalid { name: what.into(), error })?;
    Ok(strategy)
}

/// The strategy as a complete TOML text, every key with its value.
pub fn show(strategy: &Strategy) -> String {
    strategy.to_toml()
}

/// Reads a strategy back from the text in a record.
///
/// # Errors
/// The text is not TOML, or is not a complete strategy.
pub fn parse(text: &str) -> Result<Strategy, LoadError> {
    toml::from_str(text).map_err(|e| LoadError::Invalid { name: "in the record".into(), error: one_line(e.message()) })
}

fn resolve(what: &str, place: &NamesBase<'_>, depth: usize) -> Result<Table, LoadError> {
    if depth > DEPTH {
        return Err(LoadError::Circle { name: what.into() });
    }
    let shipped = SHIPPED.iter().find(|(name, _)| *name == what);
    let file;
    let (text, stem, start) = match shipped {
        Some((name, text)) => (*text, (*name).to_owned(), place),
        None => {
            file = place.read(what)?.ok_or_else(|| LoadError::Unknown { name: what.into() })?;
            let stem = Path::new(what).file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            (file.0.as_str(), stem, &file.1)
        }
    };
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| LoadError::Invalid {
        name: what.into(),
        error: format!("{}{}; correct it there", one_line(e.message()), line_of(text, &e)),
    })?;
    if let Some(unknown) = crate::keys::unknown(&table, &SCHEMA) {
        return Err(LoadError::Invalid { name: what.into(), error: unknown.to_string() });
    }
    if let NamesBase::Path(dir) = start {
        resolve_relative_to(&mut table, dir);
    }
    // The parent's name and description are not inherited.
    table.entry("name").or_insert(Value::String(stem));
    table.entry("about").or_insert(Value::String(String::new()));
    match table.get("extends").cloned() {
        None => Ok(table),
        Some(Value::String(parent)) => {
            let mut base = resolve(&parent, start, depth + 1)?;
            merge(&mut base, table);
            Ok(base)
        }
        Some(_) => Err(LoadError::Invalid { name: what.into(), error: "`extends` is the name of one strategy".into() }),
    }
}

/// Makes names of files in `search.strategies` relative to this file, wherever voe is started.
fn resolve_relative_to(table: &mut Table, dir: &Path) {
    let named = table.get_mut("search").and_then(|search| search.get_mut("strategies")).and_then(Value::as_array_mut);
    for name in named.into_iter().flatten() {
        let own = name.as_str().filter(|name| !is_shipped(name));
        let path = own.and_then(|file| std::path::absolute(dir.join(file)).ok());
        if let Some(path) = path.filter(|path| path.is_file()) {
            *name = Value::String(path.display().to_string());
        }
    }
}

/// Merges `over` into `base`, table by table.
pub fn merge(base: &mut Table, over: Table) {
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
