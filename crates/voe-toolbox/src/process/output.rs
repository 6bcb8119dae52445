//! A command's output: head and tail in memory, all of it in a file, both bounded.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::clean::Cleaner;

/// Bytes of the longest character.
const BYTES_A_CHARACTER: usize = 4;

/// What a command has printed so far.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    cleaner: Cleaner,
    cleaned: Vec<u8>,
    /// The first bytes, up to `keep`.
    head: Vec<u8>,
    /// The last bytes after the head, up to `keep`.
    tail: VecDeque<u8>,
    /// Bytes kept of each.
    keep: usize,
    /// Characters that may be shown.
    characters: usize,
    /// Bytes of cleaned output so far.
    total: u64,
    /// Raw bytes, escapes included.
    raw: u64,
    path: PathBuf,
    file: Spill,
    /// Size limit of the file, in bytes.
    file_bytes: u64,
}

/// The file with the whole output.
#[derive(Debug)]
enum Spill {
    NotNeeded,
    Open { file: File, written: u64 },
    Failed(String),
}

/// The output as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownOutput {
    /// Head, a line on the omitted part, and tail; or all of it.
    pub(crate) text: String,
    /// The last lines.
    pub(crate) tail: String,
}

/// Lines and characters of [`ShownOutput::tail`]. Some programs print twenty lines of location after the error.
const TAIL_LINES: usize = 40;
const TAIL_CHARACTERS: usize = 4000;

impl CommandOutput {
    /// `characters` may be shown; of more than that, `file_bytes` go to a file at `path`.
    pub(crate) fn new(characters: usize, path: &Path, file_bytes: u64) -> Self {
        Self {
            cleaner: Cleaner::default(),
            cleaned: Vec::new(),
            head: Vec::new(),
            tail: VecDeque::new(),
            keep: characters.max(1).saturating_mul(BYTES_A_CHARACTER),
            characters,
            total: 0,
            raw: 0,
            path: path.to_owned(),
            file: Spill::NotNeeded,
            file_bytes,
        }
    }

    /// Bytes that the command has printed.
    pub(crate) fn printed(&self) -> u64 {
        self.raw
    }

    /// Adds output.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.raw += bytes.len() as u64;
        let mut cleaned = std::mem::take(&mut self.cleaned);
        cleaned.clear();
        self.cleaner.push(bytes, &mut cleaned);
        self.keep_cleaned(&cleaned);
        self.cleaned = cleaned;
    }

    fn keep_cleaned(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.keep - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        if rest.is_empty() {
            return;
        }
        if matches!(self.file, Spill::NotNeeded) {
            self.open_file();
        }
        self.write_file(rest);
        let rest = &rest[rest.len().saturating_sub(self.keep)..];
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(self.keep);
        self.tail.drain(..over);
    }

    /// Starts the file with the head.
    fn open_file(&mut self) {
        self.file = match OpenOptions::new().read(true).write(true).create_new(true).open(&self.path) {
            Ok(file) => Spill::Open { file, written: 0 },
            Err(error) => Spill::Failed(error.to_string()),
        };
        let head = std::mem::take(&mut self.head);
        self.write_file(&head);
        self.head = head;
    }

    fn write_file(&mut self, bytes: &[u8]) {
        if let Spill::Open { file, written } = &mut self.file {
            let room = self.file_bytes.saturating_sub(*written);
            let part = &bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
            *written += part.len() as u64;
            if let Err(error) = file.write_all(part) {
                self.file = Spill::Failed(error.to_string());
            }
        }
    }

    /// The whole output so far; of more than the file may have, its first part and the last bytes.
    pub(crate) fn whole(&mut self) -> String {
        let mut all = Vec::new();
        let mut kept = None;
        if let Spill::Open { file, written } = &mut self.file {
            // Read from the open file: a command may have put another one in its place.
            let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(*written).read_to_end(&mut all));
            kept = read.ok().map(|_| *written);
        }
        match kept {
            Some(kept) if kept == self.total => {}
            Some(_) => {
                all.push(b'\n');
                all.extend(&self.tail);
            }
            None => {
                all.clone_from(&self.head);
                all.extend(&self.tail);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// The output as it is shown, once no more comes.
    pub(crate) fn finish(mut self) -> ShownOutput {
        let whole = self.total == (self.head.len() + self.tail.len()) as u64;
        let mut all = self.head.clone();
        all.extend(&self.tail);
        let all = String::from_utf8_lossy(&all).into_owned();
        if whole && all.chars().count() <= self.characters {
            if !matches!(self.file, Spill::NotNeeded) {
                let _ = std::fs::remove_file(&self.path);
            }
            return ShownOutput { tail: last_lines(&all), text: all };
        }
        if matches!(self.file, Spill::NotNeeded) {
            self.open_file();
        }
        let last: Vec<u8> = self.tail.iter().copied().collect();
        let (head, tail) = if whole {
            (all.as_str(), all.as_str())
        } else {
            (&*String::from_utf8_lossy(&self.head), &*String::from_utf8_lossy(&last))
        };
        let half = self.characters / 2;
        let head = to_line_end(first_characters(head, half));
        let tail = from_line_start(last_characters(tail, half));
        let gap = self.total.saturating_sub((head.len() + tail.len()) as u64);
        let text =
            format!("{}\n[… {gap} bytes left out here{} …]\n{tail}", head.trim_end_matches('\n'), self.where_kept());
        ShownOutput { tail: last_lines(tail), text }
    }

    fn where_kept(&self) -> String {
        let path = self.path.display();
        match &self.file {
            Spill::NotNeeded => String::new(),
            Spill::Open { written, .. } if *written < self.total => {
                format!("; the first {written} of {} bytes are in {path}, for file_read or grep", self.total)
            }
            Spill::Open { .. } => format!("; all of it is in {path}, for file_read or grep"),
            Spill::Failed(error) => format!("; it could not be kept in a file: {error}"),
        }
    }
}

fn first_characters(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at])
}

