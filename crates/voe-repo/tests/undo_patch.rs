//! An undo takes back the patch that voe applied: never what the user did before, in between or after.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::path::PathBuf;

use lab::{Files, Lab, everything, export, git_files, git_in};
use voe_repo::{ApplyOutcome, Base, Repo, RepoError, Result, UndoPoint, UndoReport, make_patch};

/// A repository in the middle of the user's work.
fn at_work() -> Lab {
    let lab = Lab::with_commit();
    lab.write(".gitignore", "*.log\n");
    lab.write("run.sh", "#!/bin/sh\n");
    lab.chmod("run.sh", 0o755);
    lab.commit("second");
    lab.write("a.txt", "1\n2\n3\n4\n5\n6\n7\n");
    lab.git(&["add", "a.txt"]);
    lab.write("untracked.txt", "mine\n");
    lab.link("link", "a.txt");
    lab.write("x.log", "log\n");
    std::fs::create_dir_all(lab.path("data")).unwrap();
    lab
}

fn base(lab: &Lab) -> Base {
    lab.repo().base(&lab.store()).unwrap()
}

/// Applies the result of an attempt.
fn apply(lab: &Lab, base: &Base, edit: impl FnOnce(&mut Files)) -> Result<ApplyOutcome> {
    let old = lab.tree(&base.tree);
    let mut new = old.clone();
    edit(&mut new);
    let export = export(&old, &new);
    let patch = make_patch(&export, Some(base)).unwrap();
    lab.repo().apply(base, &patch, &export, &lab.undo())
}

fn put(files: &mut Files, path: &str, mode: u32, text: &str) {
    files.insert(path.as_bytes().to_vec(), (mode, text.as_bytes().to_vec()));
}

fn latest(lab: &Lab) -> UndoPoint {
    UndoPoint::latest(lab.undo().parent().unwrap(), &lab.repo()).unwrap().unwrap()
}

fn undo(lab: &Lab, force: bool) -> Result<UndoReport> {
    latest(lab).undo(&lab.repo(), force)
}

/// The work tree, and git's own files.
fn all(lab: &Lab) -> (Files, Files) {
    (everything(&lab.top()), git_files(lab.repo().common_dir()))
}

#[test]
fn every_kind_of_change_is_taken_back_byte_for_byte_and_can_be_redone() {
    let lab = at_work();
    let before = all(&lab);
    let base = base(&lab);
    let applied = apply(&lab, &base, |files| {
        put(files, "a.txt", 0o100755, "changed\n");
        put(files, "untracked.txt", 0o100644, "changed\n");
        put(files, "new/deep/file", 0o100644, "new\r\n");
        put(files, "data", 0o100644, "where there was an empty directory\n");
        files.insert(b"odd\n\xff".to_vec(), (0o100644, vec![0, 1, 255]));
        // A link becomes a directory, and a directory a file.
        files.remove(&b"link"[..]);
        put(files, "link/file", 0o100644, "x\n");
        files.remove(&b"dir/deep/c.txt"[..]);
        files.remove(&b"dir/b.txt"[..]);
        put(files, "dir", 0o120000, "new/deep");
        files.remove(&b"run.sh"[..]);
    });
    assert_eq!(applied.unwrap(), ApplyOutcome::Plain);
    let after = all(&lab);
    let report = undo(&lab, false).unwrap();
    assert_eq!(all(&lab), before);
    assert_eq!(report.removed, ["data", "dir", "link/file", "new/deep/file", "odd\u{fffd}\u{fffd}"]);
    assert_eq!(report.restored, ["a.txt", "dir/b.txt", "dir/deep/c.txt", "link", "run.sh", "untracked.txt"]);
    assert!(report.git.is_empty() && report.overwritten.is_empty() && !report.unsealed);
    assert!(matches!(undo(&lab, true), Err(RepoError::AlreadyUndone)));
    assert_eq!(all(&lab), before);
    UndoPoint::open(&report.redo.unwrap()).unwrap().undo(&lab.repo(), false).unwrap();
    assert_eq!(all(&lab), after);
}

