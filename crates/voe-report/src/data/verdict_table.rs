//! Verdicts as published in papers: one row per task, one column per arm.

use std::collections::BTreeMap;

use serde_json::Value;

/// An arm's name, and its verdicts by task.
type Column = (String, BTreeMap<String, bool>);

/// In the order in which they first appear, the columns of a JSON list of rows with an `instance_id` and true or false for each arm; `None` if it is not such a list.
pub(super) fn columns(value: &Value) -> Option<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    for row in value.as_array()? {
        let row = row.as_object()?;
        let id = row.get("instance_id")?.as_str()?;
        for (name, verdict) in row.iter().filter_map(|(name, v)| Some((name, v.as_bool()?))) {
            let place = columns.iter().position(|(column, _)| column == name).unwrap_or_else(|| {
                columns.push((name.clone(), BTreeMap::new()));
                columns.len() - 1
            });
            columns[place].1.insert(id.to_owned(), verdict);
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
        assert_eq!(columns[0], ("x".into(), BTreeMap::from([("a-1".into(), true), ("a-2".into(), false)])));
        assert_eq!((columns[1].0.as_str(), columns[1].1.len()), ("y", 1));
    }

    #[test]
    fn anything_else_is_no_table() {
        for other in [json!({}), json!([]), json!([1]), json!([{"x": true}]), json!([{"instance_id": "a"}])] {
            assert_eq!(columns(&other), None, "{other}");
        }
    }
}
