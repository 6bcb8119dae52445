//! First use of tasks with environments: `voe bench prepare`, what is said of tasks that can't be prepared, what is shown while
//! environments are built, and what is written where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/official.rs"]
mod official;
mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use official::World;
use serde_json::{Value, json};
use support::Said;

const FILES: [&str; 4] = ["--environments", "suites/environments.json", "--repos", "repos"];

/// voe with these arguments, natively.
fn native(world: &World, args: &[&str]) -> Said {
    world.bare(&[args, &["--backend", "native", "--sandbox", "local"]].concat())
}

fn prepare(world: &World, args: &[&str]) -> Said {
    native(world, &[&["bench", "prepare", "suites/rows.jsonl"], args].concat())
}

/// Whether `local` works here.
fn is_local(said: &Said) -> bool {
    let works = !all(said).contains("sandbox local");
    if !works {
        println!("skipped: {}", all(said));
    }
    works
}

/// Everything that was printed.
fn all(said: &Said) -> String {
    format!("{}{}", said.out, said.err)
}

fn rows(world: &World) -> Vec<Value> {
    let text = fs::read_to_string(world.at("suites/rows.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write_rows(world: &World, rows: &[Value]) {
    let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
    fs::write(world.at("suites/rows.jsonl"), text).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn environments_and_checkouts_are_made_ahead_and_only_once() {
    let world = World::new();
    world.write(&["true", "echo no way; false", "true"], &[]);
    let before = names(world.top.path());
    let first = prepare(&world, &FILES);
    if !is_local(&first) {
        return;
    }
    assert_eq!(first.code, 3, "{}", all(&first));
    assert!(first.err.contains("voe: building the environment e, 1 of 1\n"), "{}", first.err);
    let ready = first.out.lines().filter(|line| line.starts_with("ready    acme__stats-")).count();
    assert!(ready == 2 && first.out.contains("ready 2, skipped 1; about "), "{}", first.out);
    // One line, with the log.
    let line = first.out.lines().find(|line| line.starts_with("skipped  acme__stats-2")).unwrap();
    assert!(line.contains("its install command failed (exit code 1): no way; full log: "), "{line}");
    let log = line.rsplit(' ').next().unwrap();
    assert_eq!(fs::read_to_string(log).unwrap(), "no way\n");
    let again = prepare(&world, &[&FILES[..], &["--json", "--ids", "acme__stats-1,acme__stats-3"]].concat());
    assert_eq!((again.code, again.err.as_str()), (0, ""), "{}", all(&again));
    let lines: Vec<Value> = again.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["news"], &lines[2]["ready"]), (&json!("ready"), &json!(2)), "{}", again.out);
    // What was made is in the cache, and nothing in the current directory.
    let mut after = names(world.top.path());
    after.retain(|name| name != "cache" && name != "state");
    assert_eq!(after, before);
}

#[test]
fn history_is_freed_with_checkouts_and_not_alone() {
    let world = World::new();
    let dirs = ["cache/history", "cache/checkouts"].map(|dir| world.at(dir));
    for dir in &dirs {
        fs::create_dir_all(dir).unwrap();
    }
    fs::write(dirs[0].join("pack"), vec![7; 3 << 20]).unwrap();
    fs::hard_link(dirs[0].join("pack"), dirs[1].join("pack")).unwrap();
    let prune = |what: &str| world.bare(&["bench", "prune", "--free", what]);
    let alone = prune("history");
    assert_eq!(alone.code, 2, "{}", all(&alone));
    let why = "frees nothing, since checkouts share its files; give --free checkouts, which frees both";
    assert!(alone.err.contains(why) && dirs[0].exists(), "{}", alone.err);
    let both = prune("checkouts");
    assert!(both.code == 0 && both.out.ends_with("freed 3 MiB\n"), "{}", all(&both));
    assert!(!dirs[0].exists() && !dirs[1].exists());
}

#[test]
fn preparing_that_is_stopped_goes_on_with_the_same_command() {
    let world = World::new();
    // The first time it never ends; the environment is there by then.
    world.write(&["sleep 600"], &[]);
    let args = ["bench", "prepare", "suites/rows.jsonl", "--backend", "native", "--sandbox", "local"];
    let mut voe =
        world.command(&[&args[..], &FILES].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(voe.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("building the environment e"), "{first}");
    let _ = Command::new("kill").args(["-INT", &voe.id().to_string()]).status();
    let code = voe.wait().unwrap().code();
    if code == Some(3) {
        println!("skipped: the sandbox `local` does not work here");
        return;
    }
    assert_eq!(code, Some(130));
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert_eq!(rest, ["voe: stopped; to resume: run the same command"]);
    world.write(&["true"], &[]);
    let again = prepare(&world, &FILES);
    assert!(again.code == 0 && again.out.contains("ready 1, skipped 0"), "{}", all(&again));
}

#[test]
fn tasks_that_cannot_be_prepared_are_named_at_once_with_what_to_add() {
    let world = World::new();
    world.write(&["true", "true", "true"], &[]);
    let mut rows = rows(&world);
    rows[1]["instance_id"] = "acme__stats-9".into();
    rows[2]["log_parser"] = "parse_log_gotest".into();
    write_rows(&world, &rows);
    let mixed = prepare(&world, &FILES);
    if !is_local(&mixed) {
        return;
    }
    assert_eq!(mixed.code, 3, "{}", all(&mixed));
    for part in [
        "environments.json has environments for 1 of 3 tasks; add the others",
        "will be skipped: 1 task: not a Python task, and without containers only those have environments; use --backend \
         docker (acme__stats-3)",
        "has no environment for it; add its id to \"instances\"",
        "ready 1, skipped 2; ",
    ] {
        assert!(all(&mixed).contains(part), "{part}: {}", all(&mixed));
    }
    // None of them: nothing begins.
    let none = prepare(&world, &[&FILES[..], &["--ids", "acme__stats-9"]].concat());
    assert_eq!(none.code, 2, "{}", all(&none));
    assert!(none.err.contains("has no environment for any of these 1 tasks; give a file that has"), "{}", none.err);
    assert_eq!(none.out, "");
}

#[test]
fn tasks_without_pinned_environments_are_skipped_without_a_network() {
    let world = World::new();
    world.write(&["true", "true"], &[]);
    let said = prepare(&world, &["--repos", "repos"]);
    assert_eq!(said.code, 3, "{}", all(&said));
    assert!(said.err.starts_with("voe: 0 of 2 tasks have pinned environments; "), "{}", said.err);
    assert!(said.out.contains("will be skipped: 2 tasks: it has no pinned environment ("), "{}", said.out);
    assert!(said.out.contains("(acme__stats-1, acme__stats-2)\n0 tasks to prepare"), "{}", said.out);
}

#[test]
fn a_build_is_told_while_grading_and_not_among_json() {
    let world = World::new();
    world.write(&["true"], &[]);
    let grade = ["bench", "grade", "--gold", "--suite", "suites/rows.jsonl", "--out", "graded"];
    let first = native(&world, &[&grade[..], &FILES].concat());
    if !is_local(&first) {
        return;
    }
    assert!(first.err.contains("voe: building the environment e, 1 of 1\n"), "{}", all(&first));
    fs::remove_dir_all(world.at("cache/environments")).unwrap();
    let json = native(&world, &[&grade[..], &FILES, &["--json"]].concat());
    assert!(!all(&json).contains("building") && json.code == 0, "{}", all(&json));
}

#[test]
fn a_self_test_writes_nothing_into_the_current_directory_and_says_where_it_writes() {
    let world = World::new();
    let here = world.at("here");
    fs::create_dir(&here).unwrap();
    let grade = |args: &[&str]| {
        let mut command =
            world.command(&[&["bench", "grade", "--suite", "mini", "--ids", "mini__rotate-1"], args].concat());
        Said::of(&command.current_dir(&here).output().unwrap())
    };
    let gold = grade(&["--gold"]);
    if !is_local(&gold) {
        return;
    }
    assert_eq!(gold.code, 0, "{}", all(&gold));
    assert_eq!(names(&here), Vec::<String>::new());
    let dirs = names(&world.at("state/self-tests"));
    assert!(dirs.len() == 1 && dirs[0].ends_with("-gold"), "{dirs:?}");
    let file = world.at("state/self-tests").join(&dirs[0]).join("gold.voe.json");
    assert!(file.is_file() && gold.out.contains(&format!("wrote {}", file.display())), "{}", gold.out);
    // A second one believes nothing of the first, and with --out only what was graded in the same place.
    let ran = |said: &Said| !said.out.contains("mini__rotate-1  0.0 s");
    assert!(ran(&gold) && ran(&grade(&["--gold"])));
    assert!(ran(&grade(&["--gold", "--out", "../kept"])));
    let again = grade(&["--gold", "--out", "../kept"]);
    assert!(again.code == 0 && !ran(&again), "{}", all(&again));
    assert!(ran(&grade(&["--gold", "--out", "../kept", "--network"])));
    // Predictions are graded into official files, which were asked for.
    let patch = json!({"instance_id": "mini__rotate-1", "model_name_or_path": "m", "model_patch": "nonsense"});
    fs::write(world.at("p.jsonl"), patch.to_string()).unwrap();
    let graded = grade(&["--predictions", "../p.jsonl"]);
    assert_eq!(names(&here), ["logs", "m.voe.json"]);
    assert!(graded.out.contains("m.voe.json and the logs in "), "{}", graded.out);
}

#[test]
fn doctor_says_what_the_bench_needs() {
    let world = World::new();
    let said = world.bare(&["doctor", "--json", "--base-url", "http://127.0.0.1:9/v1"]);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    let look = |what: &str| {
        let checks = told["checks"].as_array().unwrap();
        checks.iter().find(|check| check["what"] == what).unwrap_or_else(|| panic!("{what}: {told}")).clone()
    };
    assert!(look("uv")["text"].is_string());
    assert!(look("pythons")["text"].as_str().unwrap().contains("found"));
    let cache = look("disk of the cache")["text"].as_str().unwrap().to_owned();
    assert!(cache.contains("GiB free for environments and checkouts in"), "{cache}");
    let docker = look("sandbox docker")["text"].as_str().unwrap().to_owned();
    assert!(docker.contains("engine") || docker.contains("Docker"), "{docker}");
}

#[test]
fn tasks_whose_own_solution_does_not_pass_are_listed_with_the_reason() {
    let world = World::new();
    world.write(&["true", "true"], &[]);
    let mut rows = rows(&world);
    rows[0]["instance_id"] = "psf__requests-1766".into();
    write_rows(&world, &rows);
    let said = world.bare(&["bench", "tasks", "suites/rows.jsonl"]);
    let known = "gold is known not to pass for 1 of these:\npsf__requests-1766  its tests need the internet \
                 (httpbin.org) (without a network)\n";
    assert!(said.out.ends_with(known), "{}", said.out);
}
