//! The base is the current work tree, and recording it changes nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use lab::{Lab, as_git_sees, everything, git_files, git_in};
use voe_repo::{Repo, RepoError};

/// Checks that the base contains exactly the files of the work tree, and that recording it changed no file.
fn base_is_the_work_tree(lab: &Lab) -> String {
    let (tree_before, git_before) = (everything(&lab.top()), git_files(lab.repo().git_dir()));
    let objects_before = everything(&lab.repo().common_dir().join("objects"));
    let base = lab.repo().base(&lab.store()).unwrap();
    assert_eq!(lab.tree(&base.tree), as_git_sees(&lab.top()));
    assert_eq!(everything(&lab.top()), tree_before);
    assert_eq!(git_files(lab.repo().git_dir()), git_before);
    assert_eq!(everything(&lab.repo().common_dir().join("objects")), objects_before);
    assert_eq!(base.skipped, [""; 0]);
    assert_eq!(lab.repo().tree_now(&lab.store()).unwrap(), base.tree, "nothing changed since");
    base.tree
}

#[test]
fn a_clean_tree_is_its_commit() {
    let lab = Lab::with_commit();
    assert_eq!(base_is_the_work_tree(&lab), lab.git(&["rev-parse", "HEAD^{tree}"]));
    let base = lab.repo().base(&lab.store()).unwrap();
    assert_eq!(base.commit, Some(lab.git(&["rev-parse", "HEAD"])));
}

#[test]
fn staged_unstaged_deleted_and_untracked_work_is_part_of_it() {
    let lab = Lab::with_commit();
    lab.write("a.txt", "staged\n");
    lab.git(&["add", "a.txt"]);
    lab.write("a.txt", "and changed again\n");
    lab.remove("dir/b.txt");
    lab.write("staged only", "x");
    lab.git(&["add", "staged only"]);
    lab.remove("staged only");
    lab.write("new/untracked.bin", [0, 255, 10, 13]);
    lab.write("intended", "content");
    lab.git(&["add", "--intent-to-add", "intended"]);
    lab.write("removed from the index", "x");
    lab.git(&["add", "."]);
    lab.git(&["rm", "-q", "--cached", "removed from the index"]);
    base_is_the_work_tree(&lab);
}

#[test]
fn ignored_files_are_not_part_of_it_unless_they_are_tracked() {
    let lab = Lab::with_commit();
    lab.write("build/tracked", "x");
    lab.commit("second");
    lab.write(".gitignore", "build/\n*.log\n");
    lab.write("build/product", "x");
    lab.write("x.log", "x");
    std::fs::write(lab.path(".git/info/exclude"), "private\n").unwrap();
    lab.write("private", "x");
    let base = lab.repo().base(&lab.store()).unwrap();
    let paths: Vec<String> = lab.tree(&base.tree).into_keys().map(|path| String::from_utf8(path).unwrap()).collect();
    assert_eq!(paths, [".gitignore", "a.txt", "build/tracked", "dir/b.txt", "dir/deep/c.txt"]);
}

#[test]
fn odd_names_kinds_and_modes_are_kept() {
    let lab = Lab::with_commit();
    for name in [
        &b"with space"[..],
        b"new\nline",
        b"\xff\xfe not utf-8",
        b"quote\"s\\",
        b"-dash",
        b":colon",
        b"t\tab",
        b"*",
        b"git~1",
    ] {
        lab.write(OsStr::from_bytes(name), name);
    }
    lab.chmod("a.txt", 0o755);
    lab.link("link", "nowhere at all");
    lab.link("dir/to dir", "deep");
    base_is_the_work_tree(&lab);
    lab.remove("git~1");
    lab.commit("all of it");
    lab.chmod("a.txt", 0o644);
    lab.remove("link");
    lab.write("link", "a file now");
    lab.remove("dir/b.txt");
    lab.write("dir/b.txt/inside", "a directory now");
    base_is_the_work_tree(&lab);
}

#[test]
fn a_directory_that_became_a_link_is_a_link() {
    let lab = Lab::with_commit();
    std::fs::rename(lab.path("dir"), lab.path("moved")).unwrap();
    lab.link("dir", "moved");
    base_is_the_work_tree(&lab);
}

