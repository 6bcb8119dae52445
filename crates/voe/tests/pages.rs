//! The pages against the tree: links lead somewhere, every page is in the book, and what ARCHITECTURE.md names is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Table;

/// Pages that tell developers where things are.
const GUIDES: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md", "RELEASING.md", "README.md"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn pages_in(dir: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    pages.sort();
    pages
}

/// A page without its blocks of code.
fn prose(text: &str) -> String {
    let mut code = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The targets of a page's links.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    prose
        .match_indices("](")
        .filter_map(|(at, _)| prose[at + 2..].split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect()
}

/// What stands between backticks on a line.
fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let headings =
        headings.lines().filter_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    let anchor = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_pages_leads_to_a_page_and_a_heading() {
    let (top, mut dead) = (top(), Vec::new());
    for page in pages_in(&top).into_iter().chain(pages_in(&top.join("docs"))) {
        for link in links(&read(&page)).iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let leads = target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !leads {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn the_book_has_every_page_of_docs_and_no_link_out_of_it() {
    let docs = top().join("docs");
    let listed: BTreeSet<String> = links(&read(&docs.join("SUMMARY.md"))).into_iter().collect();
    let name = |page: &PathBuf| page.file_name().unwrap().to_string_lossy().into_owned();
    let there: BTreeSet<String> = pages_in(&docs).iter().map(name).filter(|name| name != "SUMMARY.md").collect();
    assert_eq!(listed, there, "docs/SUMMARY.md against the folder");
    for page in pages_in(&docs) {
        let out: Vec<String> = links(&read(&page)).into_iter().filter(|link| link.starts_with("../")).collect();
        assert!(out.is_empty(), "{} links to what the book does not have: {out:?}", page.display());
    }
}

#[test]
fn files_that_the_guides_name_are_there() {
    let (top, mut missing) = (top(), Vec::new());
    let folders = ["crates/", "docs/", "strategies/", "suites/", "experiments/", "fuzz/", ".ci/", ".github/"];
    for guide in GUIDES {
        for line in prose(&read(&top.join(guide))).lines() {
            let paths = code_spans(line).filter(|span| folders.iter().any(|folder| span.starts_with(folder)));
            // NAME stands for what a reader adds, and a command may follow a program's path.
            let paths = paths.filter(|path| !path.contains("NAME")).map(|path| path.split(' ').next().unwrap_or(path));
            missing.extend(paths.filter(|path| !top.join(path).exists()).map(|path| format!("{guide}: {path}")));
        }
    }
    assert!(missing.is_empty(), "not in the tree:\n{}", missing.join("\n"));
}

#[test]
fn functions_and_tables_that_the_map_names_are_in_the_code() {
    let mut code = String::new();
    sources(&top().join("crates"), &mut code);
    let mut missing = Vec::new();
    for line in prose(&read(&top().join("ARCHITECTURE.md"))).lines() {
        for span in code_spans(line) {
            let name = span.rsplit("::").next().unwrap_or(span);
            let there = match name.strip_suffix("()") {
                Some(function) => {
                    code.contains(&format!("fn {function}(")) || code.contains(&format!("fn {function}<"))
                }
                None if is_constant(name) => {
                    code.contains(&format!("const {name}")) || code.contains(&format!("static {name}"))
                }
                None => true,
            };
            if !there {
                missing.push(span.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "not in the code: {missing:?}");
}

#[test]
fn the_map_has_each_crate_with_what_it_uses() {
    let top = top();
    let map = read(&top.join("ARCHITECTURE.md"));
    let rows: BTreeSet<String> = map
        .lines()
        .filter(|line| line.starts_with("| `voe` |") || line.starts_with("| `voe-"))
        .map(str::to_owned)
        .collect();
    let (mut named, mut faults) = (0, Vec::new());
    for entry in fs::read_dir(top.join("crates")).unwrap() {
        let dir = entry.unwrap().path();
        let name = dir.file_name().unwrap().to_string_lossy().into_owned();
        let manifest: Table = read(&dir.join("Cargo.toml")).parse().unwrap();
        let dependencies = manifest.get("dependencies").and_then(|table| table.as_table()).unwrap();
        let uses: BTreeSet<&str> =
            dependencies.keys().map(String::as_str).filter(|name| name.starts_with("voe-")).collect();
        let row = rows.iter().find(|row| row.starts_with(&format!("| `{name}` |"))).map_or("", String::as_str);
        let listed =
            row.rsplit('|').nth(1).unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
        if row.is_empty() || listed.collect::<BTreeSet<_>>() != uses {
            faults.push(format!("{name}: {}", uses.into_iter().collect::<Vec<_>>().join(", ")));
        }
        named += 1;
    }
    assert!(faults.is_empty(), "the map should say that these use\n{}", faults.join("\n"));
    assert_eq!(rows.len(), named, "the map has crates that are not there");
}

fn is_constant(name: &str) -> bool {
    let upper = |c: char| c.is_ascii_uppercase() || c == '_';
    name.len() > 3 && name.chars().all(upper) && name != "NAME" && name != "FILE"
}

fn sources(dir: &Path, code: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, code);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            code.push_str(&read(&path));
        }
    }
}

#[test]
fn tests_that_the_security_page_names_are_in_the_code() {
    let mut code = String::new();
    all(&top().join("crates"), &mut code);
    let page = read(&top().join("SECURITY.md"));
    let names = page.split('`').skip(1).step_by(2);
    // A sentence in words joined by underscores is the name of a test.
    let missing: Vec<&str> = names
        .filter(|name| name.matches('_').count() > 3 && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()))
        .filter(|name| !code.contains(name))
        .collect();
    assert!(missing.is_empty(), "not in the tests: {missing:?}");
}

/// The text of every Rust file below `dir`.
fn all(dir: &Path, code: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&read(&path));
        }
    }
}
