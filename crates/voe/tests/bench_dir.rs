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

/// With limits on memory and time, neither of which a run directory decides over.
fn bounded(place: &Place, args: &[&str]) -> Output {
    let script = "ulimit -v 8000000; exec timeout -k 1 120 \"$@\"";
    let mut command = Command::new("bash");
    command.args(["-c", script, "bash", VOE]).args(args).current_dir(place.0.path()).stdin(Stdio::null());
    command.env("HOME", place.0.path()).env("VOE_CACHE_DIR", place.path("cache")).env("VOE_SANDBOX", "none");
    let output = command.output().unwrap();
    assert!(!matches!(output.status.code(), None | Some(124 | 137)), "{args:?} did not end: {}", said(&output));
    output
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
    // Also when the run is resumed.
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
        (&format!("{attempt}/patch.new"), &new),
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

#[test]
fn a_task_called_work_hides_no_link_from_the_look_at_a_run_directory() {
    let place = Place::new();
    let row = place.voe(&["bench", "show", "mini", "mini__rotate-1", "--gold", "--json"]);
    let mut row: serde_json::Value = serde_json::from_slice(&row.stdout).unwrap();
    row["instance_id"] = "work".into();
    fs::write(place.path("rows.jsonl"), format!("{row}\n")).unwrap();
    let run = |more: &[&str]| {
        let args = ["bench", "run", "--suite", "rows.jsonl", "--strategy", "baseline", "--out", "r", FLAG];
        place.voe(&[&args[..], &["--model", "scripted:script.toml"], more].concat())
    };
    let begun = run(&[]);
    assert!(place.path("r/run.toml").exists(), "{}", said(&begun));
    let kept = place.path("victim/kept");
    for path in [
        "r/tasks/work/baseline-1/faults.jsonl",
        "r/tasks/work/baseline-2/trajectory.jsonl",
        "r/grades/official/logs/run_evaluation/voe/baseline-1/work/patch.diff",
        "r/grades/work/x.json",
        "r/grades/official/logs/tmp/x",
    ] {
        let at = place.path(path);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&at);
        symlink(&kept, &at).unwrap();
        for output in
            [run(&["--trials", "2"]), place.voe(&["bench", "grade", "r"]), place.voe(&["bench", "status", "r"])]
        {
            assert!(!output.status.success() && said(&output).contains("symbolic link"), "{path}: {}", said(&output));
        }
        fs::remove_file(&at).unwrap();
    }
    assert!(place.is_unharmed());
}

