//! `file_read`: a file's lines with their numbers, a page at a time.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::{Arguments, Tool, ToolOutcome};
use crate::inbox::Inbox;
use crate::names;
use crate::place::{Access, AllowedPath};
use crate::session::ToolboxSession;

pub(super) const TOOL: Tool =
    Tool { name: "file_read", description: "Read a file (with line numbers) or list a directory.", parameters, run };

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "offset": {"type": "integer", "description": "First line, from 1"},
            "limit": {"type": "integer", "description": "Number of lines"}
        },
        "required": ["path"]
    })
}

/// Characters of one line that are shown.
const LINE_CHARACTERS: usize = 2000;
/// The most lines that can be requested at a time.
const MOST_LINES: usize = 1000;
/// Entries of a directory that are listed.
const MOST_ENTRIES: usize = 1000;
/// A NUL in this many first bytes makes a file binary, as in git.
const SNIFFED: usize = 8000;
/// Bytes read after the page to count the remaining lines.
const COUNTED: u64 = 64 << 20;

fn run(session: &mut ToolboxSession, arguments: &Arguments, _: &mut Inbox) -> Result<ToolOutcome, String> {
    let place = session.places.resolve(arguments.text("path")?, Access::Read)?;
    let offset = arguments.maybe_count("offset")?.unwrap_or(1).max(1);
    let limits = &session.setup.limits;
    let asked = arguments.maybe_count("limit")?.filter(|n| *n > 0);
    let lines = asked.map_or(limits.read_lines, |n| n.min(limits.read_lines.max(MOST_LINES)));
    let describe = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => not_there(&place),
        _ => format!("cannot read {}: {error}", place.shown()),
    };
    let meta = fs::symlink_metadata(&place.path).map_err(describe)?;
    if meta.is_dir() {
        return list(&place).map(ToolOutcome::text).map_err(describe);
    }
    if !meta.is_file() {
        return Err(format!("{} is neither a file nor a directory", place.shown()));
    }
    let file = place.open().map_err(describe)?;
    let page = Page { offset, lines, characters: limits.output_chars };
    page.read(file, meta.len()).map(ToolOutcome::text).map_err(describe)
}

/// The error for a missing file, with similar names in its directory.
fn not_there(place: &AllowedPath) -> String {
    let mut text = format!("{} does not exist", place.shown());
    let name = place.path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let entries = place.path.parent().and_then(|parent| fs::read_dir(parent).ok());
    let mut alike: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| names::shown(entry.file_name().as_bytes()))
        .filter(|other| !stem.is_empty() && other.to_lowercase().contains(stem))
        .take(5)
        .collect();
    if !alike.is_empty() {
        alike.sort();
        let _ = write!(text, "; its directory has {}", alike.join(", "));
    }
    text
}

fn list(place: &AllowedPath) -> io::Result<String> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(&place.path)? {
        let entry = entry?;
        let mut name = names::shown(entry.file_name().as_bytes());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            name.push('/');
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let _ = write!(name, " -> {}", names::shown(target.as_os_str().as_bytes()));
        }
        entries.push(name);
    }
    entries.sort();
    let total = entries.len();
    entries.truncate(MOST_ENTRIES);
    let mut text = format!("{} is a directory of {total} entries\n{}", place.shown(), entries.join("\n"));
    if total > MOST_ENTRIES {
        let _ = write!(text, "\n[the first {MOST_ENTRIES} of {total}; use glob to find others]");
    }
    Ok(text)
}

/// Which part of a file to show.
struct Page {
    offset: usize,
    lines: usize,
    characters: usize,
}

