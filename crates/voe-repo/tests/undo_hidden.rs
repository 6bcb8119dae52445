//! An undo removes the ignored files that an attempt in place made, and keeps or saves those of the user.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::collections::BTreeSet;

use lab::points::{all, at_work, same, take, undone};
use lab::{Lab, git_in};
use voe_repo::{RepoError, UndoPoint};

#[test]
fn ignored_files_stay_and_small_ones_come_back() {
    let lab = at_work();
    undone(&lab, |lab| {
        lab.remove(".env");
        lab.write("x.log", "overwritten");
        lab.write("build/product.o", "object");
    });
    assert_eq!(lab.read(".env"), "SECRET=1\n");
    assert_eq!(lab.read("build/product.o"), "object");
}

#[test]
fn files_that_are_no_longer_ignored_are_not_removed() {
    let lab = at_work();
    undone(&lab, |lab| {
        lab.write(".gitignore", "nothing\n");
        lab.write("y.txt", "new");
    });
    assert_eq!(lab.read("build/product.o"), "object");
}

#[test]
fn files_that_the_attempt_hid_by_ignoring_them_are_removed() {
    let lab = at_work();
    undone(&lab, |lab| {
        lab.write(".gitignore", "*.log\n.env\nbuild/\nout/\n*.hidden\n");
        lab.write("out/deep/product", "x");
        lab.write("notes/x.hidden", "x");
    });
}

#[test]
fn build_products_in_new_directories_are_removed_with_them() {
    let lab = at_work();
    undone(&lab, |lab| {
        lab.write("new/code.py", "x");
        lab.write("new/build/code.o", "x");
        lab.write("new/y.log", "x");
        git_in(&lab.top(), &["init", "-q", "new/repository"]);
        git_in(&lab.top(), &["init", "-q", "dir/deep"]);
    });
}

#[test]
fn user_files_that_the_attempt_made_ignored_block_the_undo_and_are_saved_with_force() {
    let lab = at_work();
    std::fs::create_dir(lab.path("data")).unwrap();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.write(".gitignore", "*.log\n.env\nbuild/\ndata/\n");
    lab.write("data/agents", "x");
    lab.write("data/changed", "x");
    lab.write("new/code", "x");
    lab.write("new/build/product", "x");
    point.seal(&lab.repo()).unwrap();
    lab.write("data/precious.bin", vec![7; 5_000_000]);
    lab.write("data/changed", "by the user");
    lab.write("new/build/users-own", "x");
    lab.write("new/x.log", "not the attempt's, and not where it put anything");
    let later = all(&lab);
    let refused = point.undo(&lab.repo(), false).unwrap_err();
    let RepoError::ChangedSince { paths } = &refused else { panic!("{refused}") };
    assert_eq!(paths, &["data/changed", "data/precious.bin", "new/build/users-own"]);
    assert_eq!(all(&lab), later, "a refused undo changes nothing");
    let report = point.undo(&lab.repo(), true).unwrap();
    assert_eq!(&report.overwritten, paths);
    assert_eq!(report.removed, ["new/code", "new/build/", "data/agents", "data/changed", "data/precious.bin"]);
    let mut now = all(&lab);
    assert!(now.0.remove(&b"new/x.log"[..]).is_some() && now.0.remove(&b"new"[..]).is_some());
    same(&now, &before);
    UndoPoint::open(&report.redo.unwrap()).unwrap().undo(&lab.repo(), false).unwrap();
    same(&all(&lab), &later);
}

#[test]
fn a_repository_that_the_attempt_made_is_removed_and_can_be_restored_and_one_of_the_users_is_never_removed() {
    let make = |lab: &Lab, path: &str| {
        git_in(&lab.top(), &["init", "-q", path]);
        lab.write(format!("{path}/n"), path);
        git_in(&lab.path(path), &["add", "-A"]);
        git_in(&lab.path(path), &["commit", "-q", "-m", "n"]);
    };
    let log = |lab: &Lab, path: &str| git_in(&lab.path(path), &["log", "--format=%H %s"]);
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    make(&lab, "agents");
    point.seal(&lab.repo()).unwrap();
    make(&lab, "users");
    let (agents, users) = (log(&lab, "agents"), log(&lab, "users"));
    let report = point.undo(&lab.repo(), false).unwrap();
    assert_eq!(log(&lab, "users"), users);
    let mut now = all(&lab);
    now.0.retain(|path, _| !path.starts_with(b"users"));
    same(&now, &before);
    UndoPoint::open(&report.redo.unwrap()).unwrap().undo(&lab.repo(), false).unwrap();
    assert_eq!((log(&lab, "agents"), log(&lab, "users")), (agents, users));

    // A commit of the user's in the attempt's own repository.
    let lab = at_work();
    let mut point = take(&lab);
    make(&lab, "agents");
    point.seal(&lab.repo()).unwrap();
    git_in(&lab.path("agents"), &["commit", "-q", "--allow-empty", "-m", "the user's"]);
    let agents = log(&lab, "agents");
    let refused = point.undo(&lab.repo(), false).unwrap_err().to_string();
    assert!(refused.contains("agents/.git/refs/heads/main"), "{refused}");
    assert_eq!(log(&lab, "agents"), agents);
    let redo = point.undo(&lab.repo(), true).unwrap().redo.unwrap();
    assert!(!lab.path("agents").exists());
    UndoPoint::open(&redo).unwrap().undo(&lab.repo(), false).unwrap();
    assert_eq!(log(&lab, "agents"), agents);

    // Killed, so that it is not known whose it is.
    let lab = at_work();
    let mut point = take(&lab);
    make(&lab, "somebodys");
    assert!(matches!(point.undo(&lab.repo(), false), Err(RepoError::Unsealed { .. })));
    point.undo(&lab.repo(), true).unwrap();
}

