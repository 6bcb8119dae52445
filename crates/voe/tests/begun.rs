//! Runs that are resumed and graded by their directory alone: the place of their tasks is the one they were started with. On a
//! task like an official one, and on the suite that ships, with scripted models.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/official.rs"]
mod official;
#[path = "support/server.rs"]
mod server;
mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use official::World;
use serde_json::{Value, json};
use server::{Server, reply};
use support::{Said, with_text};

/// Replies that solve the task, if `python` is the environment's.
const SOLVES: &str = "[[script]]\napply = \"gold\"\nreply = [{ content = \"Look.\", tool_calls = [{ name = \"bash\", \
                      arguments = { command = \"command -v python\" } }] }, { content = \"TASK_COMPLETE\" }]\n";
const RUN: &str = "runs/one";
const ATTEMPTS: &str = "runs/one/tasks/acme__stats-1";

fn world(tasks: usize) -> World {
    let world = World::new();
    world.write(&vec!["true"; tasks], &[]);
    fs::write(world.at("suites/script.toml"), SOLVES).unwrap();
    world
}

/// Begins a run natively. `None` where the sandbox `local` does not work.
fn begin(world: &World) -> Option<Said> {
    let args = ["bench", "run", "--strategy", "baseline", "--model", "scripted:suites/script.toml", "--out", RUN];
    let said = Said::of(&world.voe(&args));
    if said.out.contains("sandbox local") || said.err.contains("sandbox local") {
        println!("skipped: {}{}", said.out, said.err);
        return None;
    }
    Some(said)
}

/// Makes the run's first task one that is still to be attempted.
fn reopen(world: &World) {
    fs::remove_dir_all(world.at(ATTEMPTS).join("baseline-1")).unwrap();
}

/// What the attempt's command saw as `python`.
fn python(world: &World) -> String {
    let record = fs::read_to_string(world.at(ATTEMPTS).join("baseline-1/trajectory.jsonl")).unwrap();
    let events = record.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|e| e["event"] == "result").map(|e| with_text(e)["text"].as_str().unwrap().to_owned()).collect()
}

/// voe, where an engine would answer and environments can't be fetched.
fn beside_an_engine(world: &World, args: &[&str]) -> Said {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let body = r#"{"ApiVersion":"1.47","Version":"28.0.0"}"#;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let mut command = world.command(args);
    command.env("DOCKER_HOST", address).env("VOE_ENVIRONMENTS_URL", "http://127.0.0.1:9");
    Said::of(&command.output().unwrap())
}

fn resume(world: &World, more: &[&str]) -> Said {
    beside_an_engine(world, &[&["bench", "run", RUN][..], more].concat())
}

fn grade(world: &World, more: &[&str]) -> Said {
    beside_an_engine(world, &[&["bench", "grade", RUN][..], more].concat())
}

/// The one line of a refusal, with this test's directory as TOP.
fn refusal(world: &World, said: &Said) -> String {
    assert_eq!((said.code, said.err.trim_end().lines().count()), (2, 1), "{}{}", said.out, said.err);
    said.err.trim_end().replace(world.top.path().to_str().unwrap(), "TOP")
}

#[test]
fn a_run_is_resumed_and_graded_by_its_directory_alone_as_it_was_started() {
    let world = world(1);
    let Some(begun) = begin(&world) else { return };
    assert_eq!(begun.code, 0, "{}{}", begun.out, begun.err);
    let file = fs::read_to_string(world.at("runs/one/run.toml")).unwrap();
    for fact in ["backend = \"native\"", "sandbox = \"local\"", "network = false", "memory_bytes = 4294967296"] {
        assert!(file.contains(fact), "{fact}: {file}");
    }
    // Also from another directory, with the suite's own file gone.
    fs::remove_file(world.at("suites/rows.jsonl")).unwrap();
    reopen(&world);
    let resumed = resume(&world, &[]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.err);
    assert!(resumed.out.contains("all done"), "{}", resumed.out);
    assert!(python(&world).contains("/opt/miniconda3/envs/testbed/bin/python"), "{}", python(&world));
    let graded = grade(&world, &[]);
    assert_eq!(graded.code, 0, "{}{}", graded.out, graded.err);
    assert!(graded.out.contains("baseline-1: 1 of 1 resolved"), "{}", graded.out);
}

