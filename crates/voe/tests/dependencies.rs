//! Every dependency that a manifest names is used. A use is `name::`, `use name`, or an entry that a feature of the manifest
//! names; a name that merely appears in a comment is not one.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// Where code of each kind of dependency may be, in a crate's folder.
const KINDS: &[(&str, &[&str])] = &[
    ("dependencies", &["src"]),
    ("build-dependencies", &["build.rs"]),
    ("dev-dependencies", &["src", "tests", "benches", "examples"]),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn manifest(dir: &Path) -> Table {
    fs::read_to_string(dir.join("Cargo.toml")).unwrap().parse().unwrap()
}

fn crates() -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> =
        fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path()).collect();
    dirs.retain(|dir| dir.join("Cargo.toml").is_file());
    dirs.sort();
    dirs
}

/// The code at `path` without comments that fill a line. Examples in documentation stay if `examples` is set: they may use
/// what only tests depend on.
fn code(path: &Path, examples: bool, text: &mut String) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            code(&entry.unwrap().path(), examples, text);
        }
    } else if path.extension().is_some_and(|kind| kind == "rs") && path.is_file() {
        for line in fs::read_to_string(path).unwrap().lines() {
            let trimmed = line.trim_start();
            let documentation = trimmed.starts_with("///") || trimmed.starts_with("//!");
            if !trimmed.starts_with("//") || documentation && examples {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
}

fn is_used(name: &str, code: &str) -> bool {
    let name = name.replace('-', "_");
    code.match_indices(&name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let part_of_a_longer_name = before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
        !part_of_a_longer_name && (after.starts_with("::") || before.ends_with("use ") && after.starts_with([';', ' ']))
    })
}

fn names(manifest: &Table, table: &str) -> Vec<String> {
    manifest
        .get(table)
        .and_then(|table| table.as_table())
        .map_or_else(Vec::new, |table| table.keys().cloned().collect())
}

/// Names that a manifest lists as used in a way that this test does not see, each with a comment that says how.
fn ignored(manifest: &Table) -> BTreeSet<String> {
    let list = || manifest.get("package")?.get("metadata")?.get("cargo-machete")?.get("ignored")?.as_array();
    list().into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_crate_uses_what_it_depends_on() {
    let mut faults = Vec::new();
    for dir in crates() {
        let manifest = manifest(&dir);
        let mut ignored = ignored(&manifest);
        for (kind, places) in KINDS {
            let mut text = String::new();
            places.iter().for_each(|place| code(&dir.join(place), *kind == "dev-dependencies", &mut text));
            for name in names(&manifest, kind) {
                if !is_used(&name, &text) && !ignored.remove(&name) {
                    faults.push(format!("{}: {name} in [{kind}] is not used", dir.display()));
                }
            }
        }
        faults.extend(ignored.iter().map(|name| format!("{}: {name} is used: need not be ignored", dir.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_workspace_names_no_version_that_no_crate_asks_for() {
    let root = manifest(&workspace());
    let asked: BTreeSet<String> = crates()
        .iter()
        .map(|dir| manifest(dir))
        .flat_map(|m| KINDS.iter().flat_map(move |(kind, _)| names(&m, kind)))
        .collect();
    let shared = root["workspace"]["dependencies"].as_table().unwrap();
    let unused: Vec<&String> = shared.keys().filter(|name| !asked.contains(*name)).collect();
    assert!(unused.is_empty(), "not asked for by any crate: {unused:?}");
}

#[test]
fn a_name_counts_as_used_where_code_refers_to_it() {
    assert!(is_used("serde-json", "let x = serde_json::json!({});"));
    assert!(is_used("libc", "use libc;"));
    assert!(is_used("tar", "let a = tar::Archive::new(x);"));
    assert!(!is_used("tar", "let tar = 1; guitar::play(); crate::tar::pack();"));
    assert!(!is_used("json", "serde_json::to_string(x)"));
}
