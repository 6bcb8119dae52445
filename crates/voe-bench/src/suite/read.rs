//! Rows from files.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};
use voe_grade::Instance;

use super::SuiteError;

/// The content of a file.
#[derive(Debug)]
pub struct SuiteRows {
    /// The rows in order; an error message for those that are not tasks.
    pub rows: Vec<Result<Instance, String>>,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// Reads `.jsonl`, `.json` (a list, or an object whose values are rows) or `.parquet`, by the file's contents, which are
/// `bytes`.
///
/// # Errors
/// The file is none of these.
pub fn rows(path: &Path, bytes: Vec<u8>) -> Result<SuiteRows, SuiteError> {
    let fail = |why: String| SuiteError::Read { path: path.to_owned(), why };
    let sha256 = hex(&Sha256::digest(&bytes));
    let values = if bytes.starts_with(b"PAR1") { parquet(bytes) } else { json(&bytes) }.map_err(fail)?;
    let row = |(place, value): (String, Result<Value, String>)| match value {
        Ok(value) => Instance::from_value(value).map_err(|error| format!("{place}: {error}")),
        Err(error) => Err(format!("{place}: {error}")),
    };
    Ok(SuiteRows { rows: values.into_iter().map(row).collect(), sha256 })
}

/// Values and their positions in the file.
type Placed = Vec<(String, Result<Value, String>)>;

#[cfg(feature = "parquet")]
fn parquet(bytes: Vec<u8>) -> Result<Placed, String> {
    let rows = super::parquet::rows(bytes)?;
    Ok((1..).zip(rows).map(|(n, row)| (format!("row {n}"), Ok(row))).collect())
}

#[cfg(not(feature = "parquet"))]
fn parquet(_bytes: Vec<u8>) -> Result<Placed, String> {
    Err("this voe was built without parquet; give the suite as .jsonl or .json".to_owned())
}

fn json(bytes: &[u8]) -> Result<Placed, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is neither UTF-8 text nor parquet".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str(text) {
        Ok(Value::Array(list)) => {
            return Ok((1..).zip(list).map(|(n, row)| (format!("row {n}"), Ok(row))).collect());
        }
        Ok(Value::Object(rows)) if !rows.contains_key("instance_id") => {
            return Ok(rows.into_iter().map(|(key, row)| (format!("row {key:?}"), Ok(row))).collect());
        }
        _ => {}
    }
    let line = |(n, line): (u32, &str)| {
        let value = serde_json::from_str(line).map_err(|error| format!("invalid JSON ({error})"));
        (format!("line {n}"), value)
    };
    Ok((1..).zip(text.split('\n')).filter(|(_, line)| !line.trim().is_empty()).map(line).collect())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::suite::Suite;

    fn row(id: &str) -> String {
        format!(
            r#"{{"repo":"a/b","instance_id":"{id}","base_commit":"c","patch":"p","test_patch":"t","problem_statement":"s","version":"1","FAIL_TO_PASS":"[\"x\"]","PASS_TO_PASS":["y"]}}"#
        )
    }

    fn read(name: &str, text: &str) -> Result<Suite, SuiteError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        Suite::read(&path)
    }

    fn ids(suite: &Suite) -> Vec<&str> {
        suite.tasks.iter().map(|task| task.instance_id.as_str()).collect()
    }

    #[test]
    fn lines_lists_and_objects_are_read() {
        let (a, b) = (row("a"), row("b"));
        for text in [format!("{a}\n\n{b}\n"), format!("[{a},{b}]"), format!("{{\"1\":{a},\"2\":{b}}}")] {
            assert_eq!(ids(&read("suite.jsonl", &text).unwrap()), ["a", "b"], "{text}");
        }
    }

    #[test]
    fn a_row_with_a_missing_field_is_named_and_the_others_are_kept() {
        let broken = row("b").replace("\"base_commit\":\"c\",", "");
        let suite = read("s.jsonl", &format!("{}\n{broken}\n{{\n{}\n", row("a"), row("a"))).unwrap();
        assert_eq!(ids(&suite), ["a"]);
        insta::assert_snapshot!(suite.notes.join("\n"), @r"
        line 2: b: missing field `base_commit`; every row of a suite needs it; the row is left out
        line 3: invalid JSON (EOF while parsing an object at line 1 column 1); the row is left out
        a: twice in the suite; the first one counts
        1 of 1 rows have no eval_script (a copy from before 2026): these can be attempted but not graded here; download the suite again
        ");
    }

    #[test]
    fn a_file_without_any_task_is_refused_with_its_first_problem() {
        let error = read("s.jsonl", "<html>").unwrap_err().to_string();
        assert!(error.contains("contains no usable task") && error.contains("line 1: invalid JSON"), "{error}");
        let error = Suite::read(Path::new("nowhere.jsonl")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the suite nowhere.jsonl"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), parquet: bool) {
            let bytes = if parquet { [b"PAR1".to_vec(), bytes, b"PAR1".to_vec()].concat() } else { bytes };
            let _ = rows(Path::new("s"), bytes);
        }
    }
}
