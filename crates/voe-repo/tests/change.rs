//! A change is read as two states of the files, both reached from the work tree, and reading it changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::collections::BTreeMap;
use std::path::Path;

use lab::{Lab, everything, git_in};
use proptest::prelude::*;
use voe_protocol::{FileState, RawBytes};
use voe_repo::{ChangeSource, RepoError, TreeChange};
use voe_trace::FileRole;

fn work_tree(lab: &Lab, base: &str) -> Result<TreeChange, RepoError> {
    lab.repo().change(&ChangeSource::WorkTree { base }, &lab.store())
}

fn range(lab: &Lab, range: &str) -> Result<TreeChange, RepoError> {
    lab.repo().change(&ChangeSource::Range(range), &lab.store())
}

fn patch(lab: &Lab, base: Option<&str>, text: &str) -> Result<TreeChange, RepoError> {
    lab.repo().change(&ChangeSource::Patch { base, text: text.as_bytes() }, &lab.store())
}

/// The change's files with both sides as text; `-` for a side without the file.
fn shown(change: &TreeChange) -> Vec<String> {
    let side = |state: &Option<FileState>| match state {
        Some(state) => String::from_utf8_lossy(&state.content.0).trim_end().replace('\n', "|"),
        None => "-".to_owned(),
    };
    let files = change.export.files.iter();
    files
        .map(|file| format!("{}: {} > {}", String::from_utf8_lossy(&file.path.0), side(&file.base), side(&file.now)))
        .collect()
}

/// What a work tree becomes by writing `files` into it.
fn written(lab: &Lab, files: &[(RawBytes, Option<FileState>)]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut all: BTreeMap<Vec<u8>, Vec<u8>> = everything(&lab.top())
        .into_iter()
        .filter(|(_, (mode, _))| *mode != 0o040000)
        .map(|(path, (_, content))| (path, content))
        .collect();
    for (path, state) in files {
        match state {
            Some(state) => all.insert(path.0.clone(), state.content.0.clone()),
            None => all.remove(&path.0),
        };
    }
    all
}

#[test]
fn the_work_tree_against_head_is_all_that_is_not_committed() {
    let lab = Lab::with_commit();
    lab.write("a.txt", "one\n2\nthree\n");
    lab.write("tests/test_a.py", "assert 1\n");
    lab.remove("dir/b.txt");
    lab.write(".gitignore", "node_modules/\n");
    lab.write("node_modules/x/index.js", "installed\n");
    let before = everything(&lab.top());
    let change = work_tree(&lab, "HEAD").unwrap();
    assert_eq!(
        shown(&change),
        [
            ".gitignore: - > node_modules/",
            "a.txt: one|two|three > one|2|three",
            "dir/b.txt: b > -",
            "tests/test_a.py: - > assert 1"
        ]
    );
    assert_eq!(change.export.files[3].role, FileRole::Test);
    assert_eq!(change.base.commit, Some(lab.git(&["rev-parse", "HEAD"])));
    assert!(change.to_now.is_empty(), "the work tree is the state after the change");
    let base = written(&lab, &change.to_base);
    assert_eq!(base[&b"a.txt"[..]], b"one\ntwo\nthree\n");
    assert!(base.contains_key(&b"node_modules/x/index.js"[..]), "what is ignored stays on both sides");
    assert!(!base.contains_key(&b"tests/test_a.py"[..]));
    assert_eq!(everything(&lab.top()), before, "reading a change writes nothing");
}

#[test]
fn a_range_is_taken_from_the_merge_base_as_in_a_pull_request() {
    let lab = Lab::with_commit();
    lab.git(&["checkout", "-q", "-b", "topic"]);
    lab.write("dir/b.txt", "by topic\n");
    lab.commit("topic");
    lab.git(&["checkout", "-q", "main"]);
    lab.write("a.txt", "main went on\n");
    lab.commit("main");
    lab.write("untracked.log", "stays\n");
    for name in ["main..topic", "main...topic"] {
        let change = range(&lab, name).unwrap();
        assert_eq!(shown(&change), ["dir/b.txt: b > by topic"], "{name}");
        assert_eq!(change.now, Some(lab.git(&["rev-parse", "topic"])));
        let (base, now) = (written(&lab, &change.to_base), written(&lab, &change.to_now));
        for side in [&base, &now] {
            assert_eq!(side[&b"a.txt"[..]], b"one\ntwo\nthree\n", "without what main did meanwhile");
            assert_eq!(side[&b"untracked.log"[..]], b"stays\n");
        }
        assert_eq!((&base[&b"dir/b.txt"[..]][..], &now[&b"dir/b.txt"[..]][..]), (&b"b\n"[..], &b"by topic\n"[..]));
    }
    lab.git(&["checkout", "-q", "topic"]);
    assert_eq!(shown(&range(&lab, "main").unwrap()), ["dir/b.txt: b > by topic"], "a single name: up to HEAD");
}

#[test]
fn uncommitted_work_is_not_part_of_a_range() {
    let lab = Lab::with_commit();
    lab.write("dir/b.txt", "second\n");
    lab.commit("second");
    lab.write("a.txt", "not committed\n");
    let change = range(&lab, "HEAD~1..HEAD").unwrap();
    assert_eq!(shown(&change), ["dir/b.txt: b > second"]);
    assert_eq!(written(&lab, &change.to_now)[&b"a.txt"[..]], b"one\ntwo\nthree\n");
}