fn last_characters(text: &str, count: usize) -> &str {
    match count.checked_sub(1) {
        Some(before) => text.char_indices().rev().nth(before).map_or(text, |(at, _)| &text[at..]),
        None => "",
    }
}

/// Cuts at the last line end, unless that would cost more than a fifth.
fn to_line_end(text: &str) -> &str {
    match text.rfind('\n') {
        Some(at) if at >= text.len() / 5 * 4 => &text[..=at],
        _ => text,
    }
}

/// Cuts at the first line start, unless that would cost more than a fifth.
fn from_line_start(text: &str) -> &str {
    match text.find('\n') {
        Some(at) if at < text.len() / 5 => &text[at + 1..],
        _ => text,
    }
}

fn last_lines(text: &str) -> String {
    let text = text.trim_end();
    let start = text.rmatch_indices('\n').nth(TAIL_LINES - 1).map_or(0, |(at, _)| at + 1);
    last_characters(&text[start..], TAIL_CHARACTERS).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(characters: usize, file_bytes: u64) -> (tempfile::TempDir, CommandOutput, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.txt");
        let output = CommandOutput::new(characters, &path, file_bytes);
        (dir, output, path)
    }

    #[test]
    fn short_output_is_shown_whole_and_leaves_no_file() {
        let (_dir, mut output, path) = output(100, 1000);
        output.push(b"one\ntwo \xff\n");
        let shown = output.finish();
        assert_eq!(shown.text, "one\ntwo \u{fffd}\n");
        assert_eq!(shown.tail, "one\ntwo \u{fffd}");
        assert!(!path.exists());
    }

    #[test]
    fn long_output_keeps_head_and_tail_and_the_whole_in_a_file() {
        let (_dir, mut output, path) = output(200, 1 << 20);
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        for part in lines.as_bytes().chunks(7) {
            output.push(part);
        }
        let shown = output.finish();
        assert!(shown.text.starts_with("line 0\nline 1\n"), "{}", shown.text);
        assert!(shown.text.ends_with("line 998\nline 999\n"), "{}", shown.text);
        assert!(shown.text.contains("left out here; all of it is in"), "{}", shown.text);
        assert!(shown.text.chars().count() < 400);
        assert_eq!(std::fs::read_to_string(path).unwrap(), lines);
    }

    #[test]
    fn the_whole_output_can_be_read_even_if_its_file_was_removed() {
        let (_dir, mut output, path) = output(50, 1 << 20);
        output.push(b"short\n");
        assert_eq!(output.whole(), "short\n");
        let lines: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        output.push(lines.as_bytes());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(output.whole(), format!("short\n{lines}"));
        output.push(b"more\n");
        assert!(output.whole().ends_with("line 999\nmore\n"));
    }

    #[test]
    fn of_more_than_the_file_may_have_the_last_bytes_are_there() {
        let (_dir, mut output, _) = output(50, 500);
        for n in 0..1000 {
            output.push(format!("line {n}\n").as_bytes());
        }
        let whole = output.whole();
        assert!(whole.starts_with("line 0\n") && whole.ends_with("line 999\n"), "{whole}");
    }

    #[test]
    fn a_flood_is_bounded_in_memory_and_in_the_file() {
        let (_dir, mut output, path) = output(50, 5000);
        for _ in 0..100_000 {
            output.push(b"yyyyyyyyy\n");
        }
        assert!(output.head.len() + output.tail.len() <= 400);
        let shown = output.finish();
        assert!(shown.text.contains("the first 5000 of 1000000 bytes"), "{}", shown.text);
        assert_eq!(std::fs::metadata(path).unwrap().len(), 5000);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_reported_and_the_output_is_shown() {
        let mut output = CommandOutput::new(50, Path::new("/nowhere/out.txt"), 5000);
        output.push(&b"0123456789\n".repeat(100));
        let shown = output.finish();
        assert!(shown.text.contains("could not be kept in a file"), "{}", shown.text);
    }
}
