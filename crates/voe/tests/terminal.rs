//! What reaches a terminal when everything that others chose (file names, commit subjects, tools, arguments, output,
//! replies, suites, runs) is full of escape sequences, bidirectional controls and line ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use support::terminal::{self, Typed};
use support::{Bench, VOE, bash, call, text};

/// Sets the clipboard, clears the screen (7 and 8 bit), reverses what follows, overwrites its line, begins a line.
const EVIL: &str = "\u{1b}]52;c;eA==\u{7}\u{1b}[2J\u{9b}2J\u{202e}\u{2066}\r\u{7f}\u{2028}\u{e0041}\nvoe: forged";
/// How its beginning looks when it is harmless.
const SHOWN: &str = "\u{fffd}]52;c;eA==\u{fffd}\u{fffd}[2J\u{fffd}2J";

/// Whether a terminal, a browser or a reader of a pull request would be misled by it.
fn obeyed(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e0000}'..='\u{e007f}')
}

/// The output as text, which must be pure.
fn pure(what: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| panic!("{what}: not UTF-8"));
    if let Some(at) = text.find(obeyed) {
        let around: String = text[..at].chars().rev().take(80).collect();
        panic!("{what}: {:?} after {:?}", text[at..].chars().next(), around.chars().rev().collect::<String>());
    }
    text
}

/// Two sides of a place full of such names.
struct World {
    bench: Bench,
}

impl World {
    fn new() -> Self {
        let bench =
            Bench::new(&[("stats.py", "def mean(xs):\n    return sum(xs) / len(xs)\n"), (&Self::file(), "x = 1\n")]);
        bench.git(&["commit", "-q", "--allow-empty", "-m", EVIL]);
        Self { bench }
    }

    fn file() -> String {
        format!("{EVIL}.py")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bench.dir.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(VOE);
        command.args(args).env("VOE_CACHE_DIR", self.path("cache"));
        command
    }

    /// Runs voe; what it prints must be pure.
    fn voe(&self, args: &[&str]) -> (String, String, Option<i32>) {
        let output = self.command(args).output().unwrap();
        let code = output.status.code();
        let what = format!("{:?}", &args[..args.len().min(4)]);
        (pure(&format!("{what} stdout"), &output.stdout), pure(&format!("{what} stderr"), &output.stderr), code)
    }

    /// A model that says, calls and does all of it, and cures the error.
    fn model(&self) -> String {
        let (quoted, flat) = (format!("'{EVIL}'"), EVIL.replace(['\n', '\r'], " "));
        let cured = format!("    return sum(xs) / len(xs) if xs else 0  # {flat}\n");
        let mut says = bash(&format!("printf '\\033]52;c;eA==\\007\\233\\r'; echo {quoted}"));
        says["content"] = EVIL.into();
        says["reasoning"] = EVIL.into();
        self.bench.script(&[
            says,
            call(&format!("tool{EVIL}"), json!({format!("a{EVIL}"): EVIL})),
            json!({"tool_calls": [{"name": "file_read", "arguments": format!("{{\"path\": \"{EVIL}")}]}),
            call("file_read", json!({"path": EVIL})),
            bash(&format!("echo 'x = 2' > '{}'", Self::file())),
            call(
                "file_edit",
                json!({"path": "stats.py", "old_string": "    return sum(xs) / len(xs)\n", "new_string": cured}),
            ),
            bash(&format!("python3 -c 'from stats import mean; assert mean([]) == 0' # {flat}")),
            text("TASK_COMPLETE"),
            text("TASK_COMPLETE"),
        ])
    }

    /// `voe fix`, and its record.
    fn fix(&self, more: &[&str]) -> ((String, String, Option<i32>), String) {
        let (model, out) = (self.model(), self.path("record").display().to_string());
        let mut args = vec!["fix", EVIL, "--sandbox", "none", "--strategy", "verify-on-edit", "--model", &model];
        args.extend(["--out", &out]);
        args.extend(more);
        let said = self.voe(&args);
        (said, format!("{out}/trajectory.jsonl"))
    }
}