#[test]
fn a_change_within_the_same_second_and_size_is_seen() {
    let lab = Lab::with_commit();
    for round in 0..5 {
        lab.write("a.txt", format!("round {round}"));
        let first = base_is_the_work_tree(&lab);
        lab.write("a.txt", format!("ROUND {round}"));
        assert_ne!(lab.repo().tree_now(&lab.store()).unwrap(), first);
        base_is_the_work_tree(&lab);
    }
}

#[test]
fn line_ends_are_recorded_as_they_are() {
    let lab = Lab::new();
    lab.git(&["config", "core.autocrlf", "true"]);
    lab.git(&["config", "core.safecrlf", "false"]);
    lab.write("dos.txt", "one\r\ntwo\r\n");
    lab.write("unix.txt", "one\ntwo\n");
    lab.commit("converted");
    lab.write("later.txt", "three\r\n");
    base_is_the_work_tree(&lab);
    lab.git(&["config", "core.autocrlf", "false"]);
    lab.write(".gitattributes", "*.txt text eol=crlf\n");
    base_is_the_work_tree(&lab);
    lab.git(&["add", "--renormalize", "."]);
    base_is_the_work_tree(&lab);
}

#[test]
fn filters_hooks_and_monitors_never_run_and_their_files_keep_their_bytes() {
    let lab = Lab::with_commit();
    let trap = lab.dir.path().join("trap");
    let run = format!("touch {0}; tr a-z A-Z", trap.display());
    for name in ["filter.shout.clean", "filter.shout.smudge", "diff.shout.textconv"] {
        lab.git(&["config", name, &run]);
    }
    lab.git(&["config", "diff.external", &run]);
    lab.write(".gitattributes", "*.big filter=shout diff=shout\nlatin.txt working-tree-encoding=ISO-8859-1\n");
    lab.write("same size.big", "lower case");
    lab.write("latin.txt", b"caf\xe9\n");
    lab.commit("filtered");
    assert!(trap.exists(), "the filter is set up");
    assert_eq!(lab.git(&["show", "HEAD:same size.big"]), "LOWER CASE");
    std::fs::remove_file(&trap).unwrap();
    for hook in ["post-index-change", "pre-commit", "reference-transaction", "fsmonitor"] {
        let path = lab.path(format!(".git/hooks/{hook}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\ntouch {}\n", trap.display())).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    lab.git(&["config", "core.fsmonitor", lab.path(".git/hooks/fsmonitor").to_str().unwrap()]);
    lab.write("changed.big", "also");
    base_is_the_work_tree(&lab);
    lab.write("same size.big", "other case");
    base_is_the_work_tree(&lab);
    assert!(!trap.exists(), "something of the repository's configuration ran");
}

#[test]
fn files_marked_as_unchanged_in_the_index_are_read() {
    let lab = Lab::with_commit();
    lab.git(&["update-index", "--assume-unchanged", "a.txt"]);
    lab.git(&["update-index", "--skip-worktree", "dir/b.txt"]);
    lab.write("a.txt", "changed behind git's back\n");
    lab.write("dir/b.txt", "and this\n");
    base_is_the_work_tree(&lab);
}

#[test]
fn a_sparse_checkout_is_recorded_as_it_is_in_the_work_tree() {
    let lab = Lab::with_commit();
    for index in ["false", "true"] {
        lab.git(&["config", "index.sparse", index]);
        lab.git(&["sparse-checkout", "init", "--cone"]);
        assert!(!lab.path("dir").exists());
        lab.write("a.txt", format!("changed {index}\n"));
        base_is_the_work_tree(&lab);
        lab.git(&["sparse-checkout", "disable"]);
    }
}

#[test]
fn a_split_index_and_an_untracked_cache_are_read() {
    let lab = Lab::with_commit();
    lab.git(&["update-index", "--split-index"]);
    lab.git(&["update-index", "--force-untracked-cache"]);
    lab.git(&["status"]);
    lab.write("a.txt", "changed\n");
    lab.write("more", "x");
    lab.git(&["add", "more"]);
    base_is_the_work_tree(&lab);
}

#[test]
fn a_merge_with_conflicts_is_recorded_as_it_is_in_the_work_tree() {
    let lab = Lab::with_commit();
    lab.git(&["checkout", "-q", "-b", "other"]);
    lab.write("a.txt", "theirs\n");
    lab.remove("dir/b.txt");
    lab.commit("theirs");
    lab.git(&["checkout", "-q", "main"]);
    lab.write("a.txt", "ours\n");
    lab.write("dir/b.txt", "changed\n");
    lab.commit("ours");
    let merge = lab::git_command(&lab.top()).args(["merge", "-q", "other"]).output().unwrap();
    assert!(!merge.status.success());
    assert!(lab.read("a.txt").contains("<<<<<<<"));
    base_is_the_work_tree(&lab);
}

#[test]
fn before_the_first_commit_there_is_a_base_too() {
    let lab = Lab::new();
    base_is_the_work_tree(&lab);
    lab.write("staged", "x");
    lab.git(&["add", "."]);
    lab.write("not staged", "y");
    base_is_the_work_tree(&lab);
    let base = lab.repo().base(&lab.store()).unwrap();
    assert_eq!((base.commit, lab.repo().branch().unwrap()), (None, Some("main".to_owned())));
}

#[test]
fn submodules_and_nested_repositories_are_recorded_with_their_files() {
    let lab = Lab::with_commit();
    let other = Lab::with_commit();
    lab.git(&["submodule", "--quiet", "add", other.top().to_str().unwrap(), "sub module"]);
    lab.commit("with submodule");
    lab.write("sub module/a.txt", "changed in the submodule\n");
    lab.write("sub module/new", "x");
    git_in(&lab.top(), &["init", "-q", "nested"]);
    lab.write("nested/n.txt", "nested\n");
    let base = lab.repo().base(&lab.store()).unwrap();
    let mut expected = as_git_sees(&lab.top());
    // A submodule's link to its git directory is git's own.
    expected.remove(&b"sub module/.git"[..]);
    assert_eq!(lab.tree(&base.tree), expected);
    assert_eq!(lab.repo().tree_now(&lab.store()).unwrap(), base.tree);
    lab.write("sub module/new", "y");
    assert_ne!(lab.repo().tree_now(&lab.store()).unwrap(), base.tree);
    // Not checked out, it has no files.
    lab.git(&["submodule", "--quiet", "deinit", "--force", "--all"]);
    std::fs::remove_dir_all(lab.path("nested")).unwrap();
    base_is_the_work_tree(&lab);
}

#[test]
fn a_submodule_and_a_linked_work_tree_are_repositories_of_their_own() {
    let lab = Lab::with_commit();
    let linked = lab.dir.path().join("linked");
    lab.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "-b", "side"]);
    std::fs::write(linked.join("only here"), "x").unwrap();
    let repo = Repo::discover(&linked.join("dir")).unwrap();
    assert_eq!(repo.top(), linked.canonicalize().unwrap());
    assert_eq!(repo.common_dir(), lab.repo().git_dir());
    assert_eq!(repo.branch().unwrap().as_deref(), Some("side"));
    let base = repo.base(&lab.store()).unwrap();
    let mut expected = as_git_sees(&linked);
    expected.remove(&b".git"[..]);
    assert_eq!(lab.tree(&base.tree), expected);
}

