//! `voe schema`: each schema is one, and what the commands print is valid by it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::fs;

use jsonschema::Validator;
use serde_json::Value;
use support::{Bench, Said, VOE, bash, cure, done};

const TASK: &str = "mini__rotate-1";
const GOLD: &str = "[[script]]\napply = \"gold\"\nreply = [{ content = \"TASK_COMPLETE\" }]\n";

/// voe in a place where nothing is isolated, so that the tests run anywhere.
fn voe(bench: &Bench, args: &[&str]) -> Said {
    let mut command = bench.command(VOE);
    command.env("VOE_CACHE_DIR", bench.dir.path().join("cache")).env("VOE_SANDBOX", "none");
    Said::of(&command.args(args).output().unwrap())
}

/// The schema of this name, as it is printed.
fn printed(bench: &Bench, name: &str) -> Value {
    let said = voe(bench, &["schema", name]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{name}");
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn schema(bench: &Bench, name: &str) -> Validator {
    jsonschema::validator_for(&printed(bench, name)).unwrap()
}

/// `value` is valid, and is not without any of the fields that must be there.
fn check(schema: &Validator, value: &Value) {
    let errors: Vec<_> = schema.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:?}\n{value}");
    assert!(!schema.is_valid(&Value::Bool(true)), "the schema takes anything");
}

fn whole(schema: &Validator, said: &Said) -> Value {
    let value = serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}{}", said.out, said.err));
    check(schema, &value);
    value
}

fn lines(schema: &Validator, said: &Said) -> Vec<Value> {
    let events = said.events();
    assert!(!events.is_empty(), "{}", said.err);
    events.iter().for_each(|line| check(schema, line));
    events
}

#[test]
fn each_schema_is_valid_by_the_draft_that_it_names_and_says_what_it_is() {
    let bench = Bench::new(&[]);
    let help = voe(&bench, &["schema", "--help"]).out;
    let name = |line: &str| Some(line.trim().strip_prefix("- ")?.split_once(':')?.0.to_owned());
    let names: BTreeSet<String> = help.lines().filter_map(name).collect();
    assert!(names.len() >= 15, "{help}");
    for name in names {
        let schema = printed(&bench, &name);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{name}");
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        for key in ["title", "description"] {
            assert!(schema[key].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {key}");
        }
        assert!(!schema.to_string().contains("[`"), "{name} has a link of the documentation");
    }
    assert_eq!(voe(&bench, &["schema", "nothing"]).code, 2);
}

#[test]
fn each_line_of_an_attempt_is_valid() {
    let bench = Bench::python();
    let schema = schema(&bench, "trajectory");
    let said = bench.fix(&[cure(), bash(support::CHECK), bash("exit 3"), done(), done(), done()], &[]);
    let events = lines(&schema, &said);
    let trajectory = said.finish()["trajectory"].as_str().unwrap().to_owned();
    lines(&schema, &voe(&bench, &["replay", &trajectory, "--json"]));
    for mut line in events {
        line["event"] = "no_such_event".into();
        assert!(!schema.is_valid(&line), "{line}");
    }
}

#[test]
fn the_demos_lines_are_valid() {
    let bench = Bench::new(&[]);
    let said = Said::of(&bench.command(VOE).args(["demo", "--json"]).output().unwrap());
    if said.code == 2 {
        println!("skipped: no sandbox works here: {}", said.err);
        return;
    }
    lines(&schema(&bench, "trajectory"), &said);
}

#[test]
fn what_commands_print_of_this_machine_and_its_settings_is_valid() {
    let bench = Bench::new(&[("voe.toml", "strategy = \"baseline\"\nbase_url = \"http://u:p@127.0.0.1:9/v1\"\n")]);
    let looks =
        whole(&schema(&bench, "doctor"), &voe(&bench, &["doctor", "--json", "--base-url", "http://127.0.0.1:9/v1"]));
    assert_eq!(looks["ready"], false);
    let config = whole(&schema(&bench, "config"), &voe(&bench, &["config", "--json"]));
    assert!(config["strategy"]["value"] == "baseline" && config["base_url"]["not_accepted"].is_string(), "{config}");
    let power = schema(&bench, "power");
    for more in [&[][..], &["--tasks", "500", "--discordance", "0.2"]] {
        let args = [&["power", "--baseline", "0.33", "--gain", "0.04", "--json"], more].concat();
        whole(&power, &voe(&bench, &args));
    }
    whole(&schema(&bench, "bench-prune"), &voe(&bench, &["bench", "prune", "--json"]));
    whole(&schema(&bench, "bench-prune"), &voe(&bench, &["bench", "prune", "--free", "suites", "--json"]));
}

#[test]
fn what_the_bench_prints_is_valid() {
    let bench = Bench::new(&[]);
    bench.write("gold.toml", GOLD);
    whole(&schema(&bench, "bench-tasks"), &voe(&bench, &["bench", "tasks", "mini", "--json"]));
    let show = schema(&bench, "bench-show");
    assert!(whole(&show, &voe(&bench, &["bench", "show", "mini", TASK, "--json"])).get("patch").is_none());
    assert!(whole(&show, &voe(&bench, &["bench", "show", "mini", TASK, "--gold", "--json"]))["patch"].is_string());
    let said = voe(&bench, &["bench", "prepare", "mini", "--ids", TASK, "--json"]);
    assert_eq!(lines(&schema(&bench, "bench-prepare"), &said).len(), 2, "{}", said.err);

    let run =
        ["bench", "run", "--suite", "mini", "--ids", TASK, "--model", "scripted:gold.toml", "--strategy", "baseline"];
    let more = ["--strategy", "verify-on-edit", "--out", "r", "--allow-readable-solutions", "--json"];
    let said = voe(&bench, &[&run[..], &more].concat());
    let news: BTreeSet<_> = lines(&schema(&bench, "bench-run"), &said).iter().map(|l| l["news"].to_string()).collect();
    assert!(news.contains("\"began\"") && news.contains("\"ended\""), "{news:?}");
    whole(&schema(&bench, "bench-status"), &voe(&bench, &["bench", "status", "r", "--json"]));
    let grade = schema(&bench, "bench-grade");
    let graded = lines(&grade, &voe(&bench, &["bench", "grade", "r", "--json"]));
    assert!(graded.iter().any(|line| line["verdict"].is_string()), "{graded:?}");
    assert!(graded.iter().any(|line| line["schema_version"] == 2), "{graded:?}");
    fs::create_dir(bench.path("logs")).unwrap();
    bench.write(&format!("logs/{TASK}.txt"), "nothing\n");
    lines(&grade, &voe(&bench, &["bench", "grade", "--logs", "logs", "--suite", "mini", "--json"]));

    whole(&schema(&bench, "report"), &voe(&bench, &["report", "r", "--format", "json"]));
    for more in [&[][..], &["--by", "repo"]] {
        let args = [&["compare", "r:baseline", "r:verify-on-edit", "--json"], more].concat();
        whole(&schema(&bench, "compare"), &voe(&bench, &args));
    }
}
