//! Compares the outputs of two runs, after masking what differs by chance.
//!
//! Masked are times, dates and durations, addresses, temporary paths, process ids, ports, UUIDs, seeds and percentages, and the order
//! of what is in braces (sets, dictionaries). The order of lines does not count either: threads and hashes change it. A masked difference may
//! be a real one; it is then not reported, which is the better mistake, since a difference is told to the model as a fact.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use voe_trace::OutputDifference;

/// Characters of a line that are reported.
const LONGEST_LINE: usize = 300;

/// Lines longer than this are compared as they are.
const LONGEST_MASKED: usize = 10_000;

/// Braces in braces deeper than this are not sorted.
const DEEPEST: usize = 16;

/// What differs by chance, and the text in its place, which no pattern matches again.
static MASKS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    const PATTERNS: [(&str, &str); 17] = [
        // Temporary paths, up to what ends a path in a message.
        (r#"(?:/private)?(?:/var)?/tmp/[^\s'":,;()\[\]{}<>]+"#, "<tmp>"),
        (r"/var/folders/[^\s'\x22:,;()\[\]{}<>]+", "<tmp>"),
        (r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"0[xX][0-9a-fA-F]{6,}", "<address>"),
        // The address of an object as a decimal number, as Python's `id` prints it.
        (r"\b1[34]\d{13}\b", "<address>"),
        (r"(?i)\b(seeds?\W{1,3})-?\w*\d\w*", "$1<seed>"),
        (r"(?i)\b(p?pid|process|thread|port)([ =:#-]{1,3})\d+\b", "$1$2<number>"),
        (r"\b(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\]):\d+\b", "$1:<number>"),
        // Dates and times.
        (r"\b\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:[.,]\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?", "<time>"),
        (r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* {1,2}\d{1,2}\b(?:,? \d{4}\b)?", "<time>"),
        (r"\b\d{1,2}:\d{2}(?::\d{2})?(?:[.,]\d+)?\b", "<time>"),
        (r"\b1[5-9]\d{8}(?:\.\d+)?\b", "<time>"),
        // Durations, with a unit or a word before them.
        (r"\b\d+(?:\.\d+)?(?:e-?\d+)? ?(?:ns|µs|us|ms|s|secs?|seconds?|mins?|minutes?|hours?)\b", "<time>"),
        (r"(?i)\b(took|time|elapsed|duration|wall|runtime)(\W{1,3})\d+(?:\.\d+)?(?:e-?\d+)?\b", "$1$2<time>"),
        (r"\b\d+(?:\.\d+)? ?%", "<part>"),
        // Lines of a width that depends on the text in them.
        (r"={3,}|-{3,}|_{3,}|\*{3,}|#{3,}|─{3,}|⎯{3,}|━{3,}|█{2,}", "<line>"),
        (r"[ \t]{2,}", " "),
    ];
    PATTERNS.iter().filter_map(|(pattern, mask)| Some((Regex::new(pattern).ok()?, *mask))).collect()
});

/// The first line each, at most 300 characters, in which the outputs of two runs differ; `None` if they differ only by chance.
pub fn between(with: &str, without: &str) -> Option<OutputDifference> {
    let (with, without) = (lines(with), lines(without));
    let difference = OutputDifference { with: first_of(&with, &without), without: first_of(&without, &with) };
    (!difference.with.is_empty() || !difference.without.is_empty()).then_some(difference)
}

/// The lines of an output with their masked forms, without empty ones.
fn lines(text: &str) -> Vec<(&str, String)> {
    let lines = text.split(['\n', '\r']).map(|line| (line.trim(), mask(line)));
    lines.filter(|(_, masked)| !masked.is_empty()).collect()
}

/// The first line that occurs more often than in `other`.
fn first_of(lines: &[(&str, String)], other: &[(&str, String)]) -> String {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for (_, masked) in other {
        *left.entry(masked).or_default() += 1;
    }
    let own = lines.iter().find(|(_, masked)| match left.get_mut(masked.as_str()) {
        // Progress is reported as often as it happens to be.
        Some(_) if masked.contains("<part>") => false,
        Some(0) | None => true,
        Some(count) => {
            *count -= 1;
            false
        }
    });
    own.map(|(line, _)| line.chars().take(LONGEST_LINE).collect()).unwrap_or_default()
}

/// A line with masks for what differs by chance.
fn mask(line: &str) -> String {
    let mut line = line.trim().to_owned();
    if line.len() > LONGEST_MASKED {
        return line;
    }
    // A mask or a new order can complete another pattern, so it is repeated until nothing changes. Masks have no digits and
    // patterns need some, so there is an end; the bound is for the rest.
    for _ in 0..20 {
        let mut masked = line.clone();
        for (pattern, mask) in MASKS.iter() {
            masked = pattern.replace_all(&masked, *mask).into_owned();
        }
        let masked = sorted(masked.trim());
        if masked == line {
            break;
        }
        line = masked;
    }
    line
}

