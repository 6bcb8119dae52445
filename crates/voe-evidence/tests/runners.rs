//! What is read from the output of test runners: captured output, and runners that are started here.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use voe_evidence::tests::read;
use voe_trace::TestRun;

/// The captured outputs by their names: `pytest-v` is pytest's with `-v`.
fn captured() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/output");
    let mut outputs: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    outputs.sort();
    outputs
}

fn shown(run: Option<&TestRun>) -> String {
    let Some(run) = run else { return "  nothing\n".into() };
    let mut text = format!("  {} passed, {} failed\n", run.passed, run.failed);
    for (mark, names) in [('-', &run.failing), ('+', &run.passing)] {
        for name in names {
            writeln!(text, "  {mark} {name}").unwrap();
        }
    }
    text
}

#[test]
fn captured_output_of_each_runner_is_read() {
    let all: String = captured()
        .iter()
        .map(|(name, output)| format!("{name}\n{}", shown(read("make test", output).as_ref())))
        .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn what_the_runners_here_print_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        shown(read(program, &String::from_utf8(text).unwrap()).as_ref())
    };

    write(
        "test_pages.py",
        "import unittest\nclass Pages(unittest.TestCase):\n    def test_full(self): pass\n    def test_rest(self): self.fail()\n",
    );
    let unittest = run("python3", &["-m", "unittest", "-v", "test_pages"]);
    assert!(unittest.starts_with("  1 passed, 1 failed\n  - test_rest (test_pages.Pages"), "{unittest}");
    assert!(unittest.contains("  + test_full (test_pages.Pages"), "{unittest}");

    write(
        "pages.test.mjs",
        "import { test } from 'node:test';\ntest('full', () => {});\ntest('rest', () => { throw new Error('no'); });\n",
    );
    for reporter in ["spec", "tap"] {
        let node = run("node", &["--test", &format!("--test-reporter={reporter}"), "pages.test.mjs"]);
        assert_eq!(node, "  1 passed, 1 failed\n  - rest\n  + full\n", "{reporter}");
    }

    write("pages.rs", "#[test] fn full() {}\n#[test] fn rest() { panic!() }\n");
    run("rustc", &["--test", "pages.rs"]);
    assert_eq!(run("./pages", &[]), "  1 passed, 1 failed\n  - rest\n  + full\n");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "\\PC{0,60}",
        lines in proptest::collection::vec((0_usize..4000, 0_usize..40, "[ -~é✓\n]{0,6}"), 0..12),
    ) {
        let all: String = captured().into_iter().map(|(_, output)| output).collect();
        let all: Vec<&str> = all.lines().collect();
        let mut mixed = text;
        for (at, cut, extra) in lines {
            let line = all[at % all.len()];
            mixed.extend(line.chars().take(line.chars().count().saturating_sub(cut)));
            mixed.push_str(&extra);
            mixed.push('\n');
        }
        if let Some(run) = read("make test", &mixed) {
            prop_assert!(run.passed > 0 || run.failed > 0);
        }
    }
}