#[test]
fn what_the_user_did_in_between_and_after_stays() {
    let lab = at_work();
    let base = base(&lab);
    lab.write("dir/b.txt", "an hour of work\n");
    lab.git(&["commit", "-q", "-a", "-m", "meanwhile"]);
    lab.git(&["branch", "users-own"]);
    lab.write("more.txt", "more work\n");
    git_in(&lab.top(), &["init", "-q", "nest"]);
    lab.write("nest/file", "n\n");
    git_in(&lab.path("nest"), &["add", "-A"]);
    git_in(&lab.path("nest"), &["commit", "-q", "-m", "in there"]);
    let before = all(&lab);
    let nested = git_files(&lab.path("nest/.git"));
    apply(&lab, &base, |files| {
        put(files, "a.txt", 0o100644, "changed\n");
        put(files, "new/file", 0o100644, "x\n");
        put(files, ".gitignore", 0o100644, "*.log\ndata/\nnew/*.o\n");
    })
    .unwrap();
    // Files that the patch's rules ignore are still the user's, whatever their size.
    lab.write("data/precious.bin", vec![7; 5_000_000]);
    lab.write("new/user.o", "o");
    lab.git(&["tag", "after"]);
    let mut expected = all(&lab);
    for path in [&b"a.txt"[..], b".gitignore"] {
        expected.0.insert(path.to_vec(), before.0[path].clone());
    }
    expected.0.remove(&b"new/file"[..]);
    let report = undo(&lab, false).unwrap();
    assert_eq!(all(&lab), expected);
    assert_eq!(git_files(&lab.path("nest/.git")), nested);
    git_in(&lab.path("nest"), &["fsck"]);
    assert_eq!((report.removed, report.restored), (vec!["new/file".into()], vec![".gitignore".into(), "a.txt".into()]));
}

#[test]
fn of_a_merged_file_only_the_patchs_change_is_taken_back() {
    let lab = at_work();
    let base = base(&lab);
    lab.write("a.txt", "one\n2\n3\n4\n5\n6\n7\n");
    let before = all(&lab);
    let applied = apply(&lab, &base, |files| put(files, "a.txt", 0o100644, "1\n2\n3\n4\n5\n6\nseven\n")).unwrap();
    assert_eq!(applied, ApplyOutcome::Merged(vec!["a.txt".to_owned()]));
    undo(&lab, false).unwrap();
    assert_eq!(all(&lab), before);
}

#[test]
fn later_changes_are_refused_by_name_and_kept_when_forced() {
    let lab = at_work();
    let before = all(&lab);
    apply(&lab, &base(&lab), |files| {
        put(files, "a.txt", 0o100644, "changed\n");
        put(files, "new", 0o100644, "new\n");
        put(files, "run.sh", 0o100755, "changed\n");
        files.remove(&b"dir/b.txt"[..]);
    })
    .unwrap();
    lab.write("a.txt", "the user, later\n");
    lab.write("new", "the user, later\n");
    lab.write("dir/b.txt", "the user, later\n");
    let later = all(&lab);
    let refused = undo(&lab, false).unwrap_err();
    let RepoError::ChangedSince { paths } = &refused else { panic!("{refused}") };
    assert_eq!(paths, &["a.txt", "dir/b.txt", "new"]);
    assert_eq!(all(&lab), later, "a refused undo changes nothing");
    let report = undo(&lab, true).unwrap();
    assert_eq!(&report.overwritten, paths);
    assert_eq!(all(&lab), before);
    UndoPoint::open(&report.redo.unwrap()).unwrap().undo(&lab.repo(), false).unwrap();
    assert_eq!(all(&lab), later);
}

#[test]
fn what_can_not_be_saved_is_never_written_over() {
    let lab = at_work();
    apply(&lab, &base(&lab), |files| {
        put(files, "a.txt", 0o100644, "changed\n");
        put(files, "run.sh", 0o100755, "changed\n");
        files.remove(&b"dir/deep/c.txt"[..]);
        files.remove(&b"link"[..]);
        put(files, "link/file", 0o100644, "x\n");
    })
    .unwrap();
    // The user puts other things there.
    lab.remove("a.txt");
    lab.write("a.txt/precious", "x");
    lab.remove("run.sh");
    rustix::fs::mkfifoat(rustix::fs::CWD, lab.path("run.sh"), rustix::fs::Mode::RUSR).unwrap();
    lab.link("dir/deep", "../data");
    lab.write("link/mine", "x");
    let now = || {
        let list =
            std::process::Command::new("find").args(["-printf", "%p %y %s %l\n"]).current_dir(lab.top()).output();
        String::from_utf8(list.unwrap().stdout).unwrap()
    };
    let before = now();
    for force in [false, true] {
        let refused = undo(&lab, force).unwrap_err();
        insta::allow_duplicates! {
            insta::assert_snapshot!(refused, @"undo can't write over a.txt, dir/deep, link, run.sh; move them away and run undo again");
        }
        assert_eq!(now(), before);
    }
}

#[test]
fn a_second_patch_of_the_same_attempt_is_taken_back_with_the_first() {
    let lab = at_work();
    let before = all(&lab);
    let base = base(&lab);
    let first = |files: &mut Files| {
        put(files, "run.sh", 0o100755, "first\n");
        put(files, "untracked.txt", 0o100644, "first\n");
        put(files, "new", 0o100644, "first\n");
    };
    apply(&lab, &base, first).unwrap();
    lab.write("a.txt", "the user\n");
    apply(&lab, &base, |files| {
        first(files);
        put(files, "new", 0o100644, "first\n");
        put(files, "more/new", 0o100644, "second\n");
        files.remove(&b"dir/b.txt"[..]);
    })
    .unwrap();
    assert_eq!(latest(&lab).dir(), lab.undo());
    undo(&lab, false).unwrap();
    assert_eq!(lab.read("a.txt"), "the user\n");
    lab.write("a.txt", "1\n2\n3\n4\n5\n6\n7\n");
    assert_eq!(all(&lab), before);
}

