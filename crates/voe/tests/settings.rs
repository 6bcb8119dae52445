//! Settings: what a bench takes of them and what it refuses, which limits a server that hangs meets, and what the log shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;
mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use server::{Answer, Server, reply};
use support::{Bench, Said, VOE, bash, cure, done};

/// A run of one small task by a script, without a sandbox; `variables` beside the user's file.
struct World {
    bench: Bench,
}

const RUN: [&str; 10] =
    ["bench", "run", "--suite", "mini", "--ids", "mini__rotate-1", "--strategy", "baseline", "--out", "run"];
const SCRIPT: &str = "[[script]]\nreply = [{ content = \"Look.\", tool_calls = [{ name = \"bash\", arguments = { command = \
                      \"echo mark=$VOE_TEST_MARK\" } }] }, { content = \"TASK_COMPLETE\" }]\n";

impl World {
    fn new() -> Self {
        let bench = Bench::new(&[]);
        bench.write("script.toml", SCRIPT);
        Self { bench }
    }

    /// The user's own file.
    fn config(&self, text: &str) {
        let dir = self.bench.dir.path().join("home/.config/voe");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("config.toml"), text).unwrap();
    }

    fn voe(&self, args: &[&str], variables: &[(&str, &str)]) -> Said {
        let mut command = self.bench.command(VOE);
        command.args(args).env("VOE_CACHE_DIR", self.bench.dir.path().join("cache"));
        Said::of(&command.envs(variables.iter().copied()).output().unwrap())
    }

    fn run(&self, more: &[&str], variables: &[(&str, &str)]) -> Said {
        let own = ["--model", "scripted:script.toml", "--sandbox", "none", "--allow-readable-solutions"];
        self.voe(&[&RUN[..], &own, more].concat(), variables)
    }

    fn run_file(&self) -> toml::Table {
        self.bench.read("run/run.toml").parse().unwrap()
    }
}

fn one_line(said: &Said) -> &str {
    assert_eq!((said.code, said.err.lines().count()), (2, 1), "{}", said.err);
    said.err.trim_end()
}

