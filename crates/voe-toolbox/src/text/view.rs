//! A file as the model sees it, and the way back to its bytes.

/// The text of a file without its byte order mark, with LF for CRLF and U+FFFD for what is not UTF-8. Every offset between two
/// characters has its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct TextView<'a> {
    bytes: &'a [u8],
    pub(crate) text: String,
    /// From this offset in the text on, the file is that far along: `(text, file)`.
    jumps: Vec<(usize, usize)>,
    pub(crate) crlf: usize,
    pub(crate) lf: usize,
    pub(crate) utf8: bool,
}

/// The byte order mark of UTF-8.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

impl<'a> TextView<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let start = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let mut view = Self {
            bytes,
            text: String::with_capacity(bytes.len()),
            jumps: vec![(0, start)],
            crlf: 0,
            lf: 0,
            utf8: true,
        };
        let mut at = start;
        for chunk in bytes[start..].utf8_chunks() {
            view.push(chunk.valid(), at);
            at += chunk.valid().len();
            if !chunk.invalid().is_empty() {
                view.utf8 = false;
                view.text.push('\u{fffd}');
                at += chunk.invalid().len();
                view.jumps.push((view.text.len(), at));
            }
        }
        view
    }

    fn push(&mut self, valid: &str, at: usize) {
        let mut done = 0;
        for end in memchr::memchr_iter(b'\n', valid.as_bytes()) {
            if end > done && valid.as_bytes()[end - 1] == b'\r' {
                self.crlf += 1;
                self.text.push_str(&valid[done..end - 1]);
                self.text.push('\n');
                done = end + 1;
                self.jumps.push((self.text.len(), at + done));
            } else {
                self.lf += 1;
            }
        }
        self.text.push_str(&valid[done..]);
    }

    /// The place in the file of an offset in the text between two characters.
    pub(crate) fn in_file(&self, offset: usize) -> usize {
        let at = self.jumps.partition_point(|(text, _)| *text <= offset) - 1;
        let (text, file) = self.jumps[at];
        file + (offset - text)
    }

    /// The bytes behind each U+FFFD in a part of the text, in order. (A U+FFFD in the file itself is kept.)
    pub(crate) fn foreign(&self, from: usize, to: usize) -> Vec<&'a [u8]> {
        self.text[from..to]
            .match_indices('\u{fffd}')
            .map(|(at, c)| &self.bytes[self.in_file(from + at)..self.in_file(from + at + c.len())])
            .collect()
    }

    /// The line ends that prevail in the lines that a part of the text touches, or else in the file.
    pub(crate) fn line_end(&self, from: usize, to: usize) -> &'static str {
        let start = self.text[..from].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[to..].find('\n').map_or(self.text.len(), |at| to + at + 1);
        let part = &self.bytes[self.in_file(start)..self.in_file(end)];
        let lf = memchr::memchr_iter(b'\n', part).count();
        let crlf = memchr::memmem::find_iter(part, b"\r\n").count();
        let (crlf, lf) = if lf == 0 { (self.crlf, self.lf) } else { (crlf, lf - crlf) };
        if crlf > lf { "\r\n" } else { "\n" }
    }

    /// The number, from 1, of the line at an offset.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.text.as_bytes()[..offset]).count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_hides_the_mark_the_returns_and_foreign_bytes() {
        let view = TextView::new(b"\xef\xbb\xbfa\r\nb\xe9c\nd");
        assert_eq!(view.text, "a\nb\u{fffd}c\nd");
        assert_eq!((view.crlf, view.lf, view.utf8), (1, 1, false));
        assert_eq!(view.in_file(0), 3);
        assert_eq!(view.in_file(1), 4);
        assert_eq!(view.in_file(2), 6);
        assert_eq!(view.in_file(6), 8);
        assert_eq!(view.foreign(0, view.text.len()), vec![&b"\xe9"[..]]);
    }

    proptest! {
        #[test]
        fn every_character_has_its_own_bytes_in_order(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0xe9), Just(0xc3), Just(0xa9), any::<u8>()], 0..60)) {
            let view = TextView::new(&bytes);
            let offsets: Vec<usize> = view.text.char_indices().map(|(at, _)| at).chain([view.text.len()]).collect();
            let places: Vec<usize> = offsets.iter().map(|&at| view.in_file(at)).collect();
            prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(*places.last().unwrap(), bytes.len());
        }
    }
}
