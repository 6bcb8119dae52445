//! Run directories that somebody else made or changed, and runs without a sandbox.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const VOE: &str = env!("CARGO_BIN_EXE_voe");
const SCRIPT: &str = "[[script]]\napply = \"gold\"\nreply = [{ content = \"TASK_COMPLETE\" }]\n";
const FLAG: &str = "--allow-readable-solutions";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("script.toml"), SCRIPT).unwrap();
        fs::create_dir(dir.path().join("victim")).unwrap();
        fs::write(dir.path().join("victim/kept"), "kept").unwrap();
        Self(dir)
    }

    fn voe(&self, args: &[&str]) -> Output {
        let mut command = Command::new(VOE);
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command.env("HOME", self.0.path()).env("VOE_CACHE_DIR", self.0.path().join("cache"));
        command.env("VOE_SANDBOX", "none").output().unwrap()
    }

    fn run(&self, more: &[&str]) -> Output {
        let args =
            ["bench", "run", "--suite", "mini", "--ids", "mini__rotate-1", "--strategy", "baseline", "--out", "r"];
        self.voe(&[&args[..], &["--model", "scripted:script.toml"], more].concat())
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    fn is_unharmed(&self) -> bool {
        fs::read_dir(self.path("victim")).unwrap().count() == 1
            && fs::read_to_string(self.path("victim/kept")).unwrap() == "kept"
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_run_without_a_sandbox_needs_the_flag_and_is_marked_in_run_toml_and_in_every_report() {
    let place = Place::new();
    let refused = place.run(&[]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(said(&refused).contains(FLAG) && !place.path("r").exists(), "{}", said(&refused));
    let run = place.run(&[FLAG]);
    assert!(run.status.success(), "{}", said(&run));
    let file = fs::read_to_string(place.path("r/run.toml")).unwrap();
    assert!(file.contains("\nreadable_solutions = true\n"), "{file}");
    let mark = "solutions were readable in this run (sandbox none)";
    for args in [&["bench", "status", "r"][..], &["report", "r"], &["report", "r", "--format", "md"]] {
        let output = place.voe(args);
        assert_eq!(said(&output).matches(mark).count(), 1, "{args:?}: {}", said(&output));
    }
    let status = place.voe(&["bench", "status", "r", "--json"]);
    assert!(said(&status).contains("\"readable_solutions\": true"), "{}", said(&status));
    // Also where the run goes on.
    let again = place.voe(&["bench", "run", "r"]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
}

#[test]
fn a_run_directory_with_a_link_or_a_pipe_in_it_is_refused_and_nothing_outside_changes() {
    let place = Place::new();
    assert!(place.run(&[FLAG]).status.success());
    assert!(place.voe(&["bench", "grade", "r"]).status.success());
    let victim = place.path("victim");
    let attempt = "r/tasks/mini__rotate-1/baseline-1";
    let (kept, new) = (victim.join("kept"), victim.join("new"));
    let links: [(&str, &Path); 8] = [
        ("r/run.new", &new),
        ("r/suite.new", &new),
        ("r/lock2", &kept),
        ("r/work", &victim),
        ("r/predictions/baseline-1.new", &new),
        ("r/grades/baseline-2", &victim),
        (&format!("{attempt}/checkpoint.new"), &new),
        (&format!("{attempt}/tmp"), &victim),
    ];
    for (path, to) in links {
        let at = place.path(path);
        let _ = fs::remove_dir_all(&at);
        symlink(to, &at).unwrap();
        for args in [&["bench", "status", "r"][..], &["bench", "grade", "r"], &["bench", "run", "r", FLAG]] {
            let output = place.voe(args);
            assert!(
                !output.status.success() && said(&output).contains("symbolic link"),
                "{path} {args:?}: {}",
                said(&output)
            );
        }
        assert!(place.is_unharmed(), "{path}");
        fs::remove_file(&at).unwrap();
    }
    for pipe in ["trajectory.jsonl", "patch.diff", "faults.jsonl"] {
        let at = place.path(attempt).join(pipe);
        let content = fs::read(&at);
        let _ = fs::remove_file(&at);
        assert!(Command::new("mkfifo").arg(&at).status().unwrap().success());
        for args in [&["bench", "status", "r"][..], &["bench", "run", "r", FLAG]] {
            let output = place.voe(args);
            assert!(!output.status.success() && said(&output).contains("special file"), "{pipe}: {}", said(&output));
        }
        let _ = place.voe(&["report", "r"]);
        fs::remove_file(&at).unwrap();
        if let Ok(content) = content {
            fs::write(&at, content).unwrap();
        }
    }
    assert!(place.voe(&["bench", "status", "r"]).status.success());
}

#[test]
fn names_in_a_run_or_a_suite_that_lead_elsewhere_are_refused() {
    let place = Place::new();
    assert!(place.run(&[FLAG]).status.success());
    let file = fs::read_to_string(place.path("r/run.toml")).unwrap();
    for (from, to) in
        [("\"mini__rotate-1\"", "\"../../victim\""), ("name = \"baseline\"", "name = \"../../../victim/x\"")]
    {
        assert!(file.contains(from), "{file}");
        fs::write(place.path("r/run.toml"), file.replace(from, to)).unwrap();
        for args in [&["bench", "status", "r"][..], &["bench", "grade", "r"], &["bench", "run", "r", FLAG]] {
            let output = place.voe(args);
            assert!(!output.status.success() && said(&output).contains("is not a"), "{to}: {}", said(&output));
        }
        assert!(place.is_unharmed());
    }
    let row = |repo: &str, commit: &str| {
        serde_json::json!({ "repo": repo, "instance_id": "a__b-1", "base_commit": commit, "patch": "", "test_patch": "",
            "problem_statement": "s", "version": "1", "FAIL_TO_PASS": [], "PASS_TO_PASS": [], "eval_script": "x" })
    };
    for row in
        [row("a/b", "/../../../victim"), row("../victim", "c0ffee"), row("/victim", "c0ffee"), row("a/..", "c0ffee")]
    {
        fs::write(place.path("rows.jsonl"), format!("{row}\n")).unwrap();
        let output = place.voe(&["bench", "tasks", "rows.jsonl"]);
        assert!(!output.status.success() && said(&output).contains("is not owner/name"), "{}", said(&output));
    }
}

#[test]
fn what_a_killed_attempt_left_is_removed_however_deep_it_is() {
    let place = Place::new();
    assert!(place.run(&[FLAG]).status.success());
    let left = place.path("r/work/left");
    fs::create_dir_all(&left).unwrap();
    symlink(place.path("victim"), left.join("link")).unwrap();
    let deep = "import os\nfor i in range(3000):\n    os.mkdir('d')\n    os.chdir('d')";
    assert!(Command::new("python3").args(["-c", deep]).current_dir(&left).status().unwrap().success());
    let run = place.run(&[FLAG, "--trials", "2"]);
    assert!(run.status.success(), "{}", said(&run));
    assert!(!left.exists() && place.is_unharmed());
}
