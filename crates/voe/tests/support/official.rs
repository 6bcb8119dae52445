//! A task like an official one, with a repository of its own and install commands that attack the host.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Said, VOE};

/// Stands in the solution, the tests and a later commit, and nowhere else.
pub const MARKS: [&str; 3] = ["GOLD_MARK", "TESTS_MARK", "FUTURE_MARK"];

/// What stands in for uv: environments without packages, which is all that most of these tasks need, and without a network.
const UV: &str = r#"#!/bin/sh
[ "$*" = "pip install --quiet --no-deps --python /tmp/opt/miniconda3/envs/testbed/bin/python -- pip setuptools wheel" ] && exit 0
[ "$1" = venv ] || exit 1
while [ $# -gt 1 ]; do
    [ "$1" = --python ] && python=$2
    shift
done
exec "$python" -m venv --without-pip "$1"
"#;

/// A directory that is neither in a home nor in `/tmp` where this user may make one, with a suite and repositories in it.
pub struct World {
    pub top: tempfile::TempDir,
    /// Whether the directory is one that commands would see if nothing hid it.
    pub in_sight: bool,
    base: String,
    gold: String,
    tests: String,
    python: String,
    /// Whether the environments have packages, which only the real uv can install.
    has_pins: Cell<bool>,
}

impl World {
    pub fn new() -> Self {
        let in_sight = ["/var/lib", "/opt"].iter().find_map(|dir| tempfile::tempdir_in(dir).ok());
        let seen = in_sight.is_some();
        let top = in_sight.unwrap_or_else(|| tempfile::tempdir().unwrap());
        let repo = top.path().join("repos/acme__stats");
        fs::create_dir_all(repo.join("tests")).unwrap();
        fs::create_dir(top.path().join("victim")).unwrap();
        fs::write(top.path().join("victim/kept"), "kept").unwrap();
        let git = |args: &[&str]| git(&repo, args);
        git(&["init", "-q", "-b", "main"]);
        fs::write(repo.join("stats.py"), "def mean(xs):\n    return sum(xs) / len(xs)\n").unwrap();
        let tests = "import unittest\nfrom stats import mean\n\n\nclass StatsTests(unittest.TestCase):\n    def test_mean(self):\n        self.assertEqual(mean([1, 3]), 2)\n";
        fs::write(repo.join("tests/test_stats.py"), tests).unwrap();
        symlink(top.path().join("victim"), repo.join("way")).unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-qm", "base"]);
        let base = git(&["rev-parse", "HEAD"]);
        fs::write(repo.join("stats.py"), "def mean(xs):\n    # GOLD_MARK\n    return sum(xs) / len(xs) if xs else 0\n")
            .unwrap();
        fs::write(repo.join("later.py"), "FUTURE_MARK = 1\n").unwrap();
        git(&["add", "-A"]);
        git(&["commit", "-qm", "later"]);
        let gold = git(&["diff", &base, "HEAD", "--", "stats.py"]) + "\n";
        let more = "\n    def test_of_nothing(self):\n        # TESTS_MARK\n        self.assertEqual(mean([]), 0)\n";
        fs::write(repo.join("tests/test_stats.py"), format!("{tests}{more}")).unwrap();
        let tests = git(&["diff", "--", "tests"]) + "\n";
        git(&["checkout", "-q", "--", "."]);
        let version = "import sys; print('%d.%d' % sys.version_info[:2])";
        let python = Command::new("python3").args(["-c", version]).output().unwrap();
        let python = String::from_utf8(python.stdout).unwrap().trim().to_owned();
        let uv = top.path().join("bin/uv");
        fs::create_dir(uv.parent().unwrap()).unwrap();
        fs::write(&uv, UV).unwrap();
        fs::set_permissions(&uv, fs::Permissions::from_mode(0o755)).unwrap();
        Self { top, in_sight: seen, base, gold, tests, python, has_pins: Cell::new(false) }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.top.path().join(path)
    }

    pub fn victim(&self) -> String {
        self.at("victim").display().to_string()
    }

    /// Whether what lies outside is as it was.
    pub fn is_unharmed(&self) -> bool {
        let names: Vec<_> = fs::read_dir(self.at("victim")).unwrap().flatten().map(|entry| entry.file_name()).collect();
        names == ["kept"] && fs::read_to_string(self.at("victim/kept")).unwrap() == "kept"
    }

    /// Writes a suite of tasks with these install commands, and the environments, which have these pins.
    pub fn write(&self, installs: &[&str], pins: &[&str]) {
        self.has_pins.set(!pins.is_empty());
        let (base, tests) = (&self.base, &self.tests);
        let (mut rows, mut instances) = (String::new(), serde_json::Map::new());
        for (number, install) in (1..).zip(installs) {
            let id = format!("acme__stats-{number}");
            let script = format!(
                "#!/bin/bash\nset -uxo pipefail\nsource /opt/miniconda3/bin/activate\nconda activate testbed\ncd /testbed\n\
                 git -c core.fileMode=false diff {base}\n{install}\ngit checkout {base} tests/test_stats.py\n\
                 git apply -v - <<'EOF_114329324912'\n{tests}\nEOF_114329324912\n: '>>>>> Start Test Output'\n\
                 python -m unittest -v tests.test_stats\n: '>>>>> End Test Output'\ngit checkout {base} tests/test_stats.py\n"
            );
            let test = |name: &str| match self.python.split_once('.') {
                Some((_, minor)) if minor.parse::<u32>().is_ok_and(|minor| minor < 11) => {
                    format!("{name} (tests.test_stats.StatsTests)")
                }
                _ => format!("{name} (tests.test_stats.StatsTests.{name})"),
            };
            let row = json!({
                "repo": "acme/stats", "instance_id": id, "base_commit": base, "patch": self.gold, "test_patch": self.tests,
                "problem_statement": "mean([]) fails; it should be 0.", "hints_text": "", "version": "1",
                "FAIL_TO_PASS": [test("test_of_nothing")], "PASS_TO_PASS": [test("test_mean")],
                "eval_script": script, "log_parser": "parse_log_django", "eval_type": "pass_and_fail",
            });
            rows += &format!("{row}\n");
            instances.insert(id, "e".into());
        }
        fs::create_dir_all(self.at("suites")).unwrap();
        fs::write(self.at("suites/rows.jsonl"), rows).unwrap();
        let environment = json!({ "python": self.python, "conda": [], "pip": pins });
        let environments = json!({ "environments": { "e": environment }, "instances": instances });
        fs::write(self.at("suites/environments.json"), environments.to_string()).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(VOE);
        command.args(args).current_dir(self.top.path()).stdin(Stdio::null());
        command.env("VOE_CACHE_DIR", self.at("cache")).env("VOE_STATE_DIR", self.at("state")).env_remove("VOE_SANDBOX");
        if !self.has_pins.get() {
            let own = std::env::var_os("PATH").unwrap_or_default();
            let dirs = std::iter::once(self.at("bin")).chain(std::env::split_paths(&own));
            command.env("PATH", std::env::join_paths(dirs).unwrap());
        }
        command
    }

    /// voe with these arguments and no others.
    pub fn bare(&self, args: &[&str]) -> Said {
        Said::of(&self.command(args).output().unwrap())
    }

    /// voe with the suite, the environments and the repositories.
    pub fn voe(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        command.args([
            "--suite",
            "suites/rows.jsonl",
            "--environments",
            "suites/environments.json",
            "--repos",
            "repos",
        ]);
        command.args(["--backend", "native", "--sandbox", "local"]).output().unwrap()
    }

    /// Grades the solutions; of each row its verdict and why.
    pub fn gold(&self) -> Vec<(String, String)> {
        let output = self.voe(&["bench", "grade", "--gold", "--json", "--parallel", "1", "--out", "graded"]);
        let text = String::from_utf8_lossy(&output.stdout);
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut rows: Vec<_> = lines
            .filter(|row| row["verdict"].is_string())
            .map(|row| (word(&row["instance_id"]), word(&row["verdict"]), word(&row["why"])))
            .collect();
        rows.sort();
        assert!(!rows.is_empty(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        rows.into_iter().map(|(_, verdict, why)| (verdict, why)).collect()
    }
}

/// Whether environments can be built here; says why not.
pub fn environments_work() -> bool {
    let there = has_uv();
    if !there {
        println!("skipped: uv is not installed");
    }
    there
}

fn has_uv() -> bool {
    let uv = Command::new("uv").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    uv.is_ok_and(|status| status.success())
}

fn git(dir: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["-c", "user.name=a", "-c", "user.email=a@b"]).args(args);
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
