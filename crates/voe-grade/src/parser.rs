//! The seven parsers that Verified and Lite need, the four of voe's own suite, and which of them a row asks for.
//!
//! All of them work line by line, take a line for a result by how it begins, and let a later line overwrite an earlier
//! one. What else they do is each one's own, down to oddities that the suites' test lists have grown around.

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
    /// The same, with file names in parameters cut to their base names.
    PytestOptions,
    /// The same, for ids with blanks, coloured output, and old versions that put the status behind the id.
    PytestV2,
    /// Django's own runner: unittest with verbosity 2.
    Django,
    /// seaborn: pytest, of whose results only FAILED and PASSED are taken.
    Seaborn,
    /// sympy's `bin/test -C --verbose`.
    Sympy,
    /// matplotlib: pytest, with mouse buttons in parameters turned into their numbers.
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

/// A row asks for a parser that is not one of the seven.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsupportedParser {
    /// The row names another parser.
    #[error(
        "{id}: the log parser {parser} is not supported (only those of Verified and Lite are); grade it with the official package"
    )]
    Named {
        /// The task.
        id: String,
        /// The parser as the row names it.
        parser: String,
    },
    /// The row names no parser and its repository is unknown.
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

/// The official parser ends with an exception at this line, so that the official harness has no verdict on the log and
/// counts the task as an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the line {line:?} names no test and ends the official parser; the log is damaged, run the tests again")]
pub struct ParserStops {
    /// The line, without white space at its ends.
    pub line: String,
}

impl LogParser {
    /// The parser of a row's `log_parser` field: each repository of Verified and Lite has its own name for one.
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
/// The official parser stops with an exception on such a log.
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
    fn a_row_that_names_a_parser_of_another_suite_is_told_so() {
        let error = LogParser::of("caddyserver__caddy-5870", "caddyserver/caddy", Some("parse_log_gotest"));
        insta::assert_snapshot!(error.unwrap_err(), @"caddyserver__caddy-5870: the log parser parse_log_gotest is not supported (only those of Verified and Lite are); grade it with the official package");
    }

    #[test]
    fn a_row_without_a_parser_takes_its_repositorys() {
        assert_eq!(LogParser::of("psf__requests-1142", "psf/requests", None), Ok(LogParser::PytestOptions));
        let error = LogParser::of("me__mine-1", "me/mine", None);
        insta::assert_snapshot!(error.unwrap_err(), @r#"me__mine-1: the row has no log_parser and none is known for me/mine; add the field, e.g. "log_parser": "parse_log_pytest""#);
    }

    #[test]
    fn the_named_parser_counts_more_than_the_repository() {
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
