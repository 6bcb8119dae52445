//! The user changes the tree while an attempt runs: it is noticed at the next run without the edits, and what was shown then
//! or later counts for nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;
mod support;

use std::sync::Arc;

use serde_json::{Value, json};
use server::{Answer, Server, reply};
use support::{Bench, CHECK, Said};

const OTHER: &str = "python3 -c 'from stats import mean; assert mean([]) == 0; assert mean([2]) == 2'";

fn run(command: &str) -> Answer {
    reply("", &[("bash", json!({"command": command}))], 100)
}

/// An attempt in an overlay, in which the user writes `notes.txt` before the reply with number `at`. `None`, said aloud, where
/// there is no such sandbox.
fn attempt(bench: &Bench, replies: &[Answer], at: usize) -> Option<Said> {
    let notes = bench.path("notes.txt");
    let write = Arc::new(move || std::fs::write(&notes, "mine\n").unwrap());
    let mut replies = replies.to_vec();
    replies[at] = Answer::After(write, Box::new(replies[at].clone()));
    let server = Server::start(32_768, replies);
    let said = bench.voe(&["fix", "p", "--sandbox", "local", "--json", "--base-url", &server.url]);
    if said.code == 2 && said.err.contains("sandbox local") {
        println!("skipped: {}", said.err.trim());
        return None;
    }
    Some(said)
}

fn kinds(said: &Said) -> Vec<(String, Value)> {
    said.events().into_iter().map(|event| (event["event"].as_str().unwrap().to_owned(), event)).collect()
}

#[test]
fn evidence_is_void_from_the_moment_at_which_a_change_is_noticed() {
    let bench = Bench::python();
    let cure = run("sed -i 's/len(xs)$/len(xs) if xs else 0/' stats.py");
    let replies = [cure, run(CHECK), run("true"), run(OTHER), run("true"), reply("TASK_COMPLETE", &[], 100)];
    // After the first check was proven and before the second one runs.
    let Some(said) = attempt(&bench, &replies, 3) else { return };
    assert_eq!(said.code, 0, "{}", said.err);
    let events = kinds(&said);
    let at = events.iter().position(|(kind, _)| kind == "void").expect("nothing was noticed");
    assert_eq!(events[at].1["why"], "the work tree was changed while the attempt ran");
    let checks = |part: &[(String, Value)]| -> Vec<String> {
        let checks = part.iter().filter(|(kind, _)| kind == "check");
        checks.map(|(_, check)| check["level"].as_str().unwrap().to_owned()).collect()
    };
    // What was shown before stands in the record as it was; the second check had only been run with the edits by then.
    assert_eq!(checks(&events[..at]), ["ran", "proven", "ran"]);
    assert!(!checks(&events[at..]).is_empty() && checks(&events[at..]).iter().all(|level| level == "none"));
    let told = said.events_of("result")[4]["text"].as_str().unwrap().to_owned();
    assert!(told.contains("That proves nothing: void: the work tree was changed"), "{told}");
    // No proof can be had any more, so the gate does not ask for one.
    let gates = said.events_of("gate");
    assert!(gates.iter().all(|gate| gate["accepted"] == true), "{gates:?}");
    let finish = said.finish();
    assert_eq!((finish["applied"].as_str(), finish["evidence"]["level"].as_str()), (Some("yes"), Some("none")));
    assert_eq!(finish["evidence"]["void"], "the work tree was changed while the attempt ran");
    let proof = bench.voe(&["proof", finish["trajectory"].as_str().unwrap()]);
    assert!(proof.code == 3 && proof.out.contains("**void**"), "{}", proof.out);
    assert_eq!(bench.read("notes.txt"), "mine\n");
}

#[test]
fn a_change_after_the_last_check_is_noticed_at_the_end() {
    let bench = Bench::python();
    let cure = run("sed -i 's/len(xs)$/len(xs) if xs else 0/' stats.py");
    let replies = [cure, run(CHECK), run("true"), reply("TASK_COMPLETE", &[], 100)];
    let Some(said) = attempt(&bench, &replies, 3) else { return };
    assert_eq!(said.events_of("void").len(), 1, "{}", said.out);
    assert_eq!(said.finish()["evidence"]["level"], "none");
}

#[test]
fn a_look_at_an_unchanged_tree_says_nothing() {
    let bench = Bench::python();
    bench.write("draft.txt", "mine\n");
    let cure = run("sed -i 's/len(xs)$/len(xs) if xs else 0/' stats.py");
    let replies = [cure, run(CHECK), run("true"), reply("TASK_COMPLETE", &[], 100)];
    let notes = bench.path("draft.txt");
    let mut replies = replies.to_vec();
    // The same bytes again, with another time: no change.
    let touch = Arc::new(move || std::fs::write(&notes, "mine\n").unwrap());
    replies[1] = Answer::After(touch, Box::new(replies[1].clone()));
    let server = Server::start(32_768, replies);
    let said = bench.voe(&["fix", "p", "--sandbox", "local", "--json", "--base-url", &server.url]);
    if said.code == 2 {
        println!("skipped: {}", said.err.trim());
        return;
    }
    assert!(said.events_of("void").is_empty(), "{}", said.out);
    assert_eq!(said.finish()["evidence"]["level"], "proven");
}

/// Each sandbox that has a copy of the tree, as far as it works here.
const SANDBOXES: [&str; 2] = ["local", "landlock"];

