//! After an undo everything is as it was before the attempt, byte for byte.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::path::PathBuf;

use lab::points::{all, at_work, points, same, take, take_for, undone};
use lab::{Lab, everything, git_files, git_in};
use voe_repo::{Repo, RepoError, UndoPoint};

#[test]
fn edits_deletions_and_new_files_of_every_kind() {
    let lab = at_work();
    let report = undone(&lab, |lab| {
        lab.write("a.txt", "changed\n");
        lab.write("untracked.txt", "changed too\n");
        lab.remove("notes/deep/note");
        std::fs::remove_dir_all(lab.path("notes")).unwrap();
        lab.write("image.bin", [9]);
        lab.chmod("run.sh", 0o644);
        lab.remove("link");
        lab.write("link", "a file now");
        lab.remove("odd\n name");
        lab.write("dir/b.txt", "back again");
        lab.write("new/in/new/dirs", "x");
        std::fs::create_dir_all(lab.path("made/empty")).unwrap();
        std::fs::remove_dir_all(lab.path("empty")).unwrap();
    });
    assert_eq!(report.removed, ["dir/b.txt", "new/in/new/dirs"]);
    assert!(report.restored.contains(&"notes/deep/note".to_owned()));
    assert_eq!(report.git, [""; 0]);
}

#[test]
fn commits_branches_tags_and_configuration() {
    let lab = at_work();
    let report = undone(&lab, |lab| {
        lab.git(&["add", "-A"]);
        lab.git(&["commit", "-q", "-m", "by the agent"]);
        lab.git(&["tag", "done"]);
        lab.git(&["branch", "-f", "other", "HEAD"]);
        lab.git(&["branch", "-m", "other", "other/deeper"]);
        lab.git(&["config", "core.editor", "evil"]);
        std::fs::create_dir_all(lab.path(".git/hooks")).unwrap();
        std::fs::write(lab.path(".git/hooks/pre-commit"), "evil").unwrap();
        lab.git(&["worktree", "add", "-q", "../agents", "-b", "agents"]);
    });
    assert!(report.git.contains(&".git/index".to_owned()) && report.git.contains(&".git/refs/heads/main".to_owned()));
}

#[test]
fn stash_and_its_list() {
    let lab = at_work();
    undone(&lab, |lab| {
        lab.git(&["stash", "-u"]);
        lab.write("a.txt", "meanwhile\n");
    });
    assert_eq!(lab.git(&["stash", "list"]).lines().count(), 1);
    let lab = at_work();
    undone(&lab, |lab| drop(lab.git(&["stash", "drop"])));
    assert_eq!(lab.git(&["stash", "list"]).lines().count(), 1);
}

#[test]
fn reset_hard_and_clean() {
    let lab = at_work();
    undone(&lab, |lab| {
        lab.git(&["reset", "-q", "--hard", "HEAD~1"]);
        lab.git(&["clean", "-q", "-fd"]);
    });
}

#[test]
fn another_branch_and_a_detached_head() {
    let lab = at_work();
    undone(&lab, |lab| drop(lab.git(&["checkout", "-q", "-f", "other"])));
    let lab = at_work();
    undone(&lab, |lab| {
        lab.git(&["checkout", "-q", "-f", "--detach", "other"]);
        lab.write("more", "x");
        lab.git(&["add", "more"]);
        lab.git(&["commit", "-q", "-m", "nowhere"]);
    });
    let lab = at_work();
    undone(&lab, |lab| drop(lab.git(&["pack-refs", "--all"])));
}

#[test]
fn a_merge_in_progress_is_restored() {
    let lab = Lab::with_commit();
    lab.git(&["checkout", "-q", "-b", "theirs"]);
    lab.write("a.txt", "theirs\n");
    lab.commit("theirs");
    lab.git(&["checkout", "-q", "main"]);
    lab.write("a.txt", "ours\n");
    lab.commit("ours");
    assert!(!lab::git_command(&lab.top()).args(["merge", "-q", "theirs"]).output().unwrap().status.success());
    undone(&lab, |lab| {
        lab.write("a.txt", "resolved\n");
        lab.git(&["add", "a.txt"]);
        lab.git(&["commit", "-q", "-m", "merged by the agent"]);
    });
    assert!(lab.path(".git/MERGE_HEAD").exists());
}

