//! What a repository and a record can make voe do on the host: nothing that the user did not ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;
mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use server::{Server, reply};
use support::terminal::{self, Typed};
use support::{Bench, Said, bash, cure, done};

const PROBLEM: &str = "mean() of an empty list should be 0";

/// A server that nobody may connect to.
struct Forbidden(TcpListener);

impl Forbidden {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}/v1", self.0.local_addr().unwrap())
    }

    fn was_asked(&self) -> bool {
        self.0.accept().is_ok()
    }
}

fn done_server() -> Server {
    Server::start(32_768, vec![reply("TASK_COMPLETE", &[], 1500)])
}

// --- files of the work tree that the host reads

#[test]
fn notes_of_the_repository_reach_the_model_if_they_are_a_regular_file() {
    let bench = Bench::python();
    bench.write("AGENTS.md", "Use tabs in this project.\n");
    let server = done_server();
    let said = bench.voe(&["fix", PROBLEM, "--base-url", &server.url, "--strategy", "baseline"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(String::from_utf8_lossy(&server.asked()[0]).contains("Use tabs in this project."));
}

#[test]
fn notes_that_are_a_link_a_pipe_or_a_directory_are_left_out_and_said_so() {
    let secret = "sk-of-the-user";
    for kind in ["environ", "key", "inside", "pipe", "directory"] {
        let bench = Bench::python();
        let outside = bench.dir.path().join("home/.ssh");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("id"), secret).unwrap();
        bench.write("README.txt", secret);
        let notes = bench.path("AGENTS.md");
        match kind {
            "environ" => symlink("/proc/self/environ", notes).unwrap(),
            "key" => symlink("../home/.ssh/id", notes).unwrap(),
            "inside" => symlink("README.txt", notes).unwrap(),
            "pipe" => assert!(Command::new("mkfifo").arg(notes).status().unwrap().success()),
            _ => fs::create_dir(notes).unwrap(),
        }
        let server = done_server();
        let mut command = bench.command(support::VOE);
        command.args(["fix", PROBLEM, "--base-url", &server.url, "--strategy", "baseline", "--api-key-env", "KEY"]);
        let said = Said::of(&command.env("KEY", secret).output().unwrap());
        assert_eq!(said.code, 0, "{kind}: {}", said.err);
        assert!(said.err.contains("notes are left out") && said.err.contains("AGENTS.md"), "{kind}: {}", said.err);
        let asked: String = server.asked().iter().map(|body| String::from_utf8_lossy(body).into_owned()).collect();
        assert!(!asked.contains(secret), "{kind}");
        for record in files(&bench.dir.path().join("state/attempts")).iter().filter(|f| f.ends_with("trajectory.jsonl"))
        {
            assert!(!fs::read_to_string(record).unwrap().contains(secret), "{kind}");
        }
    }
}

#[test]
fn a_settings_file_of_the_repository_that_is_a_link_or_a_pipe_is_refused() {
    for kind in ["link", "pipe"] {
        let bench = Bench::python();
        fs::write(bench.dir.path().join("outside.toml"), "max_steps = 1\n").unwrap();
        match kind {
            "link" => symlink("../outside.toml", bench.path("voe.toml")).unwrap(),
            _ => assert!(Command::new("mkfifo").arg(bench.path("voe.toml")).status().unwrap().success()),
        }
        let said = bench.fix(&[done()], &[]);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{kind}: {}", said.err);
        assert!(said.err.contains("voe.toml"), "{}", said.err);
    }
}

#[test]
fn a_strategy_that_the_repository_names_lies_in_it_and_is_no_link() {
    let bench = Bench::python();
    fs::write(bench.dir.path().join("outside.toml"), "extends = \"baseline\"\n").unwrap();
    let absolute = bench.dir.path().join("outside.toml");
    symlink("../outside.toml", bench.path("link.toml")).unwrap();
    symlink("..", bench.path("up")).unwrap();
    bench.write("extends.toml", "extends = \"../outside.toml\"\n");
    bench.write("search.toml", "extends = \"best-of-n\"\n[search]\nstrategies = [\"link.toml\"]\n");
    let names =
        ["../outside.toml", absolute.to_str().unwrap(), "link.toml", "up/outside.toml", "extends.toml", "search.toml"];
    for name in names {
        bench.write("voe.toml", &format!("strategy = \"{name}\"\n"));
        let model = bench.script(&[done()]);
        let said = bench.voe(&["fix", PROBLEM, "--model", &model]);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{name}: {}", said.err);
    }
    bench.write("own/a.toml", "extends = \"../b.toml\"\n");
    bench.write("b.toml", "extends = \"baseline\"\n[limits]\nsteps = 1\n");
    bench.write("voe.toml", "strategy = \"own/a.toml\"\n");
    let model = bench.script(&[bash("ls"), done()]);
    assert_eq!(bench.voe(&["fix", PROBLEM, "--model", &model]).code, 3);
}

// --- records

/// A record that somebody else wrote, beside the repository: it says that it ran without a sandbox, and where it ran is a
/// server of theirs.
fn foreign(bench: &Bench, command: &str, server: &str) -> PathBuf {
    let edit = [bash(command), cure()];
    let replies: Vec<Value> = edit.into_iter().chain([json!({"error": {"kind": "server"}})]).collect();
    let said = bench.fix(&replies, &[]);
    assert_eq!(said.code, 4, "{}", said.err);
    let own = PathBuf::from(said.finish()["trajectory"].as_str().unwrap());
    assert_eq!(bench.voe(&["undo"]).code, 0);
    let dir = bench.dir.path().join("download");
    copy_tree(own.parent().unwrap(), &dir);
    let record = dir.join("trajectory.jsonl");
    tamper(&record, server);
    record
}

/// Lets a record name another server.
fn tamper(record: &Path, server: &str) {
    let text = fs::read_to_string(record).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let mut start: Value = serde_json::from_str(first).unwrap();
    start["sandbox"]["backend"] = "none".into();
    start["model"]["name"] = "m".into();
    start["model"]["provider"] = "openai".into();
    start["model"]["base_url"] = server.into();
    fs::write(record, format!("{start}\n{rest}")).unwrap();
}

#[test]
fn a_record_from_elsewhere_is_shown_and_nothing_else_without_trust() {
    let bench = Bench::python();
    let evil = Forbidden::start();
    let mark = bench.dir.path().join("home/marked");
    let record = foreign(&bench, &format!("touch {}", mark.display()), &evil.url());
    let _ = fs::remove_file(&mark);
    let record = record.to_str().unwrap();
    assert_eq!(bench.voe(&["replay", record]).code, 0);
    for args in [&["replay", record, "--run"][..], &["fix", "--resume", record]] {
        let mut command = bench.command(support::VOE);
        let said = Said::of(&command.args(args).env("VOE_API_KEY", "sk").output().unwrap());
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{args:?}: {}", said.err);
        assert!(said.err.contains("--trust") && said.err.contains(record), "{}", said.err);
    }
    assert!(!mark.exists() && !evil.was_asked());
}

#[test]
fn a_record_from_elsewhere_never_runs_without_a_sandbox() {
    let bench = Bench::python();
    let evil = Forbidden::start();
    let mark = bench.dir.path().join("home/marked");
    let record = foreign(&bench, &format!("touch {}", mark.display()), &evil.url());
    let _ = fs::remove_file(&mark);
    let record = record.to_str().unwrap();
    let model = bench.script(&[done()]);
    for args in [
        &["replay", record, "--run", "--trust", "--sandbox", "none"][..],
        &["fix", "--resume", record, "--trust", "--sandbox", "none", "--model", &model],
    ] {
        let said = bench.voe(args);
        assert_eq!((said.code, said.err.lines().count()), (2, 1), "{args:?}: {}", said.err);
        assert!(said.err.contains("--sandbox none"), "{}", said.err);
        let said = Said::of(
            &bench
                .command(support::VOE)
                .args(args.iter().filter(|arg| !["--sandbox", "none"].contains(arg)))
                .env("VOE_SANDBOX", "none")
                .output()
                .unwrap(),
        );
        assert_eq!(said.code, 2, "{args:?}: {}", said.err);
    }
    assert!(!mark.exists());
}

#[test]
fn a_trusted_record_is_resumed_as_a_copy_of_ones_own_on_the_repository_around() {
    let bench = Bench::python();
    let evil = Forbidden::start();
    let mark = bench.dir.path().join("home/marked");
    let record = foreign(&bench, &format!("touch {}", mark.display()), &evil.url());
    let _ = fs::remove_file(&mark);
    // What came with it could name any directory.
    let about = record.with_file_name("attempt.json");
    let mut places: Value = serde_json::from_slice(&fs::read(&about).unwrap()).unwrap();
    places["repository"] = "/nonexistent".into();
    places["dir"] = bench.dir.path().join("home").to_str().unwrap().into();
    fs::write(&about, places.to_string()).unwrap();
    let before = fs::read(&record).unwrap();
    let model = bench.script(&[bash(support::CHECK), done()]);
    let args = ["fix", "--resume", record.to_str().unwrap(), "--trust", "--json", "--model", &model];
    let said = bench.voe(&args);
    assert_eq!(said.code, 0, "{}", said.err);
    let finish = said.finish();
    assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"));
    assert!(bench.read("stats.py").contains("if xs else 0"));
    let own = Path::new(finish["trajectory"].as_str().unwrap());
    assert!(own.starts_with(bench.dir.path().join("state").canonicalize().unwrap()), "{}", own.display());
    assert_eq!(fs::read(&record).unwrap(), before, "the foreign record stays as it is");
    assert!(!mark.exists() && !evil.was_asked());
    // It has an undo point of its own.
    assert_eq!(bench.voe(&["undo"]).code, 0);
    assert!(!bench.read("stats.py").contains("if xs else 0"));
    // At another base there is nothing to resume it on.
    bench.write("stats.py", "changed\n");
    let said = bench.voe(&args);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("not at the base"), "{}", said.err);
}

