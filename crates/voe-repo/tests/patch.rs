//! A patch applies to the base with `git apply`, and gives exactly what the attempt left.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;
use lab::{Files, Lab, as_git_sees, export, files, lay_out};
use proptest::prelude::*;
use voe_protocol::{Export, RawBytes};
use voe_repo::{Hazard, RepoError, make_patch};
use voe_trace::event::ChangeKind;

/// Applies with git, outside of any repository.
fn git_apply(dir: &Path, patch: &str) -> Result<(), String> {
    let file = dir.parent().unwrap().join("patch");
    std::fs::write(&file, patch).unwrap();
    let mut git = Command::new("git");
    git.args(["apply", "--whitespace=nowarn"]).arg(&file).current_dir(dir);
    let out = git.env("GIT_CEILING_DIRECTORIES", dir).env("HOME", dir).output().unwrap();
    if out.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
}

fn round_trip(old: &Files, new: &Files) {
    let patch = make_patch(&export(old, new), None).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("tree");
    std::fs::create_dir(&dir).unwrap();
    lay_out(&dir, old);
    if !patch.is_empty() {
        git_apply(&dir, &patch.text).unwrap_or_else(|error| panic!("{error}\n{}", patch.text));
    }
    assert_eq!(&as_git_sees(&dir), new, "{}", patch.text);
}

