use std::cmp::Ordering;
use std::fmt;

/// The pre-release of a version; empty for a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pre {
    parts: Vec<String>,
}

impl Pre {
    /// From parts separated by dots; `None` if one is empty or has other than ASCII letters, digits and hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<String> = text.split('.').map(str::to_string).collect();
        let good = |part: &String| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        parts.iter().all(good).then_some(Pre { parts })
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

impl Ord for Pre {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_empty(), other.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.parts.cmp(&other.parts),
        }
    }
}

impl PartialOrd for Pre {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Pre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}
