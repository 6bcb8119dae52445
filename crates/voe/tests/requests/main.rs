//! What each shipped strategy sends to the model, byte for byte. A refactoring must leave these requests as they are: they decide
//! what a model does, and what a server's prefix cache can serve.
//!
//! Each strategy works on three small repositories, with replies from a script; a server on loopback keeps the requests. A snapshot
//! has, of each request, what is not in the one before, and a digest of its whole body: see `shown.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/server.rs"]
mod server;
#[path = "../support/mod.rs"]
mod support;

mod led;
mod loops;
mod play;
mod searches;
mod shown;
mod tasks;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use play::{Script, play};
use tasks::Task;

const HOW: &str = "What a strategy sends to the model is not what it was. If that is not meant, take the change back. If it is meant, \
                   accept the new requests (`cargo insta review`) in a commit of its own that says why.";

/// A test for each strategy, and the list of them all.
macro_rules! strategies {
    ($($test:ident: $name:literal, $script:path;)*) => {
        const RECORDED: &[&str] = &[$($name),*];
        $(#[test]
        fn $test() {
            record($name, $script);
        })*
    };
}

strategies! {
    baseline: "baseline", loops::script;
    verify_at_last: "verify-at-last", loops::script;
    verify_on_edit: "verify-on-edit", loops::script;
    prove_on_edit: "prove-on-edit", loops::script;
    red_first: "red-first", loops::script;
    self_review: "self-review", loops::script;
    spec: "spec", loops::script;
    tests: "tests", loops::script;
    published_workflow: "published/workflow", loops::script;
    published_verify_at_last: "published/verify-at-last", loops::script;
    published_verify_on_edit: "published/verify-on-edit", loops::script;
    pipeline: "pipeline", led::script;
    best_of_n: "best-of-n", searches::best_of_n;
    bst: "bst", searches::bst;
    mcts: "mcts", searches::mcts;
    ralph: "ralph", searches::ralph;
}

fn record(strategy: &str, script: fn(&str, &Task) -> Script) {
    for task in tasks::all() {
        let played = play(strategy, &task, script(strategy, &task));
        let name = format!("{}.{}", strategy.replace('/', "-"), task.name);
        insta::with_settings!({description => HOW, omit_expression => true, prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(name, shown::shown(&played));
        });
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn no_shipped_strategy_is_left_out() {
    let dir: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies");
    let published = names(&dir.join("published")).into_iter().map(|name| format!("published/{name}"));
    let shipped: BTreeSet<String> = names(&dir).into_iter().chain(published).collect();
    let recorded: BTreeSet<String> = RECORDED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(shipped, recorded);
}
