//! A throw-away repository, and voe at work in it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod terminal;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// The program under test.
pub const VOE: &str = env!("CARGO_BIN_EXE_voe");

/// A git repository in a temporary place, with a state directory and a home of its own.
pub struct Bench {
    pub dir: tempfile::TempDir,
}

/// What voe said and did.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The events on standard output.
    pub fn events(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    pub fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).map(with_text).collect()
    }

    /// The last line, which must be the finish event.
    pub fn finish(&self) -> Value {
        let last = self.events().pop().unwrap_or_else(|| panic!("no output; stderr: {}", self.err));
        assert_eq!(last["event"], "finish", "{last}\n{}", self.err);
        last
    }
}

/// `event`; the result of a call with the text that the model got.
pub fn with_text(mut event: Value) -> Value {
    if event["event"] == "result" {
        let result: voe_trace::event::ToolResult = serde_json::from_value(event.clone()).unwrap();
        event["text"] = result.text().into();
    }
    event
}

impl Bench {
    /// A repository with these files in its one commit.
    pub fn new(files: &[(&str, &str)]) -> Self {
        Self::at(tempfile::tempdir().unwrap(), files)
    }

    /// The same in a directory of the test's own.
    pub fn at(dir: tempfile::TempDir, files: &[(&str, &str)]) -> Self {
        let bench = Self { dir };
        fs::create_dir_all(bench.repo()).unwrap();
        fs::create_dir_all(bench.dir.path().join("home")).unwrap();
        bench.git(&["init", "-q", "-b", "main"]);
        for (path, text) in files {
            bench.write(path, text);
        }
        bench.git(&["add", "-A"]);
        bench.git(&["commit", "-qm", "first", "--allow-empty"]);
        bench
    }

    /// A small Python project with an error on an empty list.
    pub fn python() -> Self {
        Self::new(&[
            ("stats.py", "def mean(xs):\n    return sum(xs) / len(xs)\n"),
            (
                "test_stats.py",
                "import unittest\nfrom stats import mean\n\n\nclass T(unittest.TestCase):\n    def test_two(self):\n        self.assertEqual(mean([1, 3]), 2)\n",
            ),
        ])
    }

    pub fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.repo().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub fn git(&self, args: &[&str]) -> String {
        let out = self
            .command("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(args)
            .output()
            .unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// A program in the repository, with nothing of the tester's own environment but PATH.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("home"))
            .env("VOE_STATE_DIR", self.dir.path().join("state"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null());
        // cargo behind rustup looks for its toolchain in the tester's home unless it is told where that is.
        if let Some(home) = std::env::var_os("HOME").map(PathBuf::from) {
            command.env("RUSTUP_HOME", std::env::var_os("RUSTUP_HOME").unwrap_or(home.join(".rustup").into()));
            command.env("CARGO_HOME", std::env::var_os("CARGO_HOME").unwrap_or(home.join(".cargo").into()));
        }
        command
    }

    pub fn voe(&self, args: &[&str]) -> Said {
        Said::of(&self.command(VOE).args(args).output().unwrap())
    }

    /// Writes a script of replies and hands back its model name.
    pub fn script(&self, replies: &[Value]) -> String {
        let file = self.dir.path().join(format!("script-{}.json", fs::read_dir(self.dir.path()).unwrap().count()));
        fs::write(&file, serde_json::to_vec(replies).unwrap()).unwrap();
        format!("scripted:{}", file.display())
    }

    /// `voe fix --json` in place, with these replies.
    pub fn fix(&self, replies: &[Value], more: &[&str]) -> Said {
        let model = self.script(replies);
        let mut args =
            vec!["fix", "mean() of an empty list should be 0", "--sandbox", "none", "--json", "--model", &model];
        // The default strategy asks for a proof; most of these scripts have none to give.
        if !more.contains(&"--strategy") {
            args.extend(["--strategy", "verify-on-edit"]);
        }
        args.extend(more);
        self.voe(&args)
    }

    /// Every file of the work tree with its bytes, `.git` left out.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        walk(&self.repo(), &mut found);
        found.sort();
        found
    }
}

fn walk(dir: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with(".git") {
            continue;
        }
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            walk(&path, found);
        } else if kind.is_symlink() {
            found.push((path.clone(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()));
        } else if kind.is_file() {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
}

/// A reply that calls one tool.
pub fn call(tool: &str, arguments: Value) -> Value {
    json!({"tool_calls": [{"name": tool, "arguments": arguments}]})
}

/// A reply that runs a command.
pub fn bash(command: &str) -> Value {
    call("bash", json!({"command": command}))
}

/// A reply of text only.
pub fn text(text: &str) -> Value {
    json!({"content": text})
}

/// The reply that ends an attempt.
pub fn done() -> Value {
    text("TASK_COMPLETE")
}

/// The edit that cures [`Bench::python`].
pub fn cure() -> Value {
    call(
        "file_edit",
        json!({"path": "stats.py", "old_string": "    return sum(xs) / len(xs)\n", "new_string": "    return sum(xs) / len(xs) if xs else 0\n"}),
    )
}

/// A check that fails before the cure and passes after it.
pub const CHECK: &str = "python3 -c 'from stats import mean; assert mean([]) == 0'";
