//! One row of a suite, with SWE-bench's field names.

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::parser::{LogParser, UnsupportedParser};

/// One task of a suite as SWE-bench describes it.
///
/// An agent may see `problem_statement`, and `hints_text` if it was requested; never `patch`, `test_patch` or the two lists
/// of tests.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct Instance {
    /// `owner/name` of the repository.
    pub repo: String,
    /// The task's id, such as `django__django-11099`.
    pub instance_id: String,
    /// The commit that the task starts from.
    pub base_commit: String,
    /// The gold patch.
    pub patch: String,
    /// The change to the tests that decide.
    pub test_patch: String,
    /// The issue, as its author wrote it.
    pub problem_statement: String,
    /// The comments on the issue before it was fixed; empty if the row has none.
    pub hints_text: String,
    /// When the fix was proposed, as in the row; empty if the row has none.
    pub created_at: String,
    /// The version of the repository's software.
    pub version: String,
    /// Ids of the tests that fail at the base and must pass; in rows as written, a string that contains the list as JSON.
    #[schemars(rename = "FAIL_TO_PASS", with = "String")]
    pub fail_to_pass: Vec<String>,
    /// Ids of the tests that pass at the base and must still pass; written in the same way.
    #[schemars(rename = "PASS_TO_PASS", with = "String")]
    pub pass_to_pass: Vec<String>,
    /// The commit that the environment was made for.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub environment_setup_commit: Option<String>,
    /// The estimated time for a developer, in words; Verified only.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub difficulty: Option<String>,
    /// The script that runs the tests; rows from before 2026 lack it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub eval_script: Option<String>,
    /// The name of the log parser; rows from before 2026 lack it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub log_parser: Option<String>,
    /// How missing tests are judged; rows from before 2026 lack it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub eval_type: Option<EvalType>,
    /// The image with checkout and environment; rows from before 2026 lack it.
    #[schemars(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Fields that SWE-bench does not know.
    #[schemars(flatten)]
    pub extra: Map<String, Value>,
}

/// How tests that are not in the log are judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvalType {
    /// A test must be seen to pass.
    #[default]
    PassAndFail,
    /// The runner prints failures only: a test fails only if it is seen to.
    FailOnly,
}

/// A row is not a valid task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The row is not a JSON object.
    #[error("a row must be a JSON object with SWE-bench's fields, not {found}")]
    NoObject {
        /// The type that it has.
        found: &'static str,
    },
    /// A required field is missing.
    #[error("{id}: missing field `{field}`; every row of a suite needs it")]
    Missing {
        /// The task, as far as known.
        id: String,
        /// The field.
        field: &'static str,
    },
    /// A field has the wrong type or value.
    #[error("{id}: field `{field}` must be {expected}, not {found}")]
    Wrong {
        /// The task, as far as known.
        id: String,
        /// The field.
        field: &'static str,
        /// The expected type or values.
        expected: &'static str,
        /// The value or type found.
        found: String,
    },
}

impl Instance {
    /// Reads a row. Test lists may be JSON lists or, as in Verified and Lite, strings that contain one; an empty string in a
    /// newer field counts as a missing one.
    ///
    /// # Errors
    /// The row is not an object, or a field is missing or of another type; the error names the row and the field.
    pub fn from_value(row: Value) -> Result<Self, RowError> {
        let Value::Object(fields) = row else { return Err(RowError::NoObject { found: kind(&row) }) };
        let id = match fields.get("instance_id") {
            Some(Value::String(id)) => id.clone(),
            _ => "a row without instance_id".to_owned(),
        };
        let mut row = InstanceRow { id, fields };
        Ok(Self {
            repo: row.text("repo")?,
            instance_id: row.text("instance_id")?,
            base_commit: row.text("base_commit")?,
            patch: row.text("patch")?,
            test_patch: row.text("test_patch")?,
            problem_statement: row.text("problem_statement")?,
            hints_text: row.newer_text("hints_text")?.unwrap_or_default(),
            created_at: row.newer_text("created_at")?.unwrap_or_default(),
            version: row.text("version")?,
            fail_to_pass: row.tests("FAIL_TO_PASS")?,
            pass_to_pass: row.tests("PASS_TO_PASS")?,
            environment_setup_commit: row.newer_text("environment_setup_commit")?,
            difficulty: row.newer_text("difficulty")?,
            eval_script: row.newer_text("eval_script")?,
            log_parser: row.newer_text("log_parser")?,
            eval_type: row.eval_type()?,
            image: row.newer_text("image")?,
            extra: row.fields,
        })
    }

    /// The parser for this row's logs.
    ///
    /// # Errors
    /// The row names an unknown parser, or none, and its repository has none.
    pub fn parser(&self) -> Result<LogParser, UnsupportedParser> {
        LogParser::of(&self.instance_id, &self.repo, self.log_parser.as_deref())
    }
}

/// A row whose fields are taken out one by one.
struct InstanceRow {
    id: String,
    fields: Map<String, Value>,
}

impl InstanceRow {
    fn wrong(&self, field: &'static str, expected: &'static str, found: impl Into<String>) -> RowError {
        RowError::Wrong { id: self.id.clone(), field, expected, found: found.into() }
    }

