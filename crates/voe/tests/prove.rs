//! `voe prove`: a change that somebody made, proven or refuted by its tests, without a model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use support::{Bench, Said};

const CALC: &str = "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a * b\n";
const FIXED: &str = "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return a * b\n";

/// A test of one function.
fn test_of(name: &str, call: &str, expected: i32) -> String {
    format!(
        "import unittest\n\nimport calc\n\n\nclass T(unittest.TestCase):\n    def test_{name}(self):\n        \
         self.assertEqual(calc.{call}, {expected})\n"
    )
}

/// A repository whose `add` subtracts; `mul` works and has a test.
fn calculator() -> Bench {
    Bench::new(&[
        ("calc.py", CALC),
        ("tests/test_mul.py", &test_of("mul", "mul(2, 3)", 6)),
        ("README.md", "A calculator.\n"),
    ])
}

fn prove(bench: &Bench, args: &[&str]) -> Said {
    bench.voe(&[&["prove"], args].concat())
}

fn json(bench: &Bench, args: &[&str]) -> (i32, Value) {
    let said = prove(bench, &[args, &["--format", "json"]].concat());
    let proof = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}{}", said.out, said.err));
    (said.code, proof)
}

/// The commands of a list of checks with their levels.
fn levels(checks: &Value) -> Vec<String> {
    let checks = checks.as_array().unwrap().iter();
    checks.map(|check| format!("{} {}", check["level"].as_str().unwrap(), check["command"].as_str().unwrap())).collect()
}

