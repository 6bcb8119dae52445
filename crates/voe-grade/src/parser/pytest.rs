//! pytest's short summary, in four dialects.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;
use regex::Regex;

use crate::status::{Statuses, TestStatus, WORDS};
use crate::text::{pattern, words};

/// `STATUS id`, with anything after it.
pub(super) fn plain(log: &str) -> Statuses {
    log.split('\n').filter_map(result).collect()
}

/// Like [`plain`], with file names in parameters cut to their base names, since they depend on where a test ran.
pub(super) fn with_options(log: &str) -> Statuses {
    log.split('\n').filter_map(result).map(|(id, status)| (shorten_option(id), status)).collect()
}

/// Like [`plain`], with mouse buttons replaced by their numbers, which differ between versions of Python.
pub(super) fn matplotlib(log: &str) -> Statuses {
    log.split('\n')
        .filter_map(|line| {
            if memmem::find(line.as_bytes(), b"MouseButton.").is_none() {
                return result(line);
            }
            result(&line.replace("MouseButton.LEFT", "1").replace("MouseButton.RIGHT", "3"))
        })
        .collect()
}

/// Ids with spaces, colors, and the status at either end of the line.
pub(super) fn v2(log: &str) -> Statuses {
    let mut statuses = Statuses::default();
    for line in log.split('\n') {
        let line = without_colors(line);
        if begins_with_status(&line) {
            // only the first " - " separates the id from the reason, which may contain anything
            let kept = match line.split_once(" - ") {
                Some((before, _)) if line.starts_with("FAILED") => before,
                _ => &line,
            };
            let mut words = words(kept);
            if let (Some(status), Some(first)) = (words.next(), words.next())
                && !counts_skipped(status, first)
            {
                statuses.insert(joined(first, words), TestStatus::from_word(status));
            }
        } else if WORDS.iter().any(|word| line.ends_with(word)) {
            let mut words: Vec<&str> = words(&line).collect();
            if let (Some(status), [first, rest @ ..]) = (words.pop(), words.as_slice()) {
                statuses.insert(joined(first, rest.iter().copied()), TestStatus::from_word(status));
            }
        }
    }
    statuses
}

fn begins_with_status(line: &str) -> bool {
    matches!(line.as_bytes().first(), Some(b'F' | b'P' | b'S' | b'E' | b'X'))
        && WORDS.iter().any(|word| line.starts_with(word))
}

/// The id and the status of a summary line, if it is one.
fn result(line: &str) -> Option<(String, TestStatus)> {
    if !begins_with_status(line) {
        return None;
    }
    let line = if line.starts_with("FAILED") { Cow::Owned(line.replace(" - ", " ")) } else { Cow::Borrowed(line) };
    let mut words = words(&line);
    let (status, id) = (words.next()?, words.next()?);
    (!counts_skipped(status, id)).then(|| (id.to_owned(), TestStatus::from_word(status)))
}

/// Whether this is `SKIPPED [3] path:line: reason`, which counts tests and names none. The similar `PASSED [100%]` is
/// progress output, but two rows of Verified list it as a test.
fn counts_skipped(status: &str, id: &str) -> bool {
    static COUNT: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\[\d+\]$"));
    status == "SKIPPED" && id.starts_with('[') && COUNT.is_match(id)
}

fn joined<'a>(first: &str, rest: impl Iterator<Item = &'a str>) -> String {
    rest.fold(first.to_owned(), |id, word| id + " " + word)
}

/// The line without `[31m` and the like, then without control characters: in this order, so that the escape character
/// before a color is removed too, and a tab between two words joins them.
fn without_colors(line: &str) -> Cow<'_, str> {
    static COLOUR: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[\d+m"));
    let is_control = |c: char| ('\x01'..='\x1f').contains(&c);
    let line = COLOUR.replace_all(line, "");
    if line.bytes().any(|byte| (1..32).contains(&byte)) { Cow::Owned(line.replace(is_control, "")) } else { line }
}

