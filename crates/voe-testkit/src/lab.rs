//! A small repository, and attempts on it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use voe_agent::{AttemptPlan, Strategy};
use voe_model::recorded::Scripted;
use voe_protocol::BaseSource;
use voe_sandbox::{Capabilities, Sandbox};
use voe_search::Work;
use voe_trace::event::{ResumedFrom, Task};
use voe_trace::{Event, Trajectory, Writer};

use crate::backend::TestBackend;
use crate::played::Played;

/// The file with the bug.
pub const STATS: (&str, &str) = ("stats.py", "def mean(xs):\n    return sum(xs) / len(xs)\n");

/// A directory of files in which attempts work.
pub struct Lab {
    dir: TempDir,
}

impl Lab {
    /// A directory with these files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        // Not in /tmp, which the file tools may write.
        let lab = Self { dir: tempfile::tempdir_in("/var/tmp").unwrap() };
        fs::create_dir(lab.tree()).unwrap();
        for (path, text) in files {
            lab.write(path, text);
        }
        lab
    }

    /// A small Python project with a bug on an empty list, which [`crate::replies::cure`] fixes, and a test that passes.
    pub fn python() -> Self {
        let test = "import unittest\nfrom stats import mean\n\n\nclass T(unittest.TestCase):\n    def test_two(self):\n        self.assertEqual(mean([1, 3]), 2)\n";
        Self::new(&[STATS, ("test_stats.py", test)])
    }

    /// The workspace.
    pub fn tree(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    /// Writes a file of the workspace.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.tree().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file of the workspace.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.tree().join(path)).unwrap()
    }

    fn git(&self, args: &[&str]) -> String {
        let mut command = std::process::Command::new("git");
        command.env("GIT_DIR", self.git_dir()).env("GIT_WORK_TREE", self.tree()).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = command.args(args).current_dir(self.tree()).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn git_dir(&self) -> PathBuf {
        self.dir.path().join("base.git")
    }

    fn record(&self) -> PathBuf {
        self.dir.path().join("trajectory.jsonl")
    }

    fn strategy(&self, text: &str) -> Strategy {
        if !text.contains('\n') {
            return voe_agent::load(text, self.dir.path()).unwrap();
        }
        fs::write(self.dir.path().join("strategy.toml"), text).unwrap();
        voe_agent::load("strategy.toml", self.dir.path()).unwrap()
    }

    /// Runs an attempt by a shipped strategy, or one in TOML, until it ends.
    pub fn play(&self, strategy: &str, replies: &[Value]) -> Played {
        self.play_with(strategy, replies, |_| {})
    }

    /// The same in a sandbox with other capabilities.
    pub fn play_with(&self, strategy: &str, replies: &[Value], change: impl FnOnce(&mut Capabilities)) -> Played {
        self.git(&["init", "-q"]);
        self.git(&["add", "-A"]);
        let (_stop, stopped) = watch::channel(false);
        let plan = self.plan(strategy, replies, stopped, change);
        let _ = fs::remove_file(self.record());
        let writer = Writer::create(&self.record()).unwrap();
        self.run(async { Work::start(plan, writer, Box::new(())).await.unwrap() })
    }

    /// Resumes the attempt that was played last, as if it had been killed when it had written the first event for which `last` is
    /// true, with the replies that come then.
    pub fn resume(&self, strategy: &str, replies: &[Value], last: impl Fn(&Event) -> bool) -> Played {
        let mut records = Trajectory::read(&self.record()).unwrap().records;
        let count = records.iter().position(|record| last(&record.event)).unwrap() + 1;
        records.truncate(count);
        let text = fs::read_to_string(self.record()).unwrap();
        let lines: String = text.split_inclusive('\n').take(count).collect();
        fs::write(self.record(), lines).unwrap();
        self.git(&["checkout-index", "--all", "--force"]);
        let (_stop, stopped) = watch::channel(false);
        let plan = self.plan(strategy, replies, stopped, |_| {});
        if let Some(patch) = voe_trace::last_patch(&records) {
            let file = self.dir.path().join("last.patch");
            fs::write(&file, patch).unwrap();
            self.git(&["apply", file.to_str().unwrap()]);
        }
        let writer = Writer::append(&self.record(), 0.0).unwrap();
        let from = ResumedFrom::InPlace;
        self.run(async { Work::resume(plan, writer, Box::new(()), &records, Vec::new(), from).await.unwrap() })
    }

    /// The plan of an attempt on the tree as it is now, which is the base that the index of the git directory has.
    fn plan(
        &self,
        strategy: &str,
        replies: &[Value],
        stop: watch::Receiver<bool>,
        change: impl FnOnce(&mut Capabilities),
    ) -> AttemptPlan {
        let script = self.dir.path().join("script.json");
        fs::write(&script, serde_json::to_vec(replies).unwrap()).unwrap();
        AttemptPlan {
            task: Task {
                id: String::new(),
                statement: "mean() of an empty list should be 0".into(),
                workspace: self.tree().display().to_string(),
                commit: None,
                base: None,
                check: None,
            },
            strategy: self.strategy(strategy),
            model: Arc::new(Scripted::from_file(&script).unwrap()),
            sandbox: Sandbox::with(TestBackend::new(&self.tree()).with(change)),
            pristine: BaseSource::Git { git_dir: self.git_dir(), tree: self.git(&["write-tree"]) },
            user_tree: None,
            notes: String::new(),
            stream: false,
            stop,
            time: "2026-01-01T00:00:00Z".into(),
        }
    }

    /// Runs what `open` begins to its end.
    fn run(&self, open: impl Future<Output = Work>) -> Played {
        let file = self.record();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut work = open.await;
            let (reason, error) = work.run().await;
            let ended = work.finish(reason, error, file.display().to_string()).await.unwrap();
            work.close(ended.finish).await.unwrap();
        });
        Played::new(Trajectory::read(&file).unwrap())
    }
}
