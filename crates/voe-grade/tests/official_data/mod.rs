//! SWE-bench's own data, which is not part of this project: `VOE_TEST_DATA` is its directory. Shared by tests and bench.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use voe_grade::{Instance, LogNames};

/// The directory of the data. If there is none, prints how many cases are skipped, or fails if `VOE_REQUIRE_DATA=1`.
pub(crate) fn directory(cases: usize) -> Option<PathBuf> {
    let directory = std::env::var_os("VOE_TEST_DATA").map(PathBuf::from);
    if directory.is_none() {
        assert_ne!(std::env::var("VOE_REQUIRE_DATA").as_deref(), Ok("1"), "VOE_TEST_DATA is not set");
        eprintln!("skipped {cases} cases: VOE_TEST_DATA is not set");
    }
    directory
}

/// The rows of one of the suites.
pub(crate) fn rows(data: &Path, suite: &str) -> Vec<Instance> {
    let text = fs::read_to_string(data.join("swe-bench").join(suite)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A log with its row and the official package's verdict.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) row: Instance,
    pub(crate) log: String,
    pub(crate) expected: Value,
}

/// All logs in the order of their names.
pub(crate) fn cases(data: &Path) -> Vec<Case> {
    let rows = rows(data, "verified.jsonl");
    let names = LogNames::new(rows.iter().map(|row| row.instance_id.as_str()));
    let expected = fs::read_to_string(data.join("logs/expected.json")).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_str(&expected).unwrap();
    let case = |(name, expected): (String, Value)| {
        let id = names.instance_of(Path::new(&name)).unwrap();
        let row = rows.iter().find(|row| row.instance_id == id).unwrap().clone();
        let log = fs::read(data.join("logs").join(&name)).unwrap();
        Case { name, row, log: String::from_utf8(log).unwrap(), expected }
    };
    expected.into_iter().map(case).collect()
}
