//! The schema of a strategy file: it accepts what the loader accepts and refuses the rest.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use schemars::schema_for;
use serde_json::Value;
use voe_agent::load::{SHIPPED, StrategyFile, load, show};

fn schema() -> Validator {
    jsonschema::validator_for(schema_for!(StrategyFile).as_value()).unwrap()
}

/// The schema's errors on a TOML text.
fn refusals(schema: &Validator, text: &str) -> Vec<String> {
    let value: Value = serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap();
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
fn each_strategy_that_ships_is_valid_as_a_file_and_with_every_key_resolved() {
    let schema = schema();
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies"), &mut found);
    assert_eq!(found.len(), SHIPPED.len());
    for file in found {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(refusals(&schema, &text), Vec::<String>::new(), "{}", file.display());
    }
    for (name, _) in SHIPPED {
        let text = show(&load(name, Path::new(".")).unwrap());
        assert_eq!(refusals(&schema, &text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_is_refused_when_a_file_is_read_is_refused_by_the_schema() {
    let (schema, dir) = (schema(), tempfile::tempdir().unwrap());
    let file = dir.path().join("own.toml");
    for (text, good) in [
        ("", true),
        ("extends = \"baseline\"\n[limits]\nsteps = 7\nwall_s = 90", true),
        ("[red_first]", true),
        ("[sampling.extra.chat_template_kwargs]\nenable_thinking = false", true),
        ("extends = 1", false),
        ("[limits]\nsetps = 7", false),
        ("[limits]\nsteps = -7", false),
        ("[limits]\nsteps = \"7\"", false),
        ("[limits]\nwall_s = \"90s\"", false),
        ("[nudge]\non = \"sometimes\"", false),
        ("[search]\nkind = \"best_of_n\"", false),
        ("[no_such_table]", false),
    ] {
        fs::write(&file, text).unwrap();
        assert_eq!(load("own.toml", dir.path()).is_ok(), good, "{text}: {:?}", load("own.toml", dir.path()));
        assert_eq!(refusals(&schema, text).is_empty(), good, "{text}: {:?}", refusals(&schema, text));
    }
}
