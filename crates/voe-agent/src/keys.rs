//! Finds unknown keys in TOML files and suggests the key that was meant.

use serde_json::Value as Json;
use toml::Value;

/// Names less similar than this are different names, not misspellings.
const ALIKE: f64 = 0.8;

/// The name in `known` most similar to `name`, if one is similar enough.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known = known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known));
    known.filter(|(alike, _)| *alike > ALIKE).max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, known)| known)
}

/// `; did you mean "…"?` for what [`nearest`] found; else nothing.
pub fn did_you_mean(name: Option<&str>) -> String {
    name.map(|name| format!("; did you mean {name:?}?")).unwrap_or_default()
}

/// A key in a file that its type does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// The table that has it, as in `[limits]`; empty: the file itself.
    pub table: String,
    /// The key.
    pub key: String,
    /// The key that was probably meant.
    pub nearest: Option<String>,
}

impl std::fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "unknown key {:?}", self.key)?;
        if !self.table.is_empty() {
            write!(f, " in [{}]", self.table)?;
        }
        f.write_str(&did_you_mean(self.nearest.as_deref()))
    }
}

/// The first key of `table` that `schema`, the JSON Schema of its type, does not have. A schema that does not mention further keys
/// allows them.
pub fn unknown(table: &toml::Table, schema: &Json) -> Option<UnknownKey> {
    in_table(table, &[schema], schema, "")
}

fn in_value(value: &Value, schemas: &[&Json], root: &Json, at: &str) -> Option<UnknownKey> {
    match value {
        Value::Table(table) => in_table(table, schemas, root, at),
        Value::Array(items) => {
            let schemas = alternatives(schemas, root);
            let of_items: Vec<&Json> = schemas.iter().filter_map(|schema| schema.get("items")).collect();
            items.iter().find_map(|item| in_value(item, &of_items, root, at))
        }
        _ => None,
    }
}

fn in_table(table: &toml::Table, schemas: &[&Json], root: &Json, at: &str) -> Option<UnknownKey> {
    let schemas = alternatives(schemas, root);
    let tables: Vec<&Json> = schemas.into_iter().filter(|schema| schema.get("properties").is_some()).collect();
    let closed = tables.iter().all(|schema| schema.get("additionalProperties") == Some(&Json::Bool(false)));
    let properties = || tables.iter().filter_map(|schema| schema.get("properties")?.as_object()).flatten();
    table.iter().find_map(|(key, value)| {
        let of_key: Vec<&Json> = properties().filter(|(name, _)| *name == key).map(|(_, schema)| schema).collect();
        if of_key.is_empty() {
            return (closed && !tables.is_empty()).then(|| UnknownKey {
                table: at.to_owned(),
                key: key.clone(),
                nearest: nearest(key, properties().map(|(name, _)| name.as_str())).map(str::to_owned),
            });
        }
        let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
        in_value(value, &of_key, root, &at)
    })
}

/// The alternatives of a schema: what it refers to, and each variant.
fn alternatives<'s>(schemas: &[&'s Json], root: &'s Json) -> Vec<&'s Json> {
    let mut found = Vec::new();
    let mut open: Vec<&Json> = schemas.to_vec();
    while let Some(schema) = open.pop() {
        found.push(schema);
        let referred =
            schema.get("$ref").and_then(Json::as_str).and_then(|to| root.pointer(to.trim_start_matches('#')));
        open.extend(referred);
        for of in ["anyOf", "oneOf", "allOf"] {
            open.extend(schema.get(of).and_then(Json::as_array).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::StrategyFile;

    fn found(text: &str) -> Option<String> {
        let schema = schemars::schema_for!(StrategyFile).to_value();
        unknown(&text.parse().unwrap(), &schema).map(|unknown| unknown.to_string())
    }

    #[test]
    fn a_misspelt_key_is_named_with_the_one_that_was_meant() {
        for (text, expected) in [
            ("extnds = \"x\"", r#"unknown key "extnds"; did you mean "extends"?"#),
            ("[limits]\nsetps = 7", r#"unknown key "setps" in [limits]; did you mean "steps"?"#),
            ("[sampling]\ntemprature = 1", r#"unknown key "temprature" in [sampling]; did you mean "temperature"?"#),
            ("[search]\nkind = \"best-of-n\"\nwidht = 3", r#"unknown key "widht" in [search]; did you mean "width"?"#),
            ("[zebra]\nx = 1", r#"unknown key "zebra""#),
        ] {
            assert_eq!(found(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_a_type_leaves_open_can_have_any_key() {
        assert_eq!(found("[sampling.extra]\nanything = 1\n[limits]\nsteps = 2"), None);
    }

    #[test]
    fn names_that_are_not_alike_are_not_proposed() {
        assert_eq!(nearest("modle", ["model", "strategy"]), Some("model"));
        assert_eq!(nearest("sandbox.memroy", ["sandbox.memory", "sandbox.read"]), Some("sandbox.memory"));
        assert_eq!(nearest("colour", ["model", "strategy"]), None);
    }
}
