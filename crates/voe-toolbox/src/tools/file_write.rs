//! `file_write`: a whole file.

use serde_json::{Value, json};
use voe_protocol::SyntaxCheck;

use super::{Arguments, Effect, Tool, ToolOutcome, file_edit};
use crate::inbox::Inbox;
use crate::place::Access;
use crate::session::ToolboxSession;
use crate::text::view::{BOM, TextView};
use crate::{syntax, write};

pub(super) const TOOL: Tool =
    Tool { name: "file_write", description: "Create a file or replace its whole content.", parameters, run };

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {"path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["path", "content"]
    })
}

fn run(session: &mut ToolboxSession, arguments: &Arguments, _: &mut Inbox) -> Result<ToolOutcome, String> {
    let place = session.places.resolve(arguments.text("path")?, Access::Write)?;
    let content = arguments.text("content")?;
    let before = file_edit::existing(&place)?;
    let (after, notes) =
        before.as_deref().map_or((content.as_bytes().to_vec(), Vec::new()), |old| in_form_of(old, content));
    let mut notes: Vec<String> = notes.into_iter().map(str::to_owned).collect();
    if let Some(before) = &before
        && session.setup.syntax != SyntaxCheck::Off
        && let Some(broken) = syntax::broken(&place.path, before, &after)
    {
        if session.setup.syntax == SyntaxCheck::Rollback {
            return Err(format!("{} was not changed: with this content, {broken}", place.shown()));
        }
        notes.push(broken);
    }
    write::write(&place.path, &after).map_err(|error| format!("cannot write {}: {error}", place.shown()))?;
    let verb = if before.is_some() { "replaced" } else { "created" };
    let mut text = format!("{verb} {} ({} lines)", place.shown(), content.lines().count());
    for note in notes {
        text.push_str(&format!("\nnote: {note}"));
    }
    Ok(ToolOutcome { output: text, effect: Effect::File(place), ..ToolOutcome::default() })
}

/// New content with the byte order mark and the line ends of the old one, and notes on what was changed.
fn in_form_of(old: &[u8], new: &str) -> (Vec<u8>, Vec<&'static str>) {
    let (view, mut notes, mut after) = (TextView::new(old), Vec::new(), Vec::new());
    if old.starts_with(BOM) && !new.starts_with('\u{feff}') {
        after.extend_from_slice(BOM);
        notes.push("the file's byte order mark was kept");
    }
    if view.crlf > 0 && view.lf == 0 && new.contains('\n') && !new.contains('\r') {
        after.extend_from_slice(new.replace('\n', "\r\n").as_bytes());
        notes.push("the file's line ends, CRLF, were kept");
    } else {
        after.extend_from_slice(new.as_bytes());
    }
    (after, notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewritten_file_keeps_its_mark_and_its_line_ends() {
        let (after, notes) = in_form_of(b"\xef\xbb\xbfa\r\nb\r\n", "x\ny\n");
        assert_eq!(after, b"\xef\xbb\xbfx\r\ny\r\n");
        assert_eq!(notes.len(), 2);
        assert_eq!(in_form_of(b"a\nb\r\n", "x\ny\n"), (b"x\ny\n".to_vec(), vec![]));
        assert_eq!(in_form_of(b"a\r\n", "x\r\ny\n"), (b"x\r\ny\n".to_vec(), vec![]));
    }
}
