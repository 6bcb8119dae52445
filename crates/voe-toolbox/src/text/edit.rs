//! One edit of a text: replacing a string that must be there once, or inserting lines.

use super::nearest::{NearestText, nearest};
use super::view::TextView;

/// What to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextEdit<'a> {
    /// The present text; empty to insert.
    pub old: &'a str,
    /// The new text.
    pub new: &'a str,
    /// Where to insert (the new text becomes this line, counted from 1), or which of several matches is meant.
    pub line: Option<usize>,
}

/// The text after an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The file's content now.
    pub content: Vec<u8>,
    /// The first line of the new text, from 1.
    pub line: usize,
    /// The number of lines that the new text touches.
    pub lines: usize,
    /// A note for the model on how the edit was made.
    pub note: Option<String>,
}

/// Why an edit was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[allow(missing_docs)]
pub enum EditError {
    #[error("old_string and new_string are the same: nothing to change")]
    Identical,
    #[error("old_string is empty: give `line` to insert there, or use file_write to replace the whole file")]
    NoPlace,
    #[error("there is no line {line}: the file has {lines}; use line {} to append", lines + 1)]
    NoSuchLine { line: usize, lines: usize },
    #[error("old_string occurs {} times, on lines {}: add lines around it until it is unique, or give `line`", lines.len(), listed(lines))]
    Several { lines: Vec<usize> },
    #[error("{}", not_found(hint, nearest))]
    NotFound { hint: Option<String>, nearest: Vec<NearestText> },
    #[error(
        "new_string holds more \u{fffd} than the text it replaces: they stand for bytes that are not UTF-8 and cannot be made up"
    )]
    Foreign,
}

fn listed(lines: &[usize]) -> String {
    const MOST: usize = 20;
    let mut text = lines.iter().take(MOST).map(usize::to_string).collect::<Vec<_>>().join(", ");
    if lines.len() > MOST {
        text.push_str(", …");
    }
    text
}

fn not_found(hint: &Option<String>, nearest: &[NearestText]) -> String {
    let mut text = String::from("old_string is not in the file");
    if let Some(hint) = hint {
        text.push_str(": ");
        text.push_str(hint);
    }
    if nearest.is_empty() {
        text.push_str(". Nothing like it is there either: read the file again");
    } else {
        text.push_str(". The nearest to it:");
        for candidate in nearest {
            text.push_str(&format!("\n{candidate}"));
        }
    }
    text
}

/// A match: the part of the text, and what replaces it.
struct Match<'a> {
    from: usize,
    to: usize,
    new: &'a str,
}

/// Makes an edit. Bytes outside of what changes stay as they are, whatever the file's encoding and line ends.
///
/// # Errors
/// The place was not found or is not unique, nothing would change, or the new text would invent bytes that are not UTF-8. The
/// error is written for the model.
pub fn apply(content: &[u8], edit: &TextEdit<'_>) -> Result<Edited, EditError> {
    if edit.old == edit.new {
        return Err(EditError::Identical);
    }
    let view = TextView::new(content);
    if edit.old.is_empty() {
        return insert(content, &view, edit);
    }
    // An explicit carriage return means bytes.
    if edit.old.contains('\r') && view.crlf > 0 {
        let at: Vec<usize> = overlapping(content, edit.old.as_bytes());
        if let [at] = at[..] {
            let mut out = content[..at].to_vec();
            out.extend_from_slice(edit.new.as_bytes());
            out.extend_from_slice(&content[at + edit.old.len()..]);
            let line = memchr::memchr_iter(b'\n', &content[..at]).count() + 1;
            return Ok(Edited { content: out, line, lines: line_count(edit.new), note: None });
        }
    }
    let old = edit.old.replace("\r\n", "\n");
    let new = if view.crlf > 0 { edit.new.replace("\r\n", "\n") } else { edit.new.to_owned() };
    let old = old.strip_prefix('\u{feff}').unwrap_or(&old);
    let new = new.strip_prefix('\u{feff}').unwrap_or(&new);
    if old == new {
        return Err(EditError::Identical);
    }
    let found = choose(&view, old, new, edit.line)?;
    replace(content, &view, &found)
}

