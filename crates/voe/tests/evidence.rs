//! Checks run without the edits: what proves, what shows nothing, what breaks. `languages.rs` asks the same of several languages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/levels.rs"]
mod levels;
mod support;

use std::os::unix::fs::MetadataExt;

use levels::{attempt, level, sandboxes};
use serde_json::json;
use support::{Bench, CHECK, bash, call, cure, done};

const STATS: &[(&str, &str)] = &[("stats.py", "def mean(xs):\n    return sum(xs) / len(xs)\n")];

#[test]
fn an_edit_made_by_sed_is_proven_like_any_other() {
    level(STATS, &[bash("sed -i 's/len(xs)$/len(xs) if xs else 0/' stats.py")], CHECK, "proven");
}

#[test]
fn a_file_deleted_and_a_directory_renamed_are_proven_too() {
    let files = &[("pkg/a.py", "X = 1\n"), ("json.py", "raise ImportError('shadow')\n")];
    level(files, &[bash("rm json.py")], "python3 -c 'import json; json.dumps(1)'", "proven");
    let files = &[("old/m.py", "V = 1\n"), ("old/__init__.py", ""), ("use.py", "from new.m import V\nprint(V)\n")];
    level(
        files,
        &[bash("mv old new"), bash("sed -i 's/V = 1/V = 2/' new/m.py")],
        "python3 -c 'import os; assert not os.path.exists(\"old\")'",
        "proven",
    );
}

#[test]
fn tests_that_the_agent_adds_go_into_the_fork() {
    let test = call(
        "file_write",
        json!({"path": "tests/test_mean.py", "content": "import unittest\nfrom stats import mean\n\nclass T(unittest.TestCase):\n    def test_empty(self):\n        self.assertEqual(mean([]), 0)\n"}),
    );
    level(STATS, &[cure(), test], "python3 -m unittest tests/test_mean.py", "proven");
}

#[test]
fn a_stale_pyc_of_the_edit_does_not_make_red_green() {
    let files = &[("op.py", "def f():\n    return 1 - 1\n"), (".gitignore", "__pycache__/\n")];
    let edit = bash("sed -i 's/1 - 1/1 + 1/' op.py; PYTHONDONTWRITEBYTECODE= python3 -c 'import op'");
    level(files, &[edit], "PYTHONDONTWRITEBYTECODE= python3 -c 'import op; assert op.f() == 2'", "proven");
}

#[test]
fn a_pyc_of_the_edit_that_claims_to_be_right_whatever_the_source_says_does_not_make_red_green() {
    let files = &[("op.py", "def f():\n    return 1 - 1\n"), (".gitignore", "__pycache__/\n")];
    // Python never compares such a cache with its source.
    let compile = "python3 -c 'import py_compile as p; p.compile(\"op.py\", invalidation_mode=p.PycInvalidationMode.UNCHECKED_HASH)'";
    let edit = bash(&format!("sed -i 's/1 - 1/1 + 1/' op.py; {compile}"));
    level(files, &[edit], "python3 -c 'import op; assert op.f() == 2'", "proven");
}

#[test]
fn a_check_that_cannot_be_started_at_base_proves_nothing() {
    let files = &[("run.sh", "#!/bin/sh\nexit 0\n")];
    level(files, &[bash("chmod +x run.sh")], "./run.sh", "inconclusive");
}

#[test]
fn what_is_red_for_the_new_name_of_a_renamed_directory_proves_nothing() {
    let files = &[("old/m.py", "V = 1\n"), ("use.py", "from new.m import V\nprint(V)\n")];
    level(files, &[bash("mv old new")], "python3 use.py", "inconclusive");
}

#[test]
fn a_proof_made_old_by_a_later_edit_is_run_again_at_the_end() {
    for sandbox in sandboxes() {
        let bench = Bench::new(STATS);
        let later = bash("sed -i 's/^def mean/# the mean\\ndef mean/' stats.py");
        let (said, _) = attempt(&bench, sandbox, &[cure(), bash(CHECK), later, done(), done(), done()]);
        assert_eq!(said.finish()["evidence"]["level"], "proven", "{sandbox}: {}", said.finish());
        let breaks = bash("sed -i 's/ if xs else 0//' stats.py; echo 'Y = 1' >> stats.py");
        let bench = Bench::new(STATS);
        let (said, _) = attempt(&bench, sandbox, &[cure(), bash(CHECK), breaks, done(), done(), done()]);
        let evidence = &said.finish()["evidence"];
        // It fails as it does without the edits: that refutes nothing, but proves nothing any more.
        assert_eq!(evidence["checks"][0]["why"]["reason"], "no_longer_passes", "{sandbox}: {evidence}");
    }
}

#[test]
fn a_check_that_passed_at_base_and_fails_now_caps_the_patch_at_refuted() {
    let edit =
        call("file_write", json!({"path": "stats.py", "content": "def mean(xs):\n    return 0 if not xs else 1\n"}));
    let two = "python3 -c 'from stats import mean; assert mean([1, 3]) == 2'";
    for sandbox in sandboxes() {
        let bench = Bench::new(STATS);
        let (said, _) = attempt(&bench, sandbox, &[edit.clone(), bash(CHECK), bash(two), done(), done(), done()]);
        assert_eq!(said.finish()["evidence"]["level"], "refuted", "{sandbox}: {}", said.finish()["evidence"]);
    }
}

#[test]
fn nothing_in_the_agents_own_workspace_differs_after_a_counterfactual() {
    let bench = Bench::python();
    bench.write("build/product", "old\n");
    let state = || -> Vec<_> {
        let of = |path: &std::path::PathBuf| {
            let m = std::fs::symlink_metadata(path).unwrap();
            (m.mtime(), m.mtime_nsec(), m.ino(), m.size())
        };
        bench.files().iter().map(|(path, bytes)| (path.clone(), bytes.clone(), of(path))).collect()
    };
    let before = state();
    let (said, checks) = attempt(&bench, "none", &[cure(), bash(CHECK), done()]);
    assert_eq!(checks[CHECK]["level"], "proven", "{}", said.out);
    let after = state();
    let differ: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).map(|(a, _)| &a.0).collect();
    assert_eq!(differ, [&bench.path("stats.py")]);
}

#[test]
fn the_users_own_check_counts_as_a_proof() {
    let bench = Bench::new(STATS);
    let model = bench.script(&[cure(), done()]);
    let said = bench.voe(&["fix", "p", "--sandbox", "none", "--json", "--check", CHECK, "--model", &model]);
    assert_eq!(said.code, 0, "{}", said.err);
    let finish = said.finish();
    assert_eq!((finish["steps"].as_u64(), finish["evidence"]["level"].as_str()), (Some(2), Some("proven")), "{finish}");
    assert_eq!(finish["check"]["without"]["exit"], 1);
}