/// An attempt whose patch is `a command`, while which the user does `meanwhile`. `None`, said aloud, where there is no such
/// sandbox.
fn patched(bench: &Bench, sandbox: &str, command: &str, meanwhile: impl Fn() + Send + Sync + 'static) -> Option<Said> {
    let last = Answer::After(Arc::new(meanwhile), Box::new(reply("TASK_COMPLETE", &[], 100)));
    let server = Server::start(32_768, vec![run(command), last]);
    let args = ["fix", "p", "--sandbox", sandbox, "--json", "--strategy", "baseline", "--base-url", &server.url];
    let said = bench.voe(&args);
    if said.code == 2 && said.err.contains(sandbox) {
        println!("skipped: {}", said.err.trim());
        return None;
    }
    assert_eq!(said.finish()["applied"], "yes", "{} {}", said.out, said.err);
    Some(said)
}

#[test]
fn undo_takes_back_the_patch_and_nothing_that_the_user_did_while_the_attempt_ran() {
    for sandbox in SANDBOXES {
        let bench = Arc::new(Bench::python());
        let before = bench.read("stats.py");
        let user = bench.clone();
        let meanwhile = move || {
            user.write("test_stats.py", "an hour of work\n");
            user.git(&["commit", "-q", "-a", "-m", "meanwhile"]);
            user.git(&["branch", "users-own"]);
            user.write("more.txt", "more work\n");
            user.git(&["init", "-q", "nest"]);
            user.write("nest/file", "n\n");
            user.git(&["-C", "nest", "add", "-A"]);
            user.git(&["-C", "nest", "commit", "-q", "-m", "in there"]);
        };
        let Some(_) = patched(&bench, sandbox, "echo '# changed' >> stats.py; echo x > new.txt", meanwhile) else {
            continue;
        };
        assert!(bench.path("new.txt").exists());
        let git = || {
            ["for-each-ref", "rev-parse HEAD", "-C nest log"]
                .map(|args| bench.git(&args.split(' ').collect::<Vec<_>>()))
        };
        let commits = git();
        let undone = bench.voe(&["undo"]);
        assert_eq!((undone.code, undone.err.as_str()), (0, ""), "{sandbox}");
        assert_eq!(bench.read("stats.py"), before);
        assert!(!bench.path("new.txt").exists());
        assert_eq!(git(), commits, "{sandbox}");
        assert_eq!(bench.read("test_stats.py"), "an hour of work\n");
        assert_eq!((bench.read("more.txt"), bench.read("nest/file")), ("more work\n".into(), "n\n".into()));
    }
}

#[test]
fn undo_leaves_what_the_user_put_into_a_directory_that_the_patch_had_ignored() {
    for sandbox in SANDBOXES {
        let bench = Bench::python();
        std::fs::create_dir(bench.path("data")).unwrap();
        let Some(_) = patched(&bench, sandbox, "echo data/ > .gitignore; echo '# changed' >> stats.py", || {}) else {
            continue;
        };
        let precious = "p".repeat(5_000_000);
        bench.write("data/precious.bin", &precious);
        bench.write("data/small.txt", "small");
        assert_eq!(bench.voe(&["undo"]).code, 0);
        assert!(!bench.path(".gitignore").exists() && !bench.read("stats.py").contains("changed"));
        assert_eq!((bench.read("data/precious.bin") == precious, bench.read("data/small.txt")), (true, "small".into()));
    }
}

/// An attempt that its model leaves after one edit, and that is resumed after the user has worked on. `None`, said aloud, where
/// there is no such sandbox.
fn resumed(bench: &Bench, sandbox: &str) -> Option<()> {
    let model = bench.script(&[support::cure(), json!({"error": {"kind": "server"}})]);
    let said = bench.voe(&["fix", "p", "--sandbox", sandbox, "--json", "--strategy", "baseline", "--model", &model]);
    if said.code == 2 && said.err.contains(sandbox) {
        println!("skipped: {}", said.err.trim());
        return None;
    }
    assert_eq!((said.code, said.finish()["applied"].as_str()), (4, Some("yes")), "{}", said.err);
    bench.write("mine.txt", "mine\n");
    bench.git(&["branch", "users-own"]);
    let record = said.finish()["trajectory"].as_str().unwrap().to_owned();
    let model = bench.script(&[support::bash("echo x > new.txt"), support::done()]);
    let said = bench.voe(&["fix", "--resume", &record, "--sandbox", sandbox, "--json", "--model", &model]);
    assert_eq!((said.code, said.finish()["applied"].as_str()), (0, Some("yes")), "{}", said.err);
    assert!(bench.path("new.txt").exists() && bench.read("stats.py").contains("if xs else 0"));
    Some(())
}

#[test]
fn undo_takes_back_what_a_resumed_attempt_did_as_a_whole() {
    for sandbox in SANDBOXES {
        let bench = Bench::python();
        let before = bench.read("stats.py");
        let Some(()) = resumed(&bench, sandbox) else { continue };
        assert_eq!(bench.voe(&["undo"]).code, 0);
        assert_eq!((bench.read("stats.py"), bench.path("new.txt").exists()), (before, false));
        assert_eq!((bench.read("mine.txt"), bench.git(&["branch"]).contains("users-own")), ("mine\n".into(), true));
    }
}

#[test]
fn undo_of_a_resumed_attempt_in_place_leaves_what_the_user_did_in_between() {
    let bench = Bench::python();
    resumed(&bench, "none").unwrap();
    assert_eq!(bench.voe(&["undo"]).code, 0);
    assert!(!bench.path("new.txt").exists() && bench.read("stats.py").contains("if xs else 0"));
    assert_eq!((bench.read("mine.txt"), bench.git(&["branch"]).contains("users-own")), ("mine\n".into(), true));
}
