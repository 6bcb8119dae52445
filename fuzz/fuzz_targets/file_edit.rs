//! Whatever a file holds and whatever the edit: no panic, and what the edit does not touch keeps its bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voe_toolbox::edit::{TextEdit, apply};

fuzz_target!(|input: (&[u8], &str, &str, Option<u8>)| {
    let (content, old, new, line) = input;
    let edit = TextEdit { old, new, line: line.map(usize::from) };
    match apply(content, &edit) {
        Ok(edited) => {
            let shared = |a: &mut dyn Iterator<Item = &u8>, b: &mut dyn Iterator<Item = &u8>| {
                a.zip(b).take_while(|(a, b)| a == b).count()
            };
            let before = shared(&mut content.iter(), &mut edited.content.iter());
            let after = shared(&mut content.iter().rev(), &mut edited.content.iter().rev());
            let touched = content.len().saturating_sub(before + after);
            // A character takes up to four bytes, a line end one more than it is written with.
            assert!(touched <= 2 * old.len() + 2, "{touched} bytes of the file were touched");
        }
        Err(error) => drop(error.to_string()),
    }
});