#[test]
fn before_the_first_commit() {
    let lab = Lab::new();
    lab.write("staged", "x");
    lab.git(&["add", "."]);
    lab.write("staged", "and changed");
    undone(&lab, |lab| {
        lab.commit("by the agent");
        lab.remove("staged");
    });
}

#[test]
fn in_a_submodule_and_in_a_linked_work_tree() {
    let lab = at_work();
    let other = Lab::with_commit();
    lab.git(&["submodule", "--quiet", "add", other.top().to_str().unwrap(), "sub"]);
    undone(&lab, |lab| {
        let sub = lab.path("sub");
        std::fs::write(sub.join("a.txt"), "changed\n").unwrap();
        std::fs::write(sub.join("new"), "x").unwrap();
        git_in(&sub, &["add", "-A"]);
        git_in(&sub, &["commit", "-q", "-m", "inside"]);
        lab.git(&["add", "sub"]);
    });

    let linked = lab.dir.path().join("linked");
    lab.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "-b", "side"]);
    let repo = Repo::discover(&linked).unwrap();
    let before = (everything(&linked), git_files(repo.common_dir()));
    let mut point = take_for(&lab, &repo, "linked");
    std::fs::write(linked.join("a.txt"), "changed\n").unwrap();
    git_in(&linked, &["commit", "-q", "-a", "-m", "there"]);
    point.seal(&repo).unwrap();
    UndoPoint::latest(&points(&lab), &repo).unwrap().unwrap().undo(&repo, false).unwrap();
    same(&(everything(&linked), git_files(repo.common_dir())), &before);
}

#[test]
fn later_changes_of_the_user_are_refused_by_name_and_kept_when_forced() {
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.write("a.txt", "agent\n");
    lab.write("new", "agent\n");
    lab.write("run.sh", "agent\n");
    lab.git(&["commit", "-q", "-a", "-m", "agent"]);
    point.seal(&lab.repo()).unwrap();
    lab.write("a.txt", "the user, later\n");
    lab.write("new", "the user, later\n");
    lab.git(&["branch", "users-own"]);
    lab.git(&["commit", "-q", "-a", "-m", "the user"]);
    let later = all(&lab);
    let refused = point.undo(&lab.repo(), false).unwrap_err();
    let RepoError::ChangedSince { paths } = &refused else { panic!("{refused}") };
    for path in ["a.txt", "new", ".git/index", ".git/refs/heads/main", ".git/logs/HEAD"] {
        assert!(paths.contains(&path.to_owned()), "{path} in {paths:?}");
    }
    assert!(!paths.contains(&"run.sh".to_owned()));
    assert!(refused.to_string().contains("--force"));
    assert_eq!(all(&lab), later, "a refused undo changes nothing");

    let report = point.undo(&lab.repo(), true).unwrap();
    assert_eq!(&report.overwritten, paths);
    let mut now = all(&lab);
    // Files that only the user made are not voe's to remove.
    now.1.retain(|path, _| !path.ends_with(b"users-own"));
    same(&now, &before);
    UndoPoint::open(&report.redo.unwrap()).unwrap().undo(&lab.repo(), false).unwrap();
    same(&all(&lab), &later);
}

#[test]
fn a_refreshed_index_is_not_a_change_of_the_users() {
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.git(&["add", "a.txt"]);
    point.seal(&lab.repo()).unwrap();
    std::fs::File::options()
        .write(true)
        .open(lab.path("run.sh"))
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let sealed = std::fs::read(lab.path(".git/index")).unwrap();
    lab.git(&["status"]);
    assert_ne!(std::fs::read(lab.path(".git/index")).unwrap(), sealed);
    point.undo(&lab.repo(), false).unwrap();
    same(&all(&lab), &before);
}

#[test]
fn an_undo_can_be_undone_and_done_only_once() {
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.write("a.txt", "agent\n");
    lab.commit("agent");
    let after = all(&lab);
    point.seal(&lab.repo()).unwrap();
    let redo = point.undo(&lab.repo(), false).unwrap().redo.unwrap();
    same(&all(&lab), &before);
    for mut again in [point, UndoPoint::latest(&points(&lab), &lab.repo()).unwrap().unwrap()] {
        assert!(again.is_undone());
        assert!(matches!(again.undo(&lab.repo(), true), Err(RepoError::AlreadyUndone)));
    }
    same(&all(&lab), &before);
    UndoPoint::open(&redo).unwrap().undo(&lab.repo(), false).unwrap();
    same(&all(&lab), &after);
}

