//! The file tools on real files.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;
use voe_protocol::SyntaxCheck;

use crate::lab::{Lab, listed};

crate::tests!(
    reading_numbers_lines_and_pages,
    reading_a_binary_file_reports_its_kind,
    a_long_line_and_a_long_file_are_bounded,
    a_fifo_blocks_nobody,
    editing_keeps_bytes_mode_and_links,
    edits_that_cannot_be_made_say_why,
    broken_syntax_is_reported_or_rolled_back,
    writing_makes_directories_and_refuses_what_leads_out,
    strange_names_can_be_listed_read_and_edited,
    grep_finds_bounds_and_respects_ignore_files,
    glob_finds_by_name_and_by_path,
    a_full_disk_leaves_the_file_as_it_was,
);

fn reading_numbers_lines_and_pages() {
    let text: String = (1..=2500).map(|n| format!("line {n}\n")).collect();
    let mut lab = Lab::new(&[("a.txt", &text), ("open", "x\ny"), ("empty", ""), ("dir/b", "")]);
    let page = lab.call("file_read", json!({"path": "a.txt"}));
    assert!(page.text().starts_with("     1\tline 1\n     2\tline 2\n"));
    assert!(
        page.text().ends_with("  1000\tline 1000\n[lines 1-1000 of 2500; read on with offset=1001]"),
        "{}",
        page.text()
    );
    let page = lab.call("file_read", json!({"path": "a.txt", "offset": 2499, "limit": 5}));
    assert_eq!(page.text(), "  2499\tline 2499\n  2500\tline 2500\n");
    let page = lab.call("file_read", json!({"path": "a.txt", "offset": "9", "limit": "1"}));
    assert_eq!(page.text(), "     9\tline 9\n[lines 9-9 of 2500; read on with offset=10]");
    assert_eq!(lab.call("file_read", json!({"path": "open"})).text(), "     1\tx\n     2\ty\n");
    assert_eq!(lab.call("file_read", json!({"path": "empty"})).text(), "[the file is empty]");
    assert!(lab.call("file_read", json!({"path": "a.txt", "offset": 9999})).text().contains("has 2500 lines"));
    let listing = lab.call("file_read", json!({"path": "."}));
    assert_eq!(listing.text(), ". is a directory of 5 entries\n.git/\na.txt\ndir/\nempty\nopen");
    let missing = lab.call("file_read", json!({"path": "a.md"}));
    assert!(!missing.ok && missing.text() == "a.md does not exist; its directory has a.txt", "{}", missing.text());
}

fn reading_a_binary_file_reports_its_kind() {
    let mut lab = Lab::new(&[("crlf", "a\r\nb\r\n")]);
    fs::write(lab.path("png"), b"\x89PNG\r\n\x1a\n\0\0").unwrap();
    fs::write(lab.path("latin1"), b"caf\xe9\n").unwrap();
    assert_eq!(lab.call("file_read", json!({"path": "png"})).text(), "[a binary file of 10 bytes (PNG): not shown]");
    assert_eq!(
        lab.call("file_read", json!({"path": "crlf"})).text(),
        "     1\ta\n     2\tb\n[lines end in CRLF, which edits keep]"
    );
    let text = lab.call("file_read", json!({"path": "latin1"})).text();
    assert!(text.starts_with("     1\tcaf\u{fffd}\n[not UTF-8"), "{text}");
}

fn a_long_line_and_a_long_file_are_bounded() {
    let mut lab =
        Lab::new(&[("line", &"x".repeat(3_000_000)), ("wide", &format!("{}\n", "y".repeat(900)).repeat(500))]);
    let text = lab.call("file_read", json!({"path": "line"})).text();
    assert!(text.len() < 3000 && text.contains("line of 3000000 bytes cut here"), "{}", text.len());
    let text = lab.call("file_read", json!({"path": "wide"})).text();
    assert!(text.chars().count() < 31_000);
    assert!(text.ends_with("[lines 1-33 of 500; read on with offset=34]"), "{}", &text[text.len() - 100..]);
}

fn a_fifo_blocks_nobody() {
    let mut lab = Lab::new(&[("a", "x\n")]);
    lab.bash("mkfifo pipe");
    assert!(!lab.call("file_read", json!({"path": "pipe"})).ok);
    assert!(!lab.edit("pipe", "a", "b").ok);
    assert!(!lab.call("file_write", json!({"path": "pipe", "content": "x"})).ok);
    assert!(lab.call("grep", json!({"pattern": "x"})).text().contains("a:1:x"));
    assert!(lab.export().skipped[0].starts_with("pipe: a socket"));
}