impl Page {
    fn read(&self, file: File, size: u64) -> io::Result<String> {
        let mut reader = BufReader::with_capacity(SNIFFED.next_power_of_two(), file);
        let first = reader.fill_buf()?;
        if first.is_empty() {
            return Ok("[the file is empty]".into());
        }
        if memchr::memchr(0, &first[..first.len().min(SNIFFED)]).is_some() {
            return Ok(format!("[a binary file of {size} bytes{}: not shown]", kind(first)));
        }
        let (mut text, mut count, mut number, mut last) = (String::new(), 0, 0, 0);
        let (mut crlf, mut foreign) = (false, false);
        let mut line = Vec::new();
        while number + 1 < self.offset {
            if skip_line(&mut reader)? == 0 {
                return Ok(format!("[the file has {number} lines; there is no line {}]", self.offset));
            }
            number += 1;
        }
        while last < self.lines {
            line.clear();
            // Enough for what is shown of it, whatever its length.
            if (&mut reader).take(4 * LINE_CHARACTERS as u64).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let mut length = line.len() as u64;
            if line.last() != Some(&b'\n') && length == 4 * LINE_CHARACTERS as u64 {
                length += skip_line(&mut reader)?;
            }
            let content = line.strip_suffix(b"\n").unwrap_or(&line);
            let content = content.strip_suffix(b"\r").inspect(|_| crlf = true).unwrap_or(content);
            let content =
                if number == 0 { content.strip_prefix(crate::text::view::BOM).unwrap_or(content) } else { content };
            let content = String::from_utf8_lossy(content);
            foreign |= matches!(content, std::borrow::Cow::Owned(_));
            let shown = match content.char_indices().nth(LINE_CHARACTERS) {
                Some((at, _)) => format!("{} [… line of {length} bytes cut here]", &content[..at]),
                None => content.into_owned(),
            };
            count += shown.chars().count() + 8;
            if count > self.characters && last > 0 {
                number += 1;
                let rest = rest(&mut reader)?;
                return Ok(self.footer(text, last, Some((number, rest)), crlf, foreign));
            }
            number += 1;
            last += 1;
            let _ = writeln!(text, "{number:>6}\t{shown}");
        }
        let rest = rest(&mut reader)?;
        Ok(self.footer(text, last, (rest != Some(0)).then_some((number, rest)), crlf, foreign))
    }

    /// Adds notes: how to read on, and what is not shown exactly. `more`: the number of lines read so far and
    /// of those after them.
    fn footer(
        &self,
        mut text: String,
        shown: usize,
        more: Option<(usize, Option<u64>)>,
        crlf: bool,
        foreign: bool,
    ) -> String {
        let mut notes = Vec::new();
        if let Some((read, rest)) = more {
            let total = rest.map_or("many".to_owned(), |rest| (read as u64 + rest).to_string());
            let next = self.offset + shown;
            notes.push(format!("lines {}-{} of {total}; read on with offset={next}", self.offset, next - 1));
        }
        if crlf {
            notes.push("lines end in CRLF, which edits keep".into());
        }
        if foreign {
            notes.push("not UTF-8; \u{fffd} stands for bytes that edits keep".into());
        }
        if !notes.is_empty() {
            let _ = write!(text, "[{}]", notes.join("; "));
        }
        text
    }
}

/// Reads to the end of a line; its length in bytes.
fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut length = 0;
    loop {
        let block = reader.fill_buf()?;
        let end = memchr::memchr(b'\n', block);
        let taken = end.map_or(block.len(), |at| at + 1);
        reader.consume(taken);
        length += taken as u64;
        if end.is_some() || taken == 0 {
            return Ok(length);
        }
    }
}

/// The number of remaining lines; `None` if they are too many to count.
fn rest(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let (mut lines, mut bytes, mut open) = (0, 0, false);
    loop {
        let block = reader.fill_buf()?;
        if block.is_empty() {
            return Ok(Some(lines + u64::from(open)));
        }
        lines += memchr::memchr_iter(b'\n', block).count() as u64;
        open = block.last() != Some(&b'\n');
        let taken = block.len();
        bytes += taken as u64;
        reader.consume(taken);
        if bytes > COUNTED {
            return Ok(None);
        }
    }
}

/// The kind of a binary file, by its first bytes.
fn kind(first: &[u8]) -> &'static str {
    let kinds: [(&[u8], &str); 9] = [
        (b"\x89PNG", " (PNG)"),
        (b"\xff\xd8\xff", " (JPEG)"),
        (b"GIF8", " (GIF)"),
        (b"%PDF", " (PDF)"),
        (b"PK\x03\x04", " (zip)"),
        (b"\x1f\x8b", " (gzip)"),
        (b"\x7fELF", " (ELF)"),
        (b"\xff\xfe", " (UTF-16 text? iconv in bash converts it)"),
        (b"\xfe\xff", " (UTF-16 text? iconv in bash converts it)"),
    ];
    kinds.into_iter().find(|(magic, _)| first.starts_with(magic)).map_or("", |(_, kind)| kind)
}