#[test]
fn a_patch_applies_to_the_work_tree_or_to_a_revision() {
    let lab = Lab::with_commit();
    let text = "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
    let change = patch(&lab, None, text).unwrap();
    assert_eq!(shown(&change), ["a.txt: one|two|three > one|2|three"]);
    assert!(change.to_base.is_empty());
    lab.write("a.txt", "rewritten\n");
    lab.commit("second");
    let error = patch(&lab, None, text).unwrap_err();
    assert!(matches!(error, RepoError::PatchDoesNotApply { .. }) && error.to_string().contains("--base"), "{error}");
    let change = patch(&lab, Some("HEAD~1"), text).unwrap();
    assert_eq!(shown(&change), ["a.txt: one|two|three > one|2|three"]);
    assert!(matches!(patch(&lab, None, "no patch\n"), Err(RepoError::PatchDoesNotApply { .. })));
}

#[test]
fn an_unknown_revision_is_named_with_what_to_do() {
    let lab = Lab::with_commit();
    for name in ["nope", "--help", "HEAD~7", ""] {
        let error = work_tree(&lab, name).unwrap_err();
        assert!(matches!(error, RepoError::NoRevision { .. }), "{name}: {error}");
    }
    let clone = lab.dir.path().join("clone");
    lab.write("a.txt", "second\n");
    lab.commit("second");
    let source = format!("file://{}", lab.top().display());
    git_in(lab.dir.path(), &["clone", "-q", "--depth", "1", &source, clone.to_str().unwrap()]);
    let repo = voe_repo::Repo::discover(&clone).unwrap();
    let error = repo.change(&ChangeSource::WorkTree { base: "HEAD~1" }, &lab.dir.path().join("s2")).unwrap_err();
    assert!(error.to_string().contains("shallow"), "{error}");
}

#[test]
fn a_submodule_with_changes_of_its_own_is_refused_and_a_clean_one_is_left_alone() {
    let lab = Lab::with_commit();
    let inner = lab.dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    git_in(&inner, &["init", "-q"]);
    std::fs::write(inner.join("i.txt"), "inner\n").unwrap();
    git_in(&inner, &["add", "."]);
    git_in(&inner, &["commit", "-q", "-m", "inner"]);
    lab.git(&["submodule", "--quiet", "add", inner.to_str().unwrap(), "sub"]);
    lab.commit("with a submodule");
    lab.write("a.txt", "changed\n");
    assert_eq!(shown(&work_tree(&lab, "HEAD").unwrap()), ["a.txt: one|two|three > changed"]);
    lab.write("sub/i.txt", "dirty\n");
    assert!(matches!(work_tree(&lab, "HEAD"), Err(RepoError::DirtySubmodule(path)) if path == "sub"));
}

#[test]
fn files_in_another_form_than_their_commit_are_no_change() {
    let lab = Lab::with_commit();
    lab.write(".gitattributes", "*.bat text eol=crlf\n*.bin filter=lfs\n");
    lab.write("run.bat", "echo\r\n");
    lab.commit("attributes");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n";
    lab.write("big.bin", pointer);
    lab.commit("a pointer");
    // As git-lfs checks it out.
    lab.write("big.bin", "bytes");
    lab.write("a.txt", "changed\n");
    assert_eq!(shown(&work_tree(&lab, "HEAD").unwrap()), ["a.txt: one|two|three > changed"]);
    lab.write("run.bat", "echo hello\r\n");
    assert_eq!(shown(&work_tree(&lab, "HEAD").unwrap())[1], "run.bat: echo > echo hello");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_sides_are_the_commits_whatever_the_work_tree_is(
        first in prop::collection::btree_map("[ab](/[cd])?", "[xyz]{0,3}", 0..4),
        second in prop::collection::btree_map("[ab](/[cd])?", "[xyz]{0,3}", 0..4),
        now in prop::collection::btree_map("[ab](/[cd])?", "[xyz]{0,3}", 0..4),
    ) {
        let lab = Lab::new();
        let fill = |files: &BTreeMap<String, String>| {
            for entry in std::fs::read_dir(lab.top()).unwrap() {
                let path = entry.unwrap().path();
                if path.file_name() != Some(std::ffi::OsStr::new(".git")) {
                    if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
                }
            }
            for (path, text) in files {
                // A directory of this name may be there already, or a file on the way to it.
                let at = lab.path(path);
                if at.parent().is_some_and(Path::is_file) || at.is_dir() {
                    continue;
                }
                lab.write(path, text);
            }
            everything(&lab.top()).into_iter().filter(|(_, (mode, _))| *mode != 0o040000).map(|(path, (_, text))| (path, text)).collect::<BTreeMap<_, _>>()
        };
        let commit = |name: &str| {
            lab.git(&["add", "-A"]);
            lab.git(&["commit", "-q", "--allow-empty", "-m", name]);
        };
        let one = fill(&first);
        commit("first");
        let two = fill(&second);
        commit("second");
        fill(&now);
        // Files that git does not know would stay on both sides.
        lab.git(&["add", "-A"]);
        commit("third");
        let change = range(&lab, "HEAD~2..HEAD~1").unwrap();
        prop_assert_eq!(written(&lab, &change.to_base), one.clone());
        prop_assert_eq!(written(&lab, &change.to_now), two.clone());
        let differs = one.keys().chain(two.keys()).filter(|path| one.get(*path) != two.get(*path)).collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(change.export.files.len(), differs.len());
    }
}
