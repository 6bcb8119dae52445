//! `voe fix` from end to end, with a scripted model and real tools in a real repository.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::{Value, json};
use support::{Bench, CHECK, bash, call, cure, done, text};

#[test]
fn an_edit_with_a_check_ends_as_a_patch_that_applies_to_the_base() {
    let bench = Bench::python();
    let said = bench.fix(&[cure(), bash(CHECK), done()], &[]);
    let finish = said.finish();
    assert_eq!((said.code, finish["reason"].as_str(), finish["steps"].as_u64()), (0, Some("completed"), Some(3)));
    assert_eq!(finish["applied"], "yes");
    assert_eq!(finish["changes"][0]["path"], "stats.py");
    assert!(
        finish["evidence"]["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|c| c["command"] == CHECK && c["with"]["exit"] == 0)
    );
    let fresh = bench.dir.path().join("fresh");
    bench.git(&["worktree", "add", "-q", fresh.to_str().unwrap(), "HEAD"]);
    std::fs::write(bench.dir.path().join("p.diff"), finish["patch"].as_str().unwrap()).unwrap();
    bench.git(&["-C", fresh.to_str().unwrap(), "apply", "../p.diff"]);
    assert_eq!(std::fs::read_to_string(fresh.join("stats.py")).unwrap(), bench.read("stats.py"));
}

#[test]
fn the_nudge_follows_an_edit_by_sed_as_well_as_one_by_file_edit() {
    for edit in [cure(), bash("sed -i 's/len(xs)$/len(xs) if xs else 0/' stats.py")] {
        let bench = Bench::python();
        let said = bench.fix(&[edit, bash(CHECK), done()], &["--strategy", "verify-on-edit"]);
        let nudges = said.events_of("nudge");
        assert_eq!(nudges.len(), 1, "{}", said.out);
        let result = &said.events_of("result")[0];
        assert!(result["text"].as_str().unwrap().contains("[voe] stats.py changed."), "{result}");
        assert_eq!(result["changes"][0]["added"], 1);
    }
}

#[test]
fn nudges_can_be_kept_to_file_edit_and_put_into_a_user_message_as_published() {
    let bench = Bench::python();
    bench.write(
        "../published.toml",
        "extends = \"verify-on-edit\"\n[nudge]\non = \"file_edit\"\nplacement = \"user\"\n",
    );
    let sed = bash("sed -i 's/len(xs)$/len(xs) if xs else 0/' stats.py");
    let other = call(
        "file_edit",
        json!({"path": "stats.py", "old_string": "def mean(xs)", "new_string": "def mean(xs, default=0)"}),
    );
    let said = bench.fix(&[sed, other, done()], &["--strategy", "../published.toml"]);
    assert_eq!(said.events_of("nudge").len(), 1);
    let user: Vec<_> = said.events_of("message").into_iter().filter(|m| m["origin"] == "nudge").collect();
    assert_eq!(user.len(), 1);
    assert_eq!((user[0]["step"].as_u64(), user[0]["message"]["role"].as_str()), (Some(2), Some("user")));
}

#[test]
fn the_users_uncommitted_work_is_part_of_the_base_and_not_of_the_patch() {
    let bench = Bench::python();
    bench.write("stats.py", "# my note\ndef mean(xs):\n    return sum(xs) / len(xs)\n");
    bench.write("draft.txt", "mine\n");
    let said = bench.fix(&[cure(), bash("echo more >> draft.txt"), done()], &[]);
    let patch = said.finish()["patch"].as_str().unwrap().to_owned();
    assert!(!patch.contains("+# my note") && patch.contains("+more") && !patch.contains("+mine"), "{patch}");
    assert_eq!(bench.voe(&["undo"]).code, 0);
    assert_eq!(bench.read("draft.txt"), "mine\n");
    assert!(bench.read("stats.py").starts_with("# my note"));
}

#[test]
fn what_a_test_run_leaves_behind_is_neither_an_edit_nor_part_of_the_patch() {
    let bench = Bench::python();
    let run = bash(
        "python3 -m unittest -q; mkdir -p __pycache__ .pytest_cache; echo x > __pycache__/a.pyc; echo x > .pytest_cache/v",
    );
    let said = bench.fix(&[cure(), run, done()], &[]);
    let finish = said.finish();
    assert!(!finish["patch"].as_str().unwrap().contains("pycache"));
    assert_eq!(finish["changes"].as_array().unwrap().len(), 1);
    assert!(finish["byproducts"].to_string().contains("__pycache__"), "{}", finish["byproducts"]);
}

#[test]
fn one_operator_changed_within_a_second_of_an_import_is_seen_and_not_shadowed() {
    let bench = Bench::new(&[("op.py", "def f(a, b):\n    return a + b\n")]);
    let both = "python3 -c 'import op; assert op.f(2, 2) == 4'; sed -i 's/a + b/a - b/' op.py; python3 -c 'import op; assert op.f(2, 2) == 0'";
    let said = bench.fix(&[bash(both), done()], &[]);
    let result = &said.events_of("result")[0];
    assert_eq!(result["exit"], 0, "{result}");
    assert_eq!(result["changes"][0]["path"], "op.py");
}

#[test]
fn three_replies_in_a_row_without_call_or_marker_end_the_attempt_as_stuck() {
    let bench = Bench::python();
    let said = bench.fix(&[text("Hm."), text("Let me think."), text("Well.")], &[]);
    assert_eq!((said.code, said.finish()["reason"].as_str()), (3, Some("stuck")));
}

#[test]
fn the_same_failing_call_over_and_over_is_nudged_once_and_then_ends_the_attempt() {
    let bench = Bench::python();
    let edit = call("file_edit", json!({"path": "stats.py", "old_string": "not there", "new_string": "x"}));
    let said = bench.fix(&vec![edit; 10], &[]);
    assert_eq!((said.code, said.finish()["reason"].as_str()), (3, Some("stuck")));
    assert_eq!(said.finish()["steps"], 6);
    assert_eq!(said.events_of("nudge").iter().filter(|n| n["kind"] == "stuck").count(), 1);
}

#[test]
fn a_limit_on_steps_ends_the_attempt_and_the_patch_is_still_there() {
    let bench = Bench::python();
    let said = bench.fix(&[cure(), bash(CHECK), done()], &["--max-steps", "1"]);
    let finish = said.finish();
    assert_eq!((said.code, finish["reason"].as_str()), (3, Some("max_steps")));
    assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"));
}

#[test]
fn a_server_that_fails_for_good_ends_with_code_4_and_the_patch() {
    let bench = Bench::python();
    let said = bench.fix(&[cure(), json!({"error": {"kind": "server"}})], &[]);
    let finish = said.finish();
    assert_eq!((said.code, finish["reason"].as_str()), (4, Some("model_error")));
    assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"));
    assert!(finish["error"].as_str().unwrap().contains("server failed"));
}

#[test]
fn the_users_own_check_is_told_run_at_the_end_and_reported() {
    let bench = Bench::python();
    let said = bench.fix(&[cure(), done()], &["--check", CHECK]);
    let task = said.events_of("message").into_iter().find(|m| m["origin"] == "task").unwrap();
    assert!(task["message"]["content"].as_str().unwrap().contains(CHECK));
    assert_eq!(said.finish()["check"]["with"]["exit"], 0);
}

#[test]
fn a_task_that_is_not_in_a_git_repository_is_a_usage_error_that_says_what_to_do() {
    let bench = Bench::python();
    std::fs::remove_dir_all(bench.path(".git")).unwrap();
    let said = bench.fix(&[done()], &[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("not in a git repository") && said.err.contains("git init"), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1);
}

#[test]
fn unknown_strategies_and_empty_problems_are_usage_errors() {
    let bench = Bench::python();
    let said = bench.fix(&[done()], &["--strategy", "nope"]);
    assert!(said.code == 2 && said.err.contains("verify-on-edit"), "{}", said.err);
    let said = bench.voe(&["fix", "  ", "--sandbox", "none", "--model", "scripted:x.json"]);
    assert!(said.code == 2 && said.err.contains("the problem is empty"), "{}", said.err);
}

#[test]
fn wishes_that_make_no_sense_are_told_before_anything_is_asked_of_a_server() {
    let bench = Bench::python();
    for (flag, value) in [("--apply", "maybe"), ("--sandbox", "wat"), ("--network", "perhaps"), ("--max-wall", "soon")]
    {
        let said = bench.voe(&["fix", "p", "--base-url", "http://127.0.0.1:9/v1", flag, value]);
        assert_eq!(said.code, 2, "{flag}: {}", said.err);
        assert!(said.err.starts_with(&format!("error: invalid value '{value}' for '{flag} ")), "{flag}: {}", said.err);
    }
}

#[test]
fn an_attempt_that_does_not_begin_leaves_the_undo_of_the_one_before() {
    let bench = Bench::python();
    let before = bench.read("stats.py");
    assert_eq!(bench.fix(&[cure(), done()], &[]).code, 0);
    let model = bench.script(&[done()]);
    let mut command = bench.command(support::VOE);
    command.args(["fix", "p", "--sandbox", "docker", "--image", "x", "--model", &model]);
    let said = support::Said::of(&command.env("DOCKER_HOST", "unix:///nowhere.sock").output().unwrap());
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    assert_eq!(bench.voe(&["undo"]).code, 0);
    assert_eq!(bench.read("stats.py"), before);
}

#[test]
fn a_record_that_is_not_there_is_told_once() {
    let bench = Bench::python();
    for command in ["replay", "proof"] {
        let said = bench.voe(&[command, "nope"]);
        assert_eq!((said.code, said.err.matches("No such file").count()), (2, 1), "{}", said.err);
    }
}

#[test]
fn a_replay_shows_the_record_and_a_replay_run_gives_the_same_patch() {
    let bench = Bench::python();
    let first = bench.fix(&[cure(), bash(CHECK), done()], &[]).finish();
    let record = first["trajectory"].as_str().unwrap();
    let shown = bench.voe(&["replay", record]);
    assert_eq!(shown.code, 0);
    assert!(shown.out.contains("── step 1") && shown.out.contains("completed"), "{}", shown.out);
    let again = bench.voe(&["replay", record, "--run", "--json"]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(again.finish()["patch"], first["patch"]);
    // The repository itself is not touched by a second run.
    assert!(bench.read("stats.py").contains("if xs else 0"));
}

#[test]
fn undo_puts_everything_back_byte_for_byte() {
    let bench = Bench::python();
    bench.write(".gitignore", "*.log\n");
    bench.write("keep.log", "ignored\n");
    bench.write("notes.txt", "untracked\n");
    bench.write("stats.py", "def mean(xs):\n    return sum(xs) / len(xs)  # dirty\n");
    bench.git(&["add", "stats.py"]);
    let (files, index) = (bench.files(), std::fs::read(bench.path(".git/index")).unwrap());
    let replies = [
        bash(
            "sed -i 's/# dirty/# changed/' stats.py; rm notes.txt; echo new > new.txt; mkdir d; echo x > d/y; git add -A; chmod +x test_stats.py",
        ),
        done(),
    ];
    assert_eq!(bench.fix(&replies, &[]).code, 0);
    assert_ne!(bench.files(), files);
    let undone = bench.voe(&["undo"]);
    assert_eq!(undone.code, 0, "{}", undone.err);
    assert_eq!(bench.files(), files);
    assert_eq!(std::fs::read(bench.path(".git/index")).unwrap(), index);
}

#[test]
fn undo_refuses_over_later_changes_of_the_user_without_force() {
    let bench = Bench::python();
    bench.fix(&[cure(), done()], &[]);
    bench.write("stats.py", "mine now\n");
    let refused = bench.voe(&["undo"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("stats.py") && refused.err.contains("--force"), "{}", refused.err);
    assert_eq!(bench.read("stats.py"), "mine now\n");
    assert_eq!(bench.voe(&["undo", "--force"]).code, 0);
    assert_eq!(bench.read("stats.py"), "def mean(xs):\n    return sum(xs) / len(xs)\n");
}

#[test]
fn a_killed_attempt_is_gone_on_with_from_its_record() {
    let bench = Bench::python();
    let model = bench.script(&[cure(), json!({"error": {"kind": "server"}})]);
    let first = bench.voe(&["fix", "p", "--sandbox", "none", "--json", "--model", &model]);
    assert_eq!(first.code, 4);
    let record = first.finish()["trajectory"].as_str().unwrap().to_owned();
    let model = bench.script(&[bash(CHECK), done()]);
    let elsewhere = bench.voe(&["fix", "--resume", &record, "--json", "--model", &model]);
    assert_eq!(elsewhere.code, 2, "its changes are in the tree, where a sandbox would take them for the base");
    assert!(elsewhere.err.contains("voe undo") && elsewhere.err.contains("--sandbox none"), "{}", elsewhere.err);
    let second = bench.voe(&["fix", "--resume", &record, "--json", "--model", &model, "--sandbox", "none"]);
    let finish = second.finish();
    assert_eq!((second.code, finish["steps"].as_u64()), (0, Some(3)), "{}", second.err);
    assert!(finish["patch"].as_str().unwrap().contains("if xs else 0"));
}

#[test]
fn a_check_whose_script_is_gone_after_a_resume_runs_from_its_copy_or_proves_nothing() {
    let bench = Bench::python();
    let script = "printf 'from stats import mean\\nassert mean([]) == 0\\n' > /tmp/verify.py";
    let check = "PYTHONPATH=. python3 /tmp/verify.py";
    let fix = |args: &[&str], replies: &[Value]| {
        let model = bench.script(replies);
        bench.voe(&[&["fix", "--sandbox", "local", "--apply", "no", "--json", "--model", &model], args].concat())
    };
    let first = fix(&["p"], &[cure(), bash(script), bash(check), done()]);
    if first.code == 2 {
        println!("skipped: {}", first.err);
        return;
    }
    assert_eq!(first.finish()["evidence"]["level"], "proven", "{}", first.out);
    // As if voe had been killed before the run without the edits ended.
    let record = first.finish()["trajectory"].as_str().unwrap().to_owned();
    let text = std::fs::read_to_string(&record).unwrap();
    let ran = text.lines().position(|line| line.contains("\"event\":\"check\"") && line.contains("\"ran\"")).unwrap();
    let until: String = text.lines().take(ran + 1).map(|line| format!("{line}\n")).collect();
    std::fs::write(&record, &until).unwrap();
    let second = fix(&["--resume", &record], &[done(), done(), done(), done()]);
    assert_eq!(second.finish()["evidence"]["level"], "proven", "{}\n{}", second.out, second.err);
    // A record of an earlier voe has no copies.
    let copies = |line: &&str| !line.contains("\"event\":\"check_files\"");
    let without: String = until.lines().filter(copies).map(|line| format!("{line}\n")).collect();
    assert_ne!(without, until);
    std::fs::write(&record, without).unwrap();
    let third = fix(&["--resume", &record], &[done(), done(), done(), done()]);
    let checks = third.finish()["evidence"]["checks"].to_string();
    assert!(checks.contains("/tmp/verify.py") && !checks.contains("\"proven\""), "{}\n{}", third.out, third.err);
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_changes_no_outcome() {
    let bench = Bench::python();
    let unread = |args: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = bench.command(support::VOE).args(args).stdout(writer).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for args in [
        &["strategies"][..],
        &["config"],
        &["bench", "tasks", "mini"],
        &["power", "--baseline", "0.3", "--gain", "0.04"],
    ] {
        let (code, said) = unread(args);
        assert_eq!((code, said.as_str()), (Some(0), ""), "{args:?}");
    }
    let model = bench.script(&[cure(), bash(CHECK), done()]);
    let (code, said) = unread(&["fix", "p", "--sandbox", "none", "--max-steps", "1", "--model", &model]);
    assert_eq!(code, Some(3), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(bench.read("stats.py").contains("if xs else 0"), "the edit of the one step stays");
}
