//! Reads a tool's arguments leniently: models write numbers as strings.

use serde_json::{Map, Value};

/// Arguments with names that the tool has.
#[derive(Debug)]
pub(crate) struct Arguments {
    tool: &'static str,
    values: Map<String, Value>,
}

impl Arguments {
    /// Refuses anything but an object, and names that `schema` does not have.
    pub(crate) fn new(tool: &'static str, arguments: &Value, schema: &Value) -> Result<Self, String> {
        let Value::Object(values) = arguments else {
            return Err(format!("{tool}: the arguments must be a JSON object"));
        };
        let known = schema["properties"].as_object();
        if let Some(known) = known
            && let Some(stranger) = values.keys().find(|key| !known.contains_key(*key))
        {
            let known: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(format!("{tool} has no parameter {stranger}; it takes {}", known.join(", ")));
        }
        Ok(Self { tool, values: values.clone() })
    }

    /// A required text.
    pub(crate) fn text(&self, name: &str) -> Result<&str, String> {
        self.maybe_text(name)?.ok_or_else(|| format!("{} needs {name}", self.tool))
    }

    /// An optional text.
    pub(crate) fn maybe_text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.values.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("{}: {name} must be a string", self.tool)),
        }
    }

    /// An optional number that is not negative.
    pub(crate) fn maybe_number(&self, name: &str) -> Result<Option<f64>, String> {
        let number = match self.values.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) if text.trim().is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse::<f64>().ok(),
            Some(_) => None,
        };
        match number.filter(|n| n.is_finite() && *n >= 0.0) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{}: {name} must be a number, 0 or more", self.tool)),
        }
    }

    /// An optional whole number that is not negative.
    pub(crate) fn maybe_count(&self, name: &str) -> Result<Option<usize>, String> {
        Ok(self.maybe_number(name)?.map(|number| number as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_in_strings_are_read_and_strange_names_are_refused() {
        let schema = json!({"properties": {"path": {}, "offset": {}}});
        let arguments = Arguments::new("file_read", &json!({"path": "a", "offset": " 12 "}), &schema).unwrap();
        assert_eq!(arguments.maybe_count("offset"), Ok(Some(12)));
        assert_eq!(arguments.text("path"), Ok("a"));
        let error = Arguments::new("file_read", &json!({"file": "a"}), &schema).unwrap_err();
        assert_eq!(error, "file_read has no parameter file; it takes path, offset");
        assert!(Arguments::new("file_read", &json!("a"), &schema).is_err());
        let arguments = Arguments::new("file_read", &json!({"offset": -1}), &schema).unwrap();
        assert!(arguments.maybe_count("offset").is_err());
        assert!(arguments.text("path").is_err());
    }
}
