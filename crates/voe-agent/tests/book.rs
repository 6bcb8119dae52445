//! The book against the code: every key of a strategy is described.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use toml::{Table, Value};
use voe_agent::strategy::RedFirst;
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
    let book = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/strategies.md")).unwrap();
    let full = Strategy { red_first: Some(RedFirst::default()), ..Strategy::default() };
    let table: Table = load::show(&full).parse().unwrap();
    let mut all = Vec::new();
    keys(&table, "", &mut all);
    assert!(all.len() > 35, "{all:?}");
    let missing: Vec<_> = all.iter().filter(|key| !book.contains(&format!("`{key}`")) && *key != "sampling").collect();
    assert!(missing.is_empty(), "not in docs/strategies.md: {missing:?}");
}

#[test]
fn every_shipped_strategy_loads_says_what_it_is_and_comes_back_from_a_record() {
    for (name, _) in load::SHIPPED {
        let strategy = voe_agent::load(name, Path::new(".")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(strategy.name, *name);
        assert!(!strategy.about.is_empty() && strategy.about.len() <= 90, "{name}: {}", strategy.about);
        assert_eq!(load::parse(&load::show(&strategy)).unwrap(), strategy, "{name}");
    }
}