#[test]
fn uncommitted_work_with_a_test_is_proven_and_nothing_is_written() {
    let bench = calculator();
    bench.write("calc.py", FIXED);
    bench.write("tests/test_add.py", &test_of("add", "add(2, 3)", 5));
    let (code, proof) = json(&bench, &[]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof:#}");
    assert_eq!(levels(&proof["checks"]).len(), 1);
    assert!(
        levels(&proof["checks"])[0].starts_with("proven ")
            && levels(&proof["checks"])[0].ends_with("tests/test_add.py")
    );
    assert!(levels(&proof["own_tests"])[0].starts_with("kept "), "{proof:#}");
    assert_eq!(bench.git(&["status", "--short"]), " M calc.py\n?? tests/test_add.py\n");
}

#[test]
fn a_change_that_breaks_a_test_of_the_repository_is_a_regression_even_with_a_proof() {
    let bench = calculator();
    bench.write("calc.py", &FIXED.replace("a * b", "a + b"));
    bench.write("tests/test_add.py", &test_of("add", "add(2, 3)", 5));
    let (code, proof) = json(&bench, &[]);
    assert_eq!((code, proof["verdict"].as_str(), proof["level"].as_str()), (6, Some("regressed"), Some("refuted")));
    let (code, proof) = json(&bench, &["--tests", "off"]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof:#}");
    let (code, _) = json(&bench, &["--tests", "python3 -m unittest tests/test_mul.py"]);
    assert_eq!(code, 6);
}

#[test]
fn a_test_that_passes_either_way_proves_nothing() {
    let bench = calculator();
    bench.write("calc.py", FIXED);
    bench.write("tests/test_add.py", &test_of("add", "add(0, 0)", 0));
    let (code, proof) = json(&bench, &[]);
    assert_eq!(
        (code, proof["verdict"].as_str(), proof["level"].as_str()),
        (5, Some("not_proven"), Some("kept")),
        "{proof:#}"
    );
    assert!(levels(&proof["checks"])[0].starts_with("vacuous "), "{proof:#}");
}

#[test]
fn a_change_without_code_has_nothing_to_prove() {
    let bench = calculator();
    bench.write("README.md", "A better calculator.\n");
    assert_eq!(prove(&bench, &[]).code, 0);
    assert_eq!(prove(&bench, &["--strict"]).code, 5);
    let (_, proof) = json(&bench, &[]);
    assert_eq!(proof["verdict"], "nothing_to_prove");
    bench.git(&["checkout", "-q", "."]);
    let unchanged = prove(&bench, &[]);
    assert_eq!(unchanged.code, 0);
    assert!(unchanged.out.contains("nothing differs") && unchanged.out.contains("--base"), "{}", unchanged.out);
}

#[test]
fn without_a_test_and_without_a_check_it_says_so() {
    let bench = calculator();
    bench.write("calc.py", FIXED);
    let said = prove(&bench, &[]);
    assert_eq!(said.code, 5);
    assert!(said.out.contains("no test") && said.out.contains("--check"), "{}", said.out);
    let (_, proof) = json(&bench, &["--check", "sleep 20", "--timeout", "1s", "--tests", "off"]);
    assert!(proof["checks"][0]["with"]["ended_by"].is_object(), "{proof:#}");
    assert_eq!(
        (&proof["checks"][0]["why"], proof["checks"][0]["level"].as_str()),
        (&Value::Null, Some("refuted")),
        "{proof:#}"
    );
    let said = prove(&bench, &["--check", "python3 -c 'import calc; assert calc.add(2, 3) == 5'"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn a_branch_is_proven_from_its_merge_base_and_with_its_own_tests() {
    let bench = calculator();
    bench.git(&["checkout", "-q", "-b", "topic"]);
    bench.write("calc.py", FIXED);
    bench.write("tests/test_add.py", &test_of("add", "add(2, 3)", 5));
    bench.git(&["add", "-A"]);
    bench.git(&["commit", "-qm", "fix"]);
    bench.git(&["checkout", "-q", "main"]);
    bench.write("README.md", "main went on\n");
    bench.git(&["commit", "-qam", "docs"]);
    let (code, proof) = json(&bench, &["main..topic"]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof:#}");
    assert_eq!(proof["now"].as_str().unwrap(), bench.git(&["rev-parse", "topic"]).trim());
    let files: Vec<&str> =
        proof["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(files, ["calc.py", "tests/test_add.py"], "what main did meanwhile is not part of it");
    let (code, proof) = json(&bench, &["topic..main"]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("nothing_to_prove")), "{proof:#}");
}

#[test]
fn a_patch_file_is_proven_on_a_copy() {
    let bench = calculator();
    bench.write("calc.py", FIXED);
    bench.write("tests/test_add.py", &test_of("add", "add(2, 3)", 5));
    bench.git(&["add", "-A"]);
    let patch = bench.git(&["diff", "--cached"]);
    bench.git(&["reset", "-q", "--hard"]);
    std::fs::write(bench.dir.path().join("fix.patch"), patch).unwrap();
    let (code, proof) = json(&bench, &["--patch", "../fix.patch"]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof:#}");
    assert_eq!(bench.git(&["status", "--short"]), "");
}

#[test]
fn what_git_ignores_is_there_with_and_without_the_change() {
    let bench = Bench::new(&[
        ("app.js", "const { twice } = require('dep');\nmodule.exports = (n) => twice(n) + 1;\n"),
        (".gitignore", "node_modules/\n"),
    ]);
    bench.write("node_modules/dep/index.js", "exports.twice = (n) => 2 * n;\n");
    bench.write("app.js", "const { twice } = require('dep');\nmodule.exports = (n) => twice(n);\n");
    bench.write(
        "test/app.test.js",
        "const test = require('node:test');\nconst assert = require('node:assert');\n\
         test('doubles', () => assert.strictEqual(require('../app.js')(2), 4));\n",
    );
    let (code, proof) = json(&bench, &[]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof:#}");
}

#[test]
fn bad_input_is_one_line_with_what_to_do() {
    let bench = calculator();
    std::fs::write(bench.dir.path().join("other.patch"), "--- a/nope.py\n+++ b/nope.py\n@@ -1 +1 @@\n-a\n+b\n")
        .unwrap();
    for (args, words) in [
        (&["--base", "no-such"][..], "not a commit"),
        (&["no-such..main"], "not a commit"),
        (&["--patch", "../other.patch"], "does not apply"),
        (&["--patch", "../none.patch"], "cannot read the patch"),
        (&["--patch", "/dev/null"], "empty"),
    ] {
        let said = prove(&bench, args);
        assert_eq!((said.code, said.out.as_str(), said.err.lines().count()), (2, "", 1), "{args:?}: {}", said.err);
        assert!(said.err.contains(words), "{args:?}: {}", said.err);
    }
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let bench = calculator();
    bench.write("calc.py", &FIXED.replace("a * b", "a + b"));
    bench.write("tests/test_add.py", &test_of("add", "add(2, 3)", 5));
    let summary = bench.dir.path().join("summary.md");
    let output = bench
        .command(support::VOE)
        .args(["prove", "--format", "github"])
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .unwrap();
    let said = Said::of(&output);
    assert_eq!(said.code, 6, "{}{}", said.out, said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert!(lines[0].starts_with("::error title=voe prove::regression"), "{}", said.out);
    assert!(lines[1].starts_with("::error title=voe prove%3A regression::"), "{}", said.out);
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("### ❌ Regression") && summary.contains("tests/test_mul.py"), "{summary}");
}

#[test]
fn sarif_names_the_changed_code() {
    let bench = calculator();
    bench.write("calc.py", FIXED);
    let said = prove(&bench, &["--format", "sarif"]);
    assert_eq!(said.code, 5);
    let log: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"not-proven".into(), &"warning".into()));
    assert_eq!(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "calc.py");
}

/// Runs a script of `ci/` in the repository.
fn script(bench: &Bench, name: &str, args: &[&str], env: &[(&str, &str)], input: &str) -> Said {
    use std::io::Write;
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ci").join(name);
    let mut command = bench.command("bash");
    command.arg(path).args(args).env("VOE", support::VOE).envs(env.iter().copied());
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Said::of(&child.wait_with_output().unwrap())
}

#[test]
fn the_github_action_proves_a_pull_request_and_a_push() {
    let bench = calculator();
    let base = bench.git(&["rev-parse", "HEAD"]);
    bench.git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    bench.write("calc.py", FIXED);
    bench.write("tests/test_add.py", &test_of("add", "add(2, 3)", 5));
    bench.git(&["add", "-A"]);
    bench.git(&["commit", "-qm", "fix"]);
    for env in [&[("GITHUB_BASE_REF", "main")][..], &[("PROVE_BEFORE", base.trim())], &[("PROVE_BASE", "HEAD~1")]] {
        let said = script(&bench, "github-prove", &[], env, "");
        assert_eq!(said.code, 0, "{env:?}: {}{}", said.out, said.err);
        assert!(said.out.starts_with("::notice title=voe prove::proven"), "{env:?}: {}", said.out);
    }
    let args = "--check \"python3 -c 'import calc; assert calc.add(1, 1) == 3'\" --tests off";
    let said = script(&bench, "github-prove", &[], &[("GITHUB_BASE_REF", "main"), ("PROVE_ARGS", args)], "");
    assert_eq!(said.code, 5, "{}{}", said.out, said.err);
    let said = script(&bench, "github-prove", &[], &[("PROVE_BEFORE", &"0".repeat(40))], "");
    assert!(said.code == 0 && said.out.starts_with("::notice"), "a new branch has nothing before it: {}", said.out);
}

#[test]
fn the_hook_stops_a_push_that_breaks_a_test_and_lets_others_through() {
    let bench = calculator();
    let base = bench.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let pushed = |text: &str| {
        bench.write("calc.py", text);
        bench.git(&["commit", "-qam", "change"]);
        let line = format!("refs/heads/main {} refs/heads/main {base}\n", bench.git(&["rev-parse", "HEAD"]).trim());
        script(&bench, "pre-push", &["origin", "url"], &[], &line).code
    };
    assert_eq!(pushed(FIXED), 0, "not proven, and nothing breaks");
    assert_eq!(pushed(&FIXED.replace("a * b", "a + b")), 6);
    let zero = "0".repeat(40);
    assert_eq!(script(&bench, "pre-push", &["origin"], &[], &format!("(delete) {zero} refs/heads/x {base}\n")).code, 0);
}

#[test]
fn a_new_script_that_a_check_runs_goes_along_and_one_that_code_uses_does_not() {
    let bench = calculator();
    bench.write("calc.py", FIXED);
    bench.write("reproduce_issue.py", "import calc\nassert calc.add(2, 3) == 5, calc.add(2, 3)\nprint('fixed')\n");
    let (code, proof) = json(&bench, &["--check", "python3 reproduce_issue.py"]);
    assert_eq!((code, proof["verdict"].as_str()), (0, Some("proven")), "{proof:#}");
    let role = |path: &str, proof: &Value| {
        let files = proof["files"].as_array().unwrap().iter();
        files.filter(|file| file["path"] == path).map(|file| file["role"].clone()).next().unwrap()
    };
    assert_eq!(role("reproduce_issue.py", &proof), "run_by_check");
    bench.write("calc.py", &format!("import os\nif os.environ.get('X'):\n    import reproduce_issue\n{FIXED}"));
    let (code, proof) = json(&bench, &["--check", "python3 reproduce_issue.py"]);
    assert_eq!((code, role("reproduce_issue.py", &proof)), (5, Value::Null), "{proof:#}");
    assert_eq!(levels(&proof["checks"]), ["inconclusive python3 reproduce_issue.py"]);
}
