//! Whatever bytes a server sends, and however they are cut: the same events, and no panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voe_model::sse::{SseEvent, SseReader};

fn read(bytes: &[u8], size: usize) -> Vec<SseEvent> {
    let (mut reader, mut events) = (SseReader::default(), Vec::new());
    for piece in bytes.chunks(size.max(1)) {
        if reader.push(piece, &mut events).is_err() {
            return events;
        }
    }
    reader.finish(&mut events);
    events
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    assert_eq!(read(bytes, usize::from(size)), read(bytes, bytes.len()));
});
