//! Verdicts as published in papers: one row a task, one column an arm.

use std::collections::BTreeMap;

use serde_json::Value;

/// The columns of a JSON list of rows with an `instance_id` and true or false for each arm; `None` if it is no such list.
pub(super) fn columns(value: &Value) -> Option<BTreeMap<String, BTreeMap<String, bool>>> {
    let mut columns: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for row in value.as_array()? {
        let row = row.as_object()?;
        let id = row.get("instance_id")?.as_str()?;
        for (name, verdict) in row.iter().filter_map(|(name, v)| Some((name, v.as_bool()?))) {
            columns.entry(name.clone()).or_default().insert(id.to_owned(), verdict);
        }
    }
    (!columns.is_empty()).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_column_of_truths_is_an_arm() {
        let table = json!([{"instance_id": "a-1", "difficulty": "1-4h", "x": true, "y": false}, {"instance_id": "a-2", "x": false}]);
        let columns = columns(&table).unwrap();
        assert_eq!(columns["x"], BTreeMap::from([("a-1".into(), true), ("a-2".into(), false)]));
        assert_eq!(columns["y"].len(), 1);
    }

    #[test]
    fn anything_else_is_no_table() {
        for other in [json!({}), json!([]), json!([1]), json!([{"x": true}]), json!([{"instance_id": "a"}])] {
            assert_eq!(columns(&other), None, "{other}");
        }
    }
}
