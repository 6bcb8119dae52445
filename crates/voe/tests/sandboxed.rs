//! The user's tree while an attempt runs in a sandbox with an overlay, and what comes back from it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::process::{Child, Stdio};

use serde_json::{Value, json};
use support::{Bench, CHECK, Said, bash, call, cure, done};

/// `voe fix --json` in the local sandbox; `None`, said aloud, where it does not work.
fn fix(bench: &Bench, replies: &[Value], more: &[&str]) -> Option<Said> {
    let model = bench.script(replies);
    let mut args = vec!["fix", "p", "--sandbox", "local", "--json", "--strategy", "verify-on-edit", "--model", &model];
    args.extend(more);
    let said = bench.voe(&args);
    if said.code == 2 && said.err.contains("sandbox local") {
        println!("skipped: {}", said.err.trim());
        return None;
    }
    Some(said)
}

#[test]
fn the_tree_changes_only_when_the_attempt_has_ended() {
    let bench = Bench::python();
    let before = bench.read("stats.py");
    let wait = bash("for i in $(seq 100); do [ -e go ] && exit 0; sleep 0.1; done; exit 1");
    let model = bench.script(&[cure(), bash(CHECK), wait, done()]);
    let mut child: Child = bench
        .command(support::VOE)
        .args(["fix", "p", "--sandbox", "local", "--json", "--strategy", "verify-on-edit", "--model", &model])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let waiting = lines.by_ref().map_while(Result::ok).any(|line| line.contains("\"step\":3"));
    if !waiting {
        println!("skipped: the sandbox `local` does not work here");
        child.wait().unwrap();
        return;
    }
    assert_eq!(bench.read("stats.py"), before, "the edit reached the tree while the attempt ran");
    let last = lines.map_while(Result::ok).last().unwrap();
    child.wait().unwrap();
    assert!(last.contains("\"applied\":\"yes\""), "{last}");
    assert!(bench.read("stats.py").contains("if xs else 0"));
}

