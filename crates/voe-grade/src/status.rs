//! The result of a test, and the map of all tests of a log.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The five words that a line of a test log may begin with, in the order in which the official parsers try them.
pub(crate) const WORDS: [&str; 5] = ["FAILED", "PASSED", "SKIPPED", "ERROR", "XFAIL"];

/// The result of a test.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TestStatus {
    /// The test failed.
    Failed,
    /// The test passed.
    Passed,
    /// The test was skipped.
    Skipped,
    /// The test, or what it needs, raised an error.
    Error,
    /// The test failed as expected.
    Xfail,
    /// A word that only begins like a status, such as `ERROR:`. The official parsers keep the whole word, and the official
    /// verdict then counts the test neither as a success nor as a failure.
    Other(Box<str>),
}

impl TestStatus {
    /// The status for a word of a log.
    pub fn from_word(word: &str) -> Self {
        match word {
            "FAILED" => Self::Failed,
            "PASSED" => Self::Passed,
            "SKIPPED" => Self::Skipped,
            "ERROR" => Self::Error,
            "XFAIL" => Self::Xfail,
            other => Self::Other(other.into()),
        }
    }

    /// The word as in the official status map.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Failed => "FAILED",
            Self::Passed => "PASSED",
            Self::Skipped => "SKIPPED",
            Self::Error => "ERROR",
            Self::Xfail => "XFAIL",
            Self::Other(word) => word,
        }
    }

    /// Whether a test that had to pass did: passed, or failed as expected.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Passed | Self::Xfail)
    }
}

impl fmt::Display for TestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TestStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TestStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|word| Self::from_word(&word))
    }
}

/// The tests of a log with their results, in the order in which the log first names them.
///
/// The order matters: where the data has a test's id cut short, the first test that begins with it decides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Statuses(#[schemars(with = "std::collections::BTreeMap<String, String>")] IndexMap<String, TestStatus>);

impl Statuses {
    /// The status of the test with exactly this id.
    pub fn get(&self, id: &str) -> Option<&TestStatus> {
        self.0.get(id)
    }

    /// Records a test's status. A later one replaces an earlier one, and the test keeps its place.
    pub fn insert(&mut self, id: impl Into<String>, status: TestStatus) {
        self.0.insert(id.into(), status);
    }

    /// All tests in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TestStatus)> {
        self.0.iter().map(|(id, status)| (id.as_str(), status))
    }

    /// The number of tests.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no test was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The status of the test that the suite calls `id`, which may be cut short in the data.
    ///
    /// 676 ids of Verified end in the middle of their parameter, at the first space. Such an id has more `[` than `]`; it stands
    /// for all tests that begin with it, if these agree on whether they passed, and then has the status of the first of them.
    pub fn find(&self, id: &str) -> Option<&TestStatus> {
        if let Some(status) = self.get(id) {
            return Some(status);
        }
        if memchr::memchr_iter(b'[', id.as_bytes()).count() <= memchr::memchr_iter(b']', id.as_bytes()).count() {
            return None;
        }
        let mut candidates = self.0.iter().filter(|(name, _)| name.starts_with(id)).map(|(_, status)| status);
        let first = candidates.next()?;
        candidates.all(|status| status.passes() == first.passes()).then_some(first)
    }
}

impl<K: Into<String>> FromIterator<(K, TestStatus)> for Statuses {
    fn from_iter<I: IntoIterator<Item = (K, TestStatus)>>(tests: I) -> Self {
        Self(tests.into_iter().map(|(id, status)| (id.into(), status)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_status_replaces_an_earlier_one_and_keeps_its_place() {
        let mut statuses = Statuses::default();
        statuses.insert("a", TestStatus::Passed);
        statuses.insert("b", TestStatus::Passed);
        statuses.insert("a", TestStatus::Failed);
        assert_eq!(serde_json::to_string(&statuses).unwrap(), r#"{"a":"FAILED","b":"PASSED"}"#);
    }

    #[test]
    fn an_id_cut_in_its_parameter_stands_for_the_tests_that_begin_with_it_if_they_agree() {
        let statuses = Statuses::from_iter([
            ("t.py::grammar[log(photon flux)]", TestStatus::Passed),
            ("t.py::grammar[log(photon count)]", TestStatus::Xfail),
            ("t.py::unit[km s]", TestStatus::Passed),
            ("t.py::unit[km h]", TestStatus::Failed),
        ]);
        assert_eq!(statuses.find("t.py::grammar[log(photon"), Some(&TestStatus::Passed));
        assert_eq!(statuses.find("t.py::unit[km"), None, "one passed, one failed");
        assert_eq!(statuses.find("t.py::none[km"), None);
    }

    #[test]
    fn the_first_of_several_agreeing_candidates_gives_the_status() {
        let skipped_first = Statuses::from_iter([("t[a b]", TestStatus::Skipped), ("t[a c]", TestStatus::Failed)]);
        assert_eq!(skipped_first.find("t[a"), Some(&TestStatus::Skipped));
        let failed_first = Statuses::from_iter([("t[a b]", TestStatus::Failed), ("t[a c]", TestStatus::Skipped)]);
        assert_eq!(failed_first.find("t[a"), Some(&TestStatus::Failed));
    }

    #[test]
    fn an_id_with_balanced_brackets_is_never_completed() {
        let statuses = Statuses::from_iter([("t[a]b", TestStatus::Passed), ("plain test", TestStatus::Passed)]);
        assert_eq!(statuses.find("t[a]"), None);
        assert_eq!(statuses.find("plain"), None);
    }

    #[test]
    fn a_word_that_only_begins_like_a_status_is_kept_whole() {
        assert_eq!(TestStatus::from_word("ERROR:"), TestStatus::Other("ERROR:".into()));
        assert_eq!(serde_json::from_str::<TestStatus>("\"XFAIL\"").unwrap(), TestStatus::Xfail);
    }
}
