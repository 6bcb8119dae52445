//! Code that works where others can write uses descriptors. The lines of these files that still use a path are counted here,
//! with the reason why the path is trusted, so that one more is a decision, not an accident.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

/// Functions of `std` that access the file system by path.
const BY_PATH: &[&str] = &[
    "fs::read",
    "fs::write",
    "fs::copy",
    "fs::create_dir",
    "fs::remove_",
    "fs::rename",
    "fs::set_permissions",
    "fs::metadata",
    "fs::symlink_metadata",
    "fs::canonicalize",
    "fs::hard_link",
    "OpenOptions::new",
    "File::open",
    "File::create",
    ".exists()",
    ".canonicalize()",
    ".symlink_metadata()",
    ".read_dir()",
    ".read_link()",
];

/// A file, how many of its lines use a path, and why that is safe.
const FILES: &[(&str, usize, &str)] = &[
    ("voe-agent/src/notes.rs", 0, ""),
    ("voe-bench/src/grade/batch.rs", 0, ""),
    ("voe-bench/src/grade/grading.rs", 0, ""),
    ("voe-bench/src/grade/logs.rs", 0, ""),
    ("voe-bench/src/grade/official.rs", 0, ""),
    ("voe-bench/src/native/inside.rs", 0, ""),
    ("voe-bench/src/native/install.rs", 4, "voe's own directories in the cache"),
    ("voe-bench/src/run/attempt.rs", 0, ""),
    ("voe-bench/src/run/check.rs", 0, ""),
    ("voe-bench/src/run/dir.rs", 2, "the run directory, as the user named it"),
    ("voe-bench/src/run/mod.rs", 0, ""),
    ("voe-bench/src/run/record.rs", 0, ""),
    ("voe-bench/src/run/status.rs", 0, ""),
    ("voe-bench/src/workspace/origins.rs", 0, ""),
    ("voe-repo/src/undo/restore.rs", 5, "the undo point, in voe's state directory; locks of git, asked for only"),
    ("voe-report/src/commands/report.rs", 0, ""),
    ("voe-report/src/data/light.rs", 0, ""),
    ("voe-report/src/data/load.rs", 1, "what the user named: a path, or an arm of one"),
    ("voe-report/src/data/parts.rs", 0, ""),
    ("voe-report/src/data/place.rs", 1, "a link of the user's own to a trajectory"),
    ("voe-report/src/data/run_dir.rs", 0, ""),
    ("voe-report/src/data/suite.rs", 0, ""),
    ("voe-report/src/output.rs", 1, "the folder that the user named"),
    ("voe-report/src/viewer/export.rs", 0, ""),
    ("voe-report/src/viewer/index.rs", 0, ""),
    ("voe-report/src/viewer/pages.rs", 0, ""),
    ("voe-report/src/viewer/search.rs", 0, ""),
    ("voe-report/src/viewer/source.rs", 0, ""),
    ("voe-sandbox/src/backends/landlock/gitdir.rs", 0, ""),
    ("voe-sandbox/src/backends/landlock/mod.rs", 4, "before the first command: the workspace and voe's own directory"),
    ("voe-sandbox/src/backends/landlock/tree.rs", 0, ""),
    ("voe-sandbox/src/backends/local/freeze.rs", 0, ""),
    ("voe-sandbox/src/backends/local/mod.rs", 2, "before the first command: the workspace and the bench's directory"),
    ("voe-sandbox/src/home/copy.rs", 0, ""),
    ("voe-sandbox/src/home/gitdirs.rs", 6, "where a file of the workspace leads; believed only if it leads back"),
    ("voe-sandbox/src/home/index.rs", 2, "the machine's boot id; the state directory"),
    ("voe-sandbox/src/sweep.rs", 0, ""),
    ("voe-sandbox/src/watch.rs", 0, ""),
    ("voe-toolbox/src/pack.rs", 0, ""),
    ("voe-toolbox/src/read.rs", 1, "what it is before it is opened; opened by a descriptor that follows no link"),
    ("voe/src/bench/grade.rs", 4, "what the user named: the directory of the results, and the predictions"),
    ("voe/src/trust/config.rs", 0, ""),
    ("voe/src/trust/mod.rs", 0, ""),
    ("voe/src/trust/record.rs", 2, "the record's directory, and the state directory"),
];

/// Lines of code, without tests and comments, that use a path.
fn by_path(text: &str) -> Vec<&str> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//") && !line.contains("rustix::fs::"));
    lines.filter(|line| BY_PATH.iter().any(|way| line.contains(way))).collect()
}

#[test]
fn code_in_untrusted_places_uses_paths_only_where_the_table_has_a_reason() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = String::new();
    for (file, allowed, _why) in FILES {
        let text = fs::read_to_string(crates.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let found = by_path(&text);
        if found.len() != *allowed {
            wrong += &format!(
                "{file}: {} lines use a path, the table allows {allowed}:\n{}\n",
                found.len(),
                found.join("\n")
            );
        }
    }
    assert!(wrong.is_empty(), "use voe_untrusted, or add to the table why the path is trusted\n{wrong}");
}

#[test]
fn a_line_that_uses_a_path_is_found() {
    assert_eq!(by_path("let x = std::fs::read(&p)?;\n// fs::read\nlet y = p.exists();\nrustix::fs::open(p)").len(), 2);
}
