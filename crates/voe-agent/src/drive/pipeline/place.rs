//! Candidate locations of a problem: functions that the statement, a traceback in it, or the repository point to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;
use voe_evidence::is_test;
use voe_protocol::{LineMatch, shown_path};

/// Names in the statement.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StatementNames {
    /// Files, as written there.
    pub(super) files: BTreeSet<String>,
    /// Words that look like code.
    pub(super) code: BTreeSet<String>,
    /// All other words, in lower case.
    pub(super) words: BTreeSet<String>,
    /// Files and functions of a traceback, the innermost last.
    pub(super) frames: Vec<(String, String)>,
}

/// A candidate function.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SuspectFunction {
    /// The file.
    pub(super) path: String,
    /// The function; empty: the whole file.
    pub(super) name: String,
    /// The line of its definition, from 1.
    pub(super) line: usize,
}

/// Builds a pattern that is known to be valid.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static FILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"[\w./-]*\w\.(?:py|js|mjs|cjs|jsx|ts|mts|tsx|rs|go|c|h|cc|cpp|hpp|java|rb|php|sh|pl|lua)\b")
});
static FRAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r#"File "([^"]+)", line \d+, in (\S+)|at (\S+) \(([^():]+):\d+"#));
static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"`([^`\n]+)`"));
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"[A-Za-z_][A-Za-z0-9_]*"));
static CALL: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"([A-Za-z_][A-Za-z0-9_]*)\("));
static DEFINITION: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(&definition(r"[A-Za-z_][A-Za-z0-9_]*")));

/// A pattern for a line that defines a function whose name matches `name`, in the languages of most repositories.
fn definition(name: &str) -> String {
    let keyword = r"(?:export\s+|default\s+|async\s+|pub(?:\([a-z]+\))?\s+|static\s+|unsafe\s+|const\s+|extern\s+)*(?:def|fn|function|func)\s*\*?\s+(?:\([^)]*\)\s*)?";
    let arrow = r"(?:export\s+)?(?:const|let|var)\s+";
    format!(
        r"^\s*(?:{keyword}({name})\b|{arrow}({name})\s*=\s*(?:async\s*)?(?:function\b|\(?[\w\s,{{}}=]*\)?\s*=>)|(?:async\s+|static\s+)*({name})\s*\([^;]*\)\s*\{{\s*$|[A-Za-z_][\w\s\*]*[\s\*]({name})\([^;]*\)?\s*\{{?\s*$)"
    )
}

/// The pattern to search for definitions of `names`; of all functions if there are none.
pub(super) fn search(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return definition(r"[A-Za-z_][A-Za-z0-9_]*");
    }
    let names: Vec<String> = names.iter().map(|name| regex::escape(name)).collect();
    definition(&format!("(?:{})", names.join("|")))
}

/// First words of lines that call functions or define something else, in some language.
const STATEMENTS: &[&str] = &[
    "assert", "await", "case", "catch", "class", "defer", "del", "delete", "do", "elif", "else", "elsif", "except",
    "for", "from", "go", "if", "import", "in", "is", "match", "new", "not", "or", "and", "print", "raise", "return",
    "switch", "throw", "try", "unless", "until", "use", "when", "while", "with", "yield",
];

/// The name of the function that `line` defines.
pub(super) fn defined(line: &str) -> Option<&str> {
    let first = line.trim_start().split_once(char::is_whitespace).map_or("", |(first, _)| first);
    if STATEMENTS.contains(&first) {
        return None;
    }
    let found = DEFINITION.as_ref()?.captures(line)?;
    let name = (1..=4).find_map(|group| found.get(group))?.as_str();
    let keyword = ["if", "for", "while", "switch", "catch", "return", "else", "do", "match", "function", "with"];
    (!keyword.contains(&name)).then_some(name)
}

impl StatementNames {
    /// Extracts the names from a statement.
    pub(super) fn of(statement: &str) -> Self {
        let mut names = Self::default();
        let all = |pattern: &Option<Regex>, text: &str| -> Vec<String> {
            pattern.iter().flat_map(|p| p.find_iter(text).map(|m| m.as_str().to_owned()).collect::<Vec<_>>()).collect()
        };
        names.files.extend(all(&FILE, statement));
        for found in FRAME.iter().flat_map(|p| p.captures_iter(statement)) {
            let text = |group: usize| found.get(group).map(|m| m.as_str().to_owned());
            let (file, function) = (text(1).or(text(4)), text(2).or(text(3)));
            names.frames.push((file.unwrap_or_default(), function.unwrap_or_default()));
        }
        for quoted in QUOTED.iter().flat_map(|p| p.captures_iter(statement)) {
            names.code.extend(all(&WORD, &quoted[1]).into_iter().filter(|word| word.len() > 1));
        }
        for call in CALL.iter().flat_map(|p| p.captures_iter(statement)) {
            names.code.insert(call[1].to_owned());
        }
        for word in all(&WORD, statement) {
            let inner_capital = word.chars().skip(1).any(char::is_uppercase) && word.chars().any(char::is_lowercase);
            if word.trim_matches('_').contains('_') || inner_capital {
                names.code.insert(word.clone());
            }
            if word.len() > 2 {
                names.words.insert(word.to_lowercase());
            }
        }
        names
    }