    fn newer_text(&mut self, field: &'static str) -> Result<Option<String>, RowError> {
        match self.fields.shift_remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok((!text.is_empty()).then_some(text)),
            Some(other) => Err(self.wrong(field, "a string", kind(&other))),
        }
    }

    fn text(&mut self, field: &'static str) -> Result<String, RowError> {
        match self.fields.shift_remove(field) {
            None | Some(Value::Null) => Err(RowError::Missing { id: self.id.clone(), field }),
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.wrong(field, "a string", kind(&other))),
        }
    }

    fn tests(&mut self, field: &'static str) -> Result<Vec<String>, RowError> {
        const EXPECTED: &str = "a list of test ids, or a string that contains one as JSON";
        let list = match self.fields.shift_remove(field) {
            None | Some(Value::Null) => return Err(RowError::Missing { id: self.id.clone(), field }),
            Some(Value::String(text)) => serde_json::from_str(&text)
                .map_err(|error| self.wrong(field, EXPECTED, format!("other text ({error})")))?,
            Some(other) => other,
        };
        let Value::Array(tests) = list else { return Err(self.wrong(field, EXPECTED, kind(&list))) };
        let read = |test| match test {
            Value::String(test) => Ok(test),
            other => Err(self.wrong(field, EXPECTED, format!("a list with {} in it", kind(&other)))),
        };
        tests.into_iter().map(read).collect()
    }

    fn eval_type(&mut self) -> Result<Option<EvalType>, RowError> {
        match self.newer_text("eval_type")?.as_deref() {
            None => Ok(None),
            Some("pass_and_fail") => Ok(Some(EvalType::PassAndFail)),
            Some("fail_only") => Ok(Some(EvalType::FailOnly)),
            Some(other) => Err(self.wrong("eval_type", "pass_and_fail or fail_only", other)),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl Serialize for Instance {
    /// Writes the row with the test lists as strings, as in the official data sets of Verified and Lite.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let list = |tests: &[String]| serde_json::to_string(tests).map_err(serde::ser::Error::custom);
        let mut map = serializer.serialize_map(None)?;
        for (field, text) in [
            ("repo", &self.repo),
            ("instance_id", &self.instance_id),
            ("base_commit", &self.base_commit),
            ("patch", &self.patch),
            ("test_patch", &self.test_patch),
            ("problem_statement", &self.problem_statement),
            ("hints_text", &self.hints_text),
            ("created_at", &self.created_at),
            ("version", &self.version),
            ("FAIL_TO_PASS", &list(&self.fail_to_pass)?),
            ("PASS_TO_PASS", &list(&self.pass_to_pass)?),
        ] {
            map.serialize_entry(field, text)?;
        }
        for (field, text) in [
            ("environment_setup_commit", &self.environment_setup_commit),
            ("difficulty", &self.difficulty),
            ("eval_script", &self.eval_script),
            ("log_parser", &self.log_parser),
        ] {
            if let Some(text) = text {
                map.serialize_entry(field, text)?;
            }
        }
        if let Some(eval_type) = self.eval_type {
            map.serialize_entry("eval_type", &eval_type)?;
        }
        if let Some(image) = &self.image {
            map.serialize_entry("image", image)?;
        }
        for (field, value) in &self.extra {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row() -> Value {
        json!({
            "repo": "a/b", "instance_id": "a__b-1", "base_commit": "c0ffee", "patch": "", "test_patch": "",
            "problem_statement": "It breaks.", "version": "1.0", "FAIL_TO_PASS": "[\"t[a b]\"]", "PASS_TO_PASS": ["u"]
        })
    }

    fn error_with(field: &str, value: Value) -> String {
        let mut row = row();
        row[field] = value;
        Instance::from_value(row).unwrap_err().to_string()
    }

    #[test]
    fn an_old_row_lacks_the_newer_fields_and_test_lists_may_be_strings_or_lists() {
        let read = Instance::from_value(row()).unwrap();
        assert_eq!(read.fail_to_pass, ["t[a b]"]);
        assert_eq!(read.pass_to_pass, ["u"]);
        assert_eq!((read.log_parser, read.eval_type, read.image, read.difficulty), (None, None, None, None));
    }

    #[test]
    fn a_row_round_trips_through_json_with_its_unknown_fields() {
        let mut row = row();
        row["eval_type"] = json!("fail_only");
        row["log_parser"] = json!("parse_log_sympy");
        row["image"] = json!("x:latest");
        row["needs"] = json!(["node"]);
        let read = Instance::from_value(row).unwrap();
        assert_eq!(read.extra["needs"], json!(["node"]));
        let written = serde_json::to_string(&read).unwrap();
        assert!(written.contains(r#""FAIL_TO_PASS":"[\"t[a b]\"]""#), "{written}");
        assert_eq!(serde_json::from_str::<Instance>(&written).unwrap(), read);
    }

    #[test]
    fn an_error_names_the_task_and_the_field() {
        let mut without = row();
        without.as_object_mut().unwrap().remove("test_patch");
        let error = Instance::from_value(without).unwrap_err();
        insta::assert_snapshot!(error, @"a__b-1: missing field `test_patch`; every row of a suite needs it");
        insta::assert_snapshot!(error_with("instance_id", Value::Null), @"a row without instance_id: missing field `instance_id`; every row of a suite needs it");
        insta::assert_snapshot!(error_with("version", json!(4.2)), @"a__b-1: field `version` must be a string, not a number");
        insta::assert_snapshot!(error_with("FAIL_TO_PASS", json!("t[a")), @"a__b-1: field `FAIL_TO_PASS` must be a list of test ids, or a string that contains one as JSON, not other text (expected ident at line 1 column 2)");
        insta::assert_snapshot!(error_with("PASS_TO_PASS", json!([1])), @"a__b-1: field `PASS_TO_PASS` must be a list of test ids, or a string that contains one as JSON, not a list with a number in it");
        insta::assert_snapshot!(error_with("eval_type", json!("all")), @"a__b-1: field `eval_type` must be pass_and_fail or fail_only, not all");
        insta::assert_snapshot!(Instance::from_value(json!([])).unwrap_err(), @"a row must be a JSON object with SWE-bench's fields, not a list");
        assert!(serde_json::from_str::<Instance>("{}").unwrap_err().to_string().contains("missing field `repo`"));
    }
}