fn editing_keeps_bytes_mode_and_links() {
    let mut lab = Lab::new(&[("run.sh", "#!/bin/sh\r\necho caf\u{e9}\r\n"), ("twin", "a\n")]);
    fs::set_permissions(lab.path("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::hard_link(lab.path("twin"), lab.path("other")).unwrap();
    symlink("run.sh", lab.path("link")).unwrap();
    let result = lab.edit("link", "echo", "printf");
    assert!(result.ok, "{}", result.text());
    assert_eq!(lab.read("run.sh"), "#!/bin/sh\r\nprintf caf\u{e9}\r\n".as_bytes());
    assert_eq!(fs::metadata(lab.path("run.sh")).unwrap().permissions().mode() & 0o777, 0o755);
    assert!(fs::symlink_metadata(lab.path("link")).unwrap().is_symlink());
    assert!(lab.edit("twin", "a", "b").ok);
    assert_eq!(lab.read("other"), b"b\n");
    let created = lab.edit("new/deep.py", "", "x = 1\n");
    assert_eq!(created.text(), "created new/deep.py (1 lines)");
    assert_eq!(listed(&created), ["A new/deep.py +1 -0"]);
}

fn edits_that_cannot_be_made_say_why() {
    let mut lab = Lab::new(&[("a.py", "x = 1\ny = 1\n")]);
    fs::write(lab.path("bin"), b"a\0b").unwrap();
    for (path, old, new, part) in [
        ("a.py", "= 1", "= 2", "occurs 2 times, on lines 1, 2"),
        ("a.py", "z = 1", "w", "The nearest to it"),
        ("a.py", "x = 1", "x = 1", "the same"),
        ("a.py", "", "x", "give `line`"),
        ("b.py", "x", "y", "b.py does not exist; an empty old_string creates it"),
        ("bin", "a", "b", "binary"),
        (".git/config", "a", "b", ".git"),
        ("/etc/passwd", "a", "b", "outside the workspace"),
        (".", "a", "b", "is a directory"),
    ] {
        let result = lab.edit(path, old, new);
        assert!(!result.ok && result.text().contains(part), "{path}: {}", result.text());
        assert!(result.changes.is_empty());
    }
    assert_eq!(lab.read("a.py"), b"x = 1\ny = 1\n");
}

fn broken_syntax_is_reported_or_rolled_back() {
    let file = ("a.py", "def f():\n    return 1\n");
    let mut lab = Lab::new(&[file]);
    let result = lab.edit("a.py", "f():", "f(:");
    assert!(result.ok && result.text().contains("note: the file is no longer valid Python"), "{}", result.text());
    assert!(result.text().contains("line 1"));
    let result = lab.edit("a.py", "return 1", "return 2");
    assert!(!result.text().contains("note:"), "it was broken before: {}", result.text());
    let mut lab = Lab::with(&[file], |setup| setup.syntax = SyntaxCheck::Rollback);
    let result = lab.edit("a.py", "f():", "f(:");
    assert!(!result.ok && result.text().contains("a.py was not changed"), "{}", result.text());
    assert_eq!(lab.read("a.py"), file.1.as_bytes());
    assert_eq!(result.state.tree, "");
    let mut lab = Lab::with(&[file], |setup| setup.syntax = SyntaxCheck::Off);
    assert!(!lab.edit("a.py", "f():", "f(:").text().contains("note:"));
}

fn writing_makes_directories_and_refuses_what_leads_out() {
    let mut lab = Lab::new(&[("a", "x\n")]);
    fs::write(lab.dir.path().join("secret"), "s").unwrap();
    symlink("../secret", lab.path("out")).unwrap();
    symlink("..", lab.path("up")).unwrap();
    symlink("a", lab.path("in")).unwrap();
    let through_proc = format!("/proc/self/root{}", lab.dir.path().join("secret").display());
    for path in ["out", "up/secret", "../secret", "/etc/x", &through_proc, "up/x/y"] {
        for (tool, arguments) in [
            ("file_write", json!({"path": path, "content": "x"})),
            ("file_read", json!({"path": path})),
            ("grep", json!({"path": path, "pattern": "x"})),
            ("glob", json!({"path": path, "pattern": "*"})),
        ] {
            let result = lab.call(tool, arguments);
            assert!(!result.ok && result.text().contains("outside the workspace"), "{tool} {path}: {}", result.text());
        }
    }
    assert!(!lab.call("file_write", json!({"path": ".git/hooks/pre-commit", "content": "x"})).ok);
    assert_eq!(fs::read(lab.dir.path().join("secret")).unwrap(), b"s");
    assert_eq!(lab.call("file_write", json!({"path": "in", "content": "y\n"})).text(), "replaced a (1 lines)");
    assert_eq!(lab.call("file_write", json!({"path": "d/e/f", "content": "y\n"})).text(), "created d/e/f (1 lines)");
    let scratch = lab.setup.scratch.join("note").display().to_string();
    let result = lab.call("file_write", json!({"path": scratch, "content": "y\n"}));
    assert!(result.ok && result.changes.is_empty());
}

fn strange_names_can_be_listed_read_and_edited() {
    let mut lab = Lab::new(&[("with space.py", "x = 1\n"), ("two\nlines.py", "x = 1\n")]);
    fs::write(lab.setup.workspace.join(OsStr::from_bytes(b"caf\xe9.py")), "x = 1\n").unwrap();
    let found = lab.call("glob", json!({"pattern": "*.py"})).text();
    assert_eq!(found, "caf\\xe9.py\ntwo\\nlines.py\nwith space.py");
    for name in found.lines() {
        assert_eq!(lab.call("file_read", json!({"path": name})).text(), "     1\tx = 1\n");
        let result = lab.edit(name, "1", "2");
        assert!(result.ok && result.changes.len() == 1, "{name}: {}", result.text());
    }
    let result = lab.bash("sed -i 's/2/3/' -- *.py");
    assert_eq!(listed(&result), ["M caf\u{fffd}.py +1 -1", "M two\nlines.py +1 -1", "M with space.py +1 -1"]);
    let paths: Vec<Vec<u8>> = lab.export().files.into_iter().map(|file| file.path.0).collect();
    assert_eq!(paths, [&b"caf\xe9.py"[..], b"two\nlines.py", b"with space.py"]);
}

fn grep_finds_bounds_and_respects_ignore_files() {
    let many = "needle\n".repeat(1000);
    let mut lab = Lab::new(&[
        (".gitignore", "ignored/\n"),
        ("a.py", "one\nneedle two\nthree\nfour\n"),
        ("b/c.txt", "Needle(\n"),
        ("ignored/x.py", "needle\n"),
        ("many", &many),
    ]);
    fs::write(lab.path("bin"), b"\0needle").unwrap();
    let text = lab.call("grep", json!({"pattern": "ne+dle t", "context": 1})).text();
    assert_eq!(text, "a.py-1-one\na.py:2:needle two\na.py-3-three");
    assert_eq!(lab.call("grep", json!({"pattern": "(?i)needle\\(", "glob": "*.txt"})).text(), "b/c.txt:1:Needle(");
    let text = lab.call("grep", json!({"pattern": "Needle("})).text();
    assert!(text.starts_with("b/c.txt:1:Needle(\n[not a regular expression"), "{text}");
    let text = lab.call("grep", json!({"pattern": "needle", "path": "many"})).text();
    assert_eq!(text.lines().count(), 201);
    assert!(text.ends_with("[only the first 200 matching lines; narrow the search]"));
    assert!(lab.call("grep", json!({"pattern": "absent"})).text().starts_with("no match for absent in ."));
    let text = lab.call("grep", json!({"pattern": "needle", "glob": "*.py"})).text();
    assert_eq!(text, "a.py:2:needle two");
    assert!(!lab.call("grep", json!({"pattern": "x", "path": "nowhere"})).ok);
}

fn glob_finds_by_name_and_by_path() {
    let mut lab = Lab::new(&[
        (".gitignore", "*.log\n"),
        ("a.py", ""),
        ("s/b.py", ""),
        ("s/t/c.py", ""),
        ("x.log", ""),
        (".ci/run", ""),
    ]);
    assert_eq!(lab.call("glob", json!({"pattern": "*.py"})).text(), "a.py\ns/b.py\ns/t/c.py");
    assert_eq!(lab.call("glob", json!({"pattern": "s/*.py"})).text(), "s/b.py");
    assert_eq!(lab.call("glob", json!({"pattern": "**/t/*"})).text(), "s/t/c.py");
    assert_eq!(lab.call("glob", json!({"pattern": "*.py", "path": "s/t"})).text(), "s/t/c.py");
    assert_eq!(lab.call("glob", json!({"pattern": ".ci/*"})).text(), ".ci/run");
    let absolute =
        lab.path("s/**/*.py").canonicalize().unwrap_or(lab.setup.workspace.canonicalize().unwrap().join("s/**/*.py"));
    assert_eq!(lab.call("glob", json!({"pattern": absolute.to_str().unwrap()})).text(), "s/b.py\ns/t/c.py");
    assert!(lab.call("glob", json!({"pattern": "*.log"})).text().starts_with("no file matches"));
    assert!(!lab.call("glob", json!({"pattern": "a["})).ok);
}

fn a_full_disk_leaves_the_file_as_it_was() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let workspace = dir.path().join("my work");
    fs::create_dir(&workspace).unwrap();
    let mounted =
        std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(&workspace).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped 1 case: no right to mount a small file system");
        return;
    }
    fs::write(workspace.join("a.txt"), "old\n".repeat(10_000)).unwrap();
    let mut lab = Lab::at(dir, |_| {});
    let result = lab.call("file_write", json!({"path": "a.txt", "content": "new\n".repeat(100_000)}));
    let small = lab.bash("dd if=/dev/zero of=fill bs=1k count=1000");
    let edit = lab.edit("a.txt", "old\nold\nold\n", "x");
    let left =
        fs::read_dir(lab.path(".")).unwrap().flatten().filter(|e| e.file_name().as_bytes().ends_with(b".tmp")).count();
    let content = fs::read(lab.path("a.txt")).unwrap();
    lab.drop_pipe();
    let unmounted = std::process::Command::new("umount").arg(lab.path(".")).status().unwrap();
    assert!(unmounted.success());
    assert!(!result.ok && result.text().contains("No space left"), "{}", result.text());
    assert_ne!(small.exit, Some(0));
    assert!(!edit.ok);
    assert_eq!(left, 0);
    assert_eq!(content, "old\n".repeat(10_000).as_bytes());
}
