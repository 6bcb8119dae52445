//! `file_edit`: replaces a string that is there once, or inserts lines.

use std::fs;

use serde_json::{Value, json};
use voe_protocol::SyntaxCheck;

use super::{Arguments, Effect, Tool, ToolOutcome};
use crate::inbox::Inbox;
use crate::place::{Access, AllowedPath};
use crate::session::ToolboxSession;
use crate::text::edit::{Edited, TextEdit, apply};
use crate::{syntax, write};

pub(super) const TOOL: Tool = Tool {
    name: "file_edit",
    description: "Replace old_string, which must occur exactly once in the file, by new_string. \
                  With an empty old_string, insert new_string at `line`, or create the file.",
    parameters,
    run,
};

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "old_string": {"type": "string", "description": "Exact text, without line numbers"},
            "new_string": {"type": "string"},
            "line": {"type": "integer", "description": "Where to insert, or which of several matches is meant"}
        },
        "required": ["path", "old_string", "new_string"]
    })
}

/// Size limit in bytes; larger files are for other tools.
pub(super) const LARGEST: u64 = 64 << 20;
/// Lines shown around an edit, and the most lines of it.
const AROUND: usize = 3;
const SHOWN_LINES: usize = 30;

fn run(session: &mut ToolboxSession, arguments: &Arguments, _: &mut Inbox) -> Result<ToolOutcome, String> {
    let place = session.places.resolve(arguments.text("path")?, Access::Write)?;
    let edit = TextEdit {
        old: arguments.text("old_string")?,
        new: arguments.text("new_string")?,
        line: arguments.maybe_count("line")?,
    };
    let Some(before) = existing(&place)? else {
        if !edit.old.is_empty() {
            return Err(format!("{} does not exist; an empty old_string creates it", place.shown()));
        }
        write::write(&place.path, edit.new.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", place.shown()))?;
        let text = format!("created {} ({} lines)", place.shown(), edit.new.lines().count());
        return Ok(ToolOutcome { output: text, effect: Effect::File(place), ..ToolOutcome::default() });
    };
    if memchr::memchr(0, &before[..before.len().min(8000)]).is_some() {
        return Err(format!("{} is a binary file; change it in bash", place.shown()));
    }
    let edited = apply(&before, &edit).map_err(|error| format!("{}: {error}", place.shown()))?;
    let broken = match session.setup.syntax {
        SyntaxCheck::Off => None,
        SyntaxCheck::Warn | SyntaxCheck::Rollback => syntax::broken(&place.path, &before, &edited.content),
    };
    if let Some(broken) = &broken
        && session.setup.syntax == SyntaxCheck::Rollback
    {
        return Err(format!("{} was not changed: with this edit, {broken}", place.shown()));
    }
    write::write(&place.path, &edited.content).map_err(|error| format!("cannot write {}: {error}", place.shown()))?;
    let mut text = format!("edited {}:\n{}", place.shown(), excerpt(&edited));
    for note in edited.note.into_iter().chain(broken) {
        text.push_str(&format!("\nnote: {note}"));
    }
    Ok(ToolOutcome { output: text, effect: Effect::File(place), ..ToolOutcome::default() })
}

/// A file's content; `None` if there is no file.
pub(super) fn existing(place: &AllowedPath) -> Result<Option<Vec<u8>>, String> {
    match fs::symlink_metadata(&place.path) {
        Ok(meta) if meta.is_dir() => Err(format!("{} is a directory", place.shown())),
        Ok(meta) if !meta.is_file() => Err(format!("{} is not a regular file", place.shown())),
        Ok(meta) if meta.len() > LARGEST => Err(format!("{} is too large: {} bytes", place.shown(), meta.len())),
        Ok(_) => fs::read(&place.path).map(Some).map_err(|error| format!("cannot read {}: {error}", place.shown())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot read {}: {error}", place.shown())),
    }
}

/// The lines around an edit, after it.
fn excerpt(edited: &Edited) -> String {
    let content = String::from_utf8_lossy(&edited.content);
    let first = edited.line.saturating_sub(AROUND).max(1);
    let last = edited.line + edited.lines.min(SHOWN_LINES) - 1 + AROUND;
    let mut text: Vec<String> = content
        .lines()
        .enumerate()
        .skip(first - 1)
        .take(last + 1 - first)
        .map(|(n, line)| format!("{:>6}\t{}", n + 1, line.chars().take(300).collect::<String>()))
        .collect();
    if edited.lines > SHOWN_LINES {
        text.push("   …".into());
    }
    text.join("\n")
}
