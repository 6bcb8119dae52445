//! What judging a check needs to know about the change: its paths, the names that it adds, and the texts of the check.

use std::collections::{BTreeSet, HashSet};

use voe_trace::FileRole;

use super::text::{identifiers, quoted_after, word_after};
use crate::command::{could_run, inline_code};

/// A changed file, before and after.
#[derive(Debug, Clone, Copy)]
pub struct FileVersions<'a> {
    /// Relative to the workspace.
    pub path: &'a str,
    /// What it is as evidence.
    pub role: FileRole,
    /// Its text at the base; `None`: it was not there.
    pub base: Option<&'a str>,
    /// Its text now; `None`: it is not there any more.
    pub now: Option<&'a str>,
}

/// A text that a check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckText {
    /// Its path; empty for code in the command.
    pub path: String,
    /// The text.
    pub text: String,
}

/// What the change is, for one check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeFacts {
    /// Paths of code that the change adds: missing in the run without it.
    pub absent: BTreeSet<String>,
    /// Paths of code that the change adds, changes or deletes.
    pub code: BTreeSet<String>,
    /// Names that the added lines of code define.
    pub names: BTreeSet<String>,
    /// The texts of the check: files of the change that are not code and that its command could run, and code in the command.
    pub own: Vec<CheckText>,
}

impl ChangeFacts {
    /// The facts about a change for the check `command`.
    pub fn of<'a>(command: &str, files: impl IntoIterator<Item = FileVersions<'a>>) -> Self {
        let mut facts = Self::default();
        for file in files {
            let path = file.path.to_owned();
            if !file.role.is_code() {
                if let Some(text) = file.now.filter(|_| could_run(command, file.path)) {
                    facts.own.push(CheckText { path, text: text.to_owned() });
                }
                continue;
            }
            if file.base.is_none() {
                facts.absent.insert(path.clone());
            }
            facts.code.insert(path);
            let known: HashSet<&str> = file.base.unwrap_or_default().lines().collect();
            let added = file.now.unwrap_or_default().lines().filter(|line| !known.contains(line));
            added.for_each(|line| defined(line, &mut facts.names));
        }
        let inline = inline_code(command).into_iter().map(|text| CheckText { path: String::new(), text });
        facts.own.extend(inline);
        facts
    }

    /// Whether the change adds a definition of `name`, which may be qualified.
    pub(crate) fn defines(&self, name: &str) -> bool {
        self.names.contains(name.rsplit(['.', ':']).next().unwrap_or(name))
    }

    /// The first name of the change that `tail` reports as missing in the product.
    pub(crate) fn missing_name(&self, tail: &str) -> Option<String> {
        tail.lines().find_map(|line| missing_names(line).into_iter().find(|name| self.defines(name))).map(str::to_owned)
    }
}

/// Names that a line of an interpreter or a compiler reports as missing.
fn missing_names(line: &str) -> Vec<&str> {
    let quoted = [
        "cannot import name ",
        "has no attribute ",
        "NameError: name ",
        "does not provide an export named ",
        "unresolved import ",
        "cannot find function ",
        "cannot find value ",
        "cannot find type ",
        "cannot find macro ",
        "cannot find struct, variant or union type ",
        "no method named ",
        "no function or associated item named ",
        "no field ",
        "no variant or associated item named ",
    ];
    let mut names: Vec<&str> = quoted.iter().filter_map(|words| quoted_after(line, words)).collect();
    names.extend(["ReferenceError: ", "undefined: "].iter().filter_map(|words| word_after(line, words)));
    // rustc: "no `f` in the root"; Node: "TypeError: a.f is not a function"; Go: "x.F undefined (type T has no field or method F)".
    let before = [" is not a function", " is not a constructor", " undefined (type"];
    names.extend(before.iter().filter_map(|words| {
        let before = line.split_once(words)?.0.trim_end_matches(')');
        before.rsplit(|c: char| !(c.is_alphanumeric() || "_$.".contains(c))).next().filter(|name| !name.is_empty())
    }));
    names.extend(["no `"].iter().filter_map(|words| line.split_once(words)?.1.split('`').next()));
    names
}

