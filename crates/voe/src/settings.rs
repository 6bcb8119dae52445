//! Settings: flags over `VOE_*` variables over `voe.toml` in the repository over the user's own file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Value;
use voe_untrusted::UntrustedDir;

use crate::Usage;

/// One setting.
pub(crate) struct Key {
    /// As it stands in a file (`table.key`).
    pub(crate) name: &'static str,
    /// The environment variable.
    pub(crate) env: &'static str,
    /// The default, as it would stand in a file; empty: none.
    pub(crate) default: &'static str,
    /// Whether a repository's own `voe.toml` may set it.
    pub(crate) by_repository: ByRepository,
    /// What it does.
    pub(crate) about: &'static str,
}

/// What a repository's own `voe.toml` may do with a setting. A repository is not trusted: it must not choose who gets the
/// user's code and money, nor lower the guard against itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByRepository {
    /// It sets it: the attempt gets longer, shorter or different, and nothing else.
    Sets,
    /// It can ask for it; the user is asked once ([`crate::trust::config`]).
    Asks,
    /// It can't.
    Never,
}

const fn key(name: &'static str, env: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { name, env, default, by_repository: ByRepository::Sets, about }
}

const fn asked(name: &'static str, env: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { name, env, default, by_repository: ByRepository::Asks, about }
}

const fn guarded(name: &'static str, env: &'static str, default: &'static str, about: &'static str) -> Key {
    Key { name, env, default, by_repository: ByRepository::Never, about }
}

/// The strategy of `voe fix` and `voe demo` when nobody says otherwise.
pub(crate) const DEFAULT_STRATEGY: &str = "prove-on-edit";

/// Every setting there is.
pub(crate) const KEYS: &[Key] = &[
    asked("base_url", "VOE_BASE_URL", "", "address of the model's server"),
    asked("model", "VOE_MODEL", "", "name of the model"),
    guarded("api_key_env", "VOE_API_KEY_ENV", "VOE_API_KEY", "variable that holds the API key"),
    asked("provider", "VOE_PROVIDER", "openai", "how the server is spoken to: openai or anthropic"),
    guarded("prices", "VOE_PRICES", "", "file of prices over the shipped table"),
    key("window", "VOE_WINDOW", "", "context window in tokens, where the server does not say"),
    key("stream", "VOE_STREAM", "", "show replies while they come [on a terminal: true]"),
    key("strategy", "VOE_STRATEGY", DEFAULT_STRATEGY, "strategy, by name or file"),
    key("max_steps", "VOE_MAX_STEPS", "", "replies at most [the strategy's]"),
    key("max_tokens", "VOE_MAX_TOKENS", "", "tokens at most"),
    key("max_wall", "VOE_MAX_WALL", "", "time at most, e.g. \"20m\""),
    key("check", "VOE_CHECK", "", "command that shows the problem"),
    asked("apply", "VOE_APPLY", "", "whether the patch goes into the tree: ask, yes, no [on a terminal: ask]"),
    guarded("sandbox.backend", "VOE_SANDBOX", "\"auto\"", "auto, local, landlock, docker, podman, none"),
    guarded("sandbox.network", "VOE_NETWORK", "\"off\"", "whether commands may use the network"),
    guarded("sandbox.image", "VOE_IMAGE", "", "image for docker and podman"),
    guarded("sandbox.memory", "VOE_MEMORY", "\"4GiB\"", "memory of a command with all that it starts"),
    guarded("sandbox.processes", "VOE_PROCESSES", "512", "processes at a time"),
    guarded("sandbox.disk", "VOE_DISK", "\"8GiB\"", "what commands may write altogether"),
    guarded(
        "sandbox.read",
        "VOE_SANDBOX_READ",
        "[]",
        "more paths that commands may read (in the variable: separated by ':')",
    ),
    guarded("sandbox.env", "VOE_SANDBOX_ENV", "[]", "more variables that commands get, by name (separated by ',')"),
];

/// What bounds the cost of an attempt.
const LIMITS: [&str; 3] = ["max_steps", "max_tokens", "max_wall"];

/// Settings that are paths. In a file they start where the file is, wherever voe is started.
const PATHS: [&str; 2] = ["prices", "sandbox.read"];

/// A value of the user's file as it is meant there.
fn at_file(name: &str, value: Value, file: &Path) -> Value {
    match value {
        Value::String(path) if PATHS.contains(&name) && !path.starts_with("~/") => {
            let dir = file.parent().unwrap_or(Path::new("/"));
            dir.join(&path).into_os_string().into_string().map_or(Value::String(path), Value::String)
        }
        Value::Array(items) => Value::Array(items.into_iter().map(|item| at_file(name, item, file)).collect()),
        value => value,
    }
}

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

/// The settings in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (Value, Source)>,
    /// What the repository asks for, not in force.
    asked: Option<Asked>,
}

/// Settings that a repository asks for and that the user has to accept.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The repository's `voe.toml`.
    pub(crate) file: PathBuf,
    /// Names and values.
    pub(crate) values: BTreeMap<&'static str, Value>,
}