    fn score(&self, place: &SuspectFunction) -> i64 {
        let stem = place.path.rsplit('/').next().unwrap_or(&place.path).split('.').next().unwrap_or_default();
        let mut score = 0;
        for (depth, (file, function)) in self.frames.iter().enumerate() {
            if *function == place.name && same_file(file, &place.path) {
                score += 4 + 3 * i64::from(depth + 1 == self.frames.len());
            }
        }
        if self.files.iter().any(|file| same_file(file, &place.path)) {
            score += 3;
        }
        if self.code.contains(&place.name) {
            score += 5;
        }
        if self.words.contains(&place.name.to_lowercase()) {
            score += 3;
        }
        let parts = || place.name.split('_').filter(|part| part.len() > 2);
        score += parts().filter(|part| self.words.contains(&part.to_lowercase())).count().min(3) as i64;
        score + i64::from(self.words.contains(&stem.to_lowercase()))
    }
}

/// Whether a written path can mean this file of the workspace.
fn same_file(written: &str, path: &str) -> bool {
    let written = written.trim_start_matches("./");
    written == path || path.ends_with(&format!("/{written}")) || written.ends_with(&format!("/{path}"))
}

/// The functions among search results, without tests.
pub(super) fn places(found: &[LineMatch]) -> Vec<SuspectFunction> {
    let mut places: BTreeMap<(String, usize), SuspectFunction> = BTreeMap::new();
    for line in found {
        let (path, number) = (shown_path(&line.path.0), usize::try_from(line.line).unwrap_or(usize::MAX));
        if is_test(&path) {
            continue;
        }
        if let Some(name) = defined(&line.text) {
            let place = SuspectFunction { path: path.clone(), name: name.to_owned(), line: number };
            places.insert((path, number), place);
        }
    }
    places.into_values().collect()
}

/// Most likely first; ties by path and line.
pub(super) fn rank(names: &StatementNames, mut places: Vec<SuspectFunction>, most: usize) -> Vec<SuspectFunction> {
    places.sort_by_cached_key(|place| (-names.score(place), place.path.clone(), place.line));
    places.dedup();
    places.truncate(most);
    places
}

/// The places that a reply names by number, in its order, then the others.
pub(super) fn reordered(reply: &str, places: Vec<SuspectFunction>) -> Vec<SuspectFunction> {
    let mut order: Vec<usize> = Vec::new();
    for number in reply.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<usize>().ok()) {
        if (1..=places.len()).contains(&number) && !order.contains(&(number - 1)) {
            order.push(number - 1);
        }
    }
    order.extend((0..places.len()).filter(|at| !order.contains(at)).collect::<Vec<_>>());
    order.into_iter().filter_map(|at| places.get(at).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use voe_protocol::RawBytes;

    use super::*;

    #[test]
    fn what_a_statement_names_is_found() {
        let text = "`mean([])` crashes in pkg/stats.py, see parse_line:\nTraceback:\n  File \"/x/pkg/stats.py\", line 3, in outer\n  File \"/x/pkg/stats.py\", line 9, in mean\nZeroDivisionError";
        let names = StatementNames::of(text);
        assert!(names.files.contains("pkg/stats.py"));
        assert!(names.code.contains("mean") && names.code.contains("parse_line"), "{names:?}");
        assert_eq!(names.frames.last().unwrap(), &("/x/pkg/stats.py".into(), "mean".into()));
    }

    #[test]
    fn definitions_are_read_in_many_languages() {
        for (line, name) in [
            ("    async def fetch(self, x):", Some("fetch")),
            ("pub(crate) fn read<T>(x: T) -> u8 {", Some("read")),
            ("export default async function go(a) {", Some("go")),
            ("const add = (a, b) => a + b;", Some("add")),
            ("  render() {", Some("render")),
            ("func (s *Server) Serve(w int) {", Some("Serve")),
            ("static int count(const char *s) {", Some("count")),
            ("rotate() {", Some("rotate")),
            ("    if (x) {", None),
            ("    return mean(xs)", None),
            ("    if not mean(xs):", None),
            ("    with open(path) as file:", None),
            ("    for x in sorted(xs):", None),
            ("class Missing(LookupError):", None),
            ("x = f(1)", None),
        ] {
            assert_eq!(defined(line), name, "{line}");
        }
    }

    #[test]
    fn the_named_function_comes_first_and_tests_are_no_places() {
        let line = |path: &str, line: u64, text: &str| LineMatch {
            path: RawBytes(path.into()),
            line,
            text: text.to_owned(),
            cut: false,
        };
        let found = [
            line("a.py", 3, "def helper(x):"),
            line("pkg/stats.py", 1, "def mean(xs):"),
            line("tests/test_stats.py", 5, "def test_mean():"),
            line("pkg/stats.py", 9, "def total(xs):"),
        ];
        let ranked = rank(&StatementNames::of("mean() of an empty list should be 0"), places(&found), 9);
        assert_eq!(ranked[0].name, "mean");
        assert_eq!(ranked.len(), 3);
    }

    #[test]
    fn a_ranking_is_read_from_whatever_is_around_the_numbers() {
        let place = |name: &str| SuspectFunction { path: "a.py".into(), name: name.into(), line: 1 };
        let places = vec![place("a"), place("b"), place("c")];
        let names = |reply: &str| reordered(reply, places.clone()).into_iter().map(|p| p.name).collect::<String>();
        assert_eq!(names("I think 3, then 1."), "cab");
        assert_eq!(names("no idea 17"), "abc");
    }
}