#[test]
fn a_bench_names_settings_of_the_users_file_that_it_does_not_use() {
    let world = World::new();
    world.config("check = \"true\"\nmax_steps = 1\nstrategy = \"prove-on-edit\"\n[sandbox]\nnetwork = \"on\"\n");
    let said = world.run(&["--json"], &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    let expected = "config.toml: max_steps does not apply to a bench: a bench takes limits from the strategy";
    assert!(said.err.contains(expected), "{}", said.err);
    assert!(!said.out.contains("does not apply"), "{}", said.out);
    let record = world.bench.read("run/tasks/mini__rotate-1/baseline-1/trajectory.jsonl");
    assert_eq!(record.matches("\"event\":\"reply\"").count(), 2, "its limit of steps is not the user's");
    assert!(!record.contains("\"event\":\"check\""), "{record}");
    // Grading has no use for a check, so nothing is to be said of it.
    let graded = world.voe(&["bench", "grade", "run", "--sandbox", "none"], &[]);
    assert!(graded.err.contains("sandbox.network does not apply") && !graded.err.contains(": check"), "{}", graded.err);
}

#[test]
fn a_bench_refuses_variables_that_it_does_not_use() {
    let world = World::new();
    let refused = |name: &str, value: &str| one_line(&world.run(&[], &[(name, value)])).to_owned();
    insta::assert_snapshot!(refused("VOE_CHECK", "true"), @"voe: VOE_CHECK does not apply to a bench (attempts at a suite get only the task's own statement); unset it");
    insta::assert_snapshot!(refused("VOE_MAX_STEPS", "3"), @"voe: VOE_MAX_STEPS does not apply to a bench (a bench takes limits from the strategy; set them under [set.limits] in the experiment file); unset it");
    for (name, value) in [
        ("VOE_STRATEGY", "mine"),
        ("VOE_APPLY", "yes"),
        ("VOE_MAX_TOKENS", "1"),
        ("VOE_MAX_WALL", "1h"),
        ("VOE_NETWORK", "on"),
    ] {
        assert!(refused(name, value).contains(&format!("{name} does not apply to a bench")), "{name}");
    }
    assert!(!world.bench.path("run").exists());
    // What is so anyway is no contradiction.
    assert_eq!(world.run(&[], &[("VOE_NETWORK", "off"), ("VOE_STRATEGY", "prove-on-edit")]).code, 0);
}

#[test]
fn a_run_keeps_the_settings_that_it_was_started_with() {
    let world = World::new();
    let tools = world.bench.dir.path().join("tools").display().to_string();
    let mine = [
        ("VOE_SANDBOX_ENV", "VOE_TEST_MARK"),
        ("VOE_TEST_MARK", "here"),
        ("VOE_SANDBOX_READ", tools.as_str()),
        ("VOE_STREAM", "on"),
        ("VOE_MEMORY", "2GiB"),
    ];
    let said = world.run(&[], &mine);
    assert_eq!(said.code, 0, "{}", said.err);
    let file = world.run_file();
    let place = file["place"].as_table().unwrap();
    assert_eq!(place["env"].as_array().unwrap()[0].as_str(), Some("VOE_TEST_MARK"));
    assert_eq!(place["read"].as_array().unwrap()[0].as_str(), Some(tools.as_str()));
    assert_eq!(place["limits"]["memory_bytes"].as_integer(), Some(2 << 30));
    assert_eq!(file["stream"].as_bool(), Some(true));
    let record = world.bench.read("run/tasks/mini__rotate-1/baseline-1/trajectory.jsonl");
    assert!(record.contains("mark=here"), "{record}");
    assert!(!world.bench.read("run/run.toml").contains("here\""), "values of variables are not kept");
    // More than the user's settings is never taken from a run; less is kept.
    let again = |variables: &[(&str, &str)]| {
        world.voe(&["bench", "run", "run", "--sandbox", "none", "--allow-readable-solutions"], variables)
    };
    let refused = one_line(&again(&mine[2..])).to_owned();
    insta::assert_snapshot!(refused, @"voe: run was started with more in sandbox.env than your settings have; set VOE_SANDBOX_ENV=VOE_TEST_MARK, or start another run with --out DIR");
    assert!(one_line(&again(&mine[..2])).contains("set VOE_SANDBOX_READ="));
    let resumed = again(&[&mine[..3], &[("VOE_STREAM", "off")]].concat());
    assert_eq!(resumed.code, 0, "{}", resumed.err);
    assert!(
        resumed.err.contains("using the setting stream on that the run was started with, not yours"),
        "{}",
        resumed.err
    );
    assert_eq!(world.run_file()["stream"].as_bool(), Some(true));
}

#[test]
fn a_setting_does_not_show_commands_of_a_bench_what_is_hidden_from_them() {
    let world = World::new();
    let cache = world.bench.dir.path().join("cache/suites").display().to_string();
    let said = world.run(&[], &[("VOE_SANDBOX_READ", &cache)]);
    assert!(one_line(&said).contains("is hidden from commands of a bench"), "{}", said.err);
}

#[test]
fn wrong_words_are_refused_with_the_possible_ones_before_anything_is_looked_at() {
    let nowhere = Bench::new(&[]);
    fs::remove_dir_all(nowhere.path(".git")).unwrap();
    for (args, words) in [
        (&["fix", "p", "--sandbox", "jail"][..], "auto, local, docker, podman, landlock, none"),
        (&["fix", "p", "--network", "maybe"], "on, off"),
        (&["fix", "p", "--apply", "later"], "ask, yes, no"),
        (&["fix", "p", "--provider", "acme"], "openai, anthropic"),
        (&["demo", "--sandbox", "jail"], "auto, local, docker, podman, landlock, none"),
        (&["report", "x", "--format", "pdf"], "table, md, json, csv, html"),
        (&["compare", "x", "y", "--by", "age"], "repo, difficulty"),
        (&["bench", "run", "--suite", "mini", "--backend", "official"], "auto, native, docker"),
        (&["bench", "grade", "--gold", "--backend", "cloud"], "auto, native, docker, official"),
        (&["bench", "prune", "--free", "time"], "history, environments, checkouts, repos, suites, images, all"),
    ] {
        let said = nowhere.voe(args);
        assert!(said.code == 2 && said.err.contains(&format!("[possible values: {words}]")), "{args:?}: {}", said.err);
        let help =
            nowhere.voe(&[&args[..args.iter().position(|arg| arg.starts_with("--")).unwrap()], &["--help"]].concat());
        assert!(
            help.out.replace("\n", " ").split_whitespace().collect::<Vec<_>>().join(" ").contains(words),
            "{}",
            help.out
        );
    }
    let said = nowhere.voe(&["fix", "p", "--max-wall", "soon"]);
    assert!(said.code == 2 && said.err.contains("expected a duration such as 90s, 20m or 1h30m"), "{}", said.err);
}

#[test]
fn a_misspelt_key_of_an_experiment_or_a_strategy_is_refused_with_the_one_that_was_meant() {
    let world = World::new();
    for (text, expected) in [
        ("suite = \"mini\"\ntrails = 3\n", "unknown key \"trails\"; did you mean \"trials\"?"),
        (
            "suite = \"mini\"\n[set.limits]\nsetps = 3\n",
            "unknown key \"setps\" in [set.limits]; did you mean \"steps\"?",
        ),
        ("suite = \"mini\"\n[filter]\nshard = [1, 2, 3]\n", "invalid shard: expected [K, N] with K from 1 to N"),
    ] {
        world.bench.write("e.toml", text);
        let said = world.voe(&["bench", "run", "e.toml"], &[]);
        assert!(one_line(&said).contains(expected), "{}", said.err);
    }
    world.bench.write("s.toml", "extends = \"baseline\"\n[sampling]\ntemprature = 0.5\n");
    let said = world.voe(&["strategies", "show", "s.toml"], &[]);
    assert!(
        one_line(&said).contains("unknown key \"temprature\" in [sampling]; did you mean \"temperature\"?"),
        "{}",
        said.err
    );
}

#[test]
fn a_server_that_hangs_ends_the_attempt_at_a_limit_that_is_a_setting() {
    let bench = Bench::python();
    let sleep = Arc::new(|| std::thread::sleep(Duration::from_secs(30)));
    let server = Server::start(32_768, vec![Answer::After(sleep, Box::new(reply("TASK_COMPLETE", &[], 10)))]);
    let mut command = bench.command(VOE);
    command.args(["fix", "p", "--sandbox", "none", "--json", "--base-url", &server.url]);
    let said = Said::of(&command.env("VOE_TIMEOUT_REPLY", "200ms").output().unwrap());
    assert_eq!(said.code, 4, "{}", said.err);
    let error = said.finish()["error"].to_string();
    assert!(error.contains("no reply from the server for 0.2 s") && error.contains("raise timeout.reply"), "{error}");
}

/// An attempt at the small project, with and without the log.
fn logged(bench: &Bench, more: &[&str], log: Option<&str>) -> Said {
    let model = bench.script(&[cure(), bash(support::CHECK), done()]);
    let mut command = bench.command(VOE);
    command.args(["fix", "p", "--sandbox", "none", "--json", "--apply", "no", "--model", &model]).args(more);
    command.envs(log.map(|filter| ("VOE_LOG", filter)));
    Said::of(&command.output().unwrap())
}

#[test]
fn the_log_goes_to_standard_error_and_leaves_json_as_it_is() {
    for (more, log, has_git) in
        [(&["-v"][..], None, false), (&["-vv"], None, true), (&[], Some("voe_repo=debug"), true)]
    {
        let bench = Bench::python();
        let said = logged(&bench, more, log);
        assert_eq!(said.code, 0, "{}", said.err);
        said.finish();
        assert_eq!(said.err.contains(" DEBUG voe_repo::git: git"), has_git, "{}", said.err);
        assert_eq!(said.err.contains("INFO voe_sandbox::sandbox: sandbox opened"), !more.is_empty(), "{}", said.err);
        // Each call of the model's with its size and time.
        let calls = said.err.lines().filter(|line| line.contains("voe_proof::workspace: tool call ended"));
        let calls: Vec<&str> = calls.collect();
        assert_eq!(calls.len(), if more == ["-vv"] { 2 } else { 0 }, "{}", said.err);
        assert!(calls.iter().all(|line| line.contains("output_bytes=") && line.contains("ms=")), "{calls:?}");
        // Nothing of what the model said or did.
        for text in ["stats.py", "mean([])", "TASK_COMPLETE", "sum(xs)"] {
            assert!(!said.err.contains(text), "{text}: {}", said.err);
        }
    }
    let silent = logged(&Bench::python(), &[], None);
    assert_eq!((silent.code, silent.err.as_str()), (0, ""));
}

#[test]
fn the_log_shows_requests_without_keys_and_escapes_what_others_chose() {
    let bench = Bench::python();
    let bad = Answer::Status(503, json!({"error": {"message": "busy"}}), "retry-after: 0\r\n");
    let server = Server::serving("m\u{1b}[31m", 32_768, vec![bad, reply("TASK_COMPLETE", &[], 10)]);
    let mut command = bench.command(VOE);
    command.args([
        "fix",
        "p",
        "-vv",
        "--sandbox",
        "none",
        "--json",
        "--strategy",
        "baseline",
        "--base-url",
        &server.url,
    ]);
    let said = Said::of(&command.env("VOE_API_KEY", "sk-very-secret").output().unwrap());
    for part in [
        "voe_model::exchange: request failed",
        "kind=\"overloaded\"",
        "the request is made again",
        "status=200",
        ": reply ",
    ] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert!(!said.err.contains("sk-very-secret") && !said.err.contains('\u{1b}'), "{}", said.err);
}

#[test]
fn a_filter_of_the_log_that_is_none_is_refused_in_one_line() {
    let bench = Bench::python();
    let said = logged(&bench, &[], Some("loud"));
    insta::assert_snapshot!(one_line(&said), @r#"voe: VOE_LOG: invalid filter "loud": expected error, warn, info, debug or trace, or levels of parts such as voe_model=debug,voe_repo=info"#);
}