#[test]
fn files_of_a_repository_that_the_attempt_deleted_are_restored() {
    let lab = at_work();
    git_in(&lab.top(), &["init", "-q", "nest"]);
    lab.write("nest/deep/n", "n");
    git_in(&lab.path("nest"), &["add", "-A"]);
    git_in(&lab.path("nest"), &["commit", "-q", "-m", "n"]);
    undone(&lab, |lab| std::fs::remove_dir_all(lab.path("nest")).unwrap());
}

#[test]
fn an_older_point_without_a_list_of_ignored_files_removes_none_of_them_without_force() {
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.write("a.txt", "agent");
    lab.write("new/code", "x");
    lab.write("new/build/product", "x");
    point.seal(&lab.repo()).unwrap();
    let file = point.dir().join("after.json");
    let mut after: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert!(after.as_object_mut().unwrap().remove("listed").is_some());
    std::fs::write(&file, after.to_string()).unwrap();
    let text = std::fs::read(point.dir().join("point.json")).unwrap();
    let text: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let keys: BTreeSet<&str> = text.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(text["format"], 2);
    assert_eq!(keys, ["common_dir", "format", "git_dir", "phase", "store", "taken", "top", "unsealed"].into());
    let refused = point.undo(&lab.repo(), false).unwrap_err().to_string();
    assert!(refused.contains("new/build/product") && !refused.contains("a.txt"), "{refused}");
    point.undo(&lab.repo(), true).unwrap();
    same(&all(&lab), &before);
}

#[test]
fn an_attempt_is_resumed_with_the_same_point_only_if_nothing_was_changed_since() {
    let lab = at_work();
    let mut point = take(&lab);
    lab.write("a.txt", "agent\n");
    assert!(point.is_as_left(&lab.repo()).unwrap(), "killed: nobody knows");
    point.seal(&lab.repo()).unwrap();
    lab.git(&["status"]);
    assert!(point.is_as_left(&lab.repo()).unwrap());
    lab.git(&["branch", "users-own"]);
    assert!(!point.is_as_left(&lab.repo()).unwrap());
    lab.git(&["branch", "-D", "users-own"]);
    lab.write("b", "the user's\n");
    assert!(!point.is_as_left(&lab.repo()).unwrap());
}

#[test]
fn changes_of_the_user_between_an_interrupted_undo_and_the_next_are_saved_too() {
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.write("new/code", "x");
    lab.write("new/build/product", "x");
    lab.commit("agent");
    point.seal(&lab.repo()).unwrap();
    // Without git's own files it stops after the work tree has been put back.
    let (saved, away) = (point.dir().join("files"), lab.dir.path().join("away"));
    std::fs::rename(&saved, &away).unwrap();
    assert!(point.undo(&lab.repo(), false).is_err());
    std::fs::rename(&away, &saved).unwrap();
    lab.write("new/build/users-own", "x");
    let between = all(&lab);
    let mut point = UndoPoint::open(point.dir()).unwrap();
    assert!(matches!(point.undo(&lab.repo(), false), Err(RepoError::ChangedSince { .. })));
    let redo = point.undo(&lab.repo(), true).unwrap().redo.unwrap();
    same(&all(&lab), &before);
    UndoPoint::open(&redo).unwrap().undo(&lab.repo(), false).unwrap();
    same(&all(&lab), &between);
}

#[test]
fn a_tree_that_claims_files_in_the_git_directory_writes_none_there() {
    let lab = at_work();
    let mut point = take(&lab);
    lab.write("a.txt", "agent");
    point.seal(&lab.repo()).unwrap();
    // An index that came with an archive may have it.
    let store = point.dir().join("store");
    let file = point.dir().join("before.json");
    let mut before: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let tree = |git_dir: &std::path::Path, lines: &str| {
        let mut git = lab::git_command(git_dir);
        git.args(["mktree"]).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut git = git.spawn().unwrap();
        std::io::Write::write_all(&mut git.stdin.take().unwrap(), lines.as_bytes()).unwrap();
        String::from_utf8(git.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
    };
    let files = String::from_utf8(git_in(&store, &["ls-tree", before["tree"].as_str().unwrap()])).unwrap();
    let blob = files.lines().find(|line| line.contains(" blob ")).unwrap().split([' ', '\t']).nth(2).unwrap();
    let hooks = tree(&store, &format!("100755 blob {blob}\tvoe-test\n"));
    let claimed = tree(&store, &format!("{files}040000 tree {hooks}\t.git\n"));
    before["tree"] = claimed.into();
    std::fs::write(&file, before.to_string()).unwrap();
    let report = point.undo(&lab.repo(), false).unwrap();
    assert_eq!(report.restored, ["a.txt"]);
    assert!(!lab.path(".git/voe-test").exists());
}
