//! A patch reaches the user's tree whole or not at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use lab::{Files, Lab, everything, export, files, git_files};
use voe_protocol::Export;
use voe_repo::{ApplyOutcome, Base, make_patch};

/// The result of an attempt: `edit` changes the base's files.
fn attempt(lab: &Lab, edit: impl FnOnce(&mut Files)) -> (Base, Export) {
    let base = lab.repo().base(&lab.store()).unwrap();
    let old = lab.tree(&base.tree);
    let mut new = old.clone();
    edit(&mut new);
    (base, export(&old, &new))
}

fn apply(lab: &Lab, (base, export): &(Base, Export)) -> ApplyOutcome {
    let patch = make_patch(export, Some(base)).unwrap();
    lab.repo().apply(base, &patch, export, &lab.undo()).unwrap()
}

/// Checks that it is not applied and that nothing differs afterwards.
fn refused(lab: &Lab, attempt: &(Base, Export)) -> String {
    let before = everything(&lab.top());
    let applied = apply(lab, attempt);
    assert_eq!(everything(&lab.top()), before);
    match applied {
        ApplyOutcome::Conflict(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        ApplyOutcome::Refused(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        other => panic!("{other:?}"),
    }
}

fn text(mode: u32, text: &str) -> (u32, Vec<u8>) {
    (mode, text.as_bytes().to_vec())
}

#[test]
fn on_an_unchanged_tree_every_kind_of_change_arrives_and_the_index_stays() {
    let lab = Lab::with_commit();
    lab.write("dirty", "the user's own\n");
    let attempt = attempt(&lab, |files| {
        files.insert(b"a.txt".to_vec(), text(0o100755, "changed\n"));
        files.insert(b"new/deep/file".to_vec(), text(0o100644, "new\r\n"));
        files.insert(b"new/link".to_vec(), text(0o120000, "deep/file"));
        files.insert(b"odd\n\xff".to_vec(), (0o100644, vec![0, 1, 255]));
        files.remove(&b"dir/deep/c.txt"[..]);
        files.remove(&b"dir/b.txt"[..]);
        files.insert(b"dir".to_vec(), text(0o100644, "a file now\n"));
        files.insert(b"dirty".to_vec(), text(0o100644, "the user's own\nand more\n"));
    });
    let git_before = git_files(&lab.path(".git"));
    assert_eq!(apply(&lab, &attempt), ApplyOutcome::Plain);
    let mut expected = lab.tree(&attempt.0.tree);
    for file in &attempt.1.files {
        match &file.now {
            Some(now) => expected.insert(file.path.0.clone(), (now.mode, now.content.0.clone())),
            None => expected.remove(&file.path.0),
        };
    }
    assert_eq!(lab::as_git_sees(&lab.top()), expected);
    assert_eq!(git_files(&lab.path(".git")), git_before);
    assert_eq!(apply(&lab, &attempt), ApplyOutcome::Plain, "a second time there is nothing to do");
}

#[test]
fn changes_to_other_files_do_not_matter() {
    let lab = Lab::with_commit();
    let attempt = attempt(&lab, |files| drop(files.insert(b"a.txt".to_vec(), text(0o100644, "x\n"))));
    lab.write("dir/b.txt", "the user keeps working\n");
    assert_eq!(apply(&lab, &attempt), ApplyOutcome::Plain);
}

#[test]
fn changes_in_different_places_of_a_file_are_merged() {
    let lab = Lab::with_commit();
    lab.write("a.txt", "1\n2\n3\n4\n5\n6\n7\n");
    let attempt =
        attempt(&lab, |files| drop(files.insert(b"a.txt".to_vec(), text(0o100755, "1\n2\n3\n4\n5\n6\nseven\n"))));
    lab.write("a.txt", "one\n2\n3\n4\n5\n6\n7\n");
    assert_eq!(apply(&lab, &attempt), ApplyOutcome::Merged(vec!["a.txt".to_owned()]));
    assert_eq!(lab.read("a.txt"), "one\n2\n3\n4\n5\n6\nseven\n");
    assert_eq!(everything(&lab.top())[&b"a.txt"[..]].0, 0o100755);
}

#[test]
fn a_conflict_in_one_file_leaves_all_others_unwritten() {
    let lab = Lab::with_commit();
    let attempt = attempt(&lab, |files| {
        files.insert(b"a.txt".to_vec(), text(0o100644, "one\nTWO\nthree\n"));
        files.insert(b"dir/b.txt".to_vec(), text(0o100644, "changed\n"));
    });
    lab.write("a.txt", "one\nzwei\nthree\n");
    assert_eq!(refused(&lab, &attempt), "a.txt: it was changed in the meantime in the same place");
}

#[test]
fn each_conflict_is_listed_with_its_reason() {
    let lab = Lab::with_commit();
    lab.write("bin", [0, 1]);
    lab.link("link", "a.txt");
    let attempt = attempt(&lab, |files| {
        files.insert(b"new".to_vec(), text(0o100644, "by the agent"));
        files.insert(b"a.txt".to_vec(), text(0o100644, "changed"));
        files.remove(&b"dir/b.txt"[..]);
        files.insert(b"bin".to_vec(), (0o100644, vec![0, 2]));
        files.insert(b"link".to_vec(), text(0o120000, "dir/b.txt"));
        files.insert(b"dir/deep/more/x".to_vec(), text(0o100644, "x"));
        files.insert(b"place".to_vec(), text(0o100644, "x"));
    });
    lab.write("new", "by the user");
    lab.remove("a.txt");
    lab.write("dir/b.txt", "changed by the user");
    lab.write("bin", [0, 3]);
    lab.remove("link");
    lab.link("link", "nowhere");
    std::fs::rename(lab.path("dir/deep"), lab.path("moved")).unwrap();
    lab.link("dir/deep", "../moved");
    std::fs::create_dir(lab.path("place")).unwrap();
    lab.write("place/full", "");
    insta::assert_snapshot!(refused(&lab, &attempt), @r"
    a.txt: it was deleted in the meantime
    bin: it was changed in the meantime, and it is not text
    dir/b.txt: it was changed in the meantime, and the patch deletes it
    dir/deep/more/x: a directory above it is now a symbolic link
    link: it was changed in the meantime, and symbolic links are not merged
    new: it was created in the meantime with different content
    place: it is now a directory
    ");
}

#[test]
fn a_new_link_is_refused_if_an_ignored_link_of_the_users_leads_it_outside() {
    let lab = Lab::with_commit();
    lab.write(".gitignore", "/ignored*\n");
    lab.link("ignored-link", "/etc");
    lab.link("ignored-inside", "dir");
    let through = |target: &str| {
        let target = target.to_owned();
        attempt(&lab, move |files| drop(files.insert(b"new/link".to_vec(), text(0o120000, &target))))
    };
    for target in
        ["../ignored-link", "../ignored-link/passwd", "../dir/../ignored-link/x", "../ignored-inside/../ignored-link"]
    {
        let why = format!("new/link is a symbolic link to {target}, which is absolute");
        assert_eq!(refused(&lab, &through(target)), why);
    }
    assert_eq!(apply(&lab, &through("../ignored-inside/b.txt")), ApplyOutcome::Plain);
}

#[test]
fn a_new_link_through_an_untracked_chain_of_links_is_followed_to_its_end() {
    let lab = Lab::with_commit();
    let attempt = attempt(&lab, |files| drop(files.insert(b"link".to_vec(), text(0o120000, "one/x"))));
    lab.link("one", "dir/two");
    lab.link("dir/two", "../..");
    assert_eq!(refused(&lab, &attempt), "link is a symbolic link to one/x, which leads out of the work tree");
}

#[test]
fn hazards_are_refused_even_if_the_patch_lists_none() {
    let lab = Lab::with_commit();
    let attempt = attempt(&lab, |files| {
        files.insert(b".git/hooks/post-checkout".to_vec(), text(0o100755, "#!/bin/sh\n"));
        files.insert(b"up".to_vec(), text(0o120000, "../.."));
    });
    insta::assert_snapshot!(refused(&lab, &attempt), @r"
    .git/hooks/post-checkout is inside a git directory
    up is a symbolic link to ../.., which leads out of the work tree
    ");
    let mut patch = make_patch(&attempt.1, Some(&attempt.0)).unwrap();
    patch.hazards.clear();
    assert!(matches!(lab.repo().apply(&attempt.0, &patch, &attempt.1, &lab.undo()), Ok(ApplyOutcome::Refused(_))));
}

#[test]
fn an_export_with_a_false_base_is_not_merged() {
    let lab = Lab::with_commit();
    let (base, _) = attempt(&lab, |_| {});
    let claimed = files(&[("a.txt", 0o100644, "one\ntwo\nthree\nclaimed\n")]);
    let now = files(&[("a.txt", 0o100644, "ONE\ntwo\nthree\nclaimed\n")]);
    assert_eq!(refused(&lab, &(base, export(&claimed, &now))), "a.txt: it is not as it was at the base");
}

#[test]
fn an_empty_export_is_nothing() {
    let lab = Lab::with_commit();
    assert_eq!(apply(&lab, &attempt(&lab, |_| {})), ApplyOutcome::Nothing);
}
