//! Levels of checks, as an attempt records them, in each sandbox that forks here.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use crate::support::{Bench, Said, bash, done};

/// The sandboxes that fork here. `none` copies the tree; `local` stacks overlays.
pub fn sandboxes() -> &'static [&'static str] {
    static FOUND: OnceLock<Vec<&'static str>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let bench = Bench::python();
        let works =
            bench.voe(&["fix", "p", "--sandbox", "local", "--json", "--model", &bench.script(&[done()])]).code == 0;
        if !works {
            println!("skipped: the sandbox `local` does not work here, so its half of these cases was not run");
        }
        if works { vec!["none", "local"] } else { vec!["none"] }
    })
}

pub fn there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        println!("skipped: there is no {program}");
    }
    there
}

/// Runs an attempt and hands back the last word on each command, by command.
pub fn attempt(bench: &Bench, sandbox: &str, replies: &[Value]) -> (Said, BTreeMap<String, Value>) {
    let model = bench.script(replies);
    let said = bench.voe(&["fix", "p", "--sandbox", sandbox, "--json", "--apply", "no", "--model", &model]);
    let checks = said.events_of("check").into_iter().map(|c| (c["command"].as_str().unwrap().to_owned(), c)).collect();
    (said, checks)
}

/// That the level of `check` is `expected` after `edits`, in each sandbox.
pub fn level(files: &[(&str, &str)], edits: &[Value], check: &str, expected: &str) {
    for sandbox in sandboxes() {
        let bench = Bench::new(files);
        let mut replies = edits.to_vec();
        replies.push(bash(check));
        replies.extend([done(), done(), done()]);
        let (said, checks) = attempt(&bench, sandbox, &replies);
        let found =
            checks.get(check).unwrap_or_else(|| panic!("{sandbox}: no check {check}\n{}{}", said.out, said.err));
        assert_eq!(found["level"], expected, "{sandbox}: {check}: {found}");
    }
}

/// What a check shows, and how it ends without the edits, where it is run without them.
pub struct Case(pub &'static str, pub &'static str, pub Option<i64>);

/// The levels of several checks of the same edits, in `sandboxes`.
pub fn levels(sandboxes: &[&str], files: &[(&str, &str)], edits: &[Value], cases: &[Case]) {
    for sandbox in sandboxes {
        let bench = Bench::new(files);
        let checks = cases.iter().map(|case| bash(case.0));
        let replies: Vec<_> = edits.iter().cloned().chain(checks).chain([done(), done(), done()]).collect();
        let (said, checks) = attempt(&bench, sandbox, &replies);
        for Case(check, level, without) in cases {
            let found =
                checks.get(*check).unwrap_or_else(|| panic!("{sandbox}: no check {check}\n{}{}", said.out, said.err));
            assert_eq!(
                (found["level"].as_str(), found["without"]["exit"].as_i64()),
                (Some(*level), *without),
                "{sandbox}: {check}: {found}"
            );
        }
        // One of the cases is a regression, and that outweighs the proofs.
        assert_eq!(said.finish()["evidence"]["level"], "refuted", "{sandbox}: {}", said.finish()["evidence"]);
    }
}
