//! The viewer as files that open from disk.

use std::path::Path;

use serde_json::Value;

use super::index::ViewerIndex;
use super::{ViewOptions, assets, pages};
use crate::ReportError;
use crate::output::Folder;

/// Writes the viewer and all attempts to a folder, with one attempt in memory at a time. Returns the number of attempts.
///
/// A page from disk may not fetch, so data is written as scripts that call `voeData(key, value)` with a JSON value.
///
/// # Errors
/// An input can't be read, or a file can't be written.
pub fn export(options: &ViewOptions, folder: &Path) -> Result<usize, ReportError> {
    let index = ViewerIndex::build(&options.inputs)?;
    let folder = Folder::named(folder)?;
    let write = |name: &str, content: &str| folder.write(name, content).map(|_| ());
    let data = |key: &str, value: &Value| {
        write(&format!("data/{}.js", key.replace('/', "-")), &format!("voeData({}, {value});\n", Value::from(key)))
    };
    write("index.html", &assets::page(true)?)?;
    for (name, _, content) in assets::files() {
        write(name, &content)?;
    }
    let (overview, figures) = pages::overview(&index, options.suite.as_ref());
    data("overview", &overview)?;
    for figure in figures {
        write(&format!("figures/{}.svg", figure.id), &figure.svg)?;
        write(&format!("figures/{}.csv", figure.id), &figure.csv)?;
    }
    for (id, entry) in index.entries.iter().enumerate() {
        data(&format!("attempt-{id}"), &pages::attempt(&index, id).unwrap_or_default())?;
        for chunk in 0..pages::chunks(entry) {
            data(&format!("steps-{id}/{chunk}"), &pages::chunk(entry, chunk)?)?;
        }
    }
    Ok(index.attempts())
}