/// `name[/tmp/x/data.csv]` becomes `name[/data.csv]`; what follows the last bracket is always dropped.
fn shorten_option(id: String) -> String {
    let (Some(open), Some(close)) = (id.find('['), id.rfind(']')) else { return id };
    if close < open {
        return id;
    }
    let (name, option) = (&id[..open], &id[open + 1..close]);
    let is_path = option.starts_with('/') && !option.starts_with("//") && !option.contains('*');
    match option.rsplit_once('/') {
        Some((_, base)) if is_path => format!("{name}[/{base}]"),
        _ => format!("{name}[{option}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::pairs;

    #[test]
    fn the_status_is_the_whole_first_word_even_if_it_only_begins_like_one() {
        let log = "PASSED t.py::a\nXFAIL t.py::b\nERROR: not found\nXPASS t.py::c\n PASSED t.py::d\nPASSED";
        assert_eq!(
            pairs(&plain(log)),
            [("t.py::a", "PASSED"), ("t.py::b", "XFAIL"), ("not", "ERROR:")],
            "a leading space, a lone word and XPASS are not results"
        );
    }

    #[test]
    fn a_later_line_replaces_an_earlier_one() {
        assert_eq!(pairs(&plain("PASSED a\nFAILED a\n")), [("a", "FAILED")]);
        assert_eq!(pairs(&plain("FAILED a\nPASSED a\n")), [("a", "PASSED")]);
    }

    #[test]
    fn words_are_cut_at_unicode_white_space_and_lines_are_not() {
        assert_eq!(pairs(&plain("PASSED\u{a0}t[a\u{3000}b]")), [("t[a", "PASSED")]);
        assert_eq!(pairs(&plain("PASSED a\u{2028}PASSED b\x0cPASSED c\u{85}PASSED d")), [("a", "PASSED")]);
        assert_eq!(pairs(&plain("PASSED\x1fa")), [("a", "PASSED")]);
    }

    #[test]
    fn the_first_three_dialects_drop_each_dash_between_spaces_from_failed_lines() {
        assert_eq!(pairs(&plain("FAILED - t.py::a - why - not")), [("t.py::a", "FAILED")]);
        assert_eq!(pairs(&plain("ERROR - t.py::a")), [("-", "ERROR")]);
        assert_eq!(pairs(&plain("FAILED - - a")), [("-", "FAILED")], "matches don't overlap");
        assert_eq!(pairs(&with_options("FAILED - t[/a/b] - x")), [("t[/b]", "FAILED")]);
        assert_eq!(pairs(&matplotlib("FAILED - t - x")), [("t", "FAILED")]);
    }

    #[test]
    fn v2_cuts_failed_lines_at_the_first_dash_and_keeps_spaces_in_ids() {
        assert_eq!(pairs(&v2("FAILED t.py::a[x  y] - why - not")), [("t.py::a[x y]", "FAILED")]);
        assert_eq!(pairs(&v2("FAILED - t.py::a")), [], "nothing is left before the dash");
        assert_eq!(pairs(&v2("PASSED t.py::a[x - y]")), [("t.py::a[x - y]", "PASSED")]);
    }

    #[test]
    fn v2_removes_colors_before_control_characters() {
        assert_eq!(pairs(&v2("\x1b[32mPASSED\x1b[0m t.py::\x1b[1ma\x1b[0m")), [("t.py::a", "PASSED")]);
        assert_eq!(pairs(&v2("PASSED t[3\x01m]")), [("t[3m]", "PASSED")], "the other order would find a color");
        assert_eq!(pairs(&v2("PASSED\tt.py::a")), [], "a tab is a control character here, not a space");
        assert_eq!(pairs(&v2("PASSED t\u{7f}\0\x01u")), [("t\u{7f}\0u", "PASSED")], "NUL and DEL stay");
        assert_eq!(pairs(&v2("PASSED t[1;31m]")), [("t[1;31m]", "PASSED")], "only single numbers are colors");
    }

    #[test]
    fn v2_reads_old_versions_that_end_the_line_with_the_status() {
        assert_eq!(
            pairs(&v2("t.py::a[x y] PASSED\nt.py::b FAILED\nPASSED")),
            [("t.py::a[x y]", "PASSED"), ("t.py::b", "FAILED")]
        );
        assert_eq!(pairs(&v2("t.py::a PASSED [ 10%]\nt.py::a PASSED ")), [], "the line must end with it");
        assert_eq!(pairs(&v2("1 xFAILED")), [("1", "xFAILED")], "the last word is kept whole");
        assert_eq!(pairs(&v2("FAILED - x PASSED")), [], "a line that begins with a status is not read again");
    }

    #[test]
    fn counts_of_skipped_tests_are_dropped_and_progress_is_kept() {
        let log = "SKIPPED [3] t.py:4: why\nPASSED [100%]\nSKIPPED [x] t\nSKIPPED t.py::a\nERROR [3] t";
        let kept = [("[100%]", "PASSED"), ("[x]", "SKIPPED"), ("t.py::a", "SKIPPED"), ("[3]", "ERROR")];
        assert_eq!(pairs(&plain(log)), kept);
        assert_eq!(pairs(&matplotlib(log)), kept);
        assert_eq!(pairs(&with_options(log)), kept);
        let joined = [("[100%]", "PASSED"), ("[x] t", "SKIPPED"), ("t.py::a", "SKIPPED"), ("[3] t", "ERROR")];
        assert_eq!(pairs(&v2(log)), joined);
    }

    #[test]
    fn a_file_name_as_option_is_cut_to_its_base_name() {
        let shortened = |id: &str| shorten_option(id.to_owned());
        assert_eq!(shortened("t[/tmp/a/data.csv]"), "t[/data.csv]");
        assert_eq!(shortened("t[/data/]"), "t[/]");
        assert_eq!(shortened("t[//tmp/a]"), "t[//tmp/a]");
        assert_eq!(shortened("t[/tmp/*/a]"), "t[/tmp/*/a]");
        assert_eq!(shortened("t[a/b]"), "t[a/b]");
        assert_eq!(shortened("t[a][/b/c]"), "t[a][/b/c]", "the option runs from the first bracket to the last");
        assert_eq!(shortened("t[a]tail"), "t[a]", "what follows is dropped");
        assert_eq!(shortened("]t["), "]t[");
        assert_eq!(shortened("t"), "t");
    }

    #[test]
    fn mouse_buttons_become_numbers() {
        let log = "PASSED t[MouseButton.LEFT-MouseButton.RIGHT]\nPASSED t[MouseButton.MIDDLE]";
        assert_eq!(pairs(&matplotlib(log)), [("t[1-3]", "PASSED"), ("t[MouseButton.MIDDLE]", "PASSED")]);
    }
}
