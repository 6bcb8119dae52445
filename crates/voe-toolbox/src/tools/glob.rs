//! `glob`: files by the pattern of their names.

use std::fmt::Write as _;

use globset::GlobBuilder;
use serde_json::{Value, json};
use voe_protocol::{PathList, RawBytes};

use super::{Arguments, Tool, ToolOutcome, walk};
use crate::inbox::Inbox;
use crate::names;
use crate::place::{Access, AllowedPath};
use crate::session::ToolboxSession;

pub(super) const TOOL: Tool =
    Tool { name: "glob", description: "List files by a pattern such as **/*.py.", parameters, run };

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "path": {"type": "string", "description": "Directory to search"}
        },
        "required": ["pattern"]
    })
}

fn run(session: &mut ToolboxSession, arguments: &Arguments, inbox: &mut Inbox) -> Result<ToolOutcome, String> {
    let pattern = arguments.text("pattern")?;
    let place = session.places.resolve(arguments.maybe_text("path")?.unwrap_or("."), Access::Read)?;
    let found = list_in(session, pattern, &place, inbox)?;
    let (most, total) = (found.paths.len(), found.total);
    if total == 0 {
        return Ok(ToolOutcome::text(format!(
            "no file matches {pattern} in {} (ignored files are not searched)",
            place.shown()
        )));
    }
    let mut text = String::new();
    for path in found.paths {
        let _ = writeln!(text, "{}", names::shown(&path.0));
    }
    if total > most as u64 {
        let _ = write!(text, "[the first {most} of {total}; narrow the pattern]");
    }
    Ok(ToolOutcome::text(text.trim_end()))
}

/// The workspace's files that fit a pattern, within the tool's limit.
pub(crate) fn list(session: &ToolboxSession, pattern: &str, inbox: &Inbox) -> Result<PathList, String> {
    list_in(session, pattern, &session.places.resolve(".", Access::Read)?, inbox)
}

fn list_in(session: &ToolboxSession, pattern: &str, place: &AllowedPath, inbox: &Inbox) -> Result<PathList, String> {
    if !place.path.exists() {
        return Err(format!("{} does not exist", place.shown()));
    }
    let workspace = session.places.workspace();
    let relative = pattern.trim_start_matches("./");
    let relative = place.path.to_str().and_then(|dir| relative.strip_prefix(dir)).unwrap_or(relative);
    let relative = relative.trim_start_matches('/');
    // A pattern without a slash matches names at any depth.
    let whole = if relative.contains('/') { relative.to_owned() } else { format!("**/{relative}") };
    let matcher = GlobBuilder::new(&whole)
        .literal_separator(true)
        .build()
        .map_err(|error| format!("{pattern} is not a pattern: {error}"))?
        .compile_matcher();
    let most = session.setup.limits.glob_files;
    let mut found = PathList::default();
    for entry in walk::files(place, workspace).flatten() {
        if inbox.ended() || entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(below) = entry.path().strip_prefix(&place.path) else { continue };
        if matcher.is_match(below) {
            found.total += 1;
            if found.paths.len() < most {
                found.paths.push(RawBytes(walk::relative(entry.path(), workspace).to_vec()));
            }
        }
    }
    Ok(found)
}
