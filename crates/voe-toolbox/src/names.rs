//! Paths as the model sees and writes them.
//!
//! Names need not be UTF-8 and may contain line breaks. They are shown with escapes (`caf\xe9.txt`, `two\nlines`), and a path
//! that does not exist as it was given is tried once more without its escapes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

pub(crate) use voe_protocol::shown_path as shown;

/// The inverse of [`shown`]; `None` if `text` has no escape.
pub(crate) fn unescaped(text: &str) -> Option<PathBuf> {
    let bytes = text.as_bytes();
    let (mut path, mut at, mut any) = (Vec::with_capacity(bytes.len()), 0, false);
    while at < bytes.len() {
        let escape = match (bytes[at], bytes.get(at + 1)) {
            (b'\\', Some(b'n')) => Some((b'\n', 2)),
            (b'\\', Some(b't')) => Some((b'\t', 2)),
            (b'\\', Some(b'r')) => Some((b'\r', 2)),
            (b'\\', Some(b'x')) => text
                .get(at + 2..at + 4)
                .and_then(|hex| u8::from_str_radix(hex, 16).ok())
                .filter(|&byte| byte != 0)
                .map(|byte| (byte, 4)),
            _ => None,
        };
        let (byte, length) = escape.unwrap_or((bytes[at], 1));
        any |= escape.is_some();
        path.push(byte);
        at += length;
    }
    any.then(|| PathBuf::from(OsString::from_vec(path)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_name_that_is_not_utf8_is_shown_with_escapes_and_found_again() {
        let name = b"caf\xe9 two\nlines.txt";
        assert_eq!(shown(name), "caf\\xe9 two\\nlines.txt");
        let found = unescaped(&shown(name)).unwrap();
        assert_eq!(found.as_os_str().as_bytes(), name);
        assert_eq!(unescaped("plain.txt"), None);
    }

    proptest! {
        #[test]
        fn names_without_backslashes_survive(name in proptest::collection::vec(any::<u8>().prop_filter("", |b| *b != b'\\' && *b != 0), 0..40)) {
            let shown = shown(&name);
            let back = unescaped(&shown).map_or(shown.into_bytes(), |p| p.into_os_string().into_vec());
            prop_assert_eq!(back, name);
        }
    }
}
