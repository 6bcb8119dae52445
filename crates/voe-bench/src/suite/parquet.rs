//! Rows from parquet, the form in which the hub has the data sets.

use parquet::data_type::AsBytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

/// All rows as JSON objects.
pub(super) fn rows(bytes: Vec<u8>) -> Result<Vec<Value>, String> {
    let damaged = |error: String| format!("damaged parquet: {error}");
    // The reader is made for files that are whole; it has panicked on damaged ones before.
    let read = std::panic::catch_unwind(|| -> Result<Vec<Value>, String> {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(|e| damaged(e.to_string()))?;
        let rows = reader.get_row_iter(None).map_err(|e| damaged(e.to_string()))?;
        rows.map(|row| {
            let row = row.map_err(|e| damaged(e.to_string()))?;
            let fields = row.get_column_iter().map(|(name, field)| (name.clone(), value(field)));
            Ok(Value::Object(fields.collect::<Map<_, _>>()))
        })
        .collect()
    });
    read.unwrap_or_else(|_| Err(damaged("it can't be read".to_owned())))
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Str(text) => Value::String(text.clone()),
        Field::Bytes(bytes) => Value::String(String::from_utf8_lossy(bytes.as_bytes()).into_owned()),
        Field::ListInternal(list) => Value::Array(list.elements().iter().map(value).collect()),
        Field::Bool(value) => Value::Bool(*value),
        Field::Int(value) => Value::from(*value),
        Field::Long(value) => Value::from(*value),
        Field::Double(value) => Value::from(*value),
        other => Value::String(other.to_string()),
    }
}
