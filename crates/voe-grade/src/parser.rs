//! The seven parsers that Verified and Lite need, the four of voe's own suite, and which one a row selects.
//!
//! All of them work line by line, recognize a result by the start of its line, and let a later line replace an earlier one.
//! The rest differs, down to oddities that the suites' test lists depend on.

mod django;
mod mini;
mod pytest;
mod seaborn;
mod sympy;

use crate::status::Statuses;
use crate::text::universal_newlines;

/// A log parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogParser {
    /// pytest's short summary (`-rA`): status, id.
    Pytest,
    /// Like [`Self::Pytest`], with file names in parameters cut to their base names.
    PytestOptions,
    /// Like [`Self::Pytest`], for ids with spaces, colored output, and old versions that print the status after the id.
    PytestV2,
    /// Django's own runner: unittest with verbosity 2.
    Django,
    /// seaborn: pytest, of which only FAILED and PASSED results are read.
    Seaborn,
    /// sympy's `bin/test -C --verbose`.
    Sympy,
    /// matplotlib: pytest, with mouse buttons in parameters replaced by their numbers.
    Matplotlib,
    /// voe's own suite `mini`: Python's unittest.
    MiniUnittest,
    /// `mini`: node's test runner, TAP.
    MiniNode,
    /// `mini`: cargo's test runner.
    MiniCargo,
    /// `mini`: a shell script's `PASSED` and `FAILED`.
    MiniShell,
}

/// No parser for a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedParser {
    /// The row names an unknown parser.
    #[error("{id}: log parser {parser} is not supported (only those of Verified and Lite); use the official package")]
    Named {
        /// The task.
        id: String,
        /// The parser as the row names it.
        parser: String,
    },
    /// The row names no parser, and its repository is unknown.
    #[error(
        "{id}: the row has no log_parser and none is known for {repo}; add the field, e.g. \"log_parser\": \"parse_log_pytest\""
    )]
    Unknown {
        /// The task.
        id: String,
        /// The row's repository.
        repo: String,
    },
}

/// The official parser raises an exception at this line, so the official harness has no verdict on the log and counts the
/// task as an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the official parser fails at the line {line:?}, which names no test; the log is damaged, run the tests again")]
pub struct ParserStops {
    /// The line, trimmed.
    pub line: String,
}

impl LogParser {
    /// The parser of a row's `log_parser` field: each repository of Verified and Lite has a name of its own.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "mini-unittest" => return Some(Self::MiniUnittest),
            "mini-node" => return Some(Self::MiniNode),
            "mini-cargo" => return Some(Self::MiniCargo),
            "mini-shell" => return Some(Self::MiniShell),
            _ => {}
        }
        Some(match name.strip_prefix("parse_log_")? {
            "pytest" | "astroid" | "flask" | "marshmallow" | "pvlib" | "pyvista" | "sqlfluff" | "xarray" => {
                Self::Pytest
            }
            "pytest_options" | "pydicom" | "pylint" | "requests" => Self::PytestOptions,
            "pytest_v2" | "astropy" | "scikit" | "sphinx" => Self::PytestV2,
            "django" => Self::Django,
            "seaborn" => Self::Seaborn,
            "sympy" => Self::Sympy,
            "matplotlib" => Self::Matplotlib,
            _ => return None,
        })
    }

    /// The parser of a repository, for rows from before 2026, which name none.
    pub fn from_repo(repo: &str) -> Option<Self> {
        Some(match repo {
            "pallets/flask"
            | "pydata/xarray"
            | "pytest-dev/pytest"
            | "marshmallow-code/marshmallow"
            | "pvlib/pvlib-python"
            | "pylint-dev/astroid"
            | "pyvista/pyvista"
            | "sqlfluff/sqlfluff" => Self::Pytest,
            "psf/requests" | "pydicom/pydicom" | "pylint-dev/pylint" => Self::PytestOptions,
            "astropy/astropy" | "scikit-learn/scikit-learn" | "sphinx-doc/sphinx" => Self::PytestV2,
            "django/django" => Self::Django,
            "mwaskom/seaborn" => Self::Seaborn,
            "sympy/sympy" => Self::Sympy,
            "matplotlib/matplotlib" => Self::Matplotlib,
            _ => return None,
        })
    }

    /// The parser for a row: the one it names, else that of its repository.
    ///
    /// # Errors
    /// There is no parser of that name, or none for that repository.
    pub fn of(id: &str, repo: &str, name: Option<&str>) -> Result<Self, UnsupportedParser> {
        match name {
            Some(name) => Self::from_name(name)
                .ok_or_else(|| UnsupportedParser::Named { id: id.to_owned(), parser: name.to_owned() }),
            None => Self::from_repo(repo)
                .ok_or_else(|| UnsupportedParser::Unknown { id: id.to_owned(), repo: repo.to_owned() }),
        }
    }
}

/// Reads the tests' statuses from a log, or from a slice of one.
///
/// # Errors
/// The official parser raises an exception on such a log.
pub fn parse_log(parser: LogParser, log: &str) -> Result<Statuses, ParserStops> {
    let log = universal_newlines(log);
    Ok(match parser {
        LogParser::Pytest => pytest::plain(&log),
        LogParser::PytestOptions => pytest::with_options(&log),
        LogParser::PytestV2 => pytest::v2(&log),
        LogParser::Matplotlib => pytest::matplotlib(&log),
        LogParser::Django => django::parse(&log)?,
        LogParser::Seaborn => seaborn::parse(&log),
        LogParser::Sympy => sympy::parse(&log),
        LogParser::MiniUnittest => mini::unittest(&log),
        LogParser::MiniNode => mini::node(&log),
        LogParser::MiniCargo => mini::cargo(&log),
        LogParser::MiniShell => mini::shell(&log),
    })
}

#[cfg(test)]
pub(crate) fn pairs(statuses: &Statuses) -> Vec<(&str, &str)> {
    statuses.iter().map(|(id, status)| (id, status.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_a_parser_of_another_suite_is_refused_by_name() {
        let error = LogParser::of("caddyserver__caddy-5870", "caddyserver/caddy", Some("parse_log_gotest"));
        insta::assert_snapshot!(error.unwrap_err(), @"caddyserver__caddy-5870: log parser parse_log_gotest is not supported (only those of Verified and Lite); use the official package");
    }

    #[test]
    fn a_row_without_a_parser_uses_that_of_its_repository() {
        assert_eq!(LogParser::of("psf__requests-1142", "psf/requests", None), Ok(LogParser::PytestOptions));
        let error = LogParser::of("me__mine-1", "me/mine", None);
        insta::assert_snapshot!(error.unwrap_err(), @r#"me__mine-1: the row has no log_parser and none is known for me/mine; add the field, e.g. "log_parser": "parse_log_pytest""#);
    }

    #[test]
    fn the_named_parser_overrides_the_repository() {
        assert_eq!(LogParser::of("x", "django/django", Some("parse_log_pytest")), Ok(LogParser::Pytest));
    }

    #[test]
    fn carriage_returns_end_lines_in_every_parser() {
        let lone = "PASSED a\rFAILED b - why\rtest_x ok\r";
        for parser in [LogParser::Pytest, LogParser::PytestV2, LogParser::Sympy, LogParser::Seaborn] {
            assert_eq!(parse_log(parser, lone), parse_log(parser, &lone.replace('\r', "\n")));
            assert_eq!(parse_log(parser, lone), parse_log(parser, &lone.replace('\r', "\r\n")));
        }
    }
}
