//! Whatever a command looks like: judging it does not panic, and nothing both only looks and is a check.
#![no_main]

use libfuzzer_sys::fuzz_target;
use voe_evidence::command::{is_check, looks_only, reads_source_only};

fuzz_target!(|command: &str| {
    assert!(!(looks_only(command) && is_check(command)));
    reads_source_only(command);
});
