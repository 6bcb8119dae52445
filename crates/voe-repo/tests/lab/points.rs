//! Undo points of attempts in place.

use std::path::PathBuf;

use voe_repo::{Repo, UndoPoint, UndoReport};

use super::{Files, Lab, everything, git_files, git_in};

/// A repository in the middle of the user's work.
pub fn at_work() -> Lab {
    let lab = Lab::with_commit();
    lab.write(".gitignore", "*.log\n.env\nbuild/\n");
    lab.write("image.bin", [0, 1, 2, 255]);
    lab.write("run.sh", "#!/bin/sh\n");
    lab.chmod("run.sh", 0o755);
    lab.commit("second");
    lab.git(&["branch", "other", "HEAD~1"]);
    lab.write("a.txt", "stashed by the user\n");
    lab.git(&["stash"]);
    lab.write("a.txt", "one\nstaged\nthree\n");
    lab.git(&["add", "a.txt"]);
    lab.write("a.txt", "one\nstaged\nand more\n");
    lab.write("untracked.txt", "mine\n");
    lab.write("notes/deep/note", "mine too\r\n");
    lab.write("odd\n name", "x");
    lab.link("link", "a.txt");
    lab.remove("dir/b.txt");
    lab.write(".env", "SECRET=1\n");
    lab.write("x.log", "log\n");
    lab.write("build/product.o", "object");
    std::fs::create_dir_all(lab.path("empty/inside")).unwrap();
    lab
}

/// Everything that an undo must restore: the work tree, and git's own files.
pub fn all(lab: &Lab) -> (Files, Files) {
    (everything(&lab.top()), git_files(lab.repo().common_dir()))
}

pub fn points(lab: &Lab) -> PathBuf {
    lab.dir.path().join("points")
}

pub fn take(lab: &Lab) -> UndoPoint {
    take_for(lab, &lab.repo(), "1")
}

pub fn take_for(lab: &Lab, repo: &Repo, name: &str) -> UndoPoint {
    let dir = points(lab).join(name);
    let base = repo.base(&dir.join("store")).unwrap();
    UndoPoint::take(repo, &base, &dir).unwrap()
}

/// Runs `work` as an attempt in place, then undoes it.
pub fn undone(lab: &Lab, work: impl FnOnce(&Lab)) -> UndoReport {
    let before = all(lab);
    let mut point = take(lab);
    assert_eq!(all(lab), before, "taking a point changes nothing");
    work(lab);
    let after = all(lab);
    point.seal(&lab.repo()).unwrap();
    assert_eq!(all(lab), after, "sealing changes nothing");
    let report = UndoPoint::latest(&points(lab), &lab.repo()).unwrap().unwrap().undo(&lab.repo(), false).unwrap();
    same(&all(lab), &before);
    git_in(&lab.top(), &["fsck", "--no-dangling"]);
    report
}

pub fn same(now: &(Files, Files), before: &(Files, Files)) {
    for (now, before) in [(&now.0, &before.0), (&now.1, &before.1)] {
        for path in now.keys().chain(before.keys()) {
            let (now, before) = (now.get(path), before.get(path));
            assert_eq!(now, before, "{}", String::from_utf8_lossy(path));
        }
    }
}
