//! Attribution of failures: what the install step prints without a network is ignored, and a patch can't pass its own failure
//! off as the environment's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod official_data;

use proptest::prelude::*;
use serde_json::json;
use voe_grade::cause::{FailureCause, SignPlace};
use voe_grade::log_parts::LogPart;
use voe_grade::{Blame, CauseSign, GradeError, Instance, grade};

const SCRIPT: &str = "#!/bin/bash
set -uxo pipefail
cd /testbed
git status
git show
git -c core.fileMode=false diff abc
source /opt/miniconda3/bin/activate
python -m pip install -e .
git checkout abc tests/test_a.py
: '>>>>> Start Test Output'
pytest -rA tests/test_a.py
: '>>>>> End Test Output'
git checkout abc tests/test_a.py
";

const PATCH: &str = "diff --git a/own/core.py b/own/core.py
--- a/own/core.py
+++ b/own/core.py
@@ -1 +1,2 @@
 import os
+x = 1
";

/// pip's output where no index can be reached.
const OFFLINE: &str = "  Installing build dependencies: finished with status 'error'
  WARNING: Retrying after connection broken by 'NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution'
  ERROR: Could not find a version that satisfies the requirement setuptools (from versions: none)
  ERROR: No matching distribution found for setuptools
";

fn row() -> Instance {
    Instance::from_value(json!({
        "repo": "who/own", "instance_id": "who__own-1", "base_commit": "abc", "problem_statement": "", "version": "1",
        "patch": "--- a/own/gold.py\n+++ b/own/gold.py\n", "test_patch": "--- a/tests/test_a.py\n+++ b/tests/test_a.py\n",
        "log_parser": "parse_log_pytest", "eval_script": SCRIPT,
        "FAIL_TO_PASS": ["tests/test_a.py::test_a"], "PASS_TO_PASS": ["tests/test_a.py::test_b"],
    }))
    .unwrap()
}

/// A log in the form that the eval script leaves.
fn log(patch: &str, install: &str, tests: &str, exit: u32) -> String {
    format!(
        "+ cd /testbed\n+ git status\n+ git show\ncommit abc\n+ git -c core.fileMode=false diff abc\n{patch}\
         + source /opt/miniconda3/bin/activate\n++ hash -r\n+ python -m pip install -e .\n{install}\
         + git checkout abc tests/test_a.py\nUpdated 0 paths from abc\n+ : '>>>>> Start Test Output'\n\
         + pytest -rA tests/test_a.py\n{tests}\n+ SWEBENCH_TEST_EXIT_CODE={exit}\n+ : '>>>>> End Test Output'\n\
         + echo '>>>>> Test Exit Code: {exit}'\n>>>>> Test Exit Code: {exit}\n+ git checkout abc tests/test_a.py\n"
    )
}

fn cause(patch: &str, log: &str) -> Option<FailureCause> {
    let row = row();
    FailureCause::of(&row, patch, log, &grade(&row, log).unwrap())
}

/// The attribution and sign for a log of `PATCH`.
fn of(install: &str, tests: &str) -> (Blame, CauseSign) {
    let cause = cause(PATCH, &log(PATCH, install, tests, 1)).unwrap();
    (cause.blame, cause.sign)
}

const FAILED: &str = "FAILED tests/test_a.py::test_a - assert 1 == 2\nPASSED tests/test_a.py::test_b";

#[test]
fn a_wrong_patch_is_not_the_environments_where_the_installation_has_no_network() {
    let wrong = log(PATCH, OFFLINE, FAILED, 1);
    assert!(voe_grade::infra::classify(&[&wrong]).unwrap().reason == "network_unreachable", "the official sign");
    assert_eq!(of(OFFLINE, FAILED), (Blame::Patch, CauseSign::TestsFailed));
    let broken = "own/core.py:2: in <module>\nE   NameError: name 'y' is not defined";
    assert_eq!(of(OFFLINE, broken), (Blame::Patch, CauseSign::CodeBroken));
    assert_eq!(of(OFFLINE, "nothing"), (Blame::Patch, CauseSign::NoTestRan));
}

#[test]
fn a_resolved_task_has_no_cause() {
    let right = log(PATCH, OFFLINE, "PASSED tests/test_a.py::test_a\nPASSED tests/test_a.py::test_b", 0);
    assert_eq!(cause(PATCH, &right), None);
}

