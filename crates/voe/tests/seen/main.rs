//! Everything that a person sees, as snapshots: a reviewer reads the product in `snapshots/`.
//!
//! After a change of words: `cargo insta review`, or `INSTA_UPDATE=always cargo test -p voe --test seen`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod doctor;
mod errors;
mod help;
mod prove;
mod summary;

use support::{Bench, Said};

/// `text` without what differs from machine to machine and from run to run: paths, times, versions, random names.
fn stable(text: &str, bench: &Bench) -> String {
    let mut text = text.to_owned();
    for path in [bench.dir.path().canonicalize().unwrap(), bench.dir.path().to_owned()] {
        text = text.replace(&path.display().to_string(), "[DIR]");
    }
    for (pattern, to) in [
        (r"\d+\.\d+ s\b", "[T] s"),
        (r"127\.0\.0\.1:\d{4,5}", "127.0.0.1:[PORT]"),
        (r"\d{8}-\d{6}[-\w]*", "[TIME]"),
        (r"repo-[0-9a-f]{16}", "repo-[ID]"),
        (r"\b[0-9a-f]{32,64}\b", "[HASH]"),
        (r"index [0-9a-f]+\.\.[0-9a-f]+", "index [BLOBS]"),
    ] {
        text = regex::Regex::new(pattern).unwrap().replace_all(&text, to).into_owned();
    }
    text
}

/// What a command printed, with its exit code.
fn shown(said: &Said, bench: &Bench) -> String {
    let part = |name: &str, text: &str| match text.trim_end() {
        "" => String::new(),
        text => format!("--- {name}\n{text}\n"),
    };
    let text = format!("exit code {}\n{}{}", said.code, part("stdout", &said.out), part("stderr", &said.err));
    stable(&text, bench)
}
