//! Exports changes and applies them elsewhere.

use std::fs;
use std::os::unix::fs::symlink;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use voe_protocol::{BaseSource, FileState, RawBytes};

use crate::lab::{Lab, listed_changes};

crate::tests!(
    an_export_has_both_sides_of_every_file,
    an_import_of_an_export_gives_the_same_workspace,
    imports_that_lead_out_are_refused,
    a_file_too_large_for_a_patch_is_named,
    a_directory_can_be_the_base,
    an_unwatched_toolbox_runs_checks_in_what_it_is_given_and_reports_no_changes,
);

const FILES: &[(&str, &str)] = &[("a.py", "1\n"), ("d/b.py", "2\n"), ("d/e/c.py", "3\n"), ("f", "4\n")];

fn an_export_has_both_sides_of_every_file() {
    let mut lab = Lab::new(FILES);
    lab.bash("echo x > a.py; rm d/b.py; printf 'n\\0' > tests_data; mkdir tests; echo t > tests/test_a.py; chmod +x f; ln -s f l");
    let export = lab.export();
    let listed: Vec<String> = export
        .files
        .iter()
        .map(|file| {
            let side = |state: &Option<FileState>| {
                state.as_ref().map_or("-".into(), |s| {
                    format!("{:o}:{}", s.mode, String::from_utf8_lossy(&s.content.0).escape_debug())
                })
            };
            format!(
                "{} {} {}{}",
                String::from_utf8_lossy(&file.path.0),
                side(&file.base),
                side(&file.now),
                if file.role == voe_trace::FileRole::Test { " test" } else { "" }
            )
        })
        .collect();
    assert_eq!(
        listed,
        [
            r"a.py 100644:1\n 100644:x\n",
            r"d/b.py 100644:2\n -",
            r"f 100644:4\n 100755:4\n",
            r"l - 120000:f",
            r"tests/test_a.py - 100644:t\n test",
            r"tests_data - 100644:n\0",
        ]
    );
}

/// What a random edit does to a file.
#[derive(Debug, Clone)]
enum Act {
    Write(String, Vec<u8>),
    Remove(String),
    Move(String, String),
    Link(String),
    Execute(String),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let path = || {
        prop_oneof![
            Just("a.py"),
            Just("d/b.py"),
            Just("d/e/c.py"),
            Just("f"),
            Just("new"),
            Just("d/new x"),
            Just("n/m/o"),
            Just("f/g"),
            Just("d")
        ]
        .prop_map(str::to_owned)
    };
    let act = prop_oneof![
        3 => (path(), proptest::collection::vec(any::<u8>(), 0..30)).prop_map(|(path, bytes)| Act::Write(path, bytes)),
        2 => path().prop_map(Act::Remove),
        1 => (path(), path()).prop_map(|(from, to)| Act::Move(from, to)),
        1 => path().prop_map(Act::Link),
        1 => path().prop_map(Act::Execute),
    ];
    proptest::collection::vec(act, 1..10)
}

fn an_import_of_an_export_gives_the_same_workspace() {
    // Each case starts two toolboxes: few cases, many acts in each.
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    runner
        .run(&acts(), |acts| {
            let mut from = Lab::new(FILES);
            for act in &acts {
                // Acts that make no sense (a directory in a file's place) fail without further effect.
                let _ = match act {
                    Act::Write(path, bytes) => {
                        let _ = fs::create_dir_all(from.path(path).parent().unwrap());
                        fs::write(from.path(path), bytes)
                    }
                    Act::Remove(path) => {
                        fs::remove_file(from.path(path)).or_else(|_| fs::remove_dir_all(from.path(path)))
                    }
                    Act::Move(a, b) => fs::rename(from.path(a), from.path(b)),
                    Act::Link(path) => symlink("some where", from.path(path)),
                    Act::Execute(path) => {
                        use std::os::unix::fs::PermissionsExt;
                        fs::set_permissions(from.path(path), fs::Permissions::from_mode(0o755))
                    }
                };
            }
            let state = from.bash("true").state;
            let export = from.export();
            prop_assert!(export.skipped.is_empty(), "{:?}", export.skipped);
            let mut to = Lab::new(FILES);
            let files = export.files.iter().map(|file| (file.path.clone(), file.now.clone())).collect();
            let imported = to.import(files).unwrap();
            prop_assert_eq!(&imported.tree, &state.tree);
            prop_assert_eq!(listed_changes(&imported.changes), listed_changes(&from.state().changes));
            prop_assert_eq!(&to.export(), &export);
            // And back: the base again.
            let back = export.files.into_iter().map(|file| (file.path, file.base)).collect();
            prop_assert_eq!(to.import(back).unwrap().tree, "");
            Ok(())
        })
        .unwrap();
}