#[test]
fn what_a_patch_quotes_or_a_test_prints_is_not_a_sign() {
    for sign in ["Temporary failure in name resolution", "Error response from daemon", "cannot open display", "Killed"]
    {
        let (_, printed) = of("", &format!("{sign}\n{FAILED}"));
        assert_eq!(printed, CauseSign::TestsFailed, "{sign}");
        let patch = format!("{PATCH}+raise SystemExit(\"\"\"\n+{sign}\"\"\")\n");
        let quoted = cause(&patch, &log(&patch, "", sign, 1)).unwrap();
        assert_eq!((quoted.blame, quoted.sign), (Blame::Patch, CauseSign::NoTestRan), "{sign}");
    }
}

#[test]
fn a_test_that_prints_the_harness_words_does_not_hide_that_tests_ran() {
    for words in [">>>>> Tests Errored", ">>>>> Reset Failed", "+ : '>>>>> End Test Output'", ">>>>> Test Exit Code: 0"]
    {
        let tests = format!("{words}\nCannot connect to the Docker daemon\n{FAILED}");
        assert_eq!(of("", &tests), (Blame::Patch, CauseSign::TestsFailed), "{words}");
    }
}

#[test]
fn code_that_cannot_be_loaded_is_the_patchs() {
    for error in [
        "E   SyntaxError: invalid syntax",
        "E   ImportError: cannot import name 'x' from 'own.core' (/testbed/own/core.py)",
        "E   ModuleNotFoundError: No module named 'own.helpers'",
        "ModuleNotFoundError: No module named 'tests.helpers'",
    ] {
        let tests = format!("own/core.py:1: in <module>\n{error}\nERROR tests/test_a.py\ncollected 0 items / 1 error");
        assert_eq!(of(OFFLINE, &tests), (Blame::Patch, CauseSign::CodeBroken), "{error}");
        let and_more = format!("E   ModuleNotFoundError: No module named 'numpy'\n\n\n\n\n\n{tests}");
        assert_eq!(of(OFFLINE, &and_more).0, Blame::Patch, "{error}");
    }
    let gone =
        "own/other.py:1: in <module>\nE   ImportError: cannot import name 'x' from 'own.core'\nERROR tests/test_a.py";
    assert_eq!(of(OFFLINE, gone), (Blame::Patch, CauseSign::CodeBroken));
}

#[test]
fn code_that_cannot_be_loaded_is_unclear_where_no_file_of_the_patch_is_in_a_traceback() {
    for error in [
        "E   SyntaxError: invalid syntax",
        "E   AttributeError: module 'numpy' has no attribute 'float'",
        "E   ModuleNotFoundError: No module named 'own.__check_build._check_build'",
        "E   ImportError: cannot import name '_path' from 'own' (/testbed/own/__init__.py)",
    ] {
        let tests =
            format!("own/__init__.py:1: in <module>\n{error}\nERROR tests/test_a.py\ncollected 0 items / 1 error");
        assert_eq!(of(OFFLINE, &tests), (Blame::Unclear, CauseSign::CodeBroken), "{error}");
        let untouched = cause("", &log("", OFFLINE, &tests, 2)).unwrap();
        assert_eq!((untouched.blame, untouched.sign), (Blame::Unclear, CauseSign::CodeBroken), "{error}");
    }
    // An error message of the harness next to it is not a better sign.
    let noise = "e.sh: line 3: lsb_release: command not found\n\n\n\nown/other.py:1: in <module>\nE   SyntaxError: x";
    assert_eq!(of("", noise), (Blame::Unclear, CauseSign::CodeBroken));
}

/// pytest's output for a module that can't be imported because of what it imports itself.
fn in_a_library(error: &str) -> String {
    format!(
        "ImportError while importing test module '/testbed/tests/test_a.py'.\nTraceback:\ntests/test_a.py:3: in <module>\n    import own\n\
         own/core.py:5: in <module>\n    from own import frames\nown/frames.py:3: in <module>\n    import pandas\n\
         /opt/lib/python3.9/site-packages/pandas/__init__.py:16: in <module>\n    raise ImportError(\n{error}\n\
         =========================== short test summary info ============================\nERROR tests/test_a.py\n\
         !!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!!!\ncollected 0 items / 1 error"
    )
}

