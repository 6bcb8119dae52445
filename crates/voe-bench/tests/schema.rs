//! The schema of an experiment file accepts and refuses the same files as the reader.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use schemars::schema_for;
use voe_bench::Experiment;

fn schema() -> Validator {
    jsonschema::validator_for(schema_for!(Experiment).as_value()).unwrap()
}

/// The schema's errors about a text in TOML.
fn refusals(schema: &Validator, text: &str) -> Vec<String> {
    let value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
    schema.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}

#[test]
fn each_experiment_that_ships_is_valid() {
    let (schema, mut found) = (schema(), Vec::new());
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments"), &mut found);
    assert!(found.len() >= 8, "{found:?}");
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(refusals(&schema, &text), Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn what_is_refused_when_a_file_is_resolved_is_refused_by_the_schema() {
    let (schema, dir) = (schema(), tempfile::tempdir().unwrap());
    let file = dir.path().join("own.toml");
    let resolves = |text: &str| {
        fs::write(&file, text).unwrap();
        Experiment::read(&file).and_then(|experiment| experiment.arms(dir.path())).is_ok()
    };
    for (text, good) in [
        ("trials = 2\n[filter]\nshard = [1, 4]\nids = [\"a\"]", true),
        ("[set.limits]\nsteps = 7", true),
        ("[[arm]]\nname = \"a\"\nstrategy = \"baseline\"\n[arm.set.nudge]\non = \"edit\"\ntext = \"t\"", true),
        ("trails = 2", false),
        ("trials = -2", false),
        ("[filter]\nshard = \"1/4\"", false),
        ("[filter]\nshard = [1]", false),
        ("[set.limits]\nsetps = 7", false),
        ("[[arm]]\nname = \"a\"\nstrategy = \"baseline\"\n[arm.set.nudge]\non = \"sometimes\"", false),
    ] {
        let text = format!("strategies = [\"baseline\"]\n{text}");
        assert_eq!(resolves(&text), good, "{text}");
        assert_eq!(refusals(&schema, &text).is_empty(), good, "{text}: {:?}", refusals(&schema, &text));
    }
}