#[test]
fn ones_own_record_chooses_neither_the_sandbox_nor_the_server() {
    let bench = Bench::python();
    let evil = Forbidden::start();
    let mark = bench.dir.path().join("home/marked");
    let first = bench.fix(
        &[bash(&format!("touch {}", mark.display())), cure(), json!({"error": {"kind": "server"}})],
        &["--apply", "yes"],
    );
    let record = PathBuf::from(first.finish()["trajectory"].as_str().unwrap());
    fs::remove_file(&mark).unwrap();
    let again = bench.voe(&["replay", record.to_str().unwrap(), "--run", "--json"]);
    assert_ne!(again.events_of("start")[0]["sandbox"]["backend"], "none", "{}", again.err);
    assert!(!mark.exists(), "the record's sandbox was none, the user's is not");
    tamper(&record, &evil.url());
    let mut command = bench.command(support::VOE);
    let said = Said::of(
        &command.args(["fix", "--resume", record.to_str().unwrap()]).env("VOE_API_KEY", "sk").output().unwrap(),
    );
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert!(said.err.contains("--base-url") && said.err.contains(&evil.url()), "{}", said.err);
    assert!(!evil.was_asked());
}

#[test]
fn a_record_is_foreign_where_others_can_write_or_where_voe_did_not_put_it() {
    let bench = Bench::python();
    let out = bench.dir.path().join("kept");
    let first = bench.fix(&[cure(), done()], &["--out", out.to_str().unwrap()]);
    assert_eq!(first.code, 0, "{}", first.err);
    let run = |record: &Path| bench.voe(&["replay", record.to_str().unwrap(), "--run"]).code;
    let record = out.join("trajectory.jsonl");
    assert_eq!(run(&record), 0, "voe was asked to put it there");
    // The same files in a repository that was cloned, or anywhere else.
    copy_tree(&out, &bench.path("records"));
    assert_eq!(run(&bench.path("records/trajectory.jsonl")), 2);
    for (path, mode) in [(&record, 0o666), (&out, 0o777), (&out, 0o775)] {
        let before = fs::metadata(path).unwrap().permissions();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(run(&record), 2, "{} {mode:o}", path.display());
        fs::set_permissions(path, before).unwrap();
    }
    assert_eq!(run(&record), 0);
    // Another file at the same place, as an update of the repository or an archive would bring it.
    let text = fs::read(&record).unwrap();
    fs::write(out.join("other"), &text).unwrap();
    fs::rename(&record, out.join("own")).unwrap();
    fs::rename(out.join("other"), &record).unwrap();
    assert_eq!(run(&record), 2);
    fs::rename(out.join("own"), &record).unwrap();
    assert_eq!(run(&record), 0);
    let link = bench.dir.path().join("link");
    symlink(bench.path("records"), &link).unwrap();
    assert_eq!(run(&link.join("trajectory.jsonl")), 2);
}