/// Words after which a name is defined, in the languages that voe knows.
const DEFINERS: &[&str] = &[
    "def",
    "class",
    "function",
    "fn",
    "func",
    "struct",
    "enum",
    "trait",
    "type",
    "const",
    "let",
    "var",
    "static",
    "mod",
    "interface",
    "module",
    "union",
    "record",
    "object",
    "val",
    "macro_rules",
];

/// Words at the start of a line whose names all become known: imports and lists of exports.
const LISTERS: &[&str] = &["import", "from", "export", "use", "pub", "exports", "__all__"];

/// Words that look like a function before a bracket.
const NOT_FUNCTIONS: &[&str] = &["if", "for", "while", "switch", "catch", "return", "match", "with", "elif", "else"];

/// Adds the names that a line defines. A few too many do no harm: only those count that a run without the change misses.
fn defined(line: &str, names: &mut BTreeSet<String>) {
    let words: Vec<&str> = identifiers(line).collect();
    let mut add = |name: &str| {
        names.insert(name.to_owned());
    };
    for pair in words.windows(2) {
        if DEFINERS.contains(&pair[0]) {
            add(pair[1]);
        }
    }
    let first = words.first().copied().unwrap_or_default();
    if LISTERS.contains(&first) || line.contains("module.exports") {
        words.iter().for_each(|name| add(name));
    }
    // `name = …`, `self.name = …`, `name: …`, `name := …`
    if let Some(at) =
        line.find(['=', ':']).filter(|at| !line[at + 1..].starts_with('=') || line[*at..].starts_with(":="))
        && !line[..at].contains('(')
        && let Some(name) = identifiers(&line[..at]).last()
    {
        add(name);
    }
    // A function without a word for it: `name(args) {`, `int name(args) {`, Go's `func (t *T) name(args) {`.
    if matches!(line.trim_end().chars().next_back(), Some('{' | ':' | ',')) || first == "func" {
        for (at, _) in line.match_indices('(') {
            let name = identifiers(&line[..at]).last().filter(|name| line[..at].ends_with(name));
            name.filter(|name| !NOT_FUNCTIONS.contains(name)).into_iter().for_each(&mut add);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let file = FileVersions { path: "a.py", role: FileRole::Code, base: Some("old = 1\n"), now: Some(text) };
        ChangeFacts::of("t", [file]).names.into_iter().collect()
    }

    #[test]
    fn names_that_added_lines_define_are_found_in_each_language() {
        assert_eq!(names("old = 1\ndef f(x):\n    return g(x)\n"), ["f"]);
        assert_eq!(
            names("class C(B):\n    limit: int = 3\n    def m(self):\n        self.n = 1"),
            ["C", "limit", "m", "n"]
        );
        assert_eq!(names("exports.half = function (x) {"), ["exports", "function", "half", "x"]);
        assert_eq!(names("export const half = (x) => x / 2;"), ["const", "export", "half", "x"]);
        assert_eq!(names("pub fn half(x: u32) -> u32 {"), ["fn", "half", "pub", "u32", "x"]);
        assert_eq!(names("func (t *T) Half(x int) int {"), ["Half", "t"]);
        assert_eq!(names("  half(x) {"), ["half"]);
        assert_eq!(names("if (x == 1) {\nreturn f(x);"), [""; 0]);
    }

    #[test]
    fn a_missing_name_is_read_from_each_languages_error() {
        let change = ChangeFacts { names: BTreeSet::from(["half".to_owned()]), ..ChangeFacts::default() };
        for tail in [
            "ImportError: cannot import name 'half' from 'calc' (/w/calc.py)",
            "AttributeError: module 'calc' has no attribute 'half'",
            "NameError: name 'half' is not defined",
            "TypeError: calc.half is not a function",
            "TypeError: (0 , _calc.half) is not a function",
            "SyntaxError: The requested module './calc.mjs' does not provide an export named 'half'",
            "error[E0432]: unresolved import `calc::half`",
            "error[E0425]: cannot find function `half` in crate `calc`",
            "./calc_test.go:6:5: undefined: half",
            "./calc_test.go:6:5: c.half undefined (type C has no field or method half)",
        ] {
            assert_eq!(change.missing_name(tail).map(|name| name.contains("half")), Some(true), "{tail}");
        }
        assert_eq!(change.missing_name("AttributeError: 'C' object has no attribute 'other'"), None);
        assert_eq!(change.missing_name("AssertionError: half is 3"), None);
    }
}
