//! The kinds of damage to a log.

use proptest::prelude::*;
use proptest::sample::Index;

/// A line of the log: any line, or one of those that parsers read.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    telling: bool,
    index: Index,
}

#[derive(Debug, Clone)]
pub(crate) enum Damage {
    /// The log ends here.
    CutLog(Index),
    /// The line ends here, or begins here.
    CutLine(Line, Index, bool),
    Delete(Line, usize),
    Duplicate(Line, Index),
    Swap(Line, Line),
    Reverse(Line, usize),
    /// Something is inserted into a line.
    Insert(Line, Index, &'static str),
    /// Something is inserted as lines of its own.
    InsertLines(Line, Vec<&'static str>),
    /// The line ending is replaced.
    End(Line, &'static str),
    /// All line endings are replaced.
    AllEnds(&'static str),
    /// Everywhere in the log.
    Replace(&'static str, &'static str),
}

/// Lines made of what parsers look for; some parser reads most of them.
pub(crate) fn composed() -> impl Strategy<Value = Vec<String>> {
    const WORDS: [&str; 12] =
        ["a", "b", "a.py::t", "test_a", "(m.T)", "[a b]", "[/x/y]", "[//x]", "[/x/*]", " ", " ", "\t"];
    let piece = prop_oneof![
        2 => prop::sample::select(&WORDS[..]),
        2 => prop::sample::select(&PIECES[..]),
        1 => prop::sample::select(&SPACES[..]),
    ];
    let status = prop::sample::select(vec!["PASSED ", "FAILED ", "SKIPPED ", "ERROR ", "XFAIL ", "test_", "", "", ""]);
    let end = prop::sample::select(vec!["", "", "", " PASSED", " FAILED", " ok", " E", " ... ok", " ... FAIL", "]"]);
    let pieces = (status, prop::collection::vec(piece, 1..7), end)
        .prop_map(|(status, pieces, end)| [status, &pieces.concat(), end].concat());
    let line = prop_oneof![1 => prop::sample::select(&LINES[..]).prop_map(str::to_owned), 2 => pieces];
    prop::collection::vec(line, 0..20)
}

const SPACES: [&str; 18] = [
    " ", "  ", "\t", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\u{85}", "\u{a0}", "\u{1680}", "\u{2003}",
    "\u{2028}", "\u{2029}", "\u{202f}", "\u{205f}", "\u{3000}",
];

const PIECES: [&str; 46] = [
    "\r",
    "\r\n",
    "\n",
    "\0",
    "\x01",
    "\x08",
    "\x1b",
    "\x1b[31m",
    "\x1b[0m",
    "\x1b[1;32m",
    "[3m",
    "[٣m",
    "\x7f",
    "\u{200b}",
    "\u{feff}",
    "\u{180e}",
    "é",
    "🦀",
    "[",
    "]",
    "/",
    "//",
    "*",
    "::",
    " - ",
    "- ",
    " ... ",
    " ... ok",
    " ... OK",
    " ...  OK",
    " ... FAIL",
    " ... ERROR",
    " ... skipped",
    "PASSED",
    "FAILED",
    "SKIPPED",
    "ERROR",
    "XFAIL",
    " PASSED ",
    ".py:",
    " E",
    " F",
    " ok",
    "MouseButton.LEFT",
    "MouseButton.RIGHT",
    "...",
];

const LINES: [&str; 52] = [
    "PASSED",
    "FAILED",
    "FAILED - ",
    "FAILED - a - b",
    "SKIPPED [3] a.py:1: why",
    "SKIPPED [٣] a",
    "SKIPPED [x] a",
    "PASSED [100%]",
    "ERROR: not found: x",
    "ERRORS x",
    "XFAIL a::b",
    "XPASS a::b",
    "a::b[c d] PASSED",
    "a::b FAILED",
    "a PASSED [ 3%]",
    "test_a (m.T) ... ok",
    "test_a (m.T) ... FAIL",
    "test_b (m.T) ... ",
    "ok",
    "okay",
    "FAIL: test_a (m.T)",
    "ERROR: test_b (m.T)",
    "FAIL:",
    "ERROR:",
    "FAIL:x",
    "test_c ... Testing against Django installed in '/x' silenced).",
    "silenced).",
    " x silenced).",
    "test_d ... Internal Server Error: /x/",
    "test_e ... System check identified no issues (0 silenced)",
    "test_f",
    "... Internal Server Error: /a/b/",
    "Applying sites.0002_alter_domain_unique...test_no_migrations (x) ... ok",
    "--version is equivalent to version ... ok",
    "____ a/b.py:test_c ____",
    "_ a b.py:c d.py:e _ _",
    " .py: ",
    "test_a E",
    "test_a F",
    "test_a ok",
    "test_ [FAIL] ok",
    "Killed",
    "ModuleNotFoundError: x",
    "Timeout error: 1800 seconds exceeded.",
    ">>>>> Start Test Output",
    ">>>>> End Test Output",
    ">>>>> Test Exit Code: 1",
    ">>>>> Test Exit Code: 0",
    ">>>>> Test Exit Code:\t-0",
    ">>>>> Tests Timed Out",
    "Tests: 4",
    "# tests 0",
];

fn is_telling(line: &str) -> bool {
    ["PASSED", "FAILED", "SKIPPED", "ERROR", "XFAIL", " ... ", ">>>>> ", ".py:"].iter().any(|word| line.contains(word))
        || line.starts_with("test_")
        || line.trim() == "ok"
}

fn line() -> impl Strategy<Value = Line> {
    (prop::bool::weighted(0.8), any::<Index>()).prop_map(|(telling, index)| Line { telling, index })
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let piece = || prop_oneof![prop::sample::select(&SPACES[..]), prop::sample::select(&PIECES[..])];
    let ends = || prop::sample::select(vec!["\r", "\r\n", "", " ", "\n\n", "\u{2028}", "\x0c", "\x1c"]);
    prop_oneof![
        1 => any::<Index>().prop_map(Damage::CutLog),
        4 => (line(), any::<Index>(), any::<bool>()).prop_map(|(line, at, front)| Damage::CutLine(line, at, front)),
        3 => (line(), 1..40_usize).prop_map(|(line, count)| Damage::Delete(line, count)),
        3 => (line(), any::<Index>()).prop_map(|(line, to)| Damage::Duplicate(line, to)),
        3 => (line(), line()).prop_map(|(a, b)| Damage::Swap(a, b)),
        1 => (line(), 2..60_usize).prop_map(|(line, count)| Damage::Reverse(line, count)),
        12 => (line(), any::<Index>(), piece()).prop_map(|(line, at, piece)| Damage::Insert(line, at, piece)),
        6 => (line(), prop::collection::vec(prop::sample::select(&LINES[..]), 1..5))
            .prop_map(|(line, new)| Damage::InsertLines(line, new)),
        4 => (line(), ends()).prop_map(|(line, end)| Damage::End(line, end)),
        1 => prop::sample::select(vec!["\r", "\r\n"]).prop_map(Damage::AllEnds),
        2 => (prop::sample::select(vec![" ", "PASSED", "FAILED", " ... ok", "[", "/", "ok\n", " ok", "Start", "Code: 1"]), piece())
            .prop_map(|(old, new)| Damage::Replace(old, new)),
    ]
}

impl Damage {
    pub(crate) fn befall(&self, log: &str) -> String {
        let mut lines: Vec<String> = log.split('\n').map(str::to_owned).collect();
        match self {
            Self::CutLog(at) => return log[..boundary(log, at)].to_owned(),
            Self::AllEnds(end) => return lines.join(end),
            Self::Replace(old, new) => return log.replace(old, new),
            Self::CutLine(line, at, front) => {
                let line = &mut lines[line.find(log)];
                let at = boundary(line, at);
                *line = if *front { line[at..].to_owned() } else { line[..at].to_owned() };
            }
            Self::Delete(line, count) => {
                let from = line.find(log);
                lines.drain(from..(from + count).min(lines.len()));
            }
            Self::Duplicate(line, to) => {
                let line = lines[line.find(log)].clone();
                lines.insert(to.index(lines.len() + 1), line);
            }
            Self::Swap(a, b) => lines.swap(a.find(log), b.find(log)),
            Self::Reverse(line, count) => {
                let from = line.find(log);
                let to = (from + count).min(lines.len());
                lines[from..to].reverse();
            }
            Self::Insert(line, at, piece) => {
                let line = &mut lines[line.find(log)];
                line.insert_str(boundary(line, at), piece);
            }
            Self::InsertLines(line, new) => {
                let at = line.find(log);
                lines.splice(at..at, new.iter().map(|line| (*line).to_owned()));
            }
            Self::End(line, end) => {
                let at = line.find(log);
                if at + 1 < lines.len() {
                    let next = lines.remove(at + 1);
                    lines[at].push_str(end);
                    lines[at].push_str(&next);
                }
            }
        }
        lines.join("\n")
    }
}

impl Line {
    fn find(&self, log: &str) -> usize {
        let telling: Vec<usize> =
            log.split('\n').enumerate().filter(|(_, line)| is_telling(line)).map(|(at, _)| at).collect();
        if self.telling && !telling.is_empty() {
            *self.index.get(&telling)
        } else {
            self.index.index(log.split('\n').count())
        }
    }
}

/// A position in a text: as often at its start or end as at all other positions together.
pub(crate) fn boundary(text: &str, at: &Index) -> usize {
    let count = text.chars().count();
    match at.index(2 * count + 8) {
        0..4 => 0,
        4..8 => text.len(),
        other => text.char_indices().nth((other - 8) / 2).map_or(text.len(), |(at, _)| at),
    }
}
