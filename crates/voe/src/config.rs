//! `voe config`: the settings in force.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::settings::row::SettingRow;
use crate::settings::{Settings, table};
use crate::{cli, exit, trust};

/// What `voe config --json` prints: each setting by its name, in the order of the text output.
#[derive(JsonSchema)]
#[schemars(rename = "Config")]
pub(crate) struct ShownSettings(#[schemars(with = "BTreeMap<String, ShownSetting>")] Vec<(&'static str, ShownSetting)>);

impl Serialize for ShownSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, setting)| (name, setting)))
    }
}

/// One setting.
#[derive(Serialize, JsonSchema)]
struct ShownSetting {
    /// The value in force, without the user and the password of an address; null if it is not set.
    value: Option<Value>,
    /// Where it comes from; null if it is not set.
    source: Option<String>,
    /// The environment variable.
    variable: &'static str,
    /// The flag of `voe fix`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<String>,
    /// The commands that honour it.
    commands: Vec<&'static str>,
    /// The value that the repository's voe.toml sets and you have not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_accepted: Option<Value>,
}

/// A value without the user name and the password that an address may have in it.
fn shown(value: &toml::Value) -> toml::Value {
    let without = |text: &str| {
        let (scheme, rest) = text.split_once("://")?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (_, host) = host.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}{path}"))
    };
    value.as_str().and_then(without).map_or_else(|| value.clone(), toml::Value::String)
}

pub(crate) fn run(args: &cli::Config) -> anyhow::Result<u8> {
    let repository = voe_repo::Repo::discover(&std::env::current_dir()?).ok();
    let mut settings = Settings::load(repository.as_ref().map(voe_repo::Repo::top))?;
    trust::config::accept_remembered(&mut settings);
    let asked = settings.asked();
    let asked_value = |name: &str| asked.and_then(|asked| asked.values.get(name));
    if args.json {
        let setting = |row: &SettingRow| {
            let set = settings.get(row);
            ShownSetting {
                value: set.map(|(value, _)| serde_json::to_value(shown(value)).unwrap_or_default()),
                source: set.map(|(_, source)| source.to_string()),
                variable: row.env,
                flag: (!row.flag.is_empty()).then(|| format!("--{}", row.flag)),
                commands: row.commands(),
                not_accepted: asked_value(row.name).map(|value| serde_json::to_value(value).unwrap_or_default()),
            }
        };
        crate::show::out::json_pretty(&ShownSettings(table::ALL.iter().map(|row| (row.name, setting(row))).collect()))?;
        return Ok(exit::OK);
    }
    for row in table::ALL {
        let (value, source) = match settings.get(row) {
            Some((value, source)) => (shown(value).to_string(), source.to_string()),
            None => ("-".into(), "not set".into()),
        };
        let line = format!("{:<19} {value:<28} {source:<22} {}", row.name, row.about_with_default());
        outln!("{}", crate::show::one_line(&line));
    }
    if let Some(asked) = asked {
        outln!("\nNot in effect: settings of {} that you have not accepted:", asked.file.display());
        for (name, value) in &asked.values {
            outln!("{}", crate::show::one_line(&format!("{name:<19} {value}")));
        }
    }
    Ok(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_user_and_password() {
        let text = |text: &str| toml::Value::String(text.into());
        for (set, seen) in [
            ("https://me:secret@host:8000/v1", "https://***@host:8000/v1"),
            ("http://127.0.0.1:8000/v1/@x", "http://127.0.0.1:8000/v1/@x"),
            ("prove-on-edit", "prove-on-edit"),
        ] {
            assert_eq!(shown(&text(set)), text(seen));
        }
    }
}