#[test]
fn after_an_attempt_that_wrote_nothing_an_undo_does_not_take_back_the_attempt_before() {
    let lab = at_work();
    let base = base(&lab);
    let earlier = lab.undo().with_file_name("earlier");
    let old = lab.tree(&base.tree);
    let mut new = old.clone();
    put(&mut new, "run.sh", 0o100755, "earlier\n");
    let export = export(&old, &new);
    let patch = make_patch(&export, Some(&base)).unwrap();
    lab.repo().apply(&base, &patch, &export, &earlier).unwrap();
    UndoPoint::begin(&lab.repo(), &lab.undo()).unwrap();
    lab.write("a.txt", "the user\n");
    std::fs::create_dir(lab.path("data/inside")).unwrap();
    let before = all(&lab);
    let conflict = apply(&lab, &base, |files| put(files, "a.txt", 0o100644, "x")).unwrap();
    assert!(matches!(conflict, ApplyOutcome::Conflict(_)));
    // A directory with another in it is not replaced.
    assert!(apply(&lab, &base, |files| put(files, "data", 0o100644, "x")).is_err());
    assert_eq!(latest(&lab).dir(), lab.undo());
    assert_eq!(undo(&lab, false).unwrap(), UndoReport::default());
    assert_eq!(all(&lab), before);
}

/// The variable with the directory of the processes that are to be killed.
const KILLED: &str = "VOE_REPO_TEST_KILLED_APPLY";

fn many() -> impl Iterator<Item = String> {
    (0..60).map(|number| format!("many/{number}/deep"))
}

/// A patch with changed, new and removed files.
fn great_patch(files: &mut Files) {
    for (number, path) in many().enumerate() {
        put(files, &format!("more/{number}/deep"), 0o100644, "agent\n");
        match number % 3 {
            0 => drop(files.remove(path.as_bytes())),
            _ => put(files, &path, 0o100644, "agent\n"),
        }
    }
}

#[test]
fn the_apply_and_the_undo_that_are_killed_by_the_test_below() {
    if let Some(dir) = std::env::var_os(KILLED) {
        let dir = PathBuf::from(dir);
        let repo = Repo::discover(&dir.join("repo")).unwrap();
        let export = std::fs::read(dir.join("export")).unwrap();
        let (base, export) = serde_json::from_slice(&export).unwrap();
        let patch = make_patch(&export, Some(&base)).unwrap();
        repo.apply(&base, &patch, &export, &dir.join("points/patch")).unwrap();
        UndoPoint::open(&dir.join("points/patch")).unwrap().undo(&repo, false).unwrap();
    }
}

#[test]
fn an_apply_and_an_undo_killed_in_the_middle_are_taken_back_by_another_undo() {
    // As they are written: removed files first, then the others by name.
    let moments = ["many/0/deep", "many/57/deep", "more/0/deep", "more/33/deep", "more/9/deep"];
    for (moment, undoing) in moments.into_iter().flat_map(|moment| [(moment, false), (moment, true)]) {
        let lab = at_work();
        many().for_each(|path| lab.write(path, "before\n"));
        let base = base(&lab);
        let old = lab.tree(&base.tree);
        let mut new = old.clone();
        great_patch(&mut new);
        let work = serde_json::to_vec(&(&base, export(&old, &new))).unwrap();
        std::fs::write(lab.dir.path().join("export"), work).unwrap();
        // A file left by a kill between making it and moving it to its path is the only one that nothing accounts for.
        let state = |lab: &Lab| {
            let mut state = all(lab);
            state.0.retain(|path, _| !path.rsplit(|byte| *byte == b'/').next().unwrap().starts_with(b".voe-"));
            state
        };
        let before = state(&lab);
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_apply_and_the_undo_that_are_killed_by_the_test_below"])
            .env(KILLED, lab.dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let as_before = || lab.path(moment).exists() == old.contains_key(moment.as_bytes());
        // It may finish before it is seen there.
        let mut until = |done: &dyn Fn() -> bool| while child.try_wait().unwrap().is_none() && !done() {};
        until(&|| !as_before());
        if undoing {
            until(&as_before);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // The user keeps working.
        lab.write("users-own", "x");
        match undo(&lab, false) {
            Ok(_) | Err(RepoError::AlreadyUndone) => {}
            Err(error) => panic!("{moment}: {error}"),
        }
        lab.remove("users-own");
        assert_eq!(state(&lab), before, "{moment}");
    }
}
