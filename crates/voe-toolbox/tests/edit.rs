//! The cases in `tests/edit/`, and properties of every edit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use voe_toolbox::edit::{TextEdit, apply};

#[test]
fn every_case_gives_what_it_expects() {
    let mut cases = 0;
    let mut failed = Vec::new();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edit")).unwrap() {
        let case = entry.unwrap().path();
        if !case.is_dir() {
            continue;
        }
        cases += 1;
        let edit: serde_json::Value = serde_json::from_slice(&fs::read(case.join("edit.json")).unwrap()).unwrap();
        let (old, new) = (edit["old"].as_str().unwrap(), edit["new"].as_str().unwrap());
        let line = edit["line"].as_u64().map(|line| line as usize);
        let result = apply(&fs::read(case.join("input")).unwrap(), &TextEdit { old, new, line });
        let right = match (&result, fs::read(case.join("expected")), fs::read_to_string(case.join("error"))) {
            (Ok(edited), Ok(expected), Err(_)) => edited.content == expected,
            (Err(error), Err(_), Ok(part)) => error.to_string().contains(&part),
            _ => false,
        };
        if !right {
            failed.push(format!("{}: {result:?}", case.file_name().unwrap().to_string_lossy()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(cases > 40, "only {cases} cases were found");
}

/// Bytes of a file of whatever kind: text, foreign bytes, all line ends.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        "[a-c ]{0,4}".prop_map(String::into_bytes),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just("é".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..3),
    ];
    proptest::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn a_replaced_word_leaves_all_other_bytes_alone(before in bytes(), after in bytes(), new in "[a-zé]{0,6}(\n[a-z]{1,3})?") {
        // A word that occurs nowhere else.
        let content = [&before[..], b"UNIQUE", &after[..]].concat();
        prop_assume!(new != "UNIQUE");
        let edited = apply(&content, &TextEdit { old: "UNIQUE", new: &new, line: None }).unwrap().content;
        prop_assert!(edited.starts_with(&before));
        prop_assert!(edited.ends_with(&after));
        let middle = &edited[before.len()..edited.len() - after.len()];
        let middle = String::from_utf8(middle.to_vec()).unwrap().replace("\r\n", "\n");
        prop_assert_eq!(middle, new);
    }

    #[test]
    fn an_edit_and_its_reverse_give_the_file_back(before in bytes(), after in bytes(), lines in "[a-z]{1,3}(\n[a-z]{1,3}){0,3}") {
        let content = [&before[..], b"UNIQUE", &after[..]].concat();
        let new = format!("<{lines}>");
        let there = apply(&content, &TextEdit { old: "UNIQUE", new: &new, line: None }).unwrap().content;
        let back = apply(&there, &TextEdit { old: &new, new: "UNIQUE", line: None }).unwrap().content;
        prop_assert_eq!(back, content);
    }

    #[test]
    fn inserted_lines_leave_all_other_lines_alone(content in bytes(), line in 1_usize..30, new in "[a-z]{1,4}(\n[a-z]{1,4})?\n?") {
        if let Ok(edited) = apply(&content, &TextEdit { old: "", new: &new, line: Some(line) }) {
            prop_assert!(edited.content.len() >= content.len() + new.trim_end().len());
            // The old text is still there, in two parts.
            let at = content.iter().zip(&edited.content).take_while(|(a, b)| a == b).count();
            prop_assert!((0..=at).any(|at| edited.content.ends_with(&content[at..])));
        }
    }

    #[test]
    fn an_edit_touches_no_more_of_the_file_than_it_matches(content in bytes(), from in 0_usize..30, length in 1_usize..10, new in "[a-c\n\r]{0,6}", line in proptest::option::of(1_usize..6)) {
        let shown = String::from_utf8_lossy(&content).into_owned();
        let old: String = shown.chars().skip(from).take(length).collect();
        if let Ok(edited) = apply(&content, &TextEdit { old: &old, new: &new, line }) {
            let before = content.iter().zip(&edited.content).take_while(|(a, b)| a == b).count();
            let after = content.iter().rev().zip(edited.content.iter().rev()).take_while(|(a, b)| a == b).count();
            prop_assert!(content.len().saturating_sub(before + after) <= 2 * old.len() + 2);
        }
    }

    #[test]
    fn no_edit_makes_it_panic(content in proptest::collection::vec(any::<u8>(), 0..100), old in ".{0,10}", new in ".{0,10}", line in proptest::option::of(0_usize..20)) {
        let _ = apply(&content, &TextEdit { old: &old, new: &new, line }).map_err(|error| error.to_string());
        let part: String = String::from_utf8_lossy(&content).chars().skip(3).take(9).collect();
        let _ = apply(&content, &TextEdit { old: &part, new: &new, line }).map_err(|error| error.to_string());
    }
}