// --- settings that a repository asks for

#[test]
fn settings_that_are_the_users_are_refused_without_a_terminal() {
    let evil = Forbidden::start();
    let url = evil.url();
    for (text, keys) in [
        (format!("base_url = \"{url}\"\n"), "base_url"),
        ("provider = \"anthropic\"\n".to_owned(), "provider"),
        ("model = \"scripted:/etc/hostname\"\n".to_owned(), "model"),
        ("apply = \"yes\"\n".to_owned(), "apply"),
        (format!("base_url = \"{url}\"\napply = \"yes\"\nmax_steps = 3\n"), "apply, base_url"),
    ] {
        let bench = Bench::python();
        bench.write("voe.toml", &text);
        for json in [&[][..], &["--json"]] {
            let said = bench.voe(&[&["fix", PROBLEM], json].concat());
            assert_eq!((said.code, said.err.lines().count()), (2, 1), "{text}: {}", said.err);
            for part in ["voe.toml", keys, "--trust-config"] {
                assert!(said.err.contains(part), "{part}: {}", said.err);
            }
        }
    }
    assert!(!evil.was_asked());
}

#[test]
fn the_flag_accepts_them_for_one_command_and_the_users_own_flags_need_no_question() {
    let bench = Bench::python();
    let server = done_server();
    bench.write("voe.toml", &format!("base_url = \"{}\"\nstrategy = \"baseline\"\n", server.url));
    assert_eq!(bench.voe(&["fix", PROBLEM, "--trust-config"]).code, 0);
    assert_eq!(server.asked().len(), 1);
    assert_eq!(bench.voe(&["fix", PROBLEM]).code, 2, "it was for one command");
    let own = done_server();
    assert_eq!(bench.voe(&["fix", PROBLEM, "--base-url", &own.url]).code, 0);
    assert_eq!((own.asked().len(), server.asked().len()), (1, 1));
    // A key is the user's to send, whatever they accepted.
    let mut command = bench.command(support::VOE);
    let said = command.args(["fix", PROBLEM, "--trust-config"]).env("VOE_API_KEY", "sk").output().unwrap();
    assert_eq!(Said::of(&said).code, 2);
}

