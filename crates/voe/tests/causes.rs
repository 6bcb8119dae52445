//! Whose matter failures of a run are: `voe bench grade` and `voe report` say the same, with the install step's words ignored.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Solves the first task, leaves the last one as it is, and changes nothing that matters in the others.
const SCRIPT: &str = r#"
[[script]]
task = "mini__pages-1"
apply = "gold"
reply = [{ content = "TASK_COMPLETE" }]
[[script]]
task = "mini__scores-1"
reply = [{ content = "TASK_COMPLETE" }]
[[script]]
reply = [
  { content = "A note.", tool_calls = [{ name = "bash", arguments = { command = "echo x > note.txt" } }] },
  { content = "TASK_COMPLETE" },
]
"#;

/// What pip prints where no index can be reached.
const OFFLINE: &str = "echo 'ERROR: connection broken: Temporary failure in name resolution'";

fn voe(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voe"));
    command.args(args).current_dir(dir).env("HOME", dir).env("VOE_CACHE_DIR", dir.join("cache"));
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A shipped task whose install step has no network, and which runs `test` instead of its own tests.
fn row(dir: &Path, id: &str, test: Option<&str>) -> Value {
    let shown = voe(dir, &["bench", "show", "mini", id, "--gold", "--json"]);
    let mut row: Value = serde_json::from_slice(&shown.stdout).unwrap_or_else(|_| panic!("{}", said(&shown)));
    let mut script: Vec<&str> = row["eval_script"].as_str().unwrap().lines().collect();
    let diff = script.iter().position(|line| line.starts_with("git -c core.fileMode=false diff")).unwrap();
    script.insert(diff + 1, OFFLINE);
    if let Some(test) = test {
        let start = script.iter().position(|line| line.contains(">>>>> Start Test Output")).unwrap();
        script[start + 1] = test;
    }
    row["eval_script"] = (script.join("\n") + "\n").into();
    row
}

#[test]
fn a_grading_and_its_report_agree_on_whose_matter_failures_are() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let mut foreign = row(at, "mini__envfile-1", None);
    foreign["log_parser"] = "parse_log_gotest".into();
    let rows = [
        row(at, "mini__pages-1", None),
        row(at, "mini__bytesize-1", None),
        row(at, "mini__basket-1", Some("no-such-runner -v")),
        row(at, "mini__tally-1", Some("echo Killed; exit 1")),
        row(at, "mini__scores-1", None),
        foreign,
    ];
    std::fs::write(at.join("own.jsonl"), rows.map(|row| format!("{row}\n")).concat()).unwrap();
    std::fs::write(at.join("script.toml"), SCRIPT).unwrap();
    let run = ["bench", "run", "--suite", "own.jsonl", "--strategy", "baseline", "--model", "scripted:script.toml"];
    let ran = voe(at, &[&run[..], &["--out", "r"]].concat());
    if said(&ran).contains("sandbox local") {
        println!("skipped: {}", said(&ran));
        return;
    }
    assert!(ran.status.success(), "{}", said(&ran));
    let graded = voe(at, &["bench", "grade", "r"]);
    assert_eq!(graded.status.code(), Some(3), "a task was skipped: {}", said(&graded));
    let lines = String::from_utf8(graded.stdout).unwrap();
    let counts = "baseline-1: 1 of 5 resolved (3 unresolved, 1 empty, 0 errors, 0 without a prediction, 1 skipped); \
                  of the unresolved and errors: 1 environment, 1 unclear";
    assert!(lines.contains(counts), "{lines}");
    let line = |id: &str| lines.lines().find(|line| line.contains(id)).unwrap().to_owned();
    assert!(line("basket").contains("environment: a program is missing, line "), "{lines}");
    assert!(!line("bytesize").contains("environment"), "{lines}");
    // The official report has its own opinion, and keeps it.
    let official = std::fs::read_to_string(at.join("r/grades/baseline-1.json")).unwrap();
    let official: Value = serde_json::from_str(&official).unwrap();
    assert_eq!(official["failure_reasons"]["mini__bytesize-1"], "network_unreachable");
    assert_eq!(official["infra_failure_instances"], 3);

    let report = |format: &str| {
        let output = voe(at, &["report", "r", "--suite", "own.jsonl", "--format", format]);
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let facts: Value = serde_json::from_str(&report("json")).unwrap();
    let arm = &facts["arms"][0];
    let count = |of: &str, name: &str| arm[of][name].as_u64().unwrap_or(0);
    for (verdict, expected) in [("resolved", 1), ("unresolved", 3), ("empty patch", 1), ("error", 0), ("skipped", 1)] {
        assert_eq!(count("verdicts", verdict), expected, "{verdict}: {arm}");
    }
    for (class, expected) in [("environment", 1), ("unclear", 1), ("skipped", 1), ("no_patch", 1)] {
        assert_eq!(count("failures", class), expected, "{class}: {arm}");
    }
    // Graded before: what is believed has the same causes.
    let again = voe(at, &["bench", "grade", "r", "--json"]);
    let rows: Vec<Value> =
        String::from_utf8_lossy(&again.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let cause = |id: &str| rows.iter().find(|row| row["instance_id"] == id).unwrap()["cause"].clone();
    assert_eq!(cause("mini__bytesize-1"), serde_json::json!({"blame": "patch", "sign": "tests_failed"}));
    assert_eq!(cause("mini__basket-1")["sign"], "missing_program");
    assert_eq!(cause("mini__basket-1")["seen"]["part"], "tests");
    assert_eq!(cause("mini__tally-1")["blame"], "unclear");
    assert!(cause("mini__pages-1").is_null() && cause("mini__envfile-1").is_null());
    let kept = std::fs::read_to_string(at.join("r/grades/baseline-1/mini__basket-1.cause.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), cause("mini__basket-1"));
}
