//! What voe writes for itself is for the user alone, and what it writes for the user is as the user's own programs would have
//! made it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use support::{Bench, CHECK, Said, VOE, bash, call, cure, done};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_state_directory_that_others_could_read_is_closed_and_records_are_not_theirs() {
    let bench = Bench::python();
    let state = bench.dir.path().join("state");
    fs::create_dir(&state).unwrap();
    set_mode(&state, 0o755);
    let said = bench.fix(&[cure(), bash(CHECK), done()], &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(mode(&state), 0o700);
    let record = said.finish()["trajectory"].as_str().unwrap().to_owned();
    assert_eq!(mode(Path::new(&record)), 0o600);
}

#[test]
fn an_attempts_directories_are_the_users_alone_to_write_whatever_the_umask() {
    let bench = Bench::python();
    let model = bench.script(&[bash("true"), done(), done()]);
    let command = format!("umask 000; exec {VOE} fix p --sandbox none --json --model {model}");
    let said = Said::of(&bench.command("sh").args(["-c", &command]).output().unwrap());
    let record = said.finish()["trajectory"].as_str().unwrap().to_owned();
    let state = bench.dir.path().join("state").canonicalize().unwrap();
    for path in Path::new(&record).ancestors().take_while(|path| path.starts_with(&state)) {
        assert_eq!(mode(path) & 0o077, 0, "{}", path.display());
    }
}

#[test]
fn a_state_directory_that_others_can_write_is_refused_in_one_line() {
    let bench = Bench::python();
    let state = bench.dir.path().join("state");
    fs::create_dir(&state).unwrap();
    set_mode(&state, 0o777);
    let said = bench.fix(&[cure(), bash(CHECK), done()], &[]);
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("can be written by others") && said.err.contains("chmod go-w"), "{}", said.err);
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    assert!(!bench.read("stats.py").contains("if xs else 0"));
}

#[test]
fn applied_files_have_the_modes_that_the_users_umask_gives() {
    let bench = Bench::python();
    let new = call("file_write", json!({"path": "sub/new.py", "content": "x = 1\n"}));
    let script = bash("printf '#!/bin/sh\\n' > run.sh; chmod 755 run.sh");
    let model = bench.script(&[new, script, cure(), bash(CHECK), done()]);
    let command = format!(
        "umask 022; exec {VOE} fix p --sandbox local --apply yes --json --strategy verify-on-edit --model {model}"
    );
    let said = Said::of(&bench.command("sh").args(["-c", &command]).output().unwrap());
    if said.code == 2 && said.err.contains("sandbox local") {
        println!("skipped: {}", said.err.trim());
        return;
    }
    assert_eq!(said.finish()["applied"], "yes", "{}", said.err);
    for (path, wanted) in [("stats.py", 0o644), ("sub/new.py", 0o644), ("sub", 0o755), ("run.sh", 0o755)] {
        assert_eq!(mode(&bench.path(path)), wanted, "{path}");
    }
}

#[test]
fn commands_have_the_users_umask() {
    let bench = Bench::python();
    let model = bench.script(&[bash("umask; touch made; stat -c %a made"), done(), done()]);
    for sandbox in ["none", "local"] {
        let command = format!("umask 027; exec {VOE} fix p --sandbox {sandbox} --json --model {model}");
        let said = Said::of(&bench.command("sh").args(["-c", &command]).output().unwrap());
        if said.code == 2 && said.err.contains("sandbox local") {
            println!("skipped: {}", said.err.trim());
            continue;
        }
        let text = said.events_of("result")[0]["text"].as_str().unwrap().to_owned();
        assert!(text.contains("0027") && text.contains("640"), "{text}");
    }
}

#[test]
fn a_repository_called_like_a_sandbox_keeps_its_records() {
    let bench = Bench::python();
    let repo = bench.dir.path().join("sandbox-1-2-x");
    fs::rename(bench.repo(), &repo).unwrap();
    let fix = || {
        let model = bench.script(&[bash("true"), done(), done()]);
        let mut command = bench.command(VOE);
        command.current_dir(&repo).args(["fix", "p", "--sandbox", "none", "--json", "--model", &model]);
        let said = Said::of(&command.output().unwrap());
        said.finish()["trajectory"].as_str().unwrap().to_owned()
    };
    let first = fix();
    let second = fix();
    assert_ne!(first, second);
    assert!(Path::new(&first).exists(), "the record of the first attempt is gone");
}

#[test]
fn an_attempt_is_not_written_where_others_can_read_it() {
    let bench = Bench::python();
    let out = bench.dir.path().join("out");
    fs::create_dir(&out).unwrap();
    set_mode(&out, 0o755);
    fs::write(out.join("other"), "").unwrap();
    let fix = || bench.fix(&[bash("true"), done(), done()], &["--out", out.to_str().unwrap()]);
    let said = fix();
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(said.err.contains("can be read by others"), "{}", said.err);
    assert_eq!(mode(&out), 0o755, "it is the user's");
    fs::remove_file(out.join("other")).unwrap();
    assert_eq!(fix().code, 0);
    assert_eq!(mode(&out), 0o700);
}

#[test]
fn a_run_directory_and_the_cache_are_closed_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let model =
        "[[script]]\napply = \"gold\"\nreply = [{ content = \"TASK_COMPLETE\" }, { content = \"TASK_COMPLETE\" }]\n";
    fs::write(dir.path().join("gold.toml"), model).unwrap();
    for name in ["cache", "old"] {
        fs::create_dir(dir.path().join(name)).unwrap();
        set_mode(&dir.path().join(name), 0o755);
    }
    for out in ["new", "old"] {
        let said = Command::new(VOE)
            .args(["bench", "run", "--suite", "mini", "--ids", "mini__rotate-1", "--strategy", "baseline"])
            .args(["--sandbox", "none", "--allow-readable-solutions", "--model", "scripted:gold.toml", "--out", out])
            .current_dir(dir.path())
            .env("HOME", dir.path())
            .env("VOE_STATE_DIR", dir.path().join("state"))
            .env("VOE_CACHE_DIR", dir.path().join("cache"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = Said::of(&said);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert_eq!(mode(&dir.path().join(out)), 0o700);
    }
    assert_eq!(mode(&dir.path().join("cache")), 0o700);
}

#[test]
fn voe_leaves_no_core_file_with_keys_in_it() {
    let bench = Bench::python();
    let model = bench.script(&[bash("touch begun; while [ -e begun ]; do sleep 0.05; done"), done(), done()]);
    let command = format!("ulimit -S -c \"$(ulimit -H -c)\"; exec {VOE} fix p --sandbox none --json --model {model}");
    let mut child = bench.command("sh").args(["-c", &command]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // By the time of the first line, `sh` has become voe.
    assert!(lines.next().unwrap().is_ok());
    let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    while !bench.path("begun").exists() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    let _ = fs::remove_file(bench.path("begun"));
    lines.for_each(drop);
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
}