#[test]
fn a_library_that_lacks_what_it_imports_is_the_environments() {
    let required = "E   ImportError: Unable to import required dependencies:\nE   pytz: No module named 'pytz'";
    let multiarray = "E   ImportError: numpy.core.multiarray failed to import";
    let size = "E   ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject";
    for (error, sign) in [
        (required, CauseSign::MissingModule),
        (multiarray, CauseSign::BinaryMismatch),
        (size, CauseSign::BinaryMismatch),
    ] {
        assert_eq!(of(OFFLINE, &in_a_library(error)), (Blame::Environment, sign), "{error}");
        let plain = error.replace("E   ", "");
        assert_eq!(of("", &in_a_library(&plain)), (Blame::Environment, sign), "{plain}");
        // The file that imports the library is one that the patch touches.
        let touched = format!("own/core.py:5: in <module>\n    import pandas\n{error}\nERROR tests/test_a.py");
        assert_eq!(of("", &touched), (Blame::Unclear, sign), "{error}");
        // The patch has broken something as well.
        let broken = format!("{}\nown/core.py:7: in f\nE   NameError: x", in_a_library(error));
        assert_eq!(of("", &broken), (Blame::Patch, CauseSign::CodeBroken), "{error}");
    }
    // Built from what the patch changes.
    let patch = format!("{PATCH}--- a/own/_fast.pyx\n+++ b/own/_fast.pyx\n@@ -1 +1 @@\n-x\n+y\n");
    assert_eq!(cause(&patch, &log(&patch, "", &in_a_library(size), 2)).unwrap().blame, Blame::Unclear);
    // The exception that follows from it.
    let follows = in_a_library(multiarray).replace("own/core.py", "own/other.py") + "\nE   RuntimeError: cannot load";
    assert_eq!(of("", &follows), (Blame::Environment, CauseSign::BinaryMismatch));
}

#[test]
fn a_missing_module_that_the_patch_does_not_add_is_the_environments() {
    let missing = "/opt/site-packages/far/x.py:1: in <module>\nE   ModuleNotFoundError: No module named 'trustme'\n\
                   ERROR tests/test_a.py\ncollected 0 items / 1 error";
    let found = cause(PATCH, &log(PATCH, OFFLINE, missing, 2)).unwrap();
    assert_eq!((found.blame, found.sign), (Blame::Environment, CauseSign::MissingModule));
    let place = found.seen.unwrap();
    let line = log(PATCH, OFFLINE, missing, 2).lines().nth(place.line - 1).unwrap().to_owned();
    assert!(line.ends_with("No module named 'trustme'"), "{line}");
    // It did add it.
    let patch = format!("{PATCH}+import trustme\n");
    assert_eq!(cause(&patch, &log(&patch, "", missing, 2)).unwrap().blame, Blame::Patch);
    // The file that imports it is one that it touched.
    let touched = missing.replace("/opt/site-packages/far/x.py", "own/core.py");
    assert_eq!(of("", &touched), (Blame::Unclear, CauseSign::MissingModule));
    // A test that ran outranks it.
    assert_eq!(of("", &format!("{missing}\n{FAILED}")), (Blame::Patch, CauseSign::TestsFailed));
}

#[test]
fn a_project_that_is_not_installed_is_the_environments_only_if_its_installation_needed_a_network() {
    let missing = "E   ModuleNotFoundError: No module named 'own'\nERROR tests/test_a.py";
    assert_eq!(of(OFFLINE, missing), (Blame::Environment, CauseSign::NotInstalled));
    assert_eq!(of("Successfully installed own", missing), (Blame::Unclear, CauseSign::NotInstalled));
    let patch = format!("{PATCH}--- a/setup.py\n+++ b/setup.py\n@@ -1 +1 @@\n-x\n+y\n");
    assert_eq!(cause(&patch, &log(&patch, OFFLINE, missing, 2)).unwrap().blame, Blame::Unclear);
}

#[test]
fn what_only_a_machine_can_lack_is_the_environments_if_no_test_ran() {
    for (line, sign) in [
        ("/tmp/eval.sh: line 20: pytest: command not found", CauseSign::MissingProgram),
        ("ImportError: libGL.so.1: cannot open shared object file: No such file", CauseSign::MissingLibrary),
        ("qt.qpa.xcb: could not connect to display", CauseSign::DisplayUnavailable),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", CauseSign::ContainerUnavailable),
    ] {
        assert_eq!(of(OFFLINE, line), (Blame::Environment, sign), "{line}");
    }
}

#[test]
fn a_resource_that_a_patch_can_exhaust_as_well_is_unclear() {
    for (line, sign) in [
        ("Killed", CauseSign::OutOfMemory),
        ("E   OSError: [Errno 28] No space left on device", CauseSign::DiskFull),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", CauseSign::NetworkUnreachable),
        ("collected 0 items", CauseSign::NoTestsCollected),
    ] {
        assert_eq!(of(OFFLINE, line), (Blame::Unclear, sign), "{line}");
    }
    let cut = log(PATCH, OFFLINE, "x", 1);
    let cut = &cut[..cut.find("+ SWEBENCH").unwrap()];
    assert_eq!(cause(PATCH, cut).unwrap().sign, CauseSign::LogCut);
    let late = format!("{cut}E   NameError: x\n\n\nTimeout error: 1800 seconds exceeded.");
    let late = cause(PATCH, &late).unwrap();
    assert_eq!((late.blame, late.sign), (Blame::Unclear, CauseSign::TimeLimit));
}

