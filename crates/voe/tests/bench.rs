//! `voe bench` from end to end: runs, kills, gradings, bad input. On the suite that ships, with scripted models.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

const VOE: &str = env!("CARGO_BIN_EXE_voe");

/// Tasks that need python3 or bash alone.
const IDS: &str = "mini__pages-1,mini__rotate-1";

/// Replies that solve every task: the row's own solution, a check of it, and the end as often as a gate may ask.
const GOLD: &str = r#"
[[script]]
apply = "gold"
wait_s = 0.05
reply = [
  { content = "A check.", tool_calls = [{ name = "bash", arguments = { command = "printf 'test -n \"$(git status --porcelain)\"\n' > /tmp/check.sh" } }] },
  { content = "Run it.", tool_calls = [{ name = "bash", arguments = { command = "sh /tmp/check.sh" } }] },
  { content = "TASK_COMPLETE" }, { content = "TASK_COMPLETE" }, { content = "TASK_COMPLETE" },
]
"#;

struct Place {
    dir: tempfile::TempDir,
    sandbox: &'static str,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("gold.toml"), GOLD).unwrap();
        let mut place = Self { dir, sandbox: "local" };
        let probe =
            place.voe(&["bench", "grade", "--suite", "mini", "--ids", "mini__rotate-1", "--gold", "--out", "probe"]);
        if !probe.status.success() {
            println!("the sandbox `local` does not work here; without isolation then");
            place.sandbox = "none";
        }
        place
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(VOE);
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path())
            .env("VOE_CACHE_DIR", self.path().join("cache"))
            .env("VOE_SANDBOX", self.sandbox)
            .stdin(Stdio::null());
        command
    }

    fn voe(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn grade(&self, args: &[&str]) -> (Vec<Value>, Output) {
        let output = self.voe(&[&["bench", "grade", "--json", "--out", "out"], args].concat());
        let lines = String::from_utf8_lossy(&output.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        (lines, output)
    }

    fn run_args<'a>(&self, out: &'a str) -> Vec<&'a str> {
        let mut args = vec!["bench", "run", "--suite", "mini", "--ids", IDS, "--model", "scripted:gold.toml"];
        args.extend(["--strategy", "baseline", "--strategy", "verify-on-edit", "--strategy", "prove-on-edit"]);
        args.extend(["--trials", "2", "--parallel", "3", "--out", out]);
        args.extend(self.readable());
        args
    }

    /// What a run needs where there is no sandbox.
    fn readable(&self) -> Option<&'static str> {
        (self.sandbox == "none").then_some("--allow-readable-solutions")
    }

    fn spawn(&self, out: &str) -> Child {
        self.command(&self.run_args(out)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Of each attempt: why it ended, its steps, its patch, its evidence, and how many ends its record has.
fn attempts(run: &Path) -> BTreeMap<String, (String, u64, String, String, usize)> {
    let mut found = BTreeMap::new();
    for task in std::fs::read_dir(run.join("tasks")).unwrap().flatten() {
        for attempt in std::fs::read_dir(task.path()).unwrap().flatten() {
            let text = std::fs::read_to_string(attempt.path().join("trajectory.jsonl")).unwrap();
            let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let ends = events.iter().filter(|event| event["event"] == "finish").count();
            let last = events.last().unwrap();
            let name = attempt.path().strip_prefix(run).unwrap().display().to_string();
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let level = word(&last["evidence"]["level"]);
            let facts = (word(&last["reason"]), last["steps"].as_u64().unwrap(), word(&last["patch"]), level, ends);
            found.insert(name, facts);
        }
    }
    found
}

fn texts(dir: &Path) -> BTreeMap<PathBuf, String> {
    let files = std::fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    files.map(|path| (path.file_name().unwrap().into(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn a_run_killed_again_and_again_ends_like_one_that_was_left_alone() {
    let place = Place::new();
    let alone = place.voe(&place.run_args("alone"));
    assert!(alone.status.success(), "{}", said(&alone));
    let mut kills = 0;
    // The pauses differ, so that kills meet attempts at different places; a slow machine only gets less done between them.
    for pause in (0..20).map(|n| 250 + 97 * (n % 7)) {
        let mut child = place.spawn("killed");
        std::thread::sleep(Duration::from_millis(pause));
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0, "every run was done before it could be killed");
    let last = place.voe(&place.run_args("killed"));
    assert!(last.status.success(), "{}", said(&last));
    let (alone, killed) = (place.path().join("alone"), place.path().join("killed"));
    assert_eq!(attempts(&alone), attempts(&killed));
    assert_eq!(attempts(&alone).len(), 12);
    assert!(attempts(&alone).values().all(|facts| facts.0 == "completed" && facts.4 == 1));
    assert_eq!(texts(&alone.join("predictions")), texts(&killed.join("predictions")));
    for run in ["alone", "killed"] {
        let graded = place.voe(&["bench", "grade", run]);
        assert!(graded.status.success(), "{}", said(&graded));
    }
    let grades = |run: &Path| texts(&run.join("grades"));
    assert_eq!(grades(&alone), grades(&killed));
    assert!(grades(&alone).values().all(|text| text.contains("\"resolved_instances\": 2")));
}

#[test]
fn gold_resolves_and_the_untouched_base_and_wrong_patches_do_not() {
    let place = Place::new();
    let ids = "mini__pages-1,mini__rotate-1,mini__memo-1";
    for (kind, resolved) in [("--gold", 3), ("--empty", 0), ("--wrong", 0)] {
        let (lines, output) = place.grade(&["--suite", "mini", "--ids", ids, kind]);
        assert!(output.status.success(), "{kind}: {}", said(&output));
        let report = lines.last().unwrap();
        assert_eq!(
            (&report["schema_version"], &report["resolved_instances"]),
            (&2.into(), &resolved.into()),
            "{report}"
        );
        assert!(lines.len() > 3 && lines[..lines.len() - 1].iter().all(|row| row["report"].is_object()), "{lines:?}");
    }
    let official = place.path().join("out/logs/run_evaluation/voe/gold/mini__pages-1");
    for name in ["patch.diff", "eval.sh", "test_output.txt", "report.json", "run_instance.log"] {
        assert!(official.join(name).is_file(), "{name}");
    }
    assert!(place.path().join("out/gold.voe.json").is_file());
}

#[test]
fn bad_predictions_are_named_and_the_others_graded() {
    let place = Place::new();
    let shown = place.voe(&["bench", "show", "mini", "mini__pages-1", "--gold", "--json"]);
    let row: Value = serde_json::from_slice(&shown.stdout).unwrap();
    let gold = row["patch"].as_str().unwrap();
    let line =
        |id: &str, patch: &str| serde_json::json!({"instance_id": id, "model_name_or_path": "m", "model_patch": patch});
    let crlf = gold.replace('\n', "\r\n");
    let text = [
        line("mini__pages-1", "nonsense"),
        line("mini__pages-1", gold),
        line("mini__rotate-1", "diff --git a/nowhere b/nowhere\n--- a/nowhere\n+++ b/nowhere\n@@ -1 +1 @@\n-a\n+b\n"),
        line("mini__memo-1", ""),
        line("nobody__none-1", gold),
        line("mini__scores-1", &crlf),
    ];
    let text: Vec<String> = text.iter().map(Value::to_string).collect();
    std::fs::write(place.path().join("p.jsonl"), text.join("\n") + "\n{\n").unwrap();
    let ids = "mini__pages-1,mini__rotate-1,mini__memo-1,mini__scores-1,mini__tally-1";
    let (lines, output) = place.grade(&["--suite", "mini", "--ids", ids, "--predictions", "p.jsonl"]);
    let told = said(&output);
    for part in ["mini__pages-1: 2 predictions", "nobody__none-1: not in the suite", "line 7: not JSON"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let verdict = |id: &str| lines.iter().find(|row| row["instance_id"] == id).unwrap()["verdict"].clone();
    assert_eq!(verdict("mini__pages-1"), "resolved");
    assert_eq!(verdict("mini__rotate-1"), "error");
    assert_eq!(verdict("mini__memo-1"), "empty_patch");
    let report = lines.last().unwrap();
    assert_eq!(report["incomplete_ids"], serde_json::json!(["mini__tally-1"]));
    assert!(told.contains("the patch does not apply"), "{told}");
    assert!(told.contains("p.jsonl: 1 task has no prediction and counts as unresolved: mini__tally-1"), "{told}");
    // Of many, the first few are named.
    std::fs::write(place.path().join("one.jsonl"), text[1].clone()).unwrap();
    let (_, output) = place.grade(&["--suite", "mini", "--predictions", "one.jsonl"]);
    let told = said(&output);
    let line =
        told.lines().find(|line| line.contains("25 tasks have no prediction")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.ends_with(" and 20 more") && line.matches("mini__").count() == 5, "{line}");
}

#[test]
fn a_log_that_cannot_be_graded_leaves_the_grading_unfinished() {
    let place = Place::new();
    let shown = place.voe(&["bench", "show", "mini", "mini__pages-1", "--gold", "--json"]);
    let mut row: Value = serde_json::from_slice(&shown.stdout).unwrap();
    std::fs::create_dir(place.path().join("logs")).unwrap();
    std::fs::write(place.path().join("logs/mini__pages-1.txt"), "nothing\n").unwrap();
    let grade = |row: &Value| {
        std::fs::write(place.path().join("own.jsonl"), format!("{row}\n")).unwrap();
        place.voe(&["bench", "grade", "--logs", "logs", "--suite", "own.jsonl"])
    };
    assert_eq!(grade(&row).status.code(), Some(0));
    row["log_parser"] = "parse_log_gotest".into();
    let output = grade(&row);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    insta::assert_snapshot!(said(&output), @r"
    0 of 0 logs resolved
    voe: mini__pages-1: log parser parse_log_gotest is not supported (only those of Verified and Lite); use the official package
    voe: incomplete: 1 log could not be graded, for the reasons above
    ");
}

#[test]
fn a_task_that_hangs_is_ended_at_its_limit_and_a_row_without_a_parser_is_skipped() {
    let place = Place::new();
    let row = |id: &str| -> Value {
        let shown = place.voe(&["bench", "show", "mini", id, "--gold", "--json"]);
        serde_json::from_slice(&shown.stdout).unwrap()
    };
    let (mut hangs, mut foreign) = (row("mini__pages-1"), row("mini__rotate-1"));
    let script =
        hangs["eval_script"].as_str().unwrap().replace("python3 -m unittest", "sleep 600; python3 -m unittest");
    hangs["eval_script"] = script.into();
    foreign["log_parser"] = "parse_log_gotest".into();
    std::fs::write(place.path().join("own.jsonl"), format!("{hangs}\n{foreign}\n")).unwrap();
    let (lines, output) = place.grade(&["--suite", "own.jsonl", "--gold", "--timeout", "3"]);
    assert!(!output.status.success(), "a gold patch without a verdict is unexpected");
    let of = |id: &str| lines.iter().find(|row| row["instance_id"] == id).unwrap().clone();
    assert_eq!(of("mini__pages-1")["verdict"], "error");
    assert!(of("mini__pages-1")["why"].as_str().unwrap().contains("time limit of 3 s"));
    assert_eq!(of("mini__rotate-1")["verdict"], "skipped");
    let report = lines.last().unwrap();
    assert_eq!(
        (&report["total_instances"], &report["skipped_ids"]),
        (&1.into(), &serde_json::json!(["mini__rotate-1"]))
    );
}

#[test]
fn faults_are_tried_again_and_never_become_predictions() {
    let place = Place::new();
    let script = r#"
[[script]]
task = "mini__pages-1"
reply = [{ overloaded = true }]
[[script]]
task = "mini__rotate-1"
reply = [{ panics = true }]
[[script]]
apply = "gold"
reply = [{ content = "TASK_COMPLETE" }]
"#;
    std::fs::write(place.path().join("bad.toml"), script).unwrap();
    let args = ["bench", "run", "--suite", "mini", "--ids", "mini__pages-1,mini__rotate-1,mini__tally-1"];
    let more = ["--strategy", "baseline", "--model", "scripted:bad.toml", "--tries", "2", "--out", "r", "--json"];
    let run = place.voe(&[&args[..], &more, place.readable().as_slice()].concat());
    let news = said(&run);
    assert!(
        news.contains("\"again\":true") && news.contains("\"again\":false") && news.contains("voe panicked"),
        "{news}"
    );
    let predictions = std::fs::read_to_string(place.path().join("r/predictions/baseline-1.jsonl")).unwrap();
    assert_eq!(predictions.lines().count(), 1, "{predictions}");
    assert!(predictions.contains("mini__tally-1"));
    let status = place.voe(&["bench", "status", "r", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["faults"].as_array().unwrap().len(), 2, "{status}");
}

#[test]
fn a_run_directory_is_kept_from_others() {
    let place = Place::new();
    let args = |strategy: &'static str| {
        let all = [
            "bench",
            "run",
            "--suite",
            "mini",
            "--ids",
            IDS,
            "--model",
            "scripted:gold.toml",
            "--strategy",
            strategy,
            "--out",
            "r",
        ];
        [&all[..], place.readable().as_slice()].concat()
    };
    assert!(place.voe(&args("baseline")).status.success());
    let other = place.voe(&args("verify-on-edit"));
    assert!(said(&other).contains("contains another run (different: its arms"), "{}", said(&other));
    assert_eq!(other.status.code(), Some(2));
    let held = std::fs::File::options().write(true).open(place.path().join("r/lock")).unwrap();
    held.lock().unwrap();
    let locked = place.voe(&args("baseline"));
    assert!(said(&locked).contains("another voe is working on"), "{}", said(&locked));
    drop(held);
    let file = place.path().join("r/run.toml");
    let newer = std::fs::read_to_string(&file).unwrap().replacen("format = 2", "format = 9", 1);
    std::fs::write(&file, newer).unwrap();
    let newer = place.voe(&["bench", "status", "r"]);
    assert!(said(&newer).contains("made by a newer voe (format 9"), "{}", said(&newer));
}

#[test]
fn parts_of_one_experiment_are_not_laid_side_by_side() {
    let place = Place::new();
    let run = |more: &[&str]| {
        let args = ["bench", "run", "--suite", "mini", "--ids", IDS, "--model", "scripted:gold.toml"];
        let run = place.voe(&[&args[..], &["--strategy", "baseline"], place.readable().as_slice(), more].concat());
        assert!(run.status.success(), "{}", said(&run));
    };
    run(&["--shard", "1/2", "--out", "one"]);
    run(&["--shard", "2/2", "--out", "two"]);
    run(&["--out", "all"]);
    run(&["--out", "again"]);
    let refused = |args: &[&str]| {
        let output = place.voe(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", said(&output));
        said(&output)
    };
    let all =
        [refused(&["report", "one", "two"]), refused(&["compare", "two", "one"]), refused(&["report", "all", "two"])];
    insta::assert_snapshot!(all.concat().trim_end(), @r"
    voe: one and two are part 1/2 and part 2/2 of one experiment: compared, each would count as unresolved what only the other attempted, and a p-value would be meaningless; give only one of them
    voe: one and two are part 1/2 and part 2/2 of one experiment: compared, each would count as unresolved what only the other attempted, and a p-value would be meaningless; give only one of them
    voe: all and two are the whole and part 2/2 of one experiment: compared, each would count as unresolved what only the other attempted, and a p-value would be meaningless; give only one of them
    ");
    assert_eq!(refused(&["report", "one", "two", "--suite", "mini"]), all[0]);
    // Alone, or an experiment beside its repetition, they can be reported.
    assert!(place.voe(&["report", "one"]).status.success());
    assert!(place.voe(&["compare", "all", "again"]).status.success());
}

#[test]
fn a_file_in_place_of_an_experiments_suite_is_taken_as_far_as_that_suite_goes() {
    let place = Place::new();
    let row = |id: &str, difficulty: &str| -> Value {
        let shown = place.voe(&["bench", "show", "mini", id, "--gold", "--json"]);
        let mut row: Value = serde_json::from_slice(&shown.stdout).unwrap();
        row["difficulty"] = difficulty.into();
        row
    };
    let (hard, easy) = (row("mini__pages-1", "1-4 hours"), row("mini__rotate-1", "<15 min fix"));
    std::fs::write(place.path().join("all.jsonl"), format!("{easy}\n{hard}\n")).unwrap();
    std::fs::write(place.path().join("easy.jsonl"), format!("{easy}\n")).unwrap();
    let experiment = "suite = \"verified-hard\"\nstrategies = [\"baseline\"]\nmodels = [\"scripted:gold.toml\"]\n";
    std::fs::write(place.path().join("e.toml"), experiment).unwrap();
    let run = |suite: &str, out: &str| {
        place.voe(
            &[&["bench", "run", "e.toml", "--suite", suite, "--out", out][..], place.readable().as_slice()].concat(),
        )
    };
    let done = run("all.jsonl", "r");
    assert!(done.status.success(), "{}", said(&done));
    let file = std::fs::read_to_string(place.path().join("r/run.toml")).unwrap();
    assert!(file.contains("tasks = [\"mini__pages-1\"]"), "{file}");
    // The same command again is the same run.
    assert!(run("all.jsonl", "r").status.success());
    let refused = run("easy.jsonl", "s");
    assert_eq!(refused.status.code(), Some(2));
    insta::assert_snapshot!(said(&refused).trim_end(), @"voe: easy.jsonl has no task of verified-hard, the suite of the experiment; give a file with its rows");
}

#[test]
fn tasks_are_listed_and_shown_without_their_solution() {
    let place = Place::new();
    let listed = said(&place.voe(&["bench", "tasks", "mini", "--repo", "pages"]));
    assert!(listed.contains("mini__pages-1") && listed.contains("1 tasks"), "{listed}");
    let shown = said(&place.voe(&["bench", "show", "mini", "mini__pages-1"]));
    assert!(!shown.contains("diff --git"), "{shown}");
    let json = said(&place.voe(&["bench", "show", "mini", "mini__pages-1", "--json"]));
    assert!(!json.contains("diff --git") && !json.contains("PASS_TO_PASS"), "{json}");
    let nothing = place.voe(&["bench", "tasks", "nosuch"]);
    assert!(said(&nothing).contains("no suite \"nosuch\"") && nothing.status.code() == Some(2));
}

#[test]
fn a_place_that_cannot_be_had_is_refused_with_the_way_out() {
    let place = Place::new();
    let nowhere = "unix:///nowhere/docker.sock";
    let refused = |args: &[&str]| {
        let mut command = place.command(&[&["bench", "grade", "--suite", "mini", "--gold"], args].concat());
        let output =
            command.env("DOCKER_HOST", nowhere).env_remove("VOE_IMAGE").env("VOE_SANDBOX", "auto").output().unwrap();
        assert!(!output.status.success());
        said(&output)
    };
    let no_image = refused(&["--backend", "docker"]);
    assert!(no_image.contains("have no image of their own; give one"), "{no_image}");
    let no_engine = refused(&["--backend", "docker", "--image", "x"]);
    assert!(no_engine.contains("no engine answers at unix:///nowhere/docker.sock"), "{no_engine}");
    let both = refused(&["--backend", "native", "--sandbox", "docker"]);
    assert!(both.contains("--backend native cannot be used with --sandbox docker"), "{both}");
    let keep = refused(&["--backend", "docker", "--image", "x", "--keep-images", "many"]);
    assert!(keep.contains("neither a number of images nor a size"), "{keep}");
    let unknown = refused(&["--backend", "cloud"]);
    assert!(unknown.contains("[possible values: auto, native, docker, official]"), "{unknown}");
}