#[test]
fn a_flag_that_contradicts_what_the_run_was_started_with_is_refused_with_what_to_do() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    reopen(&world);
    let file = fs::read_to_string(world.at("runs/one/run.toml")).unwrap();
    let all: Vec<String> = [
        &["--backend", "docker"][..],
        &["--sandbox", "landlock"],
        &["--sandbox", "none", "--allow-readable-solutions"],
        &["--image", "x:1"],
    ]
    .map(|flags| refusal(&world, &resume(&world, flags)))
    .to_vec();
    insta::assert_snapshot!(all.join("\n"), @r"
    voe: runs/one was started with --backend native, which contradicts --backend docker; leave --backend docker out, or start another run with --out DIR
    voe: runs/one was started with --sandbox local, which contradicts --sandbox landlock; leave --sandbox landlock out, or start another run with --out DIR
    voe: runs/one was started with --sandbox local, which contradicts --sandbox none; leave --sandbox none out, or start another run with --out DIR
    voe: runs/one was started with each task's own image, which contradicts --image x:1; leave --image x:1 out, or start another run with --out DIR
    ");
    insta::assert_snapshot!(refusal(&world, &grade(&world, &["--backend", "docker"])), @"voe: runs/one was started with --backend native, which contradicts --backend docker; leave --backend docker out, or grade its predictions alone (--predictions FILE --suite SUITE)");
    // A sandbox from the user's settings does not change the one that the run was started with.
    let mut command = world.command(&["bench", "run", RUN]);
    let resumed = Said::of(&command.env("VOE_SANDBOX", "none").output().unwrap());
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.err);
    assert!(python(&world).contains("/opt/miniconda3"), "{}", python(&world));
    assert_eq!(fs::read_to_string(world.at("runs/one/run.toml")).unwrap(), file);
}

#[test]
fn environments_and_repositories_may_move_and_their_content_may_not_change() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    reopen(&world);
    let (was, now) = (world.at("suites/environments.json"), world.at("suites/moved.json"));
    fs::rename(&was, &now).unwrap();
    fs::rename(world.at("repos"), world.at("clones")).unwrap();
    let gone = [
        refusal(&world, &resume(&world, &[])),
        refusal(&world, &grade(&world, &[])),
        refusal(&world, &resume(&world, &["--environments", "suites/moved.json"])),
    ];
    insta::assert_snapshot!(gone.join("\n"), @r"
    voe: cannot read the environments TOP/suites/environments.json: No such file or directory (os error 2); runs/one was started with it: if the file has moved, give --environments FILE
    voe: cannot read the environments TOP/suites/environments.json: No such file or directory (os error 2); runs/one was started with it: if the file has moved, give --environments FILE
    voe: the repositories that runs/one was started with are not in TOP/repos; give --repos DIR
    ");
    let content = fs::read_to_string(&now).unwrap();
    fs::write(&now, content.replace("\"pip\":[]", "\"pip\":[\"attrs==1.0\"]")).unwrap();
    let moved = ["--environments", "suites/moved.json", "--repos", "clones"];
    insta::assert_snapshot!(refusal(&world, &resume(&world, &moved)), @"voe: TOP/suites/moved.json: the environment of acme__stats-1 has changed since runs/one was started; give the original file with --environments FILE, or start another run with --out DIR");
    fs::write(&now, content).unwrap();
    let resumed = resume(&world, &moved);
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.err);
    // From now on these are the paths.
    reopen(&world);
    assert_eq!(resume(&world, &[]).code, 0);
    assert_eq!(grade(&world, &[]).code, 0);
}

#[test]
fn rows_of_the_run_that_were_changed_are_refused() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    let rows = world.at("runs/one/suite.jsonl");
    fs::write(&rows, fs::read_to_string(&rows).unwrap().replace("mean([]) fails", "mean([]) works")).unwrap();
    insta::assert_snapshot!(refusal(&world, &resume(&world, &[])), @"voe: runs/one/suite.jsonl has changed since the run was started; restore it, or start another run");
    insta::assert_snapshot!(refusal(&world, &grade(&world, &[])), @"voe: runs/one/suite.jsonl has changed since the run was started; restore it, or start another run");
}