#[test]
fn a_disk_that_is_full_during_the_installation_is_the_environments() {
    let full = "OSError: [Errno 28] No space left on device\n";
    let found = cause(PATCH, &log(PATCH, full, "nothing", 1)).unwrap();
    assert_eq!((found.blame, found.sign), (Blame::Environment, CauseSign::DiskFull));
    assert!(matches!(found.seen, Some(SignPlace { part: LogPart::Install, .. })));
}

#[test]
fn the_cause_of_tests_that_never_began_is_read_from_the_log() {
    let whole = log(PATCH, "Cannot allocate memory\n", "", 1);
    let before = &whole[..whole.find("+ git checkout").unwrap()];
    assert_eq!(cause(PATCH, before).unwrap().sign, CauseSign::OutOfMemory);
    assert_eq!(cause(PATCH, "").unwrap().sign, CauseSign::LogCut);
    let refused = cause(PATCH, ">>>>> Patch Apply Failed").unwrap();
    assert_eq!((refused.blame, refused.sign), (Blame::Patch, CauseSign::NotApplied));
}

#[test]
fn a_cause_is_kept_as_three_fields() {
    let found = cause(PATCH, &log(PATCH, "", "Killed", 1)).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(text, r#"{"blame":"unclear","sign":"out_of_memory","seen":{"part":"tests","line":19}}"#);
    assert_eq!(serde_json::from_str::<FailureCause>(&text).unwrap(), found);
}

/// Lines with every sign that is searched for, and others.
fn printed() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "Temporary failure in name resolution",
        "Error response from daemon",
        "cannot open display",
        "Killed",
        "ModuleNotFoundError: No module named 'x'",
        "/e.sh: line 3: pytest: command not found",
        "libx.so: cannot open shared object file",
        ">>>>> Start Test Output",
        "+ : '>>>>> Start Test Output'",
        ">>>>> End Test Output",
        "+ : '>>>>> End Test Output'",
        ">>>>> Tests Errored",
        ">>>>> Patch Apply Failed",
        ">>>>> Test Exit Code: 0",
        ">>>>> Test Exit Code: 1",
        "Timeout error: 5 seconds exceeded",
        "+ git checkout abc tests/test_a.py",
        "+ git -c core.fileMode=false diff abc",
        "ERROR tests/test_a.py",
        "PASSED tests/test_a.py::test_a",
        "collected 0 items",
        "[",
        "\r",
        "\u{1b}[31m",
    ]);
    let line = prop_oneof![6 => pieces.prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn nothing_that_a_test_prints_makes_the_failure_of_tests_the_environments(
        before in printed(), after in printed(), offline in any::<bool>(), exit in 0..2_u32,
    ) {
        let row = row();
        let log = log(PATCH, if offline { OFFLINE } else { "" }, &format!("{before}\n{FAILED}\n{after}"), exit);
        match grade(&row, &log) {
            Ok(graded) => {
                let blame = FailureCause::of(&row, PATCH, &log, &graded).map(|cause| cause.blame);
                prop_assert!(graded.report.resolved || blame == Some(Blame::Patch), "{blame:?}");
            }
            Err(GradeError::ParserStops { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
}

#[test]
fn no_real_failure_of_tests_is_the_environments() {
    let Some(data) = official_data::directory(64) else { return };
    let (mut others, mut untouched) = (Vec::new(), Vec::new());
    for case in official_data::cases(&data) {
        let graded = grade(&case.row, &case.log).unwrap();
        // The patches of these logs are not kept; most touch files of the solution.
        for (patch, list) in [(case.row.patch.as_str(), &mut others), ("", &mut untouched)] {
            let cause = FailureCause::of(&case.row, patch, &case.log, &graded);
            assert_eq!(cause.is_none(), graded.report.resolved, "{}", case.name);
            let other = cause.filter(|cause| cause.blame != Blame::Patch);
            list.extend(other.map(|cause| (case.name.clone(), cause.blame, cause.sign)));
        }
    }
    // Environments that lack a module: one test run can't begin, in the other each test fails before it begins.
    let expected = ["sphinx-doc__sphinx-7590.txt", "sphinx-doc__sphinx-8548.txt"];
    assert_eq!(others, expected.map(|name| (name.to_owned(), Blame::Environment, CauseSign::MissingModule)));
    // Code that can't be loaded, where no patch is known to have touched it.
    untouched.retain(|(_, blame, sign)| (*blame, *sign) != (Blame::Unclear, CauseSign::CodeBroken));
    assert_eq!(untouched, others);
}
