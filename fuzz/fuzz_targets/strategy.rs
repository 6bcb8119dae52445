//! Whatever is in a strategy file: it is refused in one line, or means the same when it is written out and read again.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary directory"));

fuzz_target!(|text: &str| {
    let file: PathBuf = DIR.path().join("fuzzed.toml");
    std::fs::write(&file, text).expect("it can be written");
    match voe_agent::load("./fuzzed.toml", DIR.path()) {
        Ok(strategy) => {
            let shown = strategy.to_toml();
            let again = voe_agent::load::parse(&shown).expect("what voe writes can be read");
            assert_eq!(again.to_toml(), shown);
        }
        Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
    }
});