#[test]
fn an_attempt_full_of_escape_sequences_is_shown_replayed_proven_and_undone_without_any() {
    let world = World::new();
    let ((out, _, code), record) = world.fix(&["--no-color"]);
    assert_eq!(code, Some(0), "{out}");
    for part in ["▸ tool�]52;c;eA==", "# �]52;c;eA==", &format!("files     {SHOWN}")] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (out, _, code) = world.voe(&["replay", &record, "--no-color"]);
    assert!(code == Some(0) && out.contains(SHOWN) && out.contains("▸ tool�"), "{out}");
    let (out, err, code) = world.voe(&["replay", &record, "--no-color", "--run", "--sandbox", "none"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let (out, _, _) = world.voe(&["proof", &record]);
    assert!(out.contains(SHOWN), "{out}");
    // Neither a name nor a command can begin a line of the note.
    assert!(!out.lines().any(|line| line.starts_with("voe: forged")), "{out}");
    let (out, _, code) = world.voe(&["undo"]);
    assert!(code == Some(0) && out.contains(&format!("restored: {SHOWN}")), "{out}");
    assert!(!out.lines().any(|line| line.starts_with("voe: forged")), "{out}");
}

#[test]
fn json_of_an_attempt_is_free_of_what_a_terminal_obeys_and_parses_to_what_was_recorded() {
    let world = World::new();
    let ((out, _, code), record) = world.fix(&["--json"]);
    assert_eq!(code, Some(0), "{out}");
    let values = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    let recorded = values(&std::fs::read_to_string(&record).unwrap());
    assert_eq!(values(&out), recorded);
    let (out, _, _) = world.voe(&["replay", &record, "--json"]);
    assert_eq!(values(&out), recorded);
    assert!(recorded.iter().any(|event| event["tool"] == format!("tool{EVIL}")), "the record has the name as it was");
}

#[test]
fn an_error_that_names_a_foreign_path_is_one_line_without_what_a_terminal_obeys() {
    let world = World::new();
    for args in [&["replay", EVIL][..], &["bench", "status", EVIL], &["report", EVIL], &["bench", "tasks", EVIL]] {
        let (_, err, code) = world.voe(args);
        assert_eq!((code, err.lines().count()), (Some(2), 1), "{args:?}: {err}");
    }
}

/// A row of the suite `mini` with foreign words in it.
#[test]
fn an_argument_is_quoted_without_what_a_terminal_obeys() {
    let world = World::new();
    for args in [&["report", &format!("--x{EVIL}")][..], &[EVIL], &["fix", "p", "--sandbox", "x", EVIL]] {
        let output = world.command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        pure("an error about arguments", &output.stdout);
        assert!(!pure("an error about arguments", &output.stderr).is_empty());
    }
    assert_eq!(world.command(&["--help"]).output().unwrap().status.code(), Some(0));
}

fn row(world: &World, id: &str) -> Value {
    let (out, _, _) = world.voe(&["bench", "show", "mini", "mini__pages-1", "--gold", "--json"]);
    let mut row: Value = serde_json::from_str(&out).unwrap();
    // A row whose repository or commit is no such name is left out.
    for name in ["problem_statement", "difficulty", "hints_text"] {
        row[name] = EVIL.into();
    }
    row["instance_id"] = id.into();
    row["patch"] = format!("{}{EVIL}", row["patch"].as_str().unwrap()).into();
    row
}

#[test]
fn a_suite_full_of_escape_sequences_is_listed_and_shown_without_any() {
    let world = World::new();
    let id = format!("task{}", EVIL.replace('\n', ""));
    let file = world.path("suite.jsonl").display().to_string();
    let other = format!("two\nlines{EVIL}");
    std::fs::write(&file, format!("{}\n{}\n", row(&world, &id), row(&world, &other))).unwrap();
    let (out, err, code) = world.voe(&["bench", "tasks", &file]);
    assert!(code == Some(0) && out.contains(&format!("task{SHOWN}")) && err.contains("left out"), "{out}{err}");
    assert_eq!(out.lines().count(), 2, "a task is a line: {out}");
    let (out, _, _) = world.voe(&["bench", "tasks", &file, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), json!([id]));
    let (out, _, _) = world.voe(&["bench", "show", &file, &id, "--gold"]);
    assert!(out.contains(SHOWN), "{out}");
    let (out, _, _) = world.voe(&["bench", "show", &file, &id, "--gold", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["problem_statement"], EVIL);
}

/// A run of two arms whose every word is foreign, around a real record.
fn run_dir(world: &World, record: &str) -> String {
    let (dir, id) = (world.path("run"), format!("task{}", EVIL.replace('\n', "")));
    let (strategy, _, _) = world.voe(&["strategies", "show", "baseline"]);
    let word = |text: &str| serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f");
    let evil = word(EVIL);
    let mut file = format!(
        "format = 1\nvoe = {evil}\nbegan = {evil}\ntrials = 1\nsandbox = {evil}\nsuite = {evil}\ntasks = [{}]\n\
         [source]\nfile = {evil}\nsha256 = \"x\"\n[machine]\nprocessors = 1\nmemory_mib = 1\nkernel = {evil}\n\
         [experiment]\nsuite = \"x\"\n",
        word(&id)
    );
    for (arm, resolved) in [("a", true), ("b", false)] {
        file +=
            &format!("[[arms]]\nname = \"{arm}\"\nmodel = {evil}\nserver = {evil}\nstrategy = {}\n", word(&strategy));
        let attempt = dir.join("tasks").join(&id).join(format!("{arm}-1"));
        std::fs::create_dir_all(&attempt).unwrap();
        std::fs::copy(record, attempt.join("trajectory.jsonl")).unwrap();
        let ids = |there: bool| if there { json!([id]) } else { json!([]) };
        let report = json!({
            "total_instances": 1, "submitted_instances": 1, "completed_instances": 1, "resolved_instances": u8::from(resolved),
            "unresolved_instances": u8::from(!resolved), "empty_patch_instances": 0, "error_instances": 0,
            "unstopped_instances": 0, "completed_ids": [id], "incomplete_ids": [], "empty_patch_ids": [],
            "submitted_ids": [id], "resolved_ids": ids(resolved), "unresolved_ids": ids(!resolved), "error_ids": [],
            "unstopped_containers": [], "unremoved_images": [], "schema_version": 2
        });
        write(&dir.join(format!("grades/{arm}-1.json")), &report.to_string());
    }
    let faults = dir.join("tasks").join(&id).join("a-2");
    write(&faults.join("faults.jsonl"), &format!("{}\n", json!({"at": EVIL, "why": EVIL})));
    write(&dir.join("suite.jsonl"), &format!("{}\n", row(world, &id)));
    write(&dir.join("run.toml"), &file);
    dir.display().to_string()
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_run_full_of_escape_sequences_is_reported_in_every_form_without_any() {
    let world = World::new();
    let (_, record) = world.fix(&["--no-color"]);
    let run = run_dir(&world, &record);
    let (a, b) = (format!("{run}:a"), format!("{run}:b"));
    let texts: [&[&str]; 7] = [
        &["bench", "status", &run],
        &["report", &run],
        &["report", &run, "--format", "md"],
        &["report", &run, "--format", "csv"],
        &["report", &run, "--format", "html"],
        &["compare", &a, &b],
        &["compare", &a, &b, "--by", "difficulty"],
    ];
    for args in texts {
        let (out, err, code) = world.voe(args);
        assert!(code == Some(0) && !out.is_empty(), "{args:?}: {out}{err}");
        let data = args.contains(&"csv") || args.contains(&"html");
        assert!(data || !out.lines().any(|line| line.starts_with("voe: forged")), "{args:?}: {out}");
    }
    let (status, _, _) = world.voe(&["bench", "status", &run]);
    assert!(status.contains(SHOWN), "{status}");
    let jsons: [&[&str]; 3] =
        [&["bench", "status", &run, "--json"], &["report", &run, "--format", "json"], &["compare", &a, &b, "--json"]];
    for args in jsons {
        let (out, err, code) = world.voe(args);
        assert!(code == Some(0) && serde_json::from_str::<Value>(&out).is_ok(), "{args:?}: {out}{err}");
    }
}

#[test]
fn an_experiment_called_like_a_path_is_refused_and_writes_nowhere() {
    let world = World::new();
    let file = world.path("repo/e.toml").display().to_string();
    let model = world.model();
    for name in ["../../escaped", "/tmp/voe-escaped", "..", EVIL] {
        let word = serde_json::to_string(name).unwrap().replace('\u{7f}', "\\u007f");
        std::fs::write(&file, format!("name = {word}\nsuite = \"mini\"\nstrategies = [\"baseline\"]\n")).unwrap();
        let (_, err, code) = world.voe(&["bench", "run", &file, "--model", &model]);
        assert_eq!((code, err.lines().count()), (Some(2), 1), "{name:?}: {err}");
        assert!(err.contains("letters, digits, `.`, `_` and `-`"), "{err}");
    }
    assert!(!world.path("escaped").exists() && !world.path("repo/runs").exists());
    assert!(!Path::new("/tmp/voe-escaped").exists());
}

#[test]
fn a_run_whose_arms_or_tasks_are_called_like_paths_is_refused() {
    let world = World::new();
    let (_, record) = world.fix(&["--no-color"]);
    let run = run_dir(&world, &record);
    let file = format!("{run}/run.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    for (from, to) in [("name = \"a\"", "name = \"../../x\""), ("tasks = [\"task", "tasks = [\"../../task")] {
        assert!(text.contains(from));
        std::fs::write(&file, text.replacen(from, to, 1)).unwrap();
        for command in [&["bench", "status", &run][..], &["bench", "grade", &run]] {
            let (_, err, code) = world.voe(command);
            assert!(code == Some(2) && err.contains("run.toml") && err.contains("../../"), "{code:?}: {err}");
        }
    }
}

#[test]
fn output_that_can_not_be_written_is_an_error_of_one_line() {
    let world = World::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = world.command(&["strategies"]).stdout(full).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{err}");
    assert!(err.contains("cannot write to standard output"), "{err}");
}

/// Runs voe on a terminal of its own, with this typed.
#[test]
fn on_a_terminal_the_only_sequences_are_voes_own_colours_and_the_diff_to_confirm_shows_what_it_hides() {
    let world = World::new();
    let model = world.model();
    let args = ["fix", EVIL, "--sandbox", "local", "--strategy", "verify-on-edit", "--model", &model];
    let typed = Typed { ahead: "", question: "[Y/n]", answer: "n\n" };
    let mut text = String::from_utf8(terminal::run(&world.bench, &args, &typed).1).unwrap().replace("\r\n", "\n");
    if text.contains("sandbox local") && !text.contains("put this into your tree?") {
        println!("skipped: {}", text.trim());
        return;
    }
    let colours = ["0", "1", "2", "31", "32", "33", "36"].map(|code| format!("\x1b[{code}m"));
    assert!(text.contains(&colours[3]), "no colour: {text}");
    for colour in &colours {
        text = text.replace(colour, "");
    }
    let text = pure("on a terminal", text.as_bytes());
    let diff = text.split("diff --git").last().unwrap();
    assert!(diff.contains(&format!("if xs else 0  # {SHOWN}")) && diff.contains("put this into your tree?"), "{text}");
    assert_eq!(world.bench.read("stats.py"), "def mean(xs):\n    return sum(xs) / len(xs)\n");
}

#[test]
fn a_run_on_a_terminal_shows_what_runs_below_its_news_and_with_json_nothing_but_json() {
    let world = World::new();
    let script = "[[script]]\napply = \"gold\"\nwait_s = 0.6\nreply = [{ content = \"TASK_COMPLETE\" }, { content = \"TASK_COMPLETE\" }]\n";
    let model = world.path("gold.toml");
    std::fs::write(&model, script).unwrap();
    let model = format!("scripted:{}", model.display());
    let shown = |out: &str, more: &[&str]| {
        let args = ["bench", "run", "--suite", "mini", "--ids", "mini__rotate-1", "--model", &model, "--out", out];
        let args =
            [&args[..], &["--strategy", "baseline", "--sandbox", "none", "--allow-readable-solutions"], more].concat();
        let typed = Typed { ahead: "", question: "(nothing is asked)", answer: "" };
        let (code, seen) = terminal::run(&world.bench, &args, &typed);
        let seen = String::from_utf8(seen).unwrap().replace("\r\n", "\n");
        assert_eq!(code, 0, "{seen}");
        seen
    };
    let mut seen = shown("run", &[]);
    for part in ["mini__rotate-1", "step ", "0 of 1 done, 1 running", "ended    "] {
        assert!(seen.contains(part), "{part}: {seen:?}");
    }
    assert!(seen.contains("\x1b["), "nothing was drawn again: {seen:?}");
    for own in ["\x1b[2K", "\x1b[1A", "\x1b[1B", "\r"] {
        seen = seen.replace(own, "");
    }
    pure("a run on a terminal", seen.as_bytes());
    let json = pure("a run with --json on a terminal", shown("json", &["--json"]).as_bytes());
    assert!(json.lines().count() > 1);
    for line in json.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    }
}
