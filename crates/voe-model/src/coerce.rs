//! Converts arguments to the types of a tool's schema, where that loses and invents nothing.

use serde_json::{Map, Number, Value};

use crate::tool::ToolSpec;

/// The arguments in the tool's types, with a line for each change; or the error, for the model.
pub(crate) fn coerce(arguments: Value, tool: &ToolSpec) -> Result<(Map<String, Value>, Vec<String>), String> {
    let mut repairs = Vec::new();
    let mut map = match arguments {
        Value::Object(map) => map,
        Value::Null => Map::new(),
        // Encoded twice.
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(map)) => {
                repairs.push(format!("arguments of {}: decoded twice", tool.name));
                map
            }
            _ if text.trim().is_empty() => Map::new(),
            _ => return Err("the arguments are a text, not an object".to_owned()),
        },
        other => return Err(format!("the arguments are {}, not an object", kind(&other))),
    };
    let properties = tool.parameters.get("properties").and_then(Value::as_object);
    let required: Vec<&str> = match tool.parameters.get("required").and_then(Value::as_array) {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    for (name, schema) in properties.into_iter().flatten() {
        let Some(value) = map.get_mut(name) else { continue };
        let types = types(schema);
        if value.is_null() && !types.contains(&"null") && !required.contains(&name.as_str()) {
            map.shift_remove(name);
            repairs.push(format!("{name}: null left out"));
            continue;
        }
        if types.is_empty() || types.iter().any(|wanted| is(value, wanted)) {
            continue;
        }
        let found = kind(value);
        match types.iter().find_map(|wanted| convert(value, wanted, schema)) {
            Some(converted) => {
                repairs.push(format!("{name}: {found} taken as {}", kind(&converted)));
                *value = converted;
            }
            None => return Err(format!("{name} must be {}, not {found}", types.join(" or "))),
        }
    }
    let missing: Vec<&str> = required.into_iter().filter(|name| !map.contains_key(*name)).collect();
    if missing.is_empty() { Ok((map, repairs)) } else { Err(format!("{} is missing", missing.join(" and "))) }
}

/// The types that a schema allows; none where it has no type.
fn types(schema: &Value) -> Vec<&str> {
    let alternatives = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)).and_then(Value::as_array);
    match (schema.get("type"), alternatives) {
        (Some(Value::String(one)), _) => vec![one],
        (Some(Value::Array(several)), _) => several.iter().filter_map(Value::as_str).collect(),
        (_, Some(several)) => several.iter().flat_map(types).collect(),
        _ => Vec::new(),
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        // A type that JSON schema does not have is ignored.
        _ => true,
    }
}

fn convert(value: &Value, wanted: &str, schema: &Value) -> Option<Value> {
    let text = value.as_str().map(str::trim);
    match wanted {
        "integer" => {
            let whole = |f: f64| (f.fract() == 0.0 && f.abs() < 9e15).then(|| Value::from(f as i64));
            match text {
                Some(text) => text.parse::<i64>().ok().map(Value::from).or_else(|| whole(text.parse().ok()?)),
                None => whole(value.as_f64()?),
            }
        }
        "number" => text?.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number),
        "boolean" => match text?.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(Value::Bool(true)),
            "false" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        "null" => text.filter(|text| matches!(*text, "null" | "None" | "")).map(|_| Value::Null),
        "array" | "object" => match serde_json::from_str::<Value>(text?) {
            Ok(inner) if is(&inner, wanted) => Some(inner),
            _ if wanted == "array" && schema.pointer("/items/type").is_some_and(|items| items == "string") => {
                Some(Value::Array(vec![value.clone()]))
            }
            _ => None,
        },
        "string" => match value {
            Value::Number(_) | Value::Bool(_) => Some(Value::String(value.to_string())),
            // A JSON file's content given as its value. A list of texts may be lines or words: no guess.
            Value::Object(_) => pretty(value),
            Value::Array(items) if !items.iter().all(Value::is_string) => pretty(value),
            _ => None,
        },
        _ => None,
    }
}

fn pretty(value: &Value) -> Option<Value> {
    serde_json::to_string_pretty(value).ok().map(Value::String)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool() -> ToolSpec {
        ToolSpec {
            name: "t".into(),
            description: String::new(),
            parameters: json!({"type": "object", "required": ["s"], "properties": {
                "s": {"type": "string"}, "i": {"type": "integer"}, "n": {"type": "number"}, "b": {"type": "boolean"},
                "l": {"type": "array", "items": {"type": "string"}}, "o": {"type": "object"},
                "m": {"type": ["integer", "null"]}, "a": {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "x": {}}}),
        }
    }

    #[test]
    fn values_become_what_the_schema_asks_for_where_that_has_one_meaning() {
        for (given, wanted) in [
            (json!({"s": "x", "other": 1}), json!({"s": "x", "other": 1})),
            (json!({"s": 12, "i": "30"}), json!({"s": "12", "i": 30})),
            (json!({"s": true, "i": 30.0, "n": "2.5"}), json!({"s": "true", "i": 30, "n": 2.5})),
            (json!({"s": "", "i": " 30.0 ", "b": "True"}), json!({"s": "", "i": 30, "b": true})),
            (json!({"s": {"a": 1}}), json!({"s": "{\n  \"a\": 1\n}"})),
            (json!({"s": "x", "l": "[\"a\"]", "o": "{}"}), json!({"s": "x", "l": ["a"], "o": {}})),
            (json!({"s": "x", "l": "a"}), json!({"s": "x", "l": ["a"]})),
            (
                json!({"s": "x", "i": null, "m": null, "a": "5", "x": [1]}),
                json!({"s": "x", "m": null, "a": 5, "x": [1]}),
            ),
            (json!("{\"s\": \"x\"}"), json!({"s": "x"})),
        ] {
            assert_eq!(coerce(given.clone(), &tool()).map(|(map, _)| Value::Object(map)), Ok(wanted), "{given}");
        }
    }

    #[test]
    fn what_would_be_a_guess_is_refused_with_the_reason() {
        for (given, why) in [
            (json!({}), "s is missing"),
            (json!(null), "s is missing"),
            (json!(""), "s is missing"),
            (json!({"s": null}), "s must be string, not null"),
            (json!({"s": ["ls", "-la"]}), "s must be string, not an array"),
            (json!({"s": "x", "i": "3.5"}), "i must be integer, not a string"),
            (json!({"s": "x", "i": "ten"}), "i must be integer, not a string"),
            (json!({"s": "x", "b": "maybe"}), "b must be boolean, not a string"),
            (json!("ls"), "the arguments are a text, not an object"),
            (json!([1]), "the arguments are an array, not an object"),
        ] {
            assert_eq!(coerce(given.clone(), &tool()).map(|_| ()), Err(why.to_owned()), "{given}");
        }
    }
}
