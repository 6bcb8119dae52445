//! What the value of a setting can be.

use clap::builder::PossibleValue;
use toml::Value;

use super::units;

/// What the value of a setting can be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SettingKind {
    /// Any text. Numbers are taken as they are written.
    Text,
    /// One of a few words.
    Word(fn() -> Vec<PossibleValue>),
    /// A whole number.
    Count,
    /// On or off.
    Switch,
    /// [`units::duration`].
    Duration,
    /// [`units::bytes`].
    Size,
    /// A path. In a file it starts where the file is, wherever voe is started.
    Path,
    /// Several of these; in a variable they are separated by `:`.
    Paths,
    /// Names; in a variable they are separated by `,`.
    Names,
}

impl SettingKind {
    /// The value that a variable or a default gives by its text. It may be a wrong one: see [`SettingKind::check`].
    pub(crate) fn read(self, text: &str) -> Value {
        let list = |by: char| {
            let items = text.split(by).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        };
        match self {
            Self::Count => text.parse().map_or_else(|_| Value::String(text.to_owned()), Value::Integer),
            Self::Paths => list(':'),
            Self::Names => list(','),
            _ => Value::String(text.to_owned()),
        }
    }

    /// Whether it can be this value.
    ///
    /// # Errors
    /// What is expected instead.
    pub(crate) fn check(self, value: &Value) -> Result<(), String> {
        let expected = |what: &str| Err(format!("expected {what}"));
        match self {
            Self::Text if value.is_table() || value.is_array() || value.is_datetime() => expected("a text"),
            Self::Text => Ok(()),
            Self::Word(words) => {
                match text(value).filter(|text| words().iter().any(|word| word.matches(text, false))) {
                    Some(_) => Ok(()),
                    None => {
                        let words = words();
                        let names: Vec<_> = words.iter().map(PossibleValue::get_name).collect();
                        expected(&names.join(", "))
                    }
                }
            }
            Self::Count if count(value).is_some() => Ok(()),
            Self::Count => expected("a whole number"),
            Self::Switch if switch(value).is_some() => Ok(()),
            Self::Switch => expected("on or off"),
            Self::Duration => units::duration(&text(value).unwrap_or_default()).map(drop),
            Self::Size => units::bytes(&text(value).unwrap_or_default()).map(drop),
            Self::Path if value.is_str() => Ok(()),
            Self::Path => expected("a path"),
            // A list of one may be written without brackets.
            Self::Paths | Self::Names if value.is_str() => Ok(()),
            Self::Paths | Self::Names => match value.as_array() {
                Some(items) if items.iter().all(Value::is_str) => Ok(()),
                _ => expected("a list of texts"),
            },
        }
    }

    /// Whether two values mean the same.
    pub(crate) fn same(self, a: &Value, b: &Value) -> bool {
        match self {
            Self::Switch => switch(a) == switch(b),
            _ => a == b,
        }
    }

    /// What is compared where one value is a limit on another; `None` where that has no meaning.
    pub(crate) fn amount(self, value: &Value) -> Option<f64> {
        match self {
            Self::Count => count(value).map(|count| count as f64),
            Self::Duration => Some(units::duration(&text(value)?).ok()?.as_secs_f64()),
            _ => None,
        }
    }
}

/// A text, or what is written as a number or a switch.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A whole number.
pub(crate) fn count(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|n| u64::try_from(n).ok())
}

/// A switch.
pub(crate) fn switch(value: &Value) -> Option<bool> {
    match (value.as_bool(), value.as_str()) {
        (Some(on), _) => Some(on),
        (_, Some("on" | "yes" | "true" | "1")) => Some(true),
        (_, Some("off" | "no" | "false" | "0")) => Some(false),
        _ if value.as_integer() == Some(1) => Some(true),
        _ if value.as_integer() == Some(0) => Some(false),
        _ => None,
    }
}
