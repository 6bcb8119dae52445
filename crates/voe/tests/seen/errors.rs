//! Errors by kind: one line each, with what to do next.

use std::fmt::Write;

use crate::stable;
use crate::support::Bench;

/// Commands that can't work, and what about.
const WRONG: &[&[&str]] = &[
    // Arguments.
    &["fix"],
    &["fix", "p", "--sandbox", "jail"],
    &["fix", "p", "--network", "maybe"],
    &["fix", "p", "--apply", "perhaps"],
    &["fix", "p", "--max-wall", "soon"],
    &["fix", "p", "--max-steps", "few"],
    &["fix", "p", "--no-such-flag"],
    &["nonsense"],
    // Things that are not there.
    &["fix", "p", "--strategy", "no-such-strategy", "--sandbox", "none"],
    &["fix", "p", "--strategy", "./none.toml", "--sandbox", "none"],
    &["fix", "p", "--model", "scripted:none.json", "--sandbox", "none"],
    &["fix", "--resume", "none.jsonl"],
    &["fix", "--issue", "none.md"],
    &["fix", "p", "--model", "replay:none.jsonl", "--sandbox", "none"],
    &["undo"],
    &["replay", "none.jsonl"],
    &["replay", "--run", "none.jsonl"],
    &["proof", "none.jsonl"],
    &["prove", "--base", "no-such-revision"],
    &["prove", "--patch", "none.patch"],
    &["strategies", "show", "no-such-strategy"],
    &["report", "nowhere"],
    &["compare", "nowhere", "elsewhere"],
    &["view", "nowhere"],
    &["bench", "run", "--suite", "none.jsonl", "--model", "m", "--out", "r"],
    &["bench", "run", "none.toml"],
    &["bench", "run", "not-toml.toml"],
    &["bench", "tasks", "mini", "--ids-file", "none.txt"],
    &["bench", "grade", "nowhere"],
    &["bench", "grade", "--suite", "mini", "--predictions", "none.jsonl"],
    &["bench", "grade", "--suite", "mini", "--logs", "nowhere"],
    &["bench", "status", "nowhere"],
    &["bench", "show", "mini", "no-such-task"],
    &["bench", "tasks", "mini", "--shard", "5/4"],
    &["schema", "no-such-format"],
    // Content that is not what it should be.
    &["fix", "p", "--strategy", "wrong-key.toml", "--sandbox", "none"],
    &["fix", "p", "--strategy", "not-toml.toml", "--sandbox", "none"],
    &["proof", "not-a-record.jsonl"],
    &["proof", "old-record.jsonl"],
    &["replay", "not-a-record.jsonl"],
    &["report", "not-a-record.jsonl"],
    &["power", "--baseline", "2", "--gain", "0.1"],
    // Servers.
    &["fix", "p", "--sandbox", "none", "--base-url", "http://127.0.0.1:9/v1"],
    &["fix", "p", "--sandbox", "none", "--base-url", "not an address"],
];

#[test]
fn errors_by_kind() {
    let bench = Bench::python();
    bench.write("wrong-key.toml", "extends = \"baseline\"\nlimit = 3\n");
    bench.write("not-toml.toml", "= =\n");
    bench.write("not-a-record.jsonl", "{\"a\": 1}\n");
    bench.write("old-record.jsonl", "{\"format\":\"voe-trajectory/1.0\",\"t\":0,\"event\":\"start\"}\n");
    let mut all = String::new();
    for args in WRONG {
        let said = bench.voe(args);
        assert_ne!(said.code, 0, "{args:?}: {}", said.out);
        let _ = writeln!(all, "$ voe {}\n{}[{}]\n", args.join(" "), said.err, said.code);
    }
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!("errors", stable(&all, &bench));
    });
}