#[test]
fn a_kill_before_the_seal_leaves_a_point_that_works() {
    let lab = at_work();
    let before = all(&lab);
    drop(take(&lab));
    lab.write("a.txt", "half done\n");
    lab.write("new/file", "x");
    lab.git(&["add", "-A"]);
    std::fs::write(lab.path(".git/index.lock"), "").unwrap();
    let mut point = UndoPoint::latest(&points(&lab), &lab.repo()).unwrap().unwrap();
    let now = all(&lab);
    let refused = point.undo(&lab.repo(), false).unwrap_err();
    let RepoError::Unsealed { paths } = &refused else { panic!("{refused}") };
    assert_eq!(paths, &["a.txt", "new/file", ".git/index", ".git/index.lock"]);
    assert!(refused.to_string().contains("--force"), "{refused}");
    assert_eq!(all(&lab), now, "a refused undo changes nothing");
    let report = point.undo(&lab.repo(), true).unwrap();
    assert!(report.unsealed);
    same(&all(&lab), &before);
}

#[test]
fn an_undo_after_an_interrupted_undo_completes_it() {
    for sealed in [true, false] {
        let lab = at_work();
        let before = all(&lab);
        let mut point = take(&lab);
        for number in 0..4 {
            lab.write(format!("new/{number}"), "x");
        }
        lab.write("a.txt", "agent\n");
        lab.write("untracked.txt", "agent\n");
        lab.commit("agent");
        lab.git(&["checkout", "-q", "-f", "other"]);
        if sealed {
            point.seal(&lab.repo()).unwrap();
        }
        // Without git's own files it stops after the work tree has been put back.
        let (saved, away) = (point.dir().join("files"), lab.dir.path().join("away"));
        std::fs::rename(&saved, &away).unwrap();
        assert!(UndoPoint::open(point.dir()).unwrap().undo(&lab.repo(), !sealed).is_err());
        assert_eq!(lab.read("untracked.txt"), "mine\n");
        assert_ne!(git_files(&lab.path(".git")), before.1);
        std::fs::remove_dir_all(&saved).ok();
        std::fs::rename(&away, &saved).unwrap();
        let report = UndoPoint::open(point.dir()).unwrap().undo(&lab.repo(), !sealed).unwrap();
        assert_eq!(report.unsealed, !sealed);
        same(&all(&lab), &before);
    }
}

#[test]
fn an_undo_is_refused_while_git_holds_a_lock() {
    let lab = at_work();
    let mut point = take(&lab);
    lab.write("a.txt", "agent\n");
    point.seal(&lab.repo()).unwrap();
    std::fs::write(lab.path(".git/index.lock"), "").unwrap();
    assert!(matches!(point.undo(&lab.repo(), false), Err(RepoError::Busy(_))));
    assert_eq!(lab.read("a.txt"), "agent\n");
}

#[test]
fn content_that_the_repository_has_deleted_is_restored() {
    let lab = at_work();
    let before = all(&lab);
    let mut point = take(&lab);
    lab.git(&["checkout", "-q", "--orphan", "fresh"]);
    lab.git(&["rm", "-q", "-rf", "."]);
    point.seal(&lab.repo()).unwrap();
    let objects = lab.dir.path().join("objects");
    std::fs::rename(lab.path(".git/objects"), &objects).unwrap();
    std::fs::create_dir(lab.path(".git/objects")).unwrap();
    point.undo(&lab.repo(), false).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(everything(&lab.top()), before.0);
}

#[test]
fn the_latest_point_is_that_of_this_repository() {
    let (lab, other) = (at_work(), Lab::with_commit());
    assert!(UndoPoint::latest(&points(&lab), &lab.repo()).unwrap().is_none());
    take(&lab);
    let newest = take_for(&lab, &lab.repo(), "0");
    take_for(&lab, &other.repo(), "2");
    std::fs::create_dir_all(points(&lab).join("half made")).unwrap();
    std::fs::write(points(&lab).join("half made/point.json"), "{").unwrap();
    let found = UndoPoint::latest(&points(&lab), &lab.repo()).unwrap().unwrap();
    assert_eq!(found.dir(), newest.dir());
}

