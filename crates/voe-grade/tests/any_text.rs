//! No text crashes a parser, and the kind of line ending does not matter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;
use voe_grade::{Instance, LogNames, LogParser, Predictions, grade, parse_log};

const PARSERS: [LogParser; 11] = [
    LogParser::Pytest,
    LogParser::PytestOptions,
    LogParser::PytestV2,
    LogParser::Django,
    LogParser::Seaborn,
    LogParser::Sympy,
    LogParser::Matplotlib,
    LogParser::MiniUnittest,
    LogParser::MiniNode,
    LogParser::MiniCargo,
    LogParser::MiniShell,
];

/// Text made of the pieces that parsers look for, so that arbitrary text gets past their first checks.
fn log_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "PASSED",
        "FAILED",
        "SKIPPED",
        "ERROR",
        "XFAIL",
        " ... ok",
        " ... FAIL",
        " ... ERROR",
        " ... skipped",
        "FAIL:",
        "ERROR:",
        "ok",
        "test_",
        " E",
        " F",
        "[",
        "]",
        "[31m",
        "/",
        "*",
        " - ",
        ".py:",
        "____ ",
        " ____",
        "\n",
        "\r",
        "\r\n",
        "\u{1b}",
        "\u{1c}",
        "\t",
        "\u{a0}",
        "\u{2028}",
        "é",
        "MouseButton.LEFT",
        ">>>>> Start Test Output",
        ">>>>> End Test Output",
        ">>>>> Test Exit Code: 1",
        " ... Testing against Django installed in ",
        " silenced).\nok",
        " ... Internal Server Error: /",
        "/\nok\n",
        "Killed",
        "# tests 1",
        " ",
    ]);
    prop::collection::vec(prop_oneof![4 => pieces.prop_map(str::to_owned), 1 => any::<String>()], 0..40)
        .prop_map(|pieces| pieces.concat())
}

fn row(parser: &str, test: &str) -> Instance {
    Instance::from_value(json!({
        "repo": "a/b", "instance_id": "a__b-1", "base_commit": "c", "patch": "", "test_patch": "",
        "problem_statement": "", "version": "1", "log_parser": parser, "FAIL_TO_PASS": [test], "PASS_TO_PASS": ["t"]
    }))
    .unwrap()
}

proptest! {
    #[test]
    fn parsers_take_any_text_and_any_line_end(log in log_like(), arbitrary in any::<String>()) {
        // a lone \r and \r\n must not merge into one line ending when one form is turned into the other
        let plain = log.replace('\r', "");
        for parser in PARSERS {
            let _ = parse_log(parser, &arbitrary);
            let _ = parse_log(parser, &log);
            let expected = parse_log(parser, &plain);
            prop_assert_eq!(&parse_log(parser, &plain.replace('\n', "\r\n")), &expected);
            prop_assert_eq!(&parse_log(parser, &plain.replace('\n', "\r")), &expected);
        }
    }

    #[test]
    fn verdicts_are_consistent_on_any_text(log in log_like(), test in "[a-z\\[\\]]{0,4}") {
        for parser in ["parse_log_pytest", "parse_log_django", "parse_log_sympy", "parse_log_sphinx"] {
            let row = row(parser, &test);
            let Ok(graded) = grade(&row, &log) else { continue };
            prop_assert_eq!(graded.found, graded.not_found.is_none());
            prop_assert_eq!(graded.found, graded.report.tests_status.is_some());
            prop_assert!(graded.found || (!graded.report.resolved && graded.statuses.is_empty()));
        }
    }

    #[test]
    fn predictions_and_names_take_any_text(text in any::<String>(), path in any::<String>()) {
        let _ = Predictions::read(&text);
        let _ = LogNames::new(["a"]).instance_of(path.as_ref());
    }
}
