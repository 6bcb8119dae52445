//! Repositories for the demo and for suite tasks.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use lab::{Lab, as_git_sees, everything, files, git_in};
use voe_protocol::{FileState, RawBytes};
use voe_repo::{Repo, RepoError, sealed_checkout, throw_away_copy};

fn given(list: &[(&str, u32, &str)]) -> Vec<(RawBytes, FileState)> {
    let state = |mode, text: &str| FileState { mode, content: RawBytes(text.as_bytes().to_vec()) };
    list.iter().map(|(path, mode, text)| (RawBytes(path.as_bytes().to_vec()), state(*mode, text))).collect()
}

#[test]
fn the_same_files_give_the_same_commit_everywhere() {
    let list = [
        ("README", 0o100644, "text\r\n"),
        ("bin/run me", 0o100755, "#!/bin/sh\n"),
        ("link", 0o120000, "README"),
        (".gitattributes", 0o100644, "* text=auto\n"),
        (".gitignore", 0o100644, "ignored\n"),
        ("ignored", 0o100644, "but given\n"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let commit = throw_away_copy(&given(&list), &dir.path().join("one")).unwrap();
    assert_eq!(throw_away_copy(&given(&list), &dir.path().join("two")).unwrap(), commit);
    assert_eq!(commit, "e0bb411e6f337c3e969f0cc0bf1947a0939776a1");
    let top = dir.path().join("one");
    assert_eq!(as_git_sees(&top), files(&list));
    let repo = Repo::discover(&top).unwrap();
    assert_eq!((repo.head().unwrap(), repo.branch().unwrap()), (Some(commit), Some("main".to_owned())));
    let base = repo.base(&dir.path().join("store")).unwrap();
    assert_eq!(lab::tree_files(&base.git_dir, &base.tree), files(&list));
}

#[test]
fn a_copy_is_clean_to_git() {
    let dir = tempfile::tempdir().unwrap();
    let top = dir.path().join("copy");
    throw_away_copy(&given(&[("a", 0o100644, "x\n"), ("b/c", 0o100755, "y\n")]), &top).unwrap();
    assert_eq!(git_in(&top, &["status", "--porcelain"]), b"");
    assert_eq!(git_in(&top, &["fsck", "--full", "--strict", "--no-dangling"]), b"");
}

#[test]
fn a_copy_stays_in_its_directory() {
    let dir = tempfile::tempdir().unwrap();
    let outside = throw_away_copy(&given(&[("../x", 0o100644, "")]), &dir.path().join("copy"));
    assert!(matches!(outside, Err(RepoError::Export { .. })));
    std::fs::write(dir.path().join("there"), "").unwrap();
    assert!(throw_away_copy(&given(&[("a", 0o100644, "")]), dir.path()).is_err(), "not empty");
    assert_eq!(everything(dir.path()).len(), 1);
}

#[test]
fn a_sealed_checkout_contains_nothing_newer_than_its_commit() {
    let lab = Lab::with_commit();
    lab.git(&["tag", "v1"]);
    lab.write("a.txt", "second\n");
    lab.commit("second");
    lab.git(&["tag", "-a", "v2", "-m", "annotated"]);
    let base = lab.git(&["rev-parse", "HEAD"]);
    lab.git(&["checkout", "-q", "-b", "side", "v1"]);
    lab.write("side", "side\n");
    lab.commit("side");
    lab.git(&["tag", "side-tag"]);
    lab.git(&["checkout", "-q", "main"]);
    lab.write("a.txt", "the fix\n");
    lab.commit("the future");
    lab.git(&["tag", "v3"]);
    lab.git(&["gc", "-q"]);
    let future: Vec<String> =
        ["HEAD", "HEAD^{tree}", "HEAD:a.txt", "side", "side:side"].map(|name| lab.git(&["rev-parse", name])).to_vec();

    let top = lab.dir.path().join("sealed");
    let sealed = sealed_checkout(&lab.top(), &base[..12], &top, None).unwrap();
    assert_eq!((sealed.commit.as_str(), sealed.tags), (base.as_str(), vec!["v1".to_owned(), "v2".to_owned()]));
    let all =
        String::from_utf8(git_in(&top, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])).unwrap();
    assert_eq!(all.lines().count() as u64, sealed.objects);
    for id in future {
        assert!(!all.contains(&id), "{id}");
    }
    let reachable = String::from_utf8(git_in(&top, &["rev-list", "--objects", "--all"])).unwrap();
    assert_eq!(reachable.lines().count() as u64, sealed.objects, "everything is reachable");
    assert_eq!(std::fs::read_to_string(top.join("a.txt")).unwrap(), "second\n");
    assert_eq!(git_in(&top, &["status", "--porcelain"]), b"");
    assert_eq!(git_in(&top, &["remote"]), b"");
    assert_eq!(String::from_utf8(git_in(&top, &["log", "--format=%s", "--all"])).unwrap(), "second\nfirst\n");
    for absent in ["objects/info/alternates", "logs", "FETCH_HEAD", "ORIG_HEAD", "shallow"] {
        assert!(!top.join(".git").join(absent).exists(), "{absent}");
    }
    let packs = std::fs::read_dir(top.join(".git/objects/pack")).unwrap().flatten().map(|entry| entry.file_name());
    assert!(packs.into_iter().all(|name| !name.to_string_lossy().ends_with(".promisor")));
    git_in(&top, &["fsck", "--full", "--strict"]);
}

#[test]
fn a_missing_commit_is_reported() {
    let lab = Lab::with_commit();
    let error =
        sealed_checkout(&lab.top(), "0123456789012345678901234567890123456789", &lab.dir.path().join("x"), None)
            .unwrap_err();
    assert!(error.to_string().contains("has no commit 0123456789"), "{error}");
}
