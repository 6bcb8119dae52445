//! Signs in one line of a log.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::cause_sign::CauseSign;
use crate::text::pattern;

/// A sign in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A module is missing, or a name in it.
    Module(String),
    /// Another sign.
    Plain(CauseSign),
}

/// The parts of a line that matter for a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogLine {
    /// The sign.
    pub(crate) shown: Option<Sign>,
    /// The text of the sign.
    text: String,
    /// Whether it is the line of an exception.
    pub(crate) raised: bool,
}

/// The first that matches counts.
const SIGNS: [(CauseSign, &str); 11] = [
    (CauseSign::TimeLimit, r"^Timeout error: \d+ seconds exceeded"),
    (CauseSign::BrowserUnavailable, "Failed to launch (?:the )?browser|Failed to connect to the bus"),
    (
        CauseSign::DisplayUnavailable,
        r"cannot open display|Missing X server|unable to open X display|could not connect to display|no display name and no \$DISPLAY",
    ),
    (CauseSign::ContainerUnavailable, "Error response from daemon|Cannot connect to the Docker daemon"),
    (CauseSign::MissingLibrary, "cannot open shared object file"),
    (
        CauseSign::BinaryMismatch,
        r"size changed, may indicate binary incompatibility|multiarray failed to import|module compiled against (?:ABI|API) version|A module that was compiled using NumPy 1\.x cannot be run",
    ),
    (CauseSign::MissingProgram, r"line \d+: [\w.-]+: command not found"),
    (
        CauseSign::OutOfMemory,
        r"Cannot allocate memory|OutOfMemoryError|^Killed$|\bMemoryError\b|line \d+: +\d+ Killed\b",
    ),
    (CauseSign::DiskFull, "No space left on device|Disk quota exceeded"),
    (
        CauseSign::NetworkUnreachable,
        "Could not resolve host|Temporary failure in name resolution|Name or service not known|\
         Failed to establish a new connection|Network is unreachable|No matching distribution found",
    ),
    (CauseSign::NoTestsCollected, "no tests ran|collected 0 items"),
];

impl LogLine {
    pub(crate) fn of(line: &str) -> Self {
        static SHOWN: LazyLock<[(CauseSign, Regex); SIGNS.len()]> =
            LazyLock::new(|| SIGNS.map(|(sign, text)| (sign, pattern(text))));
        static MODULE: LazyLock<Regex> = LazyLock::new(|| {
            pattern(concat!(
                r"No module named '?([A-Za-z_][\w.]*)|Cannot find module '([A-Za-z_][\w./-]*)'",
                r"|cannot import name '?(\w+)'? from '([A-Za-z_][\w.]*)'"
            ))
        });
        // With a dot in its name an exception needs no ending like that of an error.
        static RAISED: LazyLock<Regex> = LazyLock::new(|| {
            pattern(concat!(
                r"^(?:E +)?(?:(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)",
                r"|(?:[A-Za-z_]\w*\.)+[A-Z]\w*)(?::|$)"
            ))
        });
        let line = plain(line);
        let raised = RAISED.is_match(&line);
        if let Some(found) = MODULE.captures(&line) {
            let part = |number: usize| found.get(number).map(|name| name.as_str().trim_end_matches('.'));
            let module = match (part(1).or(part(2)), part(3), part(4)) {
                (Some(module), ..) => module.to_owned(),
                (None, Some(name), Some(module)) => format!("{module}.{name}"),
                _ => String::new(),
            };
            let text = found.get(0).map_or("", |all| all.as_str()).to_owned();
            return Self { shown: Some(Sign::Module(module)), text, raised };
        }
        let shown = SHOWN.iter().find_map(|(sign, text)| Some((*sign, text.find(&line)?.as_str().to_owned())));
        let (sign, text) = shown.unzip();
        Self { shown: sign.map(Sign::Plain), text: text.unwrap_or_default(), raised }
    }

    /// Whether the patch contains the text of the sign: it may be the patch that prints it.
    pub(crate) fn quoted_in(&self, patch: &str) -> bool {
        !self.text.is_empty() && patch.contains(&self.text)
    }
}

/// The line without color codes.
fn plain(line: &str) -> Cow<'_, str> {
    static COLOUR: LazyLock<Regex> = LazyLock::new(|| pattern("\x1b\\[[0-9;]*m"));
    COLOUR.replace_all(line, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> Option<Sign> {
        LogLine::of(line).shown
    }

    #[test]
    fn a_missing_module_is_named() {
        for (line, module) in [
            ("ModuleNotFoundError: No module named 'a.b'", "a.b"),
            ("\x1b[1m\x1b[31mE       ModuleNotFoundError: No module named 'roman'\x1b[0m", "roman"),
            ("/usr/bin/python: No module named pytest", "pytest"),
            ("ImportError: No module named six.moves", "six.moves"),
            ("Error: Cannot find module 'chai'", "chai"),
            ("E   ImportError: cannot import name 'x' from 'jinja2' (/opt/j.py)", "jinja2.x"),
        ] {
            assert_eq!(shown(line), Some(Sign::Module(module.to_owned())), "{line}");
        }
    }

    #[test]
    fn exception_lines_are_distinguished_from_others() {
        for line in ["SyntaxError: x", "E   NameError: x", "a.b.Improper: x", "KeyboardInterrupt", "a.B"] {
            assert!(LogLine::of(line).raised, "{line}");
        }
        for line in ["ERROR: x", "ImportError while loading", "  File \"a\"", "x.py:3: Warning: y", "Note: x"] {
            assert!(!LogLine::of(line).raised, "{line}");
        }
    }

    #[test]
    fn each_sign_is_recognized_by_its_words() {
        for (line, sign) in [
            ("Timeout error: 1800 seconds exceeded.", CauseSign::TimeLimit),
            ("_tkinter.TclError: no display name and no $DISPLAY environment variable", CauseSign::DisplayUnavailable),
            ("ImportError: libGL.so.1: cannot open shared object file: No such file", CauseSign::MissingLibrary),
            ("E   ImportError: numpy.core.multiarray failed to import", CauseSign::BinaryMismatch),
            (
                "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header",
                CauseSign::BinaryMismatch,
            ),
            ("RuntimeError: module compiled against API version 0xf but this", CauseSign::BinaryMismatch),
            ("/tmp/eval.sh: line 20: pytest: command not found", CauseSign::MissingProgram),
            ("Killed", CauseSign::OutOfMemory),
            ("eval.sh: line 12:   345 Killed                  pytest", CauseSign::OutOfMemory),
            ("OSError: [Errno 28] No space left on device", CauseSign::DiskFull),
            ("ERROR: No matching distribution found for setuptools", CauseSign::NetworkUnreachable),
            ("collected 0 items / 2 errors", CauseSign::NoTestsCollected),
        ] {
            assert_eq!(shown(line), Some(Sign::Plain(sign)), "{line}");
        }
        assert_eq!(shown("Killed by x"), None);
    }
}