#[test]
fn a_change_of_the_users_meanwhile_is_merged_and_makes_the_evidence_void() {
    let bench = Bench::new(&[("a.py", "def f():\n    return 1\n\n\n\n\n\n\ndef g():\n    return 1\n")]);
    let tree = bench.repo();
    let edit = bash("sed -i '2s/1/2/' a.py");
    let model = bench.script(&[edit, bash("python3 -c 'import a; assert a.f() == 2'"), bash("sleep 3"), done()]);
    let child = bench
        .command(support::VOE)
        .args(["fix", "p", "--sandbox", "local", "--json", "--strategy", "verify-on-edit", "--model", &model])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let record = bench.dir.path().join("state");
    for _ in 0..600 {
        let begun = std::process::Command::new("grep")
            .args(["-rqs", "\"step\":2", "--include=trajectory.jsonl"])
            .arg(&record)
            .status();
        if begun.unwrap().success() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let text = std::fs::read_to_string(tree.join("a.py")).unwrap();
    std::fs::write(tree.join("a.py"), text.replace("def g():\n    return 1", "def g():\n    return 7")).unwrap();
    let said = Said::of(&child.wait_with_output().unwrap());
    if said.code == 2 {
        println!("skipped: {}", said.err.trim());
        return;
    }
    let finish = said.finish();
    assert_eq!(
        (finish["applied"].as_str(), finish["evidence"]["level"].as_str()),
        (Some("yes"), Some("none")),
        "{finish}"
    );
    let text = bench.read("a.py");
    assert!(text.contains("return 2") && text.contains("return 7"), "{text}");
}

#[test]
fn a_conflict_with_the_user_leaves_the_tree_alone_and_the_patch_in_a_file() {
    let bench = Bench::python();
    let model = bench.script(&[cure(), bash("sleep 3"), done()]);
    let child = bench
        .command(support::VOE)
        .args([
            "fix",
            "p",
            "--sandbox",
            "local",
            "--json",
            "--strategy",
            "baseline",
            "--model",
            &model,
            "--out",
            "../record",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..600 {
        if std::fs::read_to_string(bench.path("../record/trajectory.jsonl"))
            .is_ok_and(|t| t.contains("\"event\":\"patch\""))
        {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    bench.write("stats.py", "def mean(xs):\n    return 42\n");
    let said = Said::of(&child.wait_with_output().unwrap());
    if said.code == 2 {
        println!("skipped: {}", said.err.trim());
        return;
    }
    assert_eq!(said.finish()["applied"], "conflict", "{}", said.out);
    assert_eq!(bench.read("stats.py"), "def mean(xs):\n    return 42\n");
    assert!(std::fs::read_to_string(bench.path("../record/patch.diff")).unwrap().contains("if xs else 0"));
}

#[test]
fn a_patch_with_a_link_that_leads_out_is_saved_and_never_applied() {
    let bench = Bench::python();
    let Some(said) = fix(&bench, &[bash("ln -s /etc/passwd leak; ln -s ../../x up"), done()], &[]) else { return };
    let finish = said.finish();
    assert_eq!(finish["applied"], "no");
    assert!(finish["patch"].as_str().unwrap().contains("120000"), "{finish}");
    assert!(std::fs::symlink_metadata(bench.path("leak")).is_err());
}

#[test]
fn what_the_model_does_to_dot_git_does_not_come_back() {
    let bench = Bench::python();
    let all = || {
        let list =
            bench.command("find").args([".git", "-type", "f", "-exec", "sha256sum", "{}", "+"]).output().unwrap();
        let mut lines: Vec<_> = String::from_utf8(list.stdout).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let before = all();
    let evil = bash(
        "printf '#!/bin/sh\\ntouch /tmp/pwned\\n' > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout; \
         git config core.hooksPath /tmp; git -c user.name=m -c user.email=m@m commit -qam mine; git stash; git checkout -qb other; git tag evil",
    );
    let Some(said) = fix(&bench, &[cure(), evil, done()], &[]) else { return };
    let finish = said.finish();
    assert_eq!(finish["applied"], "yes", "{finish}");
    assert!(bench.read("stats.py").contains("if xs else 0"));
    assert_eq!(all(), before);
}

#[test]
fn apply_no_leaves_the_tree_alone() {
    let bench = Bench::python();
    let files = bench.files();
    let Some(said) = fix(&bench, &[cure(), done()], &["--apply", "no"]) else { return };
    assert_eq!(said.finish()["applied"], "no");
    assert_eq!(bench.files(), files);
}

#[test]
fn commands_see_no_key_no_home_and_no_network() {
    let bench = Bench::python();
    let look = bash(
        "env; ls -A ~ /root 2>&1; (exec 3<>/dev/tcp/127.0.0.1/8080) 2>&1; (exec 3<>/dev/tcp/1.1.1.1/53) 2>&1; cat /proc/net/route; true",
    );
    std::fs::write(bench.dir.path().join("home/.netrc"), "machine x password hunter2\n").unwrap();
    let model = bench.script(&[look, bash("cat \"$REAL_HOME/.netrc\" 2>&1; true"), done()]);
    let mut command = bench.command(support::VOE);
    command.args(["fix", "p", "--sandbox", "local", "--json", "--strategy", "baseline", "--model", &model]);
    command.env("OPENAI_API_KEY", "sk-hidden").env("VOE_API_KEY", "sk-hidden").env("AWS_SECRET_ACCESS_KEY", "hunter3");
    let said = Said::of(&command.output().unwrap());
    if said.code == 2 {
        println!("skipped: {}", said.err.trim());
        return;
    }
    assert_eq!(said.code, 0, "{}", said.err);
    for secret in ["sk-hidden", "hunter2", "hunter3"] {
        assert!(!said.out.contains(secret), "{secret} was seen: {}", said.out);
    }
}

#[test]
fn a_repository_in_a_home_directory_works_and_ignored_files_are_there() {
    let bench = Bench::new(&[(".gitignore", "build/\n"), ("run.sh", "cat build/product\n")]);
    bench.write("build/product", "built\n");
    let home = bench.dir.path().join("home/repo");
    std::fs::rename(bench.repo(), &home).unwrap();
    let model = bench.script(&[
        bash("bash run.sh && echo changed >> build/product && bash run.sh"),
        call("file_write", json!({"path": "x.txt", "content": "x\n"})),
        done(),
    ]);
    let mut command = bench.command(support::VOE);
    command.current_dir(&home).args([
        "fix",
        "p",
        "--sandbox",
        "local",
        "--json",
        "--strategy",
        "baseline",
        "--model",
        &model,
    ]);
    let said = Said::of(&command.output().unwrap());
    if said.code == 2 {
        println!("skipped: {}", said.err.trim());
        return;
    }
    assert!(said.events_of("result")[0]["text"].as_str().unwrap().contains("built\nbuilt\nchanged"), "{}", said.out);
    assert_eq!(said.finish()["applied"], "yes");
    assert_eq!(std::fs::read_to_string(home.join("x.txt")).unwrap(), "x\n");
    assert_eq!(std::fs::read_to_string(home.join("build/product")).unwrap(), "built\n", "an ignored file came back");
}

#[test]
fn the_limit_on_memory_is_the_users_to_set_and_is_told_to_the_model() {
    let bench = Bench::python();
    let eat = bash("python3 -c 'x = b\"x\" * (700 << 20); import time; time.sleep(5)'");
    let model = bench.script(&[eat, bash("echo on"), done()]);
    let mut command = bench.command(support::VOE);
    command.args(["fix", "p", "--sandbox", "local", "--json", "--strategy", "baseline", "--model", &model]);
    let said = Said::of(&command.env("VOE_MEMORY", "256MiB").output().unwrap());
    if said.code == 2 {
        println!("skipped: {}", said.err.trim());
        return;
    }
    let results = said.events_of("result");
    assert_ne!(results[0]["exit"], 0, "{}", results[0]);
    let text = results[0]["text"].as_str().unwrap();
    // Where there is no control group, a single process is refused the memory instead of being ended.
    assert!(text.contains("memory limit 256 MiB") || text.contains("MemoryError"), "{text}");
    assert!(results[1]["text"].as_str().unwrap().contains("on"));
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn a_path_with_spaces_and_newlines_is_a_path_like_any_other() {
    for sandbox in ["none", "local"] {
        let bench = Bench::new(&[("a b\nc.py", "X = 1\n")]);
        let repo = bench.dir.path().join("my repo\nof two lines");
        std::fs::rename(bench.repo(), &repo).unwrap();
        let voe =
            |args: &[&str]| Said::of(&bench.command(support::VOE).current_dir(&repo).args(args).output().unwrap());
        let edit = call("file_edit", json!({"path": "a b\nc.py", "old_string": "X = 1", "new_string": "X = 2"}));
        let check = "python3 -c 'exec(open(\"a b\\nc.py\").read()); assert X == 2'";
        let new = call("file_write", json!({"path": "new\nfile", "content": "x\n"}));
        let model = bench.script(&[edit, new, bash(check), bash("true"), done()]);
        let said = voe(&["fix", "p", "--sandbox", sandbox, "--json", "--model", &model]);
        if said.code == 2 {
            println!("skipped: {}", said.err.trim());
            continue;
        }
        let finish = said.finish();
        assert_eq!((said.code, finish["applied"].as_str()), (0, Some("yes")), "{sandbox}: {finish} {}", said.err);
        assert_eq!(finish["evidence"]["level"], "proven", "{sandbox}: {finish}");
        assert_eq!(std::fs::read_to_string(repo.join("a b\nc.py")).unwrap(), "X = 2\n");
        assert_eq!(std::fs::read_to_string(repo.join("new\nfile")).unwrap(), "x\n");
        let undone = voe(&["undo"]);
        assert_eq!(undone.code, 0, "{sandbox}: {}", undone.err);
        assert_eq!(std::fs::read_to_string(repo.join("a b\nc.py")).unwrap(), "X = 1\n");
        assert!(!repo.join("new\nfile").exists());
    }
}

#[test]
fn a_replay_in_the_sandbox_gives_the_same_patch() {
    let bench = Bench::python();
    let Some(said) = fix(&bench, &[cure(), bash(CHECK), done()], &[]) else { return };
    let first = said.finish();
    assert_eq!(first["evidence"]["level"], "proven");
    let again = bench.voe(&["replay", first["trajectory"].as_str().unwrap(), "--run", "--json"]);
    assert_eq!((again.code, &again.finish()["patch"]), (0, &first["patch"]), "{}", again.err);
    let proof = bench.voe(&["proof", first["trajectory"].as_str().unwrap()]);
    assert!(proof.code == 0 && proof.out.contains("exit code 1") && proof.out.contains("exit code 0"), "{}", proof.out);
}