/// What has been read inside a brace, or outside of all.
#[derive(Default)]
struct BraceLevel {
    /// The items before the one that is being read.
    items: Vec<String>,
    item: String,
    /// Brackets and parentheses that are open in the item.
    brackets: usize,
}

/// A line in which what is in braces is sorted, at each level.
fn sorted(line: &str) -> String {
    let mut outer: Vec<BraceLevel> = Vec::new();
    let mut now = BraceLevel::default();
    for c in line.chars() {
        match c {
            '{' if outer.len() == DEEPEST => return line.to_owned(),
            '{' => outer.push(std::mem::take(&mut now)),
            '}' if !outer.is_empty() => {
                let mut items = now.items;
                items.push(now.item);
                now = outer.pop().unwrap_or_default();
                now.item.push_str(&in_braces(items));
            }
            ',' if !outer.is_empty() && now.brackets == 0 => now.items.push(std::mem::take(&mut now.item)),
            _ => {
                match c {
                    '(' | '[' => now.brackets += 1,
                    ')' | ']' => now.brackets = now.brackets.saturating_sub(1),
                    _ => {}
                }
                now.item.push(c);
            }
        }
    }
    // A brace that is not closed may contain anything.
    if outer.is_empty() { now.item } else { line.to_owned() }
}

fn in_braces(mut parts: Vec<String>) -> String {
    for part in &mut parts {
        *part = part.trim().to_owned();
    }
    parts.sort_unstable();
    format!("{{{}}}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_line_that_differs_is_reported_from_each() {
        let difference = between("start\npages: 3\nend\n", "start\npages: 2\nend\n").unwrap();
        assert_eq!((&*difference.with, &*difference.without), ("pages: 3", "pages: 2"));
        let more = between("a\nb\nb\n", "a\nb\n").unwrap();
        assert_eq!((&*more.with, &*more.without), ("b", ""));
        let long = between(&"x".repeat(5000), "").unwrap();
        assert_eq!((long.with.len(), &*long.without), (LONGEST_LINE, ""));
    }

    #[test]
    fn what_differs_by_chance_is_no_difference() {
        for (one, other) in [
            ("Ran 3 tests in 0.001s", "Ran 3 tests in 0.012s"),
            ("=== 2 passed in 0.12s ===", "==== 2 passed in 10.1s ===="),
            ("2026-01-02 03:04:05,678 INFO start", "2026-01-02T13:14:15Z INFO start"),
            ("started Nov 29 2026 at 12:00", "started Dec 1 2026 at 1:05:09.5"),
            ("<Page object at 0x7f12ab34cd56>", "<Page object at 0x7fff00000000>"),
            ("id: 140234567890123", "id: 139999999999999"),
            ("wrote /tmp/tmpab12/x.txt", "wrote /tmp/pytest-of-me/pytest-3/x.txt"),
            ("server pid 1234, port 40123", "server pid 77, port 5001"),
            ("listening on 127.0.0.1:40123", "listening on 127.0.0.1:40999"),
            ("id 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "id 9c858901-8a57-4791-81fe-4c455b099bc9"),
            ("Randomized with seed 12345", "Randomized with seed 99"),
            ("{3, 1, 2} and {'b': {2, 1}, 'a': (1, 2)}", "{1, 2, 3} and {'a': (1, 2), 'b': {1, 2}}"),
            ("10%\r50%\r100%\ndone", "20%\r100%\ndone"),
            ("took 0.5, took: 12", "took 0.25, took: 13"),
            ("1700000000.123", "1712345678"),
            ("b\na\n\n", "a\nb"),
        ] {
            assert_eq!(between(one, other), None, "{:?} {:?}", mask(one), mask(other));
        }
    }

    #[test]
    fn values_stay_values() {
        for (one, other) in [
            ("5", "-1"),
            ("[1, 2]", "[2, 1]"),
            ("{1, 2}", "{1, 3}"),
            ("0x1f", "0x2f"),
            ("version 1.2.3", "version 1.2.4"),
            ("3 passed in 0.1s", "2 passed in 0.1s"),
            ("'a'", "'b'"),
            ("f(1, 2)", "f(2, 1)"),
        ] {
            assert!(between(one, other).is_some(), "{one} {other}");
        }
    }

    #[test]
    fn each_pattern_is_a_regular_expression() {
        assert_eq!(MASKS.len(), 17);
    }

    proptest! {
        #[test]
        fn masking_twice_is_masking_once(line in "[0-9a-f:{},.%/ tmpsx()=-]{0,60}|\\PC{0,60}") {
            let masked = mask(&line);
            prop_assert_eq!(mask(&masked), masked);
        }

        #[test]
        fn an_output_does_not_differ_from_itself_in_any_order(
            lines in proptest::collection::vec("[0-9a-f:{},.%/ tmpsx]{0,20}", 0..12),
            turn in 0_usize..12,
        ) {
            let text = lines.join("\n");
            prop_assert_eq!(between(&text, &text), None);
            let mut turned = lines;
            let length = turned.len().max(1);
            turned.rotate_left(turn % length);
            turned.reverse();
            prop_assert_eq!(between(&text, &turned.join("\n")), None);
        }
    }
}