/// The variable with the directory of the undo that is to be killed.
const KILLED: &str = "VOE_REPO_TEST_KILLED_UNDO";

#[test]
fn the_undo_that_is_killed_by_the_test_below() {
    if let Some(dir) = std::env::var_os(KILLED) {
        let dir = PathBuf::from(dir);
        let repo = Repo::discover(&dir.join("repo")).unwrap();
        UndoPoint::open(&dir.join("points/1")).unwrap().undo(&repo, true).unwrap();
    }
}

#[test]
fn an_undo_killed_at_any_moment_is_completed_by_another() {
    let (mut interrupted, rounds) = (0, 8);
    let mut whole = None;
    for round in 0..=rounds {
        let lab = at_work();
        for number in 0..40 {
            lab.write(format!("many/{number}/deep"), format!("{number}\n"));
        }
        let before = all(&lab);
        let mut point = take(&lab);
        for number in 0..40 {
            lab.write(format!("many/{number}/deep"), "agent\n");
            lab.write(format!("more/{number}/deep"), "agent\n");
        }
        lab.commit("agent");
        lab.git(&["reset", "-q", "--hard", "HEAD~2"]);
        point.seal(&lab.repo()).unwrap();
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_undo_that_is_killed_by_the_test_below"])
            .env(KILLED, lab.dir.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        match whole {
            // The first one is left alone, to see how long it takes.
            None => {
                let began = std::time::Instant::now();
                child.wait().unwrap();
                whole = Some(began.elapsed());
            }
            // A random moment.
            Some(whole) => std::thread::sleep(whole * round / (rounds + 1)),
        }
        child.kill().unwrap();
        interrupted += u32::from(!child.wait().unwrap().success());
        match UndoPoint::open(point.dir()).unwrap().undo(&lab.repo(), false) {
            Ok(_) | Err(RepoError::AlreadyUndone) => {}
            Err(error) => panic!("round {round}: {error}"),
        }
        let mut now = all(&lab);
        // A file left by a kill between making it and moving it to its path is the only one that nothing accounts for.
        for files in [&mut now.0, &mut now.1] {
            files.retain(|path, _| !path.rsplit(|byte| *byte == b'/').next().unwrap().starts_with(b".voe-"));
        }
        same(&now, &before);
    }
    println!("{interrupted} of {rounds} undos were killed");
}

#[test]
fn a_git_directory_that_was_replaced_by_a_link_is_not_written_through() {
    for kind in ["link", "file", "link at HEAD's place"] {
        let lab = Lab::with_commit();
        let victim = Lab::with_commit();
        let theirs = victim.top().join(".git");
        let mut point = take(&lab);
        lab.write("a.txt", "changed\n");
        let own = lab.top().join(".git");
        match kind {
            "link" => {
                std::fs::rename(&own, lab.dir.path().join("moved")).unwrap();
                std::os::unix::fs::symlink(&theirs, &own).unwrap();
            }
            "file" => {
                std::fs::rename(&own, lab.dir.path().join("moved")).unwrap();
                std::fs::write(&own, format!("gitdir: {}\n", theirs.display())).unwrap();
            }
            _ => {
                std::fs::remove_dir_all(own.join("logs")).unwrap();
                std::os::unix::fs::symlink(theirs.join("logs"), own.join("logs")).unwrap();
            }
        }
        let before = (everything(&victim.top()), git_files(&theirs));
        let undone = point.undo(&lab.repo(), true);
        assert_eq!((everything(&victim.top()), git_files(&theirs)), before, "{kind}");
        match kind {
            "link" | "file" => {
                assert!(matches!(undone, Err(RepoError::UndoBroken { .. })), "{kind}: {undone:?}");
                std::fs::remove_file(&own).unwrap();
                std::fs::rename(lab.dir.path().join("moved"), &own).unwrap();
                point.undo(&lab.repo(), true).unwrap();
            }
            _ => assert!(undone.is_ok(), "{kind}: {undone:?}"),
        }
        assert_eq!(std::fs::read_to_string(lab.path("a.txt")).unwrap(), "one\ntwo\nthree\n");
    }
}