fn imports_that_lead_out_are_refused() {
    let mut lab = Lab::new(FILES);
    let outside = lab.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, lab.path("out")).unwrap();
    let state = FileState { mode: 0o100644, content: RawBytes(b"x".to_vec()) };
    for path in ["../x", "/etc/x", "a/../../x", "", "a//b", ".git/config", "d/.git/x", "out/x", "f/x", "./x"] {
        let error = lab.import(vec![(RawBytes(path.into()), Some(state.clone()))]).unwrap_err();
        assert!(!error.is_fatal(), "{path}: {error}");
    }
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    // A link as the last component is replaced, not followed.
    lab.import(vec![(RawBytes(b"out".to_vec()), Some(state))]).unwrap();
    assert_eq!(lab.read("out"), b"x");
}

fn a_file_too_large_for_a_patch_is_named() {
    let mut lab = Lab::new(FILES);
    let result = lab.bash("head -c 40000000 /dev/zero > huge; echo x > a.py");
    assert_eq!(result.changes.len(), 2);
    let export = lab.export();
    assert_eq!(export.files.len(), 1);
    assert_eq!(export.skipped, ["huge: 40000000 bytes, above the limit of 32 MiB"]);
}

fn a_directory_can_be_the_base() {
    let mut lab = Lab::with(FILES, |setup| {
        let base = setup.scratch.with_file_name("base");
        assert!(
            std::process::Command::new("cp").arg("-a").arg(&setup.workspace).arg(&base).status().unwrap().success()
        );
        setup.pristine = BaseSource::Dir(base);
    });
    let result = lab.bash("echo x >> a.py; rm f");
    assert_eq!(listed_changes(&result.changes), ["M a.py +1 -0", "D f +0 -1"]);
    assert_eq!(lab.export().files[0].base.as_ref().unwrap().content.0, b"1\n");
    assert_eq!(lab.bash("echo 1 > a.py; echo 4 > f").state.tree, "");
    // What git ignores is in that directory too, and does not concern the patch.
    let ignored = [FILES, &[(".gitignore", "*.log\nout/\n"), ("x.log", "5\n"), ("out/y", "6\n")]].concat();
    let mut lab = Lab::with(&ignored, |setup| {
        let base = setup.scratch.with_file_name("base");
        assert!(
            std::process::Command::new("cp").arg("-a").arg(&setup.workspace).arg(&base).status().unwrap().success()
        );
        setup.pristine = BaseSource::Dir(base);
    });
    let result = lab.bash("rm -r x.log out; echo z > z.log");
    assert!(result.changes.is_empty() && result.state.tree.is_empty(), "{:?}", listed_changes(&result.changes));
}

fn an_unwatched_toolbox_runs_checks_in_what_it_is_given_and_reports_no_changes() {
    let mut lab = Lab::with(&[("a.py", "x = 1\n"), ("b.py", "z\n")], |setup| setup.unwatched = true);
    assert_eq!(lab.hello.files, 0);
    let other = FileState { mode: 0o100_644, content: RawBytes(b"x = 2\n".to_vec()) };
    lab.import(vec![(RawBytes(b"a.py".to_vec()), Some(other)), (RawBytes(b"b.py".to_vec()), None)]).unwrap();
    let result = lab.bash("cat a.py; test ! -e b.py; echo more > new.py");
    assert!(result.text().contains("x = 2"), "{}", result.text());
    assert_eq!(result.exit, Some(0));
    assert!(result.changes.is_empty() && result.byproducts.is_empty());
}