#[test]
fn a_task_whose_environment_became_another_one_is_skipped_with_both_and_the_run_is_not_done() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    let file = world.at("runs/one/environments/acme__stats-1.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("environment = \"Python 3."), "{text}");
    fs::write(&file, text.replace("Python 3.", "Python 2.")).unwrap();
    let said = grade(&world, &[]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    reopen(&world);
    let said = resume(&world, &[]);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    assert!(said.out.contains("differs from the one that this run started with (Python 2."), "{}", said.out);
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn what_is_skipped_for_a_reason_that_can_be_removed_is_not_done_and_the_flag_is_named() {
    let world = world(2);
    let path = world.at("suites/environments.json");
    let mut environments: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    environments["instances"].as_object_mut().unwrap().remove("acme__stats-2");
    fs::write(&path, environments.to_string()).unwrap();
    let Some(said) = begin(&world) else { return };
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    assert!(said.err.contains("has environments for 1 of 2 tasks; add the others\n"), "{}", said.err);
    insta::assert_snapshot!(last_line(&said.err), @"voe: incomplete: 1 attempt skipped (give --environments FILE); then run: voe bench run runs/one");
    assert!(!said.out.contains("all done"), "{}", said.out);
    let gold = Said::of(&world.voe(&["bench", "grade", "--gold", "--out", "graded"]));
    assert_eq!(gold.code, 3, "{}{}", gold.out, gold.err);
    insta::assert_snapshot!(last_line(&gold.err), @"voe: incomplete: 1 patch was skipped (give --environments FILE, then run the same command)");
    // The one that was skipped has no prediction, and that is said.
    let graded = grade(&world, &[]);
    assert_eq!(graded.code, 0, "{}{}", graded.out, graded.err);
    insta::assert_snapshot!(last_line(&graded.err), @"voe: baseline-1: 1 task has no prediction and counts as unresolved: acme__stats-2; to make the attempts: voe bench run runs/one");
    // What was named helps: the task is added to the file, and the run is done.
    environments["instances"]["acme__stats-2"] = "e".into();
    fs::write(&path, environments.to_string()).unwrap();
    let resumed = resume(&world, &[]);
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.err);
    let changed =
        "suites/environments.json has changed since runs/one was started; the environments of its tasks are the same\n";
    assert!(resumed.err.contains(changed) && resumed.out.contains("all done"), "{}{}", resumed.out, resumed.err);
    let graded = grade(&world, &[]);
    assert!(graded.code == 0 && graded.out.contains("baseline-1: 2 of 2 resolved"), "{}{}", graded.out, graded.err);
    assert!(!graded.err.contains("was changed"), "the content is remembered: {}", graded.err);
    // The task that was added is guarded as the others are.
    environments["instances"].as_object_mut().unwrap().remove("acme__stats-2");
    fs::write(&path, environments.to_string()).unwrap();
    insta::assert_snapshot!(refusal(&world, &resume(&world, &[])), @"voe: TOP/suites/environments.json: the environment of acme__stats-2 has changed since runs/one was started; give the original file with --environments FILE, or start another run with --out DIR");
}

#[test]
fn a_run_started_without_an_environments_file_takes_one_for_the_tasks_that_have_none() {
    let world = world(1);
    let args = ["bench", "run", "--suite", "suites/rows.jsonl", "--repos", "repos", "--strategy", "baseline"];
    let place = ["--model", "scripted:suites/script.toml", "--backend", "native", "--sandbox", "local", "--out", RUN];
    let begun = world.bare(&[&args[..], &place].concat());
    assert_eq!(begun.code, 3, "{}{}", begun.out, begun.err);
    insta::assert_snapshot!(last_line(&begun.err), @"voe: incomplete: 1 attempt skipped (give --environments FILE); then run: voe bench run runs/one");
    let file = ["--environments", "suites/environments.json"];
    let resumed = world.bare(&[&["bench", "run", RUN][..], &file].concat());
    if resumed.out.contains("sandbox local") || resumed.err.contains("sandbox local") {
        println!("skipped: {}{}", resumed.out, resumed.err);
        return;
    }
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.err);
    // From now on it needs no flag, and what the task had may not change.
    reopen(&world);
    let bare = world.bare(&["bench", "run", RUN]);
    assert_eq!(bare.code, 0, "{}{}", bare.out, bare.err);
    let graded = world.bare(&["bench", "grade", RUN]);
    assert!(graded.code == 0 && graded.out.contains("1 of 1 resolved"), "{}{}", graded.out, graded.err);
    let path = world.at("suites/environments.json");
    let content = fs::read_to_string(&path).unwrap();
    fs::write(&path, content.replace("\"pip\":[]", "\"pip\":[\"attrs==1.0\"]")).unwrap();
    insta::assert_snapshot!(refusal(&world, &world.bare(&["bench", "run", RUN])), @"voe: TOP/suites/environments.json: the environment of acme__stats-1 has changed since runs/one was started; give the original file with --environments FILE, or start another run with --out DIR");
}

