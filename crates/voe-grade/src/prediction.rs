//! Reads, writes and checks predictions.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One patch for one task, in the official format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The task.
    pub instance_id: String,
    /// The name of whoever made the patch; the official reports are named after it.
    pub model_name_or_path: String,
    /// The patch, in the format of `git apply`. Empty and missing patches are not run.
    pub model_patch: Option<String>,
}

/// The predictions of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Predictions {
    /// All that could be read, in the order of the file, duplicates included.
    pub all: Vec<Prediction>,
    /// Entries that could not be read.
    pub problems: Vec<Problem>,
}

/// The text contains no predictions in any of the three forms.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PredictionsError {
    /// The text is empty.
    #[error(
        "the predictions are empty; expected one JSON object a line with instance_id, model_name_or_path and model_patch"
    )]
    Empty,
    /// No line of the text is a JSON object.
    #[error("not predictions ({why}); expected a JSON list, a JSON object or JSON lines")]
    NoPredictions {
        /// The first error.
        why: String,
    },
}

/// A problem that a person should know of; the other predictions can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// An entry is not a prediction.
    #[error("{place}: {why}; the entry is left out")]
    Unreadable {
        /// The line or entry, counted from 1, or the key.
        place: String,
        /// The reason.
        why: String,
    },
    /// A task has more than one prediction.
    #[error("{id}: {count} predictions; the last one counts, as in the official harness")]
    Duplicate {
        /// The task.
        id: String,
        /// The number of its predictions.
        count: usize,
    },
    /// A task is not in the suite.
    #[error("{id}: not in the suite; the prediction is left out (does it belong to another suite?)")]
    Unknown {
        /// The task.
        id: String,
    },
}

impl Prediction {
    /// Whether there is no patch to run.
    pub fn is_empty(&self) -> bool {
        self.model_patch.as_deref().is_none_or(str::is_empty)
    }

    fn from_value(value: Value) -> Result<Self, String> {
        let Value::Object(mut fields) = value else { return Err("a prediction must be a JSON object".to_owned()) };
        let mut text = |field: &str| match fields.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("the field `{field}` must be a string")),
        };
        Ok(Self {
            instance_id: text("instance_id")?.ok_or("missing field `instance_id`")?,
            // the official runner's default for a missing model name
            model_name_or_path: text("model_name_or_path")?.unwrap_or_else(|| "None".to_owned()),
            model_patch: text("model_patch")?,
        })
    }
}

impl Predictions {
    /// Reads a JSON list, a JSON object (its values) or JSON lines. Blank lines are ignored.
    ///
    /// # Errors
    /// The text contains no predictions, or an entry is not one; the error names the entry.
    pub fn read(text: &str) -> Result<Self, PredictionsError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(PredictionsError::Empty);
        }
        let entries: Vec<(String, Result<Value, String>)> = match serde_json::from_str(text) {
            Ok(Value::Array(list)) => {
                list.into_iter().zip(1..).map(|(entry, n)| (format!("entry {n}"), Ok(entry))).collect()
            }
            Ok(Value::Object(values)) if !values.contains_key("instance_id") => {
                values.into_iter().map(|(key, entry)| (format!("entry {key:?}"), Ok(entry))).collect()
            }
            _ => lines(text),
        };
        let mut read = Self::default();
        for (place, entry) in entries {
            match entry.and_then(Prediction::from_value) {
                Ok(prediction) => read.all.push(prediction),
                Err(why) => read.problems.push(Problem::Unreadable { place, why }),
            }
        }
        match read.problems.first() {
            Some(Problem::Unreadable { place, why }) if read.all.is_empty() => {
                Err(PredictionsError::NoPredictions { why: format!("{place}: {why}") })
            }
            _ => Ok(read),
        }
    }

    /// The problems of the predictions for a suite: entries that could not be read, then tasks that the suite does not contain or
    /// that have several predictions, in the order of the file.
    pub fn problems(&self, in_suite: impl Fn(&str) -> bool) -> Vec<Problem> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for prediction in &self.all {
            *counts.entry(&prediction.instance_id).or_default() += 1;
        }
        let mut problems = self.problems.clone();
        for id in self.by_id().into_keys() {
            if !in_suite(id) {
                problems.push(Problem::Unknown { id: id.to_owned() });
            }
            if let Some(&count) = counts.get(id).filter(|count| **count > 1) {
                problems.push(Problem::Duplicate { id: id.to_owned(), count });
            }
        }
        problems
    }

    /// The prediction of each task. Of several, the last counts, as in the official harness.
    pub fn by_id(&self) -> IndexMap<&str, &Prediction> {
        self.all.iter().map(|prediction| (prediction.instance_id.as_str(), prediction)).collect()
    }

    /// The predictions as JSON lines, in order.
    ///
    /// # Errors
    /// Does not happen: strings and null are always valid JSON.
    pub fn to_jsonl(&self) -> serde_json::Result<String> {
        let mut out = String::new();
        for prediction in &self.all {
            out.push_str(&serde_json::to_string(prediction)?);
            out.push('\n');
        }
        Ok(out)
    }
}

