//! Parses server-sent events from bytes, in whatever pieces they arrive.
//!
//! As in the standard: fields in lines that end in LF, CR or CRLF; an empty line ends an event; lines that begin with a
//! colon are comments. Beyond it, for real servers: an event cut off by the end of the stream is still returned
//! (some omit the last empty line), and a line that is a JSON object counts as data (some send errors that way).

/// The most bytes of a line or an event, unless the reader is made with another limit: 64 MiB.
const LONGEST: usize = 64 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// The event's name; empty for the usual one.
    pub name: String,
    /// Its data, the lines joined by LF.
    pub data: String,
}

/// A line or an event exceeded the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {most} bytes")]
pub struct TooLong {
    /// The limit.
    pub most: usize,
}

/// Takes bytes, returns events.
#[derive(Debug)]
pub struct SseReader {
    /// The most bytes of an event.
    most: usize,
    /// The line so far.
    line: Vec<u8>,
    /// The last byte was a CR: an LF now belongs to it.
    after_cr: bool,
    /// Whether the first line was read: only that may begin with a byte order mark.
    begun: bool,
    name: String,
    data: Option<String>,
}

impl Default for SseReader {
    fn default() -> Self {
        Self::new(LONGEST)
    }
}

impl SseReader {
    /// A reader with a limit on the bytes of an event.
    pub fn new(most: usize) -> Self {
        Self { most, line: Vec::new(), after_cr: false, begun: false, name: String::new(), data: None }
    }

    /// Takes the next bytes and appends the events that they complete.
    ///
    /// # Errors
    /// An event is longer than the reader allows.
    pub fn push(&mut self, bytes: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        let mut rest = bytes;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n' || byte == b'\r') {
            self.line.extend_from_slice(&rest[..end]);
            let cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if cr {
                self.after_cr = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            self.end_line(events);
            self.check_length()?;
        }
        self.line.extend_from_slice(rest);
        self.check_length()
    }

    /// An unfinished event is bounded as a whole; its lines may be many and short.
    fn check_length(&self) -> Result<(), TooLong> {
        let kept = self.line.len() + self.name.len() + self.data.as_ref().map_or(0, String::len);
        if kept > self.most { Err(TooLong { most: self.most }) } else { Ok(()) }
    }

    /// The stream has ended: returns the rest.
    pub fn finish(mut self, events: &mut Vec<SseEvent>) {
        if !self.line.is_empty() {
            self.end_line(events);
        }
        self.end_event(events);
    }

    fn end_line(&mut self, events: &mut Vec<SseEvent>) {
        let bytes = std::mem::take(&mut self.line);
        let bytes = if self.begun { &bytes[..] } else { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes) };
        self.begun = true;
        if bytes.is_empty() {
            return self.end_event(events);
        }
        let line = String::from_utf8_lossy(bytes);
        if line.starts_with('{') {
            return self.add(&line);
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => self.add(value),
            "event" => self.name = value.to_owned(),
            _ => {}
        }
    }

    fn add(&mut self, value: &str) {
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            None => self.data = Some(value.to_owned()),
        }
    }

    fn end_event(&mut self, events: &mut Vec<SseEvent>) {
        let name = std::mem::take(&mut self.name);
        if let Some(data) = self.data.take() {
            events.push(SseEvent { name, data });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<SseEvent> {
        let (mut reader, mut events) = (SseReader::default(), Vec::new());
        for piece in pieces {
            reader.push(piece, &mut events).unwrap();
        }
        reader.finish(&mut events);
        events
    }

    fn event(name: &str, data: &str) -> SseEvent {
        SseEvent { name: name.into(), data: data.into() }
    }

    #[test]
    fn events_are_read_as_servers_write_them() {
        let text = "\u{feff}: ping\r\ndata: {\"a\":1}\r\n\r\nevent: error\ndata:x\ndata: y\n\nid: 7\nretry: 3\n\n: OPENROUTER PROCESSING\n\ndata\n\n{\"error\":\"bare\"}\n\ndata: [DONE]";
        assert_eq!(
            read([text.as_bytes()]),
            [
                event("", "{\"a\":1}"),
                event("error", "x\ny"),
                event("", ""),
                event("", "{\"error\":\"bare\"}"),
                event("", "[DONE]")
            ]
        );
    }

    #[test]
    fn an_event_that_is_too_long_is_refused_in_one_line_or_in_many() {
        for endless in ["data: aaaa", "data: a\n", "data:\n", ": aaaa", "event: aaaa"] {
            let (mut reader, mut events) = (SseReader::new(1000), Vec::new());
            let bytes = endless.repeat(2000);
            let refused = bytes.as_bytes().chunks(7).any(|piece| reader.push(piece, &mut events).is_err());
            assert!(refused, "{endless:?}");
            assert_eq!(events, []);
        }
    }

    #[test]
    fn a_line_end_cut_between_cr_and_lf_ends_one_line() {
        assert_eq!(read([&b"data: a\r"[..], b"\ndata: b\r", b"\n\r", b"\n"]), [event("", "a\nb")]);
        assert_eq!(read([&b"data: a\r"[..], b"data: b\r\r"]), [event("", "a\nb")]);
    }

    proptest! {
        #[test]
        fn the_same_events_come_out_however_the_bytes_are_cut(
            lines in proptest::collection::vec(("(data: |data:|event: |: |)[a-zé{}\u{1F600} :\"]{0,12}", "\n|\r\n|\r|\n\n|\r\n\r\n"), 0..12),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..20),
        ) {
            let text: Vec<u8> = lines.iter().flat_map(|(line, end)| format!("{line}{end}").into_bytes()).collect();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.push(0);
            cuts.push(text.len());
            cuts.sort_unstable();
            prop_assert_eq!(read(cuts.windows(2).map(|cut| &text[cut[0]..cut[1]])), read([&text[..]]));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            read([&bytes[..]]);
        }
    }
}
