//! Ways in that a second attack found, tried as it tried them: a record that was tampered with, a strategy of a repository's, a
//! question that is answered by accident, a program in the current directory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use server::{Server, reply};
use support::terminal::{self, Typed};
use support::{Bench, Said, bash, call, cure, done};

const PROBLEM: &str = "mean() of an empty list should be 0";

fn copy_tree(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

/// An attempt at `--out` that ended with an error of the server, so that it can be resumed.
fn broken_off(bench: &Bench, out: &Path) -> PathBuf {
    let model = bench.script(&[cure(), json!({"error": {"kind": "server"}})]);
    let args = [
        "fix",
        PROBLEM,
        "--json",
        "--model",
        &model,
        "--apply",
        "no",
        "--strategy",
        "verify-on-edit",
        "--out",
        out.to_str().unwrap(),
    ];
    let said = bench.voe(&args);
    assert_eq!(said.code, 4, "{}", said.err);
    out.join("trajectory.jsonl")
}

// --- records

#[test]
fn the_copy_of_a_record_from_elsewhere_never_runs_without_a_sandbox_either() {
    let bench = Bench::python();
    let mark = bench.dir.path().join("home/marked");
    fs::create_dir_all(mark.parent().unwrap()).unwrap();
    let replies = [bash(&format!("touch {}", mark.display())), cure(), json!({"error": {"kind": "server"}})];
    let said = bench.fix(&replies, &[]);
    let own = PathBuf::from(said.finish()["trajectory"].as_str().unwrap());
    assert_eq!(bench.voe(&["undo"]).code, 0);
    fs::remove_file(&mark).unwrap();
    copy_tree(own.parent().unwrap(), &bench.dir.path().join("download"));
    let record = bench.dir.path().join("download/trajectory.jsonl");
    let model = bench.script(&[json!({"error": {"kind": "server"}})]);
    let args = ["fix", "--resume", record.to_str().unwrap(), "--trust", "--json", "--apply", "no", "--model", &model];
    let said = bench.voe(&args);
    assert_eq!(said.code, 4, "{}", said.err);
    let copy = said.finish()["trajectory"].as_str().unwrap().to_owned();
    for args in [&["replay", "--run", &copy, "--sandbox", "none"][..], &["fix", "--resume", &copy, "--sandbox", "none"]]
    {
        let said = bench.voe(args);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{args:?}: {}", said.err);
        let said = Said::of(&bench.command(support::VOE).args(&args[..3]).env("VOE_SANDBOX", "none").output().unwrap());
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
    }
    assert!(!mark.exists());
    // In a sandbox it may go on without being trusted again.
    let model = bench.script(&[done()]);
    let said = bench.voe(&["fix", "--resume", &copy, "--json", "--apply", "no", "--model", &model]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn a_record_at_out_is_known_by_its_bytes_and_not_by_what_lies_beside_it() {
    let bench = Bench::python();
    let out = bench.dir.path().join("kept");
    let record = broken_off(&bench, &out);
    let model = bench.script(&[json!({"error": {"kind": "server"}})]);
    let resume =
        || bench.voe(&["fix", "--resume", record.to_str().unwrap(), "--json", "--apply", "no", "--model", &model]);
    // Written over in place: the same file, of other content.
    let text = fs::read(&record).unwrap();
    fs::write(&record, String::from_utf8(text.clone()).unwrap().replace("if xs else 0", "if xs else 1")).unwrap();
    assert_eq!(resume().code, 2);
    fs::write(&record, [&text[..], b"{\"at\":9.0,\"event\":\"nudge\"}\n"].concat()).unwrap();
    assert_eq!(resume().code, 2, "nothing was added since voe ended");
    fs::write(&record, &text).unwrap();
    // What an archive would bring along: other places, and a git directory with a program in its configuration.
    let (evil, mark) = (bench.dir.path().join("evil"), bench.dir.path().join("marked"));
    let git = |dir: &Path, args: &[&str]| {
        assert!(bench.command("git").current_dir(dir).args(args).status().unwrap().success(), "{args:?}");
    };
    fs::create_dir(&evil).unwrap();
    git(&evil, &["init", "-q", "--bare", "."]);
    git(&evil, &["config", "filter.x.clean", &format!("touch {}", mark.display())]);
    fs::create_dir_all(evil.join("info")).unwrap();
    fs::write(evil.join("info/attributes"), "* filter=x\n").unwrap();
    let about = out.join("attempt.json");
    let mut places: Value = serde_json::from_slice(&fs::read(&about).unwrap()).unwrap();
    places["base"]["git_dir"] = evil.to_str().unwrap().into();
    places["repository"] = bench.dir.path().join("home").to_str().unwrap().into();
    fs::write(&about, places.to_string()).unwrap();
    assert_eq!(resume().code, 4, "the places that voe remembers count");
    assert!(!mark.exists());
    // What lies below a directory that voe was once asked to write to is not voe's.
    let clone = bench.dir.path().join("clone");
    copy_tree(&out, &clone);
    fs::rename(clone, out.join("clone")).unwrap();
    assert_eq!(bench.voe(&["replay", "--run", out.join("clone/trajectory.jsonl").to_str().unwrap()]).code, 2);
    assert_eq!(resume().code, 4);
}

#[test]
fn what_is_written_beside_a_record_follows_no_link() {
    let bench = Bench::python();
    let profile = bench.dir.path().join("profile");
    fs::write(&profile, "the user's\n").unwrap();
    // A directory that an archive brought.
    let brought = bench.dir.path().join("brought");
    fs::create_dir(&brought).unwrap();
    fs::set_permissions(&brought, fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&profile, brought.join("patch.diff")).unwrap();
    let model = bench.script(&[cure(), done()]);
    let args = ["--sandbox", "none", "--json", "--model", &model, "--strategy", "verify-on-edit", "--out"];
    let said = bench.voe(&[&["fix", PROBLEM][..], &args, &[brought.to_str().unwrap()]].concat());
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert!(said.err.contains("not empty"), "{}", said.err);
    // One that came later, in the place of what voe wrote.
    let out = bench.dir.path().join("kept");
    let record = broken_off(&bench, &out);
    for name in ["patch.diff", "attempt.json"] {
        fs::remove_file(out.join(name)).unwrap();
        symlink(&profile, out.join(name)).unwrap();
    }
    let model = bench.script(&[done()]);
    let said = bench.voe(&["fix", "--resume", record.to_str().unwrap(), "--json", "--apply", "no", "--model", &model]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(fs::read_to_string(&profile).unwrap(), "the user's\n");
    assert!(fs::symlink_metadata(out.join("patch.diff")).unwrap().is_file());
}

#[test]
fn the_base_of_a_record_from_elsewhere_leads_nowhere() {
    let bench = Bench::python();
    let out = bench.dir.path().join("kept");
    let own = bench.voe(&["demo", "--json", "--out", out.to_str().unwrap()]);
    assert_eq!(own.code, 0, "{}", own.err);
    let sent = bench.dir.path().join("sent");
    copy_tree(&out, &sent);
    let run = |record: &str| bench.voe(&["replay", "--run", "--trust", "--json", record]);
    let record = sent.join("trajectory.jsonl").to_str().unwrap().to_owned();
    let said = run(&record);
    assert_eq!(said.code, 0, "{}", said.err);
    let alternates = sent.join("store/objects/info/alternates");
    fs::create_dir_all(alternates.parent().unwrap()).unwrap();
    fs::write(&alternates, bench.path(".git/objects").to_str().unwrap()).unwrap();
    assert_eq!(run(&record).code, 2);
    fs::remove_file(&alternates).unwrap();
    fs::rename(sent.join("store/objects/pack"), sent.join("pack")).unwrap();
    symlink(sent.join("pack"), sent.join("store/objects/pack")).unwrap();
    assert_eq!(run(&record).code, 2);
}

#[test]
fn records_of_other_repositories_are_not_seen_inside() {
    let bench = Bench::python();
    // Outside of every home, and of the temporary directory that is private inside.
    let Ok(place) = tempfile::Builder::new().prefix("voe-test-").tempdir_in("/opt") else {
        return println!("skipped: only root can make a directory in /opt");
    };
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let state = place.path().join("state");
    let model = bench.script(&[bash(&format!("ls -A {0} || cat {0}/*/*", state.display())), done()]);
    let mut command = bench.command(support::VOE);
    command.args(["fix", PROBLEM, "--json", "--strategy", "baseline", "--sandbox", "local", "--model", &model]);
    let said = Said::of(&command.env("VOE_STATE_DIR", &state).output().unwrap());
    if said.err.contains("sandbox local") {
        return println!("skipped: {}", said.err);
    }
    assert!(state.join("attempts").is_dir());
    let result = &said.events_of("result")[0];
    assert!(!result.to_string().contains("attempts"), "{result}");
}

#[test]
fn what_a_killed_replay_left_is_removed_by_the_next() {
    let bench = Bench::python();
    let temporary = bench.dir.path().join("state/temporary");
    assert_eq!(bench.voe(&["demo", "--json"]).code, 0);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    // As a killed one leaves it: a directory, and a lock that nobody holds.
    fs::create_dir_all(temporary.join("1-0/tree")).unwrap();
    fs::write(temporary.join("1-0/tree/private"), "x").unwrap();
    fs::write(temporary.join("1-0.lock"), "").unwrap();
    assert_eq!(bench.voe(&["demo", "--json"]).code, 0);
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_proof_from_elsewhere_is_shown_and_not_vouched_for() {
    let bench = Bench::python();
    let replies = [bash("false"), cure(), bash(support::CHECK), done()];
    let own = bench.fix(&replies, &[]).finish()["trajectory"].as_str().unwrap().to_owned();
    let said = bench.voe(&["proof", &own]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains("Made by voe"), "{}", said.out);
    let sent = bench.dir.path().join("sent.jsonl");
    fs::copy(&own, &sent).unwrap();
    let said = bench.voe(&["proof", sent.to_str().unwrap()]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.out.contains("that was not made by this voe") && !said.out.contains("Made by voe"), "{}", said.out);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
}

// --- a repository's strategy

#[test]
fn a_strategy_of_the_repository_chooses_neither_models_nor_fields_of_the_request() {
    let server = Server::start(32_768, vec![reply("TASK_COMPLETE", &[], 1500)]);
    for (part, key) in [
        ("extends = \"best-of-n\"\n[search]\nmodels = [\"expensive\"]\n", "search.models"),
        ("extends = \"baseline\"\n[sampling.extra]\napi_base = \"http://127.0.0.1:9/\"\n", "sampling.extra.api_base"),
        ("extends = \"baseline\"\n[sampling.extra]\nmodel = \"expensive\"\n", "sampling.extra.model"),
        (
            "extends = \"baseline\"\n[prompt]\ntask = \"{% for a in [1,2] %}{{ statement * 99999 }}{% endfor %}\"\n",
            "prompt.task",
        ),
    ] {
        let bench = Bench::python();
        bench.write("s.toml", part);
        bench.write("voe.toml", "strategy = \"s.toml\"\n");
        let said = bench.voe(&["fix", PROBLEM, "--base-url", &server.url]);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{key}: {}", said.err);
        assert!(said.err.contains(key) && said.err.contains("--strategy"), "{}", said.err);
        assert!(server.asked().is_empty());
    }
    // What it may: other words, limits, and what a shipped strategy has.
    let bench = Bench::python();
    bench.write("s.toml", "extends = \"verify-on-edit\"\n[prompt]\ntask = \"Do {{ statement }}, {{- marker }}\"\n");
    bench.write("voe.toml", "strategy = \"s.toml\"\n");
    let said = bench.voe(&["fix", PROBLEM, "--base-url", &server.url]);
    assert_eq!(said.code, 0, "{}", said.err);
    // The user's own may have all of them, but for what voe itself sets.
    let own = bench.dir.path().join("own.toml");
    fs::write(&own, "extends = \"baseline\"\n[sampling.extra]\nseed = 7\nmodel = \"other\"\n").unwrap();
    let said = bench.voe(&["fix", PROBLEM, "--base-url", &server.url, "--strategy", own.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    let body: Value = serde_json::from_slice(server.asked().last().unwrap()).unwrap();
    assert_eq!((&body["seed"], &body["model"]), (&json!(7), &json!("m")));
}

#[test]
fn a_provider_from_the_repository_gets_no_key() {
    let bench = Bench::python();
    bench.write("voe.toml", "provider = \"anthropic\"\nmodel = \"m\"\n");
    let mut command = bench.command(support::VOE);
    // Nothing may leave this machine, whatever happens.
    command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("VOE_API_KEY", "sk-of-another-service");
    let said = Said::of(&command.args(["fix", PROBLEM, "--trust-config"]).output().unwrap());
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert!(said.err.contains("provider") && said.err.contains("your API key"), "{}", said.err);
}

// --- questions

/// Runs voe on a pseudo-terminal on which `typed` is entered at once, and a Ctrl-D when the question is there.
fn typed_ahead(bench: &Bench, args: &[&str], typed: &str, question: &str) -> (i32, String) {
    let (code, seen) = terminal::run(bench, args, &Typed { ahead: typed, question, answer: "\u{4}" });
    (code, String::from_utf8_lossy(&seen).into_owned())
}

#[test]
fn what_was_typed_before_a_question_does_not_answer_it() {
    let bench = Bench::python();
    let server = Server::start(32_768, vec![reply("TASK_COMPLETE", &[], 1500)]);
    bench.write("voe.toml", &format!("base_url = \"{}\"\n", server.url));
    let (code, seen) = typed_ahead(&bench, &["fix", PROBLEM], "y\ny\n", "[y/N]");
    assert_eq!(code, 2, "{seen}");
    assert!(server.asked().is_empty());
    bench.write("voe.toml", "");
    let before = bench.read("stats.py");
    let model = bench.script(&[cure(), done()]);
    let args = ["fix", PROBLEM, "--model", &model, "--strategy", "baseline"];
    let (_, seen) = typed_ahead(&bench, &args, "\n\n\n", "[Y/n]");
    assert!(seen.contains("not applied"), "{seen}");
    assert_eq!(bench.read("stats.py"), before);
}

#[test]
fn a_value_that_could_forge_the_question_about_it_is_refused() {
    let bench = Bench::python();
    let forged = format!("{}voe: sets: apply", " ".repeat(400));
    bench.write("voe.toml", &format!("apply = \"yes\"\nmodel = \"{forged}\"\n"));
    let said = bench.voe(&["fix", PROBLEM, "--trust-config"]);
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert!(said.err.contains("model is longer than"), "{}", said.err);
}

// --- the environment

#[test]
fn a_program_in_the_current_directory_is_never_started() {
    let bench = Bench::python();
    let mark = bench.dir.path().join("marked");
    for name in ["git", "python3", "cp", "uv"] {
        bench.write(name, &format!("#!/bin/sh\ntouch {}\n", mark.display()));
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let model = bench.script(&[call("file_view", json!({"path": "stats.py"})), cure(), done()]);
    let fix = ["fix", PROBLEM, "--sandbox", "none", "--strategy", "verify-on-edit", "--model", &model];
    for args in [&["doctor"][..], &fix, &["demo"], &["undo"]] {
        bench.command(support::VOE).args(args).env("PATH", format!(":.:{path}")).output().unwrap();
        assert!(!mark.exists(), "{args:?}");
    }
}

#[test]
fn variables_that_name_no_absolute_path_are_as_if_they_were_not_set() {
    let bench = Bench::python();
    bench.write("voe/config.toml", "apply = \"no\"\nmax_steps = 77\n");
    let config = |name: &str| {
        let mut command = bench.command(support::VOE);
        Said::of(&command.args(["config", "--json"]).env(name, ".").output().unwrap())
    };
    let all: Value = serde_json::from_str(&config("XDG_CONFIG_HOME").out).unwrap();
    assert_ne!(all["max_steps"]["value"], json!(77), "{all}");
}