fn lines(text: &str) -> Vec<(String, Result<Value, String>)> {
    (1..)
        .zip(text.split('\n'))
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(n, line)| {
            (format!("line {n}"), serde_json::from_str(line).map_err(|error| format!("not JSON: {error}")))
        })
        .collect()
}

impl FromIterator<Prediction> for Predictions {
    fn from_iter<I: IntoIterator<Item = Prediction>>(all: I) -> Self {
        Self { all: all.into_iter().collect(), problems: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"instance_id": "a", "model_name_or_path": "m", "model_patch": "p\r\n"}"#;

    fn a() -> Prediction {
        Prediction {
            instance_id: "a".to_owned(),
            model_name_or_path: "m".to_owned(),
            model_patch: Some("p\r\n".to_owned()),
        }
    }

    #[test]
    fn all_three_forms_are_read() {
        for text in [
            LINE.to_owned(),
            format!("{LINE}\n"),
            format!("\u{feff}[{LINE}]"),
            format!("{{\n\"x\": {LINE}\n}}"),
            format!("\n{LINE}\r\n\n"),
        ] {
            assert_eq!(Predictions::read(&text).unwrap().all, [a()], "{text}");
        }
        assert_eq!(Predictions::read(&format!("{LINE}\n{LINE}")).unwrap().all, [a(), a()]);
        assert_eq!(Predictions::read("[]").unwrap().all, []);
    }

    #[test]
    fn predictions_round_trip_with_their_carriage_returns() {
        let written = Predictions::from_iter([a(), Prediction { model_patch: None, ..a() }]);
        let text = written.to_jsonl().unwrap();
        assert_eq!(Predictions::read(&text).unwrap(), written);
        insta::assert_snapshot!(text, @r#"
        {"instance_id":"a","model_name_or_path":"m","model_patch":"p\r\n"}
        {"instance_id":"a","model_name_or_path":"m","model_patch":null}
        "#);
    }

    #[test]
    fn a_patch_may_be_empty_null_or_absent() {
        let text = "{\"instance_id\":\"a\",\"model_patch\":\"\"}\n{\"instance_id\":\"b\",\"model_patch\":null}\n{\"instance_id\":\"c\"}";
        let read = Predictions::read(text).unwrap();
        assert_eq!(read.all.len(), 3);
        assert!(read.all.iter().all(|prediction| prediction.is_empty() && prediction.model_name_or_path == "None"));
    }

    #[test]
    fn bad_entries_are_reported_and_the_others_kept() {
        let text =
            format!("{LINE}\n{{\"instance_id\": \"b\", \"mod\n{{\"model_patch\": \"x\"}}\n7\n{{\"instance_id\": 7}}");
        let read = Predictions::read(&text).unwrap();
        assert_eq!(read.all, [a()]);
        let shown: Vec<_> = read.problems(|_| true).iter().map(Problem::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        line 2: not JSON: EOF while parsing a string at line 1 column 25; the entry is left out
        line 3: missing field `instance_id`; the entry is left out
        line 4: a prediction must be a JSON object; the entry is left out
        line 5: the field `instance_id` must be a string; the entry is left out
        ");
    }

    #[test]
    fn duplicates_and_unknown_ids_are_reported_and_the_last_duplicate_counts() {
        let read: Predictions = [("a", "1"), ("x", "1"), ("a", "2")]
            .map(|(id, patch)| Prediction { instance_id: id.to_owned(), model_patch: Some(patch.to_owned()), ..a() })
            .into_iter()
            .collect();
        assert_eq!(read.by_id()["a"].model_patch.as_deref(), Some("2"));
        let shown: Vec<_> = read.problems(|id| id == "a").iter().map(Problem::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        a: 2 predictions; the last one counts, as in the official harness
        x: not in the suite; the prediction is left out (does it belong to another suite?)
        ");
    }

    #[test]
    fn a_text_without_predictions_is_refused() {
        insta::assert_snapshot!(Predictions::read(" \n").unwrap_err(), @"the predictions are empty; expected one JSON object a line with instance_id, model_name_or_path and model_patch");
        insta::assert_snapshot!(Predictions::read("<html>").unwrap_err(), @"not predictions (line 1: not JSON: expected value at line 1 column 1); expected a JSON list, a JSON object or JSON lines");
        insta::assert_snapshot!(Predictions::read("{\"total\": 3}").unwrap_err(), @r#"not predictions (entry "total": a prediction must be a JSON object); expected a JSON list, a JSON object or JSON lines"#);
    }
}