#[test]
fn what_can_not_be_read_is_reported() {
    let lab = Lab::with_commit();
    lab.write("secret", "x");
    std::os::unix::net::UnixListener::bind(lab.path("socket")).unwrap();
    lab.remove("a.txt");
    std::os::unix::net::UnixListener::bind(lab.path("a.txt")).unwrap();
    let base = lab.repo().base(&lab.store()).unwrap();
    assert_eq!(base.skipped, ["a.txt: neither a file nor a symbolic link"]);
    assert!(lab.tree(&base.tree).contains_key(&b"secret"[..]));
}

#[test]
fn a_sha256_repository_is_read() {
    let lab = Lab::new();
    std::fs::remove_dir_all(lab.path(".git")).unwrap();
    lab.git(&["init", "-q", "--object-format=sha256"]);
    lab.write("a", "x");
    lab.commit("first");
    lab.write("b", "y");
    assert_eq!(base_is_the_work_tree(&lab).len(), 64);
}

#[test]
fn each_place_without_a_work_tree_gives_an_error_with_a_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Repo::discover(&dir.path().join("missing")).unwrap_err();
    assert!(matches!(nowhere, RepoError::NoDirectory(_)));
    let plain = Repo::discover(dir.path()).unwrap_err();
    assert!(matches!(plain, RepoError::NotARepository(_)) && plain.to_string().contains("git init"), "{plain}");
    let lab = Lab::with_commit();
    let inside = Repo::discover(&lab.path(".git/refs")).unwrap_err();
    assert!(matches!(inside, RepoError::InsideGitDir(_)), "{inside}");
    git_in(dir.path(), &["init", "-q", "--bare", "."]);
    let bare = Repo::discover(dir.path()).unwrap_err();
    assert!(matches!(bare, RepoError::Bare(_)), "{bare}");
    for error in [nowhere, plain, inside, bare] {
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

#[test]
fn a_repository_does_not_name_another_directory_as_its_work_tree() {
    // The directory above is a repository of the user's, or not one.
    for above in [Lab::with_commit(), Lab { dir: tempfile::tempdir().unwrap() }] {
        let clone = above.dir.path().join("repo/clone");
        std::fs::create_dir_all(clone.join("docs/objects")).unwrap();
        std::fs::create_dir_all(clone.join("docs/refs")).unwrap();
        git_in(&clone, &["init", "-q"]);
        // An unpacked archive has a configuration.
        git_in(&clone, &["config", "core.worktree", "../.."]);
        // A clone has none, but may have a whole repository among its files.
        std::fs::write(clone.join("docs/HEAD"), "ref: refs/heads/main\n").unwrap();
        for named in ["../..", "."] {
            let config = format!("[core]\nrepositoryformatversion = 0\nbare = false\nworktree = {named}\n");
            std::fs::write(clone.join("docs/config"), config).unwrap();
            let error = Repo::discover(&clone.join("docs")).unwrap_err();
            assert!(matches!(error, RepoError::ForeignWorkTree { .. }), "{error}");
        }
        let error = Repo::discover(&clone).unwrap_err();
        assert!(matches!(error, RepoError::ForeignWorkTree { .. }), "{error}");
        assert!(error.to_string().contains("core.worktree") && error.to_string().lines().count() == 1, "{error}");
    }
}

#[test]
fn a_git_directory_in_another_place_is_found_if_the_work_tree_points_to_it() {
    let lab = Lab::with_commit();
    let elsewhere = lab.dir.path().join("elsewhere");
    git_in(&lab.top(), &["init", "-q", "--separate-git-dir", elsewhere.to_str().unwrap()]);
    assert_eq!(Repo::discover(&lab.path("dir")).unwrap().git_dir(), elsewhere.canonicalize().unwrap());
    // As submodules have it.
    git_in(&lab.top(), &["config", "core.worktree", lab.top().to_str().unwrap()]);
    assert_eq!(lab.repo().git_dir(), elsewhere.canonicalize().unwrap());
}

#[test]
fn a_part_of_the_index_that_is_not_a_file_is_refused_without_blocking() {
    let lab = Lab::with_commit();
    let secret = lab.dir.path().join("secret");
    std::fs::write(&secret, "key").unwrap();
    let shared = lab.path(".git/sharedindex.x");
    std::os::unix::fs::symlink(&secret, &shared).unwrap();
    assert!(lab.repo().base(&lab.store()).is_err());
    std::fs::remove_file(&shared).unwrap();
    for pipe in [&shared, &lab.path(".git/index")] {
        let _ = std::fs::remove_file(pipe);
        rustix::fs::mkfifoat(rustix::fs::CWD, pipe, rustix::fs::Mode::RUSR).unwrap();
        assert!(lab.repo().base(&lab.store()).is_err(), "{}", pipe.display());
        std::fs::remove_file(pipe).unwrap();
    }
}

#[test]
fn a_repository_of_another_user_is_refused_with_the_remedy() {
    let lab = Lab::with_commit();
    // Only root may give files away; other users skip this.
    if std::os::unix::fs::chown(lab.top(), Some(12345), None).is_err() {
        return;
    }
    std::os::unix::fs::chown(lab.path(".git"), Some(12345), None).unwrap();
    let error = Repo::discover(Path::new(&lab.top())).unwrap_err();
    assert!(matches!(error, RepoError::NotTrusted(_)), "{error}");
    assert!(error.to_string().contains("safe.directory"));
}
