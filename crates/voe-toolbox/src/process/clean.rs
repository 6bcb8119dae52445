//! Removes from a command's output what only a terminal understands.

/// The state after the bytes so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum CleanerState {
    #[default]
    Text,
    /// A carriage return whose next byte is not known yet.
    Return,
    /// After ESC.
    Escape,
    /// After ESC and an intermediate byte (`ESC ( B`).
    Intermediate,
    /// In `ESC [ …`, up to a letter.
    Control,
    /// In `ESC ] …` and its like, up to BEL or ESC \.
    Text2,
    /// An ESC in there.
    Text2Escape,
}

/// A filter over a stream of bytes: drops escape sequences, NULs and other control characters, and makes line feeds of
/// carriage returns (a progress bar becomes lines; nothing is lost).
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    state: CleanerState,
}

impl Cleaner {
    /// Appends the filtered `bytes` to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            self.step(byte, out);
        }
    }

    fn step(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match self.state {
            CleanerState::Text => Self::text(byte, out),
            CleanerState::Return => match byte {
                b'\n' => {
                    out.push(b'\n');
                    CleanerState::Text
                }
                b'\r' => CleanerState::Return,
                _ => {
                    out.push(b'\n');
                    Self::text(byte, out)
                }
            },
            CleanerState::Escape => match byte {
                b'[' => CleanerState::Control,
                b']' | b'P' | b'X' | b'^' | b'_' => CleanerState::Text2,
                0x20..=0x2f => CleanerState::Intermediate,
                b'\n' => Self::text(byte, out),
                _ => CleanerState::Text,
            },
            CleanerState::Intermediate => CleanerState::Text,
            CleanerState::Control => match byte {
                0x20..=0x3f => CleanerState::Control,
                0x40..=0x7e => CleanerState::Text,
                _ => Self::text(byte, out),
            },
            CleanerState::Text2 => match byte {
                0x07 => CleanerState::Text,
                0x1b => CleanerState::Text2Escape,
                // An unterminated one must not swallow the rest.
                b'\n' => Self::text(byte, out),
                _ => CleanerState::Text2,
            },
            CleanerState::Text2Escape => CleanerState::Text,
        };
    }

    fn text(byte: u8, out: &mut Vec<u8>) -> CleanerState {
        match byte {
            0x1b => return CleanerState::Escape,
            b'\r' => return CleanerState::Return,
            b'\n' | b'\t' => out.push(byte),
            0..=0x1f | 0x7f => {}
            _ => out.push(byte),
        }
        CleanerState::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(text: &[u8]) -> String {
        let mut out = Vec::new();
        Cleaner::default().push(text, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn colours_titles_and_nuls_are_dropped_and_text_is_kept() {
        assert_eq!(clean("\x1b[1;31mred\x1b[0m\0 \x1b]0;title\x07plain\x1b(B é\tx\n".as_bytes()), "red plain é\tx\n");
        assert_eq!(clean(b"a\r\nb\r\r\nc\rd"), "a\nb\nc\nd");
        assert_eq!(clean(b"\x1b]never ended\nnext"), "\nnext");
    }

    proptest! {
        #[test]
        fn cutting_the_stream_anywhere_changes_nothing(text in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..200) {
            let at = at.min(text.len());
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            Cleaner::default().push(&text, &mut whole);
            let mut cleaner = Cleaner::default();
            cleaner.push(&text[..at], &mut parts);
            cleaner.push(&text[at..], &mut parts);
            prop_assert_eq!(&whole, &parts);
            prop_assert!(!whole.iter().any(|b| *b < 0x20 && *b != b'\n' && *b != b'\t'));
        }
    }
}
