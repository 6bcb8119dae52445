//! The book against the code: every key of a strategy is described.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use toml::{Table, Value};
use voe_agent::strategy::{Pipeline, RedFirst, SearchKeys};
use voe_agent::{Strategy, load};

/// Keys with their tables, dotted.
fn keys(table: &Table, before: &str, all: &mut Vec<String>) {
    for (key, value) in table {
        match value {
            Value::Table(inner) if !inner.is_empty() => keys(inner, &format!("{before}{key}."), all),
            _ => all.push(format!("{before}{key}")),
        }
    }
}

#[test]
fn every_key_has_a_line_in_the_book() {
    let book = page_of("strategies.md");
    let full = Strategy { red_first: Some(RedFirst::default()), ..Strategy::default() };
    let table: Table = load::show(&full).parse().unwrap();
    let mut all = Vec::new();
    keys(&table, "", &mut all);
    assert!(all.len() > 35, "{all:?}");
    let missing: Vec<_> = all.iter().filter(|key| !book.contains(&format!("`{key}`")) && *key != "sampling").collect();
    assert!(missing.is_empty(), "not in docs/strategies.md: {missing:?}");
}

#[test]
fn every_key_of_a_family_has_a_line_on_its_page() {
    for (page, table) in [
        ("pipeline.md", Table::try_from(Pipeline::default()).unwrap()),
        ("search.md", Table::try_from(SearchKeys::default()).unwrap()),
    ] {
        let book = page_of(page);
        let missing: Vec<_> = table.keys().filter(|key| *key != "ask" && !book.contains(&format!("`{key}`"))).collect();
        assert!(missing.is_empty(), "not in docs/{page}: {missing:?}");
    }
}

#[test]
fn every_shipped_strategy_has_a_page_with_a_picture_what_it_stands_for_and_its_cost() {
    let index = page_of("strategies.md");
    for (name, _) in load::SHIPPED {
        let row = index.lines().find(|line| line.starts_with("| [") && line.contains(&format!("`{name}`")));
        let row = row.unwrap_or_else(|| panic!("{name} is not in the table of docs/strategies.md"));
        let page = row.split(['(', ')']).nth(1).unwrap();
        let text = page_of(page).to_lowercase();
        for part in ["```", "stands for", "source", "cost", name] {
            assert!(text.contains(part), "docs/{page} has no {part:?}");
        }
    }
}

fn page_of(page: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page)).unwrap()
}

#[test]
fn every_shipped_strategy_loads_has_a_description_and_is_read_back_from_a_record() {
    for (name, _) in load::SHIPPED {
        let strategy = voe_agent::load(name, Path::new(".")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(strategy.name, *name);
        assert!(!strategy.about.is_empty() && strategy.about.len() <= 90, "{name}: {}", strategy.about);
        assert_eq!(load::parse(&load::show(&strategy)).unwrap(), strategy, "{name}");
    }
}
