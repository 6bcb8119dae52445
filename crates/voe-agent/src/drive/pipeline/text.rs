//! A file's lines as shown to the model: the same as `file_read` gives, up to a number of pages.

use std::borrow::Cow;

/// Size limit of a file, in bytes.
pub(super) const MOST_BYTES: u64 = 32 << 20;
/// Pages of a file: larger ones are not candidates.
const PAGES: usize = 20;
/// Characters of a line that are shown, and bytes that are enough for these.
const LINE_CHARACTERS: usize = 2000;
const LINE_BYTES: usize = 4 * LINE_CHARACTERS;
/// A NUL in this many first bytes makes a file binary, as git has it.
const SNIFFED: usize = 8000;
/// The byte order mark of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// The lines of a text; `None` if it is empty, binary or has too many pages of `page_lines` and `page_chars`.
pub(super) fn lines(content: &[u8], page_lines: usize, page_chars: usize) -> Option<Vec<String>> {
    if content.is_empty() || content[..content.len().min(SNIFFED)].contains(&0) || page_lines == 0 {
        return None;
    }
    let mut lines = Vec::new();
    let (mut pages, mut on_page, mut chars, mut noted) = (1, 0, 0, false);
    for raw in content.split_inclusive(|byte| *byte == b'\n') {
        let line = PromptLine::of(raw, lines.is_empty());
        let count = line.text.chars().count() + 8;
        chars += count;
        if on_page > 0 && (on_page == page_lines || chars > page_chars) {
            pages += 1;
            (on_page, chars, noted) = (0, count, false);
        }
        // A page with a note at its end counts as one with more after it.
        noted |= line.noted;
        if pages > PAGES || (pages == PAGES && noted) {
            return None;
        }
        on_page += 1;
        lines.push(line.text.strip_suffix('\r').map(str::to_owned).unwrap_or(line.text));
    }
    Some(lines)
}

struct PromptLine {
    text: String,
    /// Its end is CRLF, or it is not UTF-8.
    noted: bool,
}

impl PromptLine {
    fn of(raw: &[u8], first: bool) -> Self {
        let line = &raw[..raw.len().min(LINE_BYTES)];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (line, crlf) = line.strip_suffix(b"\r").map_or((line, false), |line| (line, true));
        let line = if first { line.strip_prefix(BOM).unwrap_or(line) } else { line };
        let text = String::from_utf8_lossy(line);
        let noted = crlf || matches!(text, Cow::Owned(_));
        let text = match text.char_indices().nth(LINE_CHARACTERS) {
            Some((at, _)) => format!("{} [… line of {} bytes cut here]", &text[..at], raw.len()),
            None => text.into_owned(),
        };
        Self { text, noted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Option<Vec<String>> {
        lines(content, 1000, 30_000)
    }

    #[test]
    fn a_text_is_read_whatever_its_ends_and_bytes() {
        assert_eq!(read(b"\xef\xbb\xbfa\r\n\n\tb\xe9 \nc").unwrap(), ["a", "", "\tb\u{fffd} ", "c"]);
        assert_eq!(read(b"\xef\xbb\xbf").unwrap(), [""]);
        let long = "x".repeat(9000) + "\nb\n";
        let found = read(long.as_bytes()).unwrap();
        assert_eq!(found[0], format!("{} [… line of 9001 bytes cut here]", "x".repeat(2000)));
        assert_eq!(found[1], "b");
    }

    #[test]
    fn a_file_that_cannot_be_a_candidate_is_not_read() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"a\0b"), None);
        assert_eq!(read("a\n".repeat(20_000).as_bytes()).unwrap().len(), 20_000);
        assert_eq!(read("a\n".repeat(20_001).as_bytes()), None);
        // Pages end by characters too.
        let wide = "y".repeat(1492) + "\n";
        assert_eq!(read(wide.repeat(20 * 20).as_bytes()).unwrap().len(), 400);
        assert_eq!(read(wide.repeat(20 * 20 + 1).as_bytes()), None);
        // A note at the end of the last page.
        assert_eq!(read("a\r\n".repeat(19_000).as_bytes()).unwrap().len(), 19_000);
        assert_eq!(read("a\r\n".repeat(20_000).as_bytes()), None);
    }
}