#[test]
fn a_patch_has_the_format_of_gits_own() {
    let old = files(&[("a.txt", 0o100644, "one\ntwo\nthree\n"), ("gone", 0o100644, "x\n"), ("run", 0o100644, "")]);
    let new = files(&[("a.txt", 0o100644, "one\n2\nthree\n"), ("new file", 0o100644, "y"), ("run", 0o100755, "")]);
    let patch = make_patch(&export(&old, &new), None).unwrap();
    assert_snapshot!(patch.text.replace('\t', "<tab>"), @r"
    diff --git a/a.txt b/a.txt
    index 4cb29ea38f70d7c61b2a3a25b02e3bdf44905402..f04eb265ebd74fba2cddf0a6adf2a6a7f81c87aa 100644
    --- a/a.txt
    +++ b/a.txt
    @@ -1,3 +1,3 @@
     one
    -two
    +2
     three
    diff --git a/gone b/gone
    deleted file mode 100644
    index 587be6b4c3f93f93c489c0111bba5596147a26cb..0000000000000000000000000000000000000000
    --- a/gone
    +++ /dev/null
    @@ -1 +0,0 @@
    -x
    diff --git a/new file b/new file
    new file mode 100644
    index 0000000000000000000000000000000000000000..e25f1814e51579d5f55c0f1fe0135ddb28a47f4a
    --- /dev/null
    +++ b/new file<tab>
    @@ -0,0 +1 @@
    +y
    \ No newline at end of file
    diff --git a/run b/run
    old mode 100644
    new mode 100755
    ");
    let summary: Vec<_> = patch.files.iter().map(|f| (f.path.as_str(), f.kind, f.added, f.removed)).collect();
    assert_eq!(
        summary,
        [
            ("a.txt", ChangeKind::Modified, 1, 1),
            ("gone", ChangeKind::Deleted, 0, 1),
            ("new file", ChangeKind::Added, 1, 0),
            ("run", ChangeKind::Modified, 0, 0),
        ]
    );
    assert_eq!(patch.hazards, []);
}

#[test]
fn binary_foreign_and_odd_files_survive() {
    let mut old = files(&[("crlf", 0o100644, "a\r\nb\r\n"), ("no end", 0o100644, "x"), ("d/link", 0o120000, "target")]);
    old.insert(b"image".to_vec(), (0o100644, (0..=255).collect()));
    old.insert(b"latin".to_vec(), (0o100644, b"caf\xe9\nline\n".to_vec()));
    old.insert(b"\xff\n\"odd\\".to_vec(), (0o100644, b"1\n".to_vec()));
    let mut new = files(&[("crlf", 0o100644, "a\r\nB\n"), ("no end", 0o100644, "x\n"), ("d/link", 0o120000, "other")]);
    new.insert(b"image".to_vec(), (0o100755, (0..=255).rev().collect()));
    new.insert(b"latin".to_vec(), (0o100644, b"th\xe9\nline\n".to_vec()));
    new.insert(b"\xff\n\"odd\\".to_vec(), (0o100644, b"2\n".to_vec()));
    new.insert(b"empty".to_vec(), (0o100644, Vec::new()));
    round_trip(&old, &new);
    let patch = make_patch(&export(&old, &new), None).unwrap();
    let of = |path: &str| patch.files.iter().find(|file| file.path == path).unwrap();
    assert!(of("image").binary);
    assert_eq!((of("latin").binary, of("latin").added, of("latin").removed), (false, 1, 1));
}

#[test]
fn files_links_and_directories_swap_places() {
    let old = files(&[
        ("a", 0o100644, "file\n"),
        ("b/c", 0o100644, "in b\n"),
        ("l", 0o120000, "a"),
        ("k/x", 0o100644, "k\n"),
    ]);
    let new =
        files(&[("a/x", 0o100644, "in a\n"), ("b", 0o100644, "file\n"), ("l", 0o100644, "a\n"), ("k", 0o120000, "b")]);
    round_trip(&old, &new);
    round_trip(&new, &old);
}

#[test]
fn no_changes_give_an_empty_patch() {
    let same = files(&[("a", 0o100644, "x")]);
    assert!(make_patch(&export(&same, &same), None).unwrap().is_empty());
}

#[test]
fn hazardous_patches_are_made_and_marked() {
    let new = files(&[
        (".git/hooks/pre-commit", 0o100755, "#!/bin/sh\n"),
        ("../up", 0o100644, "x\n"),
        ("/etc/x", 0o100644, "x\n"),
        ("l", 0o120000, "/etc"),
    ]);
    let patch = make_patch(&export(&Files::new(), &new), None).unwrap();
    assert!(patch.text.contains("+#!/bin/sh") && patch.text.contains("b/../up") && patch.text.contains("b/etc/x"));
    let said: Vec<String> = patch.hazards.iter().map(ToString::to_string).collect();
    assert_snapshot!(said.join("\n"), @r"
    ../up is not a path below the work tree
    .git/hooks/pre-commit is inside a git directory
    /etc/x is not a path below the work tree
    l is a symbolic link to /etc, which is absolute
    ");
}

#[test]
fn a_link_through_a_link_of_the_base_is_a_hazard() {
    let lab = Lab::with_commit();
    lab.link("out", "../..");
    let base = lab.repo().base(&lab.store()).unwrap();
    let change = export(&Files::new(), &files(&[("new", 0o120000, "out/etc")]));
    assert_eq!(make_patch(&change, None).unwrap().hazards, []);
    assert!(matches!(make_patch(&change, Some(&base)).unwrap().hazards[..], [Hazard::Link { .. }]));
}

#[test]
fn a_submodule_can_not_be_changed() {
    let mut change = export(&Files::new(), &files(&[("sub", 0o100644, "")]));
    change.files[0].now.as_mut().unwrap().mode = 0o160000;
    assert!(matches!(make_patch(&change, None), Ok(patch) if matches!(patch.hazards[..], [Hazard::Mode { .. }])));
}

#[test]
fn an_inconsistent_export_is_an_error() {
    let change = export(&Files::new(), &files(&[("a", 0o100644, ""), ("a/b", 0o100644, "")]));
    assert!(matches!(make_patch(&change, None), Err(RepoError::Export { .. })));
    let one = export(&Files::new(), &files(&[("a", 0o100644, "")])).files;
    let twice = Export { files: [one.clone(), one].concat(), skipped: Vec::new() };
    assert!(matches!(make_patch(&twice, None), Err(RepoError::Export { .. })));
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::sample::select(vec![&b"a"[..], b"b", b"c d", b"e.txt"]).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(prop_oneof![1..=46u8, 48..=255u8], 1..6)
            .prop_filter("not a hazard", |name| name != b"." && name != b".."),
    ]
}

fn file() -> impl Strategy<Value = (u32, Vec<u8>)> {
    let text =
        prop::collection::vec(prop::sample::select(vec!["a", "b", "x y", "", "\r", "é", "@@ -1 +1 @@", "-- "]), 0..6);
    let text = (text, any::<bool>()).prop_map(|(lines, end)| lines.join("\n") + if end { "\n" } else { "" });
    let content = prop_oneof![3 => text.prop_map(String::into_bytes), 1 => prop::collection::vec(any::<u8>(), 0..40)];
    // git itself can't put a directory in the place of a link that leads to itself or to an existing path.
    let link =
        prop::sample::select(vec!["nowhere", "not/there", "../gone"]).prop_map(|target| (0o120000, target.into()));
    let mode = prop::sample::select(vec![0o100644, 0o100755]);
    prop_oneof![6 => (mode, content), 1 => link]
}

/// A tree: a file in the way of a longer path is dropped.
fn tree() -> impl Strategy<Value = Files> {
    let path = prop::collection::vec(name(), 1..4).prop_map(|parts| parts.join(&b'/'));
    prop::collection::btree_map(path, file(), 0..8).prop_map(|mut files: Files| {
        let paths: Vec<Vec<u8>> = files.keys().cloned().collect();
        for path in &paths {
            for at in path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at) {
                files.remove(&path[..at]);
            }
        }
        files
    })
}

/// Two trees that share some files.
fn trees() -> impl Strategy<Value = (Files, Files)> {
    (tree(), tree(), any::<u64>()).prop_map(|(old, mut new, keep)| {
        for (number, (path, entry)) in old.iter().enumerate() {
            if let Some(there) = new.get_mut(path)
                && keep >> (number % 64) & 1 == 1
            {
                *there = entry.clone();
            }
        }
        (old, new)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_patch_takes_any_tree_to_any_other((old, new) in trees()) {
        round_trip(&old, &new);
    }

    #[test]
    fn any_export_gives_a_patch_or_a_typed_error(paths in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..4)) {
        let mut change = export(&Files::new(), &files(&[("a", 0o100644, "x")]));
        let one = change.files.remove(0);
        change.files = paths.into_iter().map(|path| { let mut file = one.clone(); file.path = RawBytes(path); file }).collect();
        let made = make_patch(&change, None);
        prop_assert!(matches!(made, Ok(_) | Err(RepoError::Export { .. })), "{:?}", made);
    }
}
