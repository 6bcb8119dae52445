//! No type name stands twice in the workspace: one search for a name finds one type.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::Item;
use syn::visit::{self, Visit};

/// Names that stand more than once, each with the reason.
const TWICE: &[(&str, &str)] = &[];

/// The types that a file defines.
#[derive(Default)]
struct Types(Vec<String>);

impl<'ast> Visit<'ast> for Types {
    fn visit_item(&mut self, item: &'ast Item) {
        let name = match item {
            Item::Struct(item) => Some(&item.ident),
            Item::Enum(item) => Some(&item.ident),
            Item::Union(item) => Some(&item.ident),
            Item::Trait(item) => Some(&item.ident),
            Item::Type(item) => Some(&item.ident),
            _ => None,
        };
        self.0.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn types_of(text: &str) -> Vec<String> {
    let mut types = Types::default();
    types.visit_file(&syn::parse_file(text).unwrap());
    types.0
}

#[test]
fn no_type_name_stands_twice_in_the_workspace() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for entry in fs::read_dir(crates).unwrap() {
        let mut files = Vec::new();
        sources(&entry.unwrap().path().join("src"), &mut files);
        for file in files {
            let shown = file.strip_prefix(crates).unwrap().display().to_string();
            for name in types_of(&fs::read_to_string(&file).unwrap()) {
                places.entry(name).or_default().push(shown.clone());
            }
        }
    }
    assert!(places.len() > 300, "{}: the walk has missed files", places.len());
    places.retain(|_, at| at.len() > 1);
    for (name, reason) in TWICE {
        assert!(
            places.remove(name.to_owned()).is_some() && !reason.is_empty(),
            "{name} stands once: take it out of TWICE"
        );
    }
    let twice: Vec<String> = places.iter().map(|(name, at)| format!("{name}: {}", at.join(", "))).collect();
    assert!(twice.is_empty(), "give these types a name of their own:\n{}", twice.join("\n"));
}

#[test]
fn types_are_seen_wherever_they_stand() {
    let text = "struct A; mod m { pub enum B {} fn f() { trait C {} type D = u8; } } impl I for A { type E = u8; }";
    assert_eq!(types_of(text), ["A", "B", "C", "D"]);
}