#[test]
fn a_run_names_no_remedy_that_it_refuses() {
    let world = world(2);
    let path = world.at("suites/rows.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (first, second) = text.trim_end().split_once('\n').unwrap();
    fs::write(&path, format!("{first}\n{}\n", second.replace("parse_log_django", "parse_log_gotest"))).unwrap();
    let Some(said) = begin(&world) else { return };
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    insta::assert_snapshot!(last_line(&said.err), @"voe: incomplete: 1 attempt skipped (start another run with --backend docker --out DIR)");
}

#[test]
fn a_clone_that_cannot_be_used_is_named_with_its_repository_and_what_to_do() {
    let world = world(1);
    let repo = world.at("repos/acme__stats");
    fs::remove_dir_all(&repo).unwrap();
    fs::create_dir_all(repo.join(".git")).unwrap();
    let Some(said) = begin(&world) else { return };
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    let line = said.out.lines().find(|line| line.starts_with("skipped")).unwrap_or_default();
    assert!(line.contains("the clone of acme/stats in ") && line.contains("repos/acme__stats can't be used"), "{line}");
    assert!(line.contains("git clone --mirror https://github.com/acme/stats.git") && line.contains("--repos DIR"));
    assert!(said.err.contains("give --repos DIR"), "{}", said.err);
}

#[test]
fn a_sandbox_that_cannot_hold_environments_is_refused_before_anything_is_done() {
    let world = world(1);
    let mut all = Vec::new();
    for sandbox in ["none", "landlock"] {
        for backend in [&["--backend", "native"][..], &[]] {
            let args =
                ["--suite", "suites/rows.jsonl", "--environments", "suites/environments.json", "--sandbox", sandbox];
            let run =
                ["bench", "run", "--model", "scripted:suites/script.toml", "--allow-readable-solutions", "--out", RUN];
            let run = world.bare(&[&run[..], &args, backend].concat());
            all.push(refusal(&world, &run));
            let grade = world.bare(&[&["bench", "grade", "--gold", "--out", "graded"][..], &args, backend].concat());
            all.push(refusal(&world, &grade));
        }
    }
    all.sort();
    all.dedup();
    insta::assert_snapshot!(all.join("\n"), @r"
    voe: --sandbox landlock does not support environments, so the tests of these tasks would run without them; use --sandbox local, or --backend docker
    voe: --sandbox none does not support environments, so the tests of these tasks would run without them; use --sandbox local, or --backend docker
    ");
    assert!(!world.at("runs").exists() && !world.at("graded").exists() && !world.at("cache/checkouts").exists());
}

#[test]
fn later_grades_use_the_settings_of_the_first() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    assert_eq!(grade(&world, &["--timeout", "600"]).code, 0);
    assert_eq!(grade(&world, &[]).code, 0);
    let refused = [&["--timeout", "900"][..], &["--network"]].map(|more| refusal(&world, &grade(&world, more)));
    insta::assert_snapshot!(refused.join("\n"), @r"
    voe: runs/one is graded with --timeout 600, which contradicts --timeout 900; leave it out, or write other grades elsewhere with --out DIR
    voe: runs/one is graded without --network; leave it out, or write other grades elsewhere with --out DIR
    ");
    assert_eq!(grade(&world, &["--network", "--out", "elsewhere"]).code, 0);
    // The network takes the user's word each time.
    insta::assert_snapshot!(refusal(&world, &grade(&world, &["--out", "elsewhere"])), @"voe: runs/one is graded with --network, which is not taken from a run: add --network, or write other grades elsewhere with --out DIR");
}

/// `run.toml` as voe wrote it before it recorded where tasks run.
fn as_older(world: &World) {
    let path = world.at("runs/one/run.toml");
    let mut file: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    file.insert("format".into(), 1.into());
    file.insert("sandbox".into(), "auto".into());
    file.remove("place");
    file.remove("rows_sha256");
    fs::write(&path, file.to_string()).unwrap();
}

#[test]
fn a_run_of_an_older_voe_says_what_it_did_not_record_and_is_resumed_with_it() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    as_older(&world);
    reopen(&world);
    let refused = [refusal(&world, &resume(&world, &[])), refusal(&world, &grade(&world, &[]))];
    insta::assert_snapshot!(refused.join("\n"), @r"
    voe: runs/one was started by voe 0.1.0, which did not record where its tasks run; give --backend native or docker, and --environments, --repos, --image and --sandbox as at the start
    voe: runs/one was started by voe 0.1.0, which did not record where its tasks run; give --backend native or docker, and --environments, --repos, --image and --sandbox as at the start
    ");
    let flags = ["--backend", "native", "--environments", "suites/environments.json", "--repos", "repos"];
    let resumed = resume(&world, &flags);
    assert_eq!(resumed.code, 0, "{}{}", resumed.out, resumed.err);
    assert!(
        resumed.err.contains("did not record where its tasks run; using the settings given now"),
        "{}",
        resumed.err
    );
    assert!(python(&world).contains("/opt/miniconda3"), "{}", python(&world));
    // By now it is recorded.
    reopen(&world);
    assert_eq!(resume(&world, &[]).code, 0);
    assert!(fs::read_to_string(world.at("runs/one/run.toml")).unwrap().starts_with("format = 2\n"));
}

#[test]
fn paths_that_a_run_from_elsewhere_names_are_not_read() {
    let world = world(1);
    if begin(&world).is_none() {
        return;
    }
    reopen(&world);
    // A user who never gave these paths.
    let mut command = world.command(&["bench", "run", RUN]);
    let said = Said::of(&command.env("VOE_STATE_DIR", world.at("other")).output().unwrap());
    insta::assert_snapshot!(refusal(&world, &said), @"voe: runs/one names the environments file TOP/suites/environments.json, which you have not used before; to allow it, give --environments FILE");
    // A directory that others can write is not written to, and says nothing at all.
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(world.at(RUN), fs::Permissions::from_mode(0o777)).unwrap();
    insta::assert_snapshot!(refusal(&world, &grade(&world, &[])), @"voe: TOP/runs/one can be written by others (mode 777); run: chmod go-w TOP/runs/one; or write the grades elsewhere with --out DIR");
    let elsewhere = grade(&world, &["--out", "grades"]);
    insta::assert_snapshot!(refusal(&world, &elsewhere), @"voe: runs/one can be written by others, so its record of where its tasks run is not used; give --backend native or docker, and --environments, --repos, --image and --sandbox as at the start");
    assert_eq!(resume(&world, &["--backend", "native"]).code, 2);
}

const NONE: [&str; 3] = ["--sandbox", "none", "--allow-readable-solutions"];

fn begin_mini(world: &World, more: &[&str]) -> Said {
    let args = ["bench", "run", "--suite", "mini", "--ids", "mini__rotate-1", "--strategy", "baseline", "--out", RUN];
    world.bare(&[&args[..], more].concat())
}

#[test]
fn a_run_without_a_sandbox_is_resumed_and_graded_only_by_the_users_word() {
    let world = world(1);
    let scripted = ["--model", "scripted:suites/script.toml"];
    assert_eq!(begin_mini(&world, &[&scripted[..], &NONE].concat()).code, 0);
    let refused = [refusal(&world, &resume(&world, &[])), refusal(&world, &grade(&world, &[]))];
    insta::assert_snapshot!(refused.join("\n"), @r"
    voe: runs/one was started with --sandbox none, which is not taken from a run: add --sandbox none --allow-readable-solutions, or start another run with --out DIR
    voe: runs/one was started with --sandbox none, which is not taken from a run: add --sandbox none, or grade its predictions alone (--predictions FILE --suite SUITE)
    ");
    // A run that claims more than is usual here does not get it either.
    assert_eq!(resume(&world, &NONE).code, 0);
    assert_eq!(grade(&world, &["--sandbox", "none"]).code, 0);
    let path = world.at("runs/one/run.toml");
    let file = fs::read_to_string(&path).unwrap();
    fs::write(&path, file.replace("memory_bytes = 4294967296", "memory_bytes = 8589934592")).unwrap();
    insta::assert_snapshot!(refusal(&world, &resume(&world, &NONE)), @"voe: runs/one was started with higher limits on commands than your settings; set VOE_MEMORY=8GiB, or start another run with --out DIR");
    let mut command = world.command(&[&["bench", "run", RUN][..], &NONE].concat());
    assert_eq!(Said::of(&command.env("VOE_MEMORY", "8GiB").output().unwrap()).code, 0);
}

#[test]
fn a_changed_strategy_is_refused_with_the_keys_that_differ_and_another_voe_is_noted() {
    let world = world(1);
    let more = [&["--model", "scripted:suites/script.toml"][..], &NONE].concat();
    assert_eq!(begin_mini(&world, &more).code, 0);
    let path = world.at("runs/one/run.toml");
    let mut file: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
    file.insert("voe".into(), "0.0.1".into());
    fs::write(&path, file.to_string()).unwrap();
    let resumed = resume(&world, &NONE);
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    assert!(resumed.err.contains("runs/one was started by voe 0.0.1, and this is "), "{}", resumed.err);
    let version = env!("CARGO_PKG_VERSION");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("voe = \"0.0.1\"") && text.contains(&format!("later = [\"{version}\"]")), "{text}");
    let arm = file["arms"][0].as_table_mut().unwrap();
    let strategy = arm["strategy"].as_str().unwrap().replace("steps = 100", "steps = 99");
    arm.insert("strategy".into(), strategy.into());
    fs::write(&path, file.to_string()).unwrap();
    insta::assert_snapshot!(refusal(&world, &begin_mini(&world, &more)), @"voe: TOP/runs/one contains another run (different: its arms: the strategy of baseline (limits.steps)); give another directory with --out, or the same settings");
}

#[test]
fn a_run_is_answered_by_the_model_and_the_window_that_it_was_started_with() {
    let world = world(1);
    let server = Server::start(32_768, vec![reply("TASK_COMPLETE", &[], 100)]);
    let flags = [&["--base-url", server.url.as_str()][..], &NONE].concat();
    let unknown = begin_mini(&world, &[&flags[..], &["--model", "Qwen/Q-35B"]].concat());
    insta::assert_snapshot!(refusal(&world, &unknown).replace(&server.url, "URL"), @r#"voe: no server has the model "Qwen/Q-35B": URL has m; give one of these with --model, or another server with --base-url"#);
    let mini = ["bench", "run", "--suite", "mini", "--ids", "mini__rotate-1", "--strategy", "baseline", "--out", RUN];
    let mut anthropic = world.command(&[&mini[..], &flags[..], &["--model", "claude-none"]].concat());
    let anthropic = anthropic.env("VOE_PROVIDER", "anthropic").env("VOE_API_KEY", "k").output().unwrap();
    let anthropic = Said::of(&anthropic);
    insta::assert_snapshot!(refusal(&world, &anthropic).replace(&server.url, "URL"), @r#"voe: no server has the model "claude-none": URL has m; give one of these with --model, or another server with --base-url"#);
    assert!(!world.at(RUN).exists() && server.asked().is_empty());
    assert_eq!(begin_mini(&world, &flags).code, 0);
    let file = fs::read_to_string(world.at("runs/one/run.toml")).unwrap();
    assert!(file.contains("model = \"m\"\n") && file.contains("window = 32768"), "{file}");
    let unnamed = refusal(&world, &resume(&world, &NONE)).replace(&server.url, "URL");
    insta::assert_snapshot!(unnamed, @"voe: this attempt was made with the server URL; name the server to resume it with: --base-url URL");
    let smaller = Server::start(16_384, vec![reply("TASK_COMPLETE", &[], 100)]);
    let moved = [&["--base-url", smaller.url.as_str()][..], &NONE].concat();
    insta::assert_snapshot!(refusal(&world, &resume(&world, &moved)), @"voe: this run was started with a context window of 32768 tokens, but the server now has 16384; start it as before, or set VOE_WINDOW=32768");
    let same = Server::start(32_768, vec![reply("TASK_COMPLETE", &[], 100)]);
    let moved = [&["--base-url", same.url.as_str(), "--trials", "2"][..], &NONE].concat();
    assert_eq!(resume(&world, &moved).code, 0);
    let asked: Value = serde_json::from_slice(&same.asked()[0]).unwrap();
    assert_eq!(asked["model"], json!("m"));
    // The further trial belongs to the run from now on.
    let again = resume(&world, &[&["--base-url", same.url.as_str()][..], &NONE].concat());
    assert!(again.code == 0 && again.out.contains("2 of 2 done"), "{}{}", again.out, again.err);
}
