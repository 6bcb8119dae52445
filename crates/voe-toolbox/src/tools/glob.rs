//! `glob`: files by the pattern of their names.

use std::fmt::Write as _;

use globset::GlobBuilder;
use serde_json::{Value, json};

use super::{Arguments, Done, Tool, walk};
use crate::inbox::Inbox;
use crate::place::Access;
use crate::session::Session;

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

fn run(session: &mut Session, arguments: &Arguments, inbox: &mut Inbox) -> Result<Done, String> {
    let pattern = arguments.text("pattern")?;
    let place = session.places.resolve(arguments.maybe_text("path")?.unwrap_or("."), Access::Read)?;
    if !place.path.exists() {
        return Err(format!("{} does not exist", place.shown()));
    }
    let workspace = session.places.workspace();
    let relative = pattern.trim_start_matches("./");
    let relative = place.path.to_str().and_then(|dir| relative.strip_prefix(dir)).unwrap_or(relative);
    let relative = relative.trim_start_matches('/');
    // A pattern without a slash is meant for names, at whatever depth.
    let whole = if relative.contains('/') { relative.to_owned() } else { format!("**/{relative}") };
    let matcher = GlobBuilder::new(&whole)
        .literal_separator(true)
        .build()
        .map_err(|error| format!("{pattern} is not a pattern: {error}"))?
        .compile_matcher();
    let most = session.setup.limits.glob_files;
    let (mut found, mut total) = (String::new(), 0_usize);
    for entry in walk::files(&place, workspace).flatten() {
        if inbox.ended() || entry.file_type().is_none_or(|kind| kind.is_dir()) {
            continue;
        }
        let Ok(below) = entry.path().strip_prefix(&place.path) else { continue };
        if matcher.is_match(below) {
            total += 1;
            if total <= most {
                let _ = writeln!(found, "{}", walk::shown(entry.path(), workspace));
            }
        }
    }
    if total == 0 {
        return Ok(Done::said(format!(
            "no file matches {pattern} in {} (ignored files are not searched)",
            place.shown()
        )));
    }
    if total > most {
        let _ = write!(found, "[the first {most} of {total}; narrow the pattern]");
    }
    Ok(Done::said(found.trim_end()))
}