#[test]
fn on_a_terminal_they_are_asked_once_for_each_repository_and_content() {
    let bench = Bench::python();
    let server = done_server();
    let text = format!("base_url = \"{}\"\nstrategy = \"baseline\"\n", server.url);
    bench.write("voe.toml", &text);
    let fix = ["fix", PROBLEM];
    let (code, seen) = on_terminal(&bench, &fix, "n");
    assert_eq!(code, 2, "{seen}");
    assert!(seen.contains("base_url") && seen.contains(&server.url) && seen.contains("[y/N]"), "{seen}");
    let (code, seen) = on_terminal(&bench, &fix, "");
    assert_eq!(code, 2, "an empty answer is a no: {seen}");
    assert!(server.asked().is_empty());
    let (code, seen) = on_terminal(&bench, &fix, "y");
    assert_eq!(code, 0, "{seen}");
    // Remembered, also where nobody can be asked, and whatever else changes in the file.
    bench.write("voe.toml", &format!("{text}max_steps = 9\n"));
    assert_eq!(bench.voe(&fix).code, 0);
    assert_eq!(bench.voe(&["config"]).code, 0);
    // Another value, or the same in another place, is another question.
    bench.write("voe.toml", &text.replace("/v1", "/v2"));
    assert_eq!(bench.voe(&fix).code, 2);
    bench.write("voe.toml", &format!("{text}apply = \"yes\"\n"));
    assert_eq!(bench.voe(&fix).code, 2);
    bench.write("voe.toml", &text);
    assert_eq!(bench.voe(&fix).code, 0);
    let other = bench.dir.path().join("other");
    copy_tree(&bench.repo(), &other);
    let said = Said::of(&bench.command(support::VOE).current_dir(&other).args(fix).output().unwrap());
    assert_eq!(said.code, 2, "{}", said.err);
}

#[test]
fn what_others_could_have_written_is_not_remembered() {
    let bench = Bench::python();
    let server = done_server();
    bench.write("voe.toml", &format!("base_url = \"{}\"\nstrategy = \"baseline\"\n", server.url));
    assert_eq!(on_terminal(&bench, &["fix", PROBLEM], "y").0, 0);
    let trusted = bench.dir.path().join("state/trusted-config");
    assert_eq!(fs::metadata(&trusted).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&trusted, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(bench.voe(&["fix", PROBLEM]).code, 2);
}

#[test]
fn config_and_doctor_show_what_is_not_in_force() {
    let bench = Bench::python();
    let evil = Forbidden::start();
    bench.write("voe.toml", &format!("base_url = \"{}\"\n", evil.url()));
    let shown = bench.voe(&["config"]);
    assert!(shown.out.contains("Not in effect") && shown.out.contains(&evil.url()), "{}", shown.out);
    let shown = bench.voe(&["config", "--json"]);
    let all: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(
        (&all["base_url"]["value"], all["base_url"]["not_accepted"].as_str()),
        (&Value::Null, Some(&*evil.url()))
    );
    let doctor = bench.voe(&["doctor"]);
    assert!(doctor.out.contains("base_url") && doctor.out.contains("not accepted"), "{}", doctor.out);
    assert!(!evil.was_asked());
}

/// Runs voe on a pseudo-terminal, answers its question, and hands back the exit code and all that was shown.
fn on_terminal(bench: &Bench, args: &[&str], answer: &str) -> (i32, String) {
    let (code, seen) =
        terminal::run(bench, args, &Typed { ahead: "", question: "[y/N]", answer: &format!("{answer}\n") });
    (code, String::from_utf8_lossy(&seen).into_owned())
}

fn copy_tree(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}
