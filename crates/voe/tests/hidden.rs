//! What commands of a run must not see stays hidden where the run is resumed by its directory alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Whether the words that only the experiment's directory has were seen.
const SECRET: &str = "the other arm found it";

fn voe(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voe"));
    command
        .args(args)
        .current_dir(dir.join("work"))
        .env("HOME", dir.join("home"))
        .env("VOE_CACHE_DIR", dir.join("cache"));
    command.stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_directory_of_the_experiment_is_hidden_from_a_resumed_run_as_from_its_beginning() {
    // Not in /tmp, of which commands have their own.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = dir.path();
    for name in ["work", "home", "plans"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    fs::write(at.join("plans/notes.txt"), SECRET).unwrap();
    let notes = at.join("plans/notes.txt").canonicalize().unwrap();
    let script = format!(
        "[[script]]\nreply = [{{ content = \"Look.\", tool_calls = [{{ name = \"bash\", arguments = {{ command = \"cat {}; \
         echo looked\" }} }}] }}, {{ content = \"TASK_COMPLETE\" }}]\n",
        notes.display()
    );
    fs::write(at.join("script.toml"), script).unwrap();
    let model = at.join("script.toml").display().to_string();
    let experiment = format!(
        "name = \"e\"\nsuite = \"mini\"\nstrategies = [\"baseline\"]\nmodels = [\"scripted:{model}\"]\n\
         [filter]\nids = [\"mini__pages-1\"]\n"
    );
    fs::write(at.join("plans/e.toml"), experiment).unwrap();
    let begun = voe(at, &["bench", "run", "../plans/e.toml", "--out", "runs/r"]);
    if said(&begun).contains("sandbox local") {
        println!("skipped: {}", said(&begun));
        return;
    }
    assert!(begun.status.success(), "{}", said(&begun));
    let attempt = at.join("work/runs/r/tasks/mini__pages-1/baseline-1");
    let record = || fs::read_to_string(attempt.join("trajectory.jsonl")).unwrap();
    assert!(record().contains("looked\\n") && !record().contains(SECRET), "{}", record());
    for gone in [false, true] {
        fs::remove_dir_all(&attempt).unwrap();
        if gone {
            fs::remove_dir_all(at.join("plans")).unwrap();
        }
        let resumed = voe(at, &["bench", "run", "runs/r", "--model", &format!("scripted:{model}")]);
        assert!(resumed.status.success(), "{}", said(&resumed));
        assert!(record().contains("looked\\n") && !record().contains(SECRET), "{}", record());
    }
}
