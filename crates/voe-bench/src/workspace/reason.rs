//! Messages for people about what failed: one line of limited length, with the path of the full log where there is one.

use std::fmt;
use std::path::{Path, PathBuf};

use voe_untrusted::text::sanitize;

/// Most characters of a reason, without the path of its log.
const LONGEST: usize = 300;
/// Most characters of each of several reasons on one line.
const SHORT: usize = 80;
/// Most items of a list that are named.
const NAMED: usize = 3;

/// What failed, its output (any number of lines), and the path of the full log.
pub(crate) fn reason(what: &str, said: &str, log: Option<&Path>) -> String {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = if said.is_empty() { what.to_owned() } else { format!("{what}: {said}") };
    let line = shortened(&sanitize(&line), LONGEST);
    match log {
        Some(log) => format!("{line}; full log: {}", log.display()),
        None => line,
    }
}

/// The first items of a list, and how many more there are.
pub fn few<T: fmt::Display>(all: &[T]) -> String {
    let named: Vec<String> = all.iter().take(NAMED).map(|one| shortened(&one.to_string(), SHORT)).collect();
    let more = if all.len() > NAMED { format!(" and {} more", all.len() - NAMED) } else { String::new() };
    named.join(", ") + &more
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some(_) => text.chars().take(longest - 1).chain(['…']).collect(),
        None => text.to_owned(),
    }
}

/// Missing pins of an environment, each with the reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacks {
    /// The pins, each with the reason.
    pub pins: Vec<String>,
    /// The log of the build.
    pub log: Option<PathBuf>,
}

impl Lacks {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }
}

impl fmt::Display for Lacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", few(&self.pins))?;
        match &self.log {
            Some(log) => write!(f, " (full log: {})", log.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_line_of_bounded_length_with_its_log() {
        let log = Path::new("/cache/environments/e/build.log");
        let said = "error: Failed\n  cause: x\x1b[2J ".repeat(200);
        let long = reason("uv pip install failed", &said, Some(log));
        assert!(long.starts_with("uv pip install failed: error: Failed cause: x"), "{long}");
        assert!(!long.contains(['\n', '\x1b']), "{long}");
        assert!(long.ends_with("…; full log: /cache/environments/e/build.log"), "{long}");
        assert!(long.chars().count() < 360, "{long}");
        assert_eq!(reason("it failed", " ", None), "it failed");
    }

    #[test]
    fn of_a_list_the_first_three_are_named() {
        let pins = (1..=40).map(|n| format!("p{n}==1 ({})", "x".repeat(1000))).collect();
        let lacks = Lacks { pins, log: Some("/e/build.log".into()) }.to_string();
        assert!(lacks.starts_with("p1==1 (xxx") && lacks.ends_with(" and 37 more (full log: /e/build.log)"), "{lacks}");
        assert!(lacks.len() < 330 && lacks.contains("p3==1") && !lacks.contains("p4==1"), "{lacks}");
        assert_eq!(few(&["a", "b"]), "a, b");
    }
}