impl Asked {
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.values.keys().copied().collect()
    }
}

/// More than any file of settings has. Bytes.
const MOST_CONFIG: u64 = 1 << 20;

impl Settings {
    /// The defaults alone.
    pub(crate) fn defaults() -> Self {
        // A default that is no TOML value is a word.
        let value = |key: &Key| parse_value(key.default).unwrap_or_else(|| Value::String(key.default.into()));
        let set = KEYS.iter().filter(|key| !key.default.is_empty());
        Self { values: set.map(|key| (key.name, (value(key), Source::Default))).collect(), asked: None }
    }

    /// Reads all layers below the flags. `repository`: the top of the work tree, if there is one.
    pub(crate) fn load(repository: Option<&Path>) -> anyhow::Result<Self> {
        let mut settings = Self::defaults();
        if let Some(path) = user_file() {
            match std::fs::read_to_string(&path) {
                Ok(text) => settings.file(&text, Source::User(path))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Usage(format!("cannot read {}: {error}", path.display())).into()),
            }
        }
        if let Some(top) = repository {
            let text = UntrustedDir::open(top).and_then(|top| top.read_text(REPOSITORY_FILE, MOST_CONFIG));
            if let Some(text) = text.map_err(|error| Usage(error.to_string()))? {
                settings.file(&text, Source::Repository(top.join(REPOSITORY_FILE)))?;
            }
        }
        for key in KEYS {
            match std::env::var(key.env) {
                Ok(text) if !text.is_empty() => {
                    let list = key.default == "[]";
                    let value = if list {
                        Value::Array(text.split([':', ',']).map(|part| Value::String(part.into())).collect())
                    } else {
                        parse_value(&text).filter(|v| !v.is_table()).unwrap_or(Value::String(text))
                    };
                    settings.values.insert(key.name, (value, Source::Variable(key.env)));
                }
                _ => {}
            }
        }
        Ok(settings)
    }

    /// Lays a flag over the rest.
    pub(crate) fn flag(&mut self, name: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.values.insert(name, (value.into(), Source::Flag));
        }
    }

    /// A value and where it comes from.
    pub(crate) fn get(&self, name: &str) -> Option<&(Value, Source)> {
        self.values.get(name)
    }

    /// A text. Numbers are taken as they are written.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|(value, _)| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> anyhow::Result<Option<u64>> {
        let Some((value, source)) = self.get(name) else { return Ok(None) };
        match value.as_integer().and_then(|n| u64::try_from(n).ok()) {
            Some(n) => Ok(Some(n)),
            None => Err(Usage(format!("{name} = {value} ({source}) is not a whole number")).into()),
        }
    }

    /// A switch.
    pub(crate) fn switch(&self, name: &str) -> anyhow::Result<Option<bool>> {
        let Some((value, source)) = self.get(name) else { return Ok(None) };
        match (value.as_bool(), value.as_str()) {
            (Some(on), _) => Ok(Some(on)),
            (_, Some("on" | "yes" | "true" | "1")) => Ok(Some(true)),
            (_, Some("off" | "no" | "false" | "0")) => Ok(Some(false)),
            _ => Err(Usage(format!("{name} = {value} ({source}) is neither on nor off")).into()),
        }
    }

    /// A list of texts.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        match self.get(name) {
            Some((Value::Array(items), _)) => items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect(),
            Some((Value::String(one), _)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }

    /// Seconds, from "90s", "20m", "2h", "1h30m" or a bare number of seconds.
    pub(crate) fn duration(&self, name: &str) -> anyhow::Result<Option<f64>> {
        let Some((value, source)) = self.get(name) else { return Ok(None) };
        let text = self.text(name).unwrap_or_default();
        seconds(&text)
            .map(Some)
            .ok_or_else(|| Usage(format!("{name} = {value} ({source}) is no time; write 90s, 20m, 2h or 1h30m")).into())
    }

    /// Bytes, from "4GiB", "512M" or a bare number of bytes. A unit is a power of 1024, whether or not its `i` is written.
    pub(crate) fn bytes(&self, name: &str) -> anyhow::Result<Option<u64>> {
        let Some((value, source)) = self.get(name) else { return Ok(None) };
        let text = self.text(name).unwrap_or_default();
        bytes(&text)
            .map(Some)
            .ok_or_else(|| Usage(format!("{name} = {value} ({source}) is no size; write 4GiB or 512MiB")).into())
    }

    /// What the repository asks for; `None` if the user has set all of it by flags or variables, or there is nothing.
    pub(crate) fn asked(&self) -> Option<&Asked> {
        self.asked.as_ref().filter(|asked| asked.values.keys().any(|name| self.is_open(name)))
    }

    /// Puts into force what the repository asks for, below flags and variables.
    pub(crate) fn accept(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        for (name, value) in asked.values {
            if self.is_open(name) {
                self.values.insert(name, (value, Source::Repository(asked.file.clone())));
            }
        }
    }

    /// Whether neither a flag nor a variable sets it.
    fn is_open(&self, name: &str) -> bool {
        !matches!(self.get(name), Some((_, Source::Flag | Source::Variable(_))))
    }

    /// Whether the user's own file has a lower limit of this name: a repository does not raise it.
    fn is_below(&self, name: &str, value: &Value) -> bool {
        let amount = |value: &Value| match value {
            Value::Integer(number) => Some(*number as f64),
            Value::String(text) => seconds(text),
            _ => None,
        };
        match self.get(name) {
            Some((own, Source::User(_))) if LIMITS.contains(&name) => {
                amount(own).zip(amount(value)).is_some_and(|(own, asked)| own < asked)
            }
            _ => false,
        }
    }

    fn file(&mut self, text: &str, source: Source) -> anyhow::Result<()> {
        let table: toml::Table =
            text.parse().map_err(|e: toml::de::Error| Usage(format!("{source}: {}", e.message())))?;
        for (name, value) in flatten(table) {
            let Some(key) = KEYS.iter().find(|key| key.name == name) else {
                return Err(Usage(format!("{source}: there is no setting {name:?}; `voe config` lists them")).into());
            };
            match (&source, key.by_repository) {
                (Source::Repository(_), ByRepository::Never) => {
                    return Err(Usage(format!(
                        "{source}: {name} is yours to set, not the repository's; put it into {} or {}",
                        user_file().map_or_else(|| "your own config file".into(), |p| p.display().to_string()),
                        key.env
                    ))
                    .into());
                }
                (Source::Repository(file), ByRepository::Asks) => {
                    let asked = self.asked.get_or_insert_with(|| Asked { file: file.clone(), values: BTreeMap::new() });
                    asked.values.insert(key.name, value);
                }
                (Source::Repository(_), ByRepository::Sets) if self.is_below(key.name, &value) => {}
                (Source::User(file), _) => {
                    let value = at_file(key.name, value, file);
                    self.values.insert(key.name, (value, source.clone()));
                }
                _ => drop(self.values.insert(key.name, (value, source.clone()))),
            }
        }
        Ok(())
    }
}