fn choose<'a>(view: &TextView<'_>, old: &str, new: &'a str, line: Option<usize>) -> Result<Match<'a>, EditError> {
    let places = overlapping(view.text.as_bytes(), old.as_bytes());
    let whole = |at: usize| Match { from: at, to: at + old.len(), new };
    match places[..] {
        [at] => Ok(whole(at)),
        [] => {
            // The last line of a file may lack its line end, while old_string has one.
            if let Some(open) = old.strip_suffix('\n')
                && !open.is_empty()
                && view.text.ends_with(open)
            {
                let from = view.text.len() - open.len();
                return Ok(Match { from, to: view.text.len(), new: new.strip_suffix('\n').unwrap_or(new) });
            }
            Err(EditError::NotFound { hint: hint(view, old), nearest: nearest(&view.text, old, 3) })
        }
        _ => {
            let spans =
                places.iter().map(|&at| (at, view.line_of(at), view.line_of(at + old.trim_end_matches('\n').len())));
            let meant: Vec<usize> = spans
                .filter(|(_, first, last)| line.is_some_and(|n| (*first..=*last).contains(&n)))
                .map(|s| s.0)
                .collect();
            // Of several that cover the line, the one that begins there.
            let begins: Vec<usize> = meant.iter().copied().filter(|&at| Some(view.line_of(at)) == line).collect();
            match (&meant[..], &begins[..]) {
                ([at], _) | (_, [at]) => Ok(whole(*at)),
                _ => Err(EditError::Several { lines: places.iter().map(|&at| view.line_of(at)).collect() }),
            }
        }
    }
}

/// Replaces only what differs between the match and its replacement, so that all else keeps its bytes.
fn replace(content: &[u8], view: &TextView<'_>, found: &Match<'_>) -> Result<Edited, EditError> {
    let old = &view.text[found.from..found.to];
    let new = found.new;
    let prefix: usize = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let rest = old[prefix..].chars().rev().zip(new[prefix..].chars().rev());
    let suffix: usize = rest.take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (from, to) = (found.from + prefix, found.to - suffix);
    let middle = &new[prefix..new.len() - suffix];

    let mut foreign = view.foreign(from, to).into_iter();
    let end = view.line_end(from, to);
    let mut out = content[..view.in_file(from)].to_vec();
    for c in middle.chars() {
        match c {
            '\n' => out.extend_from_slice(end.as_bytes()),
            '\u{fffd}' if !view.utf8 => out.extend_from_slice(foreign.next().ok_or(EditError::Foreign)?),
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.extend_from_slice(&content[view.in_file(to)..]);
    let mixes = !view.utf8 && middle.chars().any(|c| !c.is_ascii() && c != '\u{fffd}');
    let note = mixes.then(|| "the file is not UTF-8, and the new text was written as UTF-8".to_owned());
    Ok(Edited { content: out, line: view.line_of(found.from), lines: line_count(new), note })
}

/// Inserts whole lines before a line, or after the last.
fn insert(content: &[u8], view: &TextView<'_>, edit: &TextEdit<'_>) -> Result<Edited, EditError> {
    let text = &view.text;
    let open = !text.is_empty() && !text.ends_with('\n');
    let lines = memchr::memchr_iter(b'\n', text.as_bytes()).count() + usize::from(open);
    let line = match edit.line {
        Some(line) => line.max(1),
        None if text.is_empty() => 1,
        None => return Err(EditError::NoPlace),
    };
    if line > lines + 1 {
        return Err(EditError::NoSuchLine { line, lines });
    }
    let at = match line.checked_sub(2) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', text.as_bytes()).nth(nth).map_or(text.len(), |at| at + 1),
    };
    let mut new = edit.new.replace("\r\n", "\n");
    let appended = at == text.len();
    if appended && open {
        // The file's last line has no end: it gets one, and the new last line has none.
        new = format!("\n{}", new.strip_suffix('\n').unwrap_or(&new));
    } else if !new.ends_with('\n') && !text.is_empty() {
        new.push('\n');
    }
    let new = if view.crlf > view.lf { new.replace('\n', "\r\n") } else { new };
    let place = view.in_file(at);
    let out = [&content[..place], new.as_bytes(), &content[place..]].concat();
    Ok(Edited { content: out, line, lines: line_count(edit.new), note: None })
}

fn line_count(text: &str) -> usize {
    text.lines().count().max(1)
}

/// All places at which `needle` occurs, overlapping ones included.
fn overlapping(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
    let finder = memchr::memmem::Finder::new(needle);
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(at) = haystack.get(from..).and_then(|rest| finder.find(rest)) {
        found.push(from + at);
        from += at + 1;
    }
    found
}

/// The model's most likely mistake.
fn hint(view: &TextView<'_>, old: &str) -> Option<String> {
    let numbered: Vec<&str> = old.lines().map(|line| without_number(line).unwrap_or(line)).collect();
    if old.lines().all(|line| without_number(line).is_some()) && view.text.contains(&numbered.join("\n")) {
        return Some("it begins with the line numbers that file_read shows; leave them out".into());
    }
    let wanted: Vec<&str> = old.lines().map(str::trim).collect();
    let lines: Vec<&str> = view.text.lines().map(str::trim).collect();
    if wanted.iter().any(|line| !line.is_empty())
        && let Some(at) = lines.windows(wanted.len()).position(|window| window == wanted)
    {
        return Some(format!("the lines from {} on differ from it only in white space", at + 1));
    }
    None
}

/// A line without the number that file_read puts before it.
fn without_number(line: &str) -> Option<&str> {
    let (number, rest) = line.split_once('\t')?;
    let number = number.trim_start();
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(rest)
}
