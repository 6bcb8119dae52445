//! Whatever is in an experiment file: it is refused in one line, or its arms are resolved without a panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use voe_bench::experiment::Experiment;

static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary directory"));

fuzz_target!(|text: &str| {
    let file = DIR.path().join("fuzzed.toml");
    std::fs::write(&file, text).expect("it can be written");
    let arms = Experiment::read(&file).and_then(|experiment| experiment.arms(DIR.path()).map(drop));
    if let Err(error) = arms {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
});