/// The repository's file of settings, at the top of its work tree.
const REPOSITORY_FILE: &str = "voe.toml";

/// The user's own file.
pub(crate) fn user_file() -> Option<PathBuf> {
    let dir = match std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        Some(dir) => dir,
        None => PathBuf::from(std::env::var_os("HOME")?).join(".config"),
    };
    Some(dir.join("voe").join("config.toml"))
}

fn parse_value(text: &str) -> Option<Value> {
    format!("v = {text}").parse::<toml::Table>().ok()?.remove("v")
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

/// Seconds in "1h30m", "90s", "0.5h" or "90".
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(bare) = text.parse::<f64>() {
        return (bare.is_finite() && bare >= 0.0).then_some(bare);
    }
    let (mut total, mut number) = (0.0, String::new());
    for c in text.chars() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let unit = match c {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            'd' => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(total)
}

/// Bytes in "4GiB", "512M", "1.5 GB" or "1048576".
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..at].parse().ok()?;
    let factor = match text[at..].trim().to_ascii_lowercase().trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    let bytes = number * f64::from(2_u32).powi(factor);
    (1.0..9e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let cases = [
            ("90", Some(90.0)),
            ("90s", Some(90.0)),
            ("1h30m", Some(5400.0)),
            ("0.5h", Some(1800.0)),
            ("", None),
            ("soon", None),
            ("5 apples", None),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let cases = [
            ("4GiB", Some(4 << 30)),
            ("512M", Some(512 << 20)),
            ("1.5 gb", Some(3 << 29)),
            ("1048576", Some(1 << 20)),
            ("0", None),
            ("", None),
            ("much", None),
            ("4 apples", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_repository_cannot_lower_the_guard_against_itself() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("voe.toml"), "[sandbox]\nbackend = \"none\"\n").unwrap();
        let error = Settings::load(Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains("sandbox.backend is yours to set"), "{error}");
    }

    #[test]
    fn a_repository_does_not_raise_the_users_limits() {
        let mut settings = Settings::defaults();
        let (user, repository) = (Source::User("/home/u/c.toml".into()), Source::Repository("/r/voe.toml".into()));
        settings.file("max_steps = 10\nmax_wall = \"20m\"\nprices = \"p.toml\"\n", user).unwrap();
        settings.file("max_steps = 99\nmax_wall = 60\nmax_tokens = 5\n", repository).unwrap();
        let shown = ["max_steps", "max_wall", "max_tokens", "prices"].map(|name| settings.text(name).unwrap());
        assert_eq!(shown, ["10", "60", "5", "/home/u/p.toml"]);
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("voe.toml"), "modle = \"x\"\n").unwrap();
        assert!(Settings::load(Some(dir.path())).unwrap_err().to_string().contains("\"modle\""));
    }
}