#[test]
fn results_are_not_written_through_links_of_the_directory_that_they_go_to() {
    let place = Place::new();
    let prediction = |model: &str| serde_json::json!({ "instance_id": "mini__rotate-1", "model_name_or_path": model, "model_patch": "not a patch\n" });
    let grade_to = |model: &str, out: &[&str]| {
        fs::write(place.path("p.jsonl"), format!("{}\n", prediction(model))).unwrap();
        let args = ["bench", "grade", "--suite", "mini", "--ids", "mini__rotate-1", "--predictions", "p.jsonl"];
        bounded(&place, &[&args[..], out].concat())
    };
    let grade = |model: &str| grade_to(model, &[]);
    let (kept, new) = (place.path("victim/kept"), place.path("victim/new"));
    let at = place.path("logs/run_evaluation/voe/m/mini__rotate-1");
    fs::create_dir_all(&at).unwrap();
    for (name, to) in [("patch.diff", &kept), ("eval.sh", &new), ("run_instance.log", &kept)] {
        symlink(to, at.join(name)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(at.join("test_output.txt")).status().unwrap().success());
    symlink(&kept, place.path("m.voe.json")).unwrap();
    let graded = grade("m");
    assert!(graded.status.success(), "{}", said(&graded));
    assert!(place.is_unharmed());
    assert_eq!(fs::read_to_string(at.join("patch.diff")).unwrap(), "not a patch\n");
    assert!(place.path("m.voe.json").symlink_metadata().unwrap().is_file());
    // A directory on the way.
    symlink(place.path("victim"), place.path("logs/run_evaluation/voe/other")).unwrap();
    let graded = grade("other");
    assert!(!graded.status.success() && said(&graded).contains("symbolic link"), "{}", said(&graded));
    assert!(place.is_unharmed());
    // Where others can write, sandboxes could be exchanged under way.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    fs::create_dir(place.path("shared")).unwrap();
    fs::set_permissions(place.path("shared"), open).unwrap();
    let graded = grade_to("m", &["--out", "shared"]);
    assert_eq!(graded.status.code(), Some(2), "{}", said(&graded));
    assert!(said(&graded).contains("can be written by others") && said(&graded).contains("--out"), "{}", said(&graded));
}

#[test]
fn a_run_of_another_users_is_not_written_to() {
    let place = Place::new();
    assert!(place.run(&[FLAG]).status.success());
    let other = |path: &str| std::os::unix::fs::chown(place.path(path), Some(65534), None).is_ok();
    if !other("r") {
        eprintln!("skipped: giving a directory to another user needs root");
        return;
    }
    for path in ["r", "r/tasks"] {
        assert!(other(path));
        for args in [&["bench", "grade", "r"][..], &["bench", "run", "r", FLAG]] {
            let output = place.voe(args);
            assert!(!output.status.success() && said(&output).contains("belongs to user 65534"), "{}", said(&output));
        }
        assert!(!place.path("r/grades").exists());
        assert!(place.voe(&["bench", "status", "r"]).status.success());
        std::os::unix::fs::chown(place.path(path), Some(0), None).unwrap();
    }
    assert!(other("r"));
    let elsewhere = place.voe(&["bench", "grade", "r", "--out", "mine"]);
    assert!(elsewhere.status.success() && !place.path("r/grades").exists(), "{}", said(&elsewhere));
    assert!(place.path("mine/baseline-1.json").is_file());
}

#[test]
fn pipes_devices_holes_and_huge_numbers_in_a_run_end_in_an_error() {
    let place = Place::new();
    assert!(place.run(&[FLAG]).status.success());
    let trajectory = "r/tasks/mini__rotate-1/baseline-1/trajectory.jsonl";
    let all = [&["bench", "status", "r"][..], &["bench", "grade", "r"], &["bench", "run", "r", FLAG]];
    let hole = |at: &Path| fs::File::create(at).unwrap().set_len(20 << 30).unwrap();
    let pipe = |at: &Path| assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
    let zero = |at: &Path| symlink("/dev/zero", at).unwrap();
    type Make<'m> = &'m dyn Fn(&Path);
    let makers: [(&str, Make<'_>); 3] = [("hole", &hole), ("pipe", &pipe), ("zero", &zero)];
    for file in ["r/run.toml", "r/suite.jsonl", "r/predictions/baseline-1.jsonl", "r/lock"] {
        let content = fs::read(place.path(file)).unwrap();
        for (name, make) in makers {
            fs::remove_file(place.path(file)).unwrap();
            make(&place.path(file));
            for args in all {
                let output = bounded(&place, args);
                // What is not read, or written anew, may be anything regular.
                let unused = name == "hole" && (file != "r/run.toml");
                assert!(unused || !output.status.success(), "{file} {name} {args:?}: {}", said(&output));
                assert!(said(&output).lines().count() < 10 || unused, "{}", said(&output));
            }
        }
        fs::remove_file(place.path(file)).unwrap();
        fs::write(place.path(file), content).unwrap();
    }
    let run = fs::read_to_string(place.path("r/run.toml")).unwrap();
    assert!(run.contains("\ntrials = 1\n"), "{run}");
    fs::write(place.path("r/run.toml"), run.replace("\ntrials = 1\n", "\ntrials = 4294967295\n")).unwrap();
    for args in all {
        let output = bounded(&place, args);
        assert!(!output.status.success() && said(&output).contains("1,000,000 attempts"), "{}", said(&output));
    }
    fs::write(place.path("r/run.toml"), run).unwrap();
    // A record whose last line begins before a hole.
    let file = fs::OpenOptions::new().write(true).open(place.path(trajectory)).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"\n", 20 << 30).unwrap();
    let status = bounded(&place, &["bench", "status", "r"]);
    assert!(status.status.success() && said(&status).contains("0 of 1 done, 1 started"), "{}", said(&status));
}

#[test]
fn a_run_names_no_record_of_the_users_and_no_endless_file() {
    let place = Place::new();
    assert!(place.run(&[FLAG]).status.success());
    let run = fs::read_to_string(place.path("r/run.toml")).unwrap();
    let named = |model: &str| {
        assert!(run.contains("\"scripted:script.toml\""), "{run}");
        fs::write(place.path("r/run.toml"), run.replace("scripted:script.toml", model)).unwrap();
        let output = bounded(&place, &["bench", "run", "r", FLAG]);
        assert!(!output.status.success(), "{model}: {}", said(&output));
        said(&output)
    };
    fs::copy(place.path("r/tasks/mini__rotate-1/baseline-1/trajectory.jsonl"), place.path("own.jsonl")).unwrap();
    let told = named("replay:own.jsonl");
    assert!(told.contains("--model replay:own.jsonl"), "{told}");
    assert!(Command::new("mkfifo").arg(place.path("pipe.jsonl")).status().unwrap().success());
    for model in ["scripted:/dev/zero", "scripted:pipe.jsonl"] {
        let told = named(model);
        assert!(told.contains("not a regular file"), "{model}: {told}");
    }
    for suite in ["pipe.jsonl", "zero.jsonl"] {
        let _ = symlink("/dev/zero", place.path("zero.jsonl"));
        let output = bounded(&place, &["bench", "tasks", suite]);
        assert!(said(&output).contains("not a regular file"), "{suite}: {}", said(&output));
    }
}

#[test]
fn logs_that_are_links_or_pipes_are_not_read() {
    let place = Place::new();
    fs::create_dir_all(place.path("logs/mini__rotate-1")).unwrap();
    let log = place.path("logs/mini__rotate-1/test_output.txt");
    let grade = || bounded(&place, &["bench", "grade", "--suite", "mini", "--logs", "logs"]);
    for (target, why) in [("/dev/zero", "symbolic link"), ("victim/kept", "symbolic link")] {
        symlink(place.path(target), &log).unwrap();
        assert!(said(&grade()).contains(why), "{}", said(&grade()));
        fs::remove_file(&log).unwrap();
    }
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    assert!(said(&grade()).contains("not a regular file"), "{}", said(&grade()));
    fs::remove_file(&log).unwrap();
    fs::File::create(&log).unwrap().set_len(20 << 30).unwrap();
    assert!(said(&grade()).contains("is larger than"), "{}", said(&grade()));
}

#[test]
fn a_run_is_not_started_in_a_directory_that_contains_other_files() {
    let place = Place::new();
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::create_dir(place.path("victim/work")).unwrap();
    fs::set_permissions(place.path("victim"), closed).unwrap();
    // As a cloned repository may have it.
    symlink("victim", place.path("r")).unwrap();
    let run = place.run(&[FLAG]);
    assert!(!run.status.success() && said(&run).contains("contains other files"), "{}", said(&run));
    assert_eq!(fs::read_dir(place.path("victim")).unwrap().count(), 2);
}

#[test]
fn the_official_package_is_what_is_installed_and_finds_no_link_where_it_writes() {
    let place = Place::new();
    fs::create_dir_all(place.path("swebench/harness")).unwrap();
    let marks = "open('victim/imported', 'w').close()\n";
    for file in
        ["swebench/__init__.py", "swebench/harness/__init__.py", "swebench/harness/run_evaluation.py", "runpy.py"]
    {
        fs::write(place.path(file), marks).unwrap();
    }
    fs::write(place.path("p.jsonl"), "").unwrap();
    let grade = || {
        let args = ["bench", "grade", "--backend", "official", "--suite", "mini", "--predictions", "p.jsonl"];
        place.voe(&args)
    };
    fs::write(place.path("suite.jsonl"), "mine").unwrap();
    let output = grade();
    assert!(!output.status.success() && place.is_unharmed(), "{}", said(&output));
    assert_eq!(fs::read_to_string(place.path("suite.jsonl")).unwrap(), "mine");
    assert!(!place.path("work").exists());
    fs::create_dir_all(place.path("logs/run_evaluation/voe")).unwrap();
    for link in ["logs/run_evaluation/voe/m", "m.voe.json"] {
        symlink(place.path("victim"), place.path(link)).unwrap();
        let output = grade();
        assert!(!output.status.success() && said(&output).contains("symbolic link"), "{}", said(&output));
        fs::remove_file(place.path(link)).unwrap();
    }
    assert!(place.is_unharmed());
}
