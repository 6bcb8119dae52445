//! Rows from parquet, the format of data sets on the hub.

use parquet::data_type::AsBytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::{Map, Value};

/// All rows as JSON objects.
pub(super) fn rows(bytes: Vec<u8>) -> Result<Vec<Value>, String> {
    let damaged = |error: String| format!("damaged parquet: {error}");
    // The reader expects intact files and has panicked on damaged ones.
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
    read.unwrap_or_else(|_| Err(damaged("the reader failed".to_owned())))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::basic::Compression;
    use parquet::data_type::{ByteArray, ByteArrayType};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use serde_json::json;

    /// A file like those on the hub: text and lists of text, compressed with snappy.
    fn file() -> Vec<u8> {
        let schema = "message row {
            OPTIONAL BYTE_ARRAY instance_id (UTF8);
            OPTIONAL GROUP FAIL_TO_PASS (LIST) { REPEATED GROUP list { OPTIONAL BYTE_ARRAY element (UTF8); } }
        }";
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let text = |words: &[&str]| words.iter().map(|word| ByteArray::from(*word)).collect::<Vec<_>>();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&text(&["a__b-1", "a__b-2"]), Some(&[1, 1]), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let levels = (Some(&[3_i16, 3, 3][..]), Some(&[0_i16, 1, 0][..]));
        column.typed::<ByteArrayType>().write_batch(&text(&["x", "y", "z"]), levels.0, levels.1).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn text_and_lists_are_read() {
        let rows = super::rows(file()).unwrap();
        assert_eq!(
            rows,
            [
                json!({"instance_id": "a__b-1", "FAIL_TO_PASS": ["x", "y"]}),
                json!({"instance_id": "a__b-2", "FAIL_TO_PASS": ["z"]}),
            ]
        );
    }

    #[test]
    fn a_damaged_file_is_reported_without_a_panic() {
        let whole = file();
        for cut in [10, whole.len() / 2, whole.len() - 9] {
            let error = super::rows([&whole[..cut], b"PAR1"].concat()).unwrap_err();
            assert!(error.starts_with("damaged parquet"), "{error}");
        }
    }
}
