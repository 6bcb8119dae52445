//! Checkouts that share their history contain nothing newer than their base.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use lab::{Lab, git_in};
use voe_repo::{HistoryCache, sealed_checkout, settle};

fn lines(dir: &Path, args: &[&str]) -> BTreeSet<String> {
    String::from_utf8(git_in(dir, args)).unwrap().lines().map(str::to_owned).collect()
}

/// Every object that git finds in a repository, wherever it looks.
fn all_objects(dir: &Path) -> BTreeSet<String> {
    lines(dir, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])
}

/// A repository with branches that are merged, one that is not, files that come back, and tags.
fn tangled() -> Lab {
    let lab = Lab::with_commit();
    for round in 0..6 {
        lab.write("a.txt", format!("round {round}\n"));
        lab.commit(&format!("main {round}"));
        lab.git(&["checkout", "-q", "-b", &format!("topic-{round}")]);
        for step in 0..round % 3 + 1 {
            lab.write(format!("topic/{round}-{step}"), format!("{}\n", round * 10 + step));
            lab.commit(&format!("topic {round} {step}"));
        }
        lab.git(&["checkout", "-q", "main"]);
        // The same content as at first.
        lab.write("a.txt", "one\n");
        lab.commit(&format!("back {round}"));
        if round != 3 {
            lab.git(&["merge", "-q", "--no-ff", "-m", "merge", &format!("topic-{round}")]);
        }
        if round % 2 == 0 {
            lab.git(&["tag", "-a", &format!("v{round}"), "-m", "annotated"]);
        }
    }
    lab.git(&["gc", "-q"]);
    lab
}

#[test]
fn in_any_order_of_bases_a_checkout_contains_the_history_of_its_base_and_nothing_else() {
    let lab = tangled();
    let commits: Vec<String> = lines(&lab.top(), &["rev-list", "--all"]).into_iter().collect();
    for step in [1, 3, 1000] {
        let history = HistoryCache::new(lab.dir.path().join(format!("history-{step}"))).every(step);
        for base in &commits {
            let top = lab.dir.path().join(format!("sealed-{step}-{base}"));
            let sealed = sealed_checkout(&lab.top(), base, &top, Some(&history)).unwrap();
            let found = all_objects(&top);
            let mut known = vec!["rev-list", "--objects", "--no-object-names", base];
            known.extend(sealed.tags.iter().map(String::as_str));
            assert_eq!(found, lines(&lab.top(), &known), "{base} with a layer every {step} commits");
            assert_eq!(found.len() as u64, sealed.objects);
            git_in(&top, &["fsck", "--full", "--strict", "--no-dangling"]);
            assert_eq!(git_in(&top, &["status", "--porcelain"]), b"");
            for absent in ["objects/info/alternates", "objects/info/packs", "logs", "shallow"] {
                assert!(!top.join(".git").join(absent).exists(), "{absent}");
            }
        }
    }
}

#[test]
fn checkouts_share_the_packs_of_their_history_and_a_layer_is_made_once() {
    let lab = tangled();
    let dir = lab.dir.path().join("history");
    let history = HistoryCache::new(&dir).every(4);
    let packs = |top: &Path| -> BTreeSet<(String, u64)> {
        let found = std::fs::read_dir(top.join(".git/objects/pack")).unwrap().flatten();
        found.map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap().ino())).collect()
    };
    let checkout = |base: &str| {
        let top = lab.dir.path().join(base.replace('~', "-"));
        sealed_checkout(&lab.top(), &lab.git(&["rev-parse", base]), &top, Some(&history)).unwrap();
        packs(&top)
    };
    // The newer one first: a layer must not contain commits that the older base lacks.
    let (newer, older) = (checkout("main"), checkout("main~3"));
    let shared: BTreeSet<_> = newer.intersection(&older).collect();
    assert!(shared.len() >= 2 * 2, "two layers, each with its index: {newer:?} {older:?}");
    let layers = std::fs::read_dir(&dir).unwrap().count();
    let again = sealed_checkout(&lab.top(), "main", &lab.dir.path().join("again"), Some(&history));
    assert_eq!(again.unwrap().tags, ["v0", "v2", "v4"]);
    let again = packs(&lab.dir.path().join("again"));
    let own: BTreeSet<&str> = again.difference(&newer).map(|(name, _)| name.split('.').next().unwrap()).collect();
    assert_eq!(own.len(), 1, "everything except its own pack is shared: {again:?} {newer:?}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), layers);
}

#[test]
fn a_layer_left_half_made_by_a_kill_is_made_again() {
    let lab = tangled();
    let dir = lab.dir.path().join("history");
    std::fs::create_dir_all(dir.join("part/objects/pack")).unwrap();
    std::fs::write(dir.join("part/objects/pack/pack-x.pack"), "half").unwrap();
    let top = lab.dir.path().join("sealed");
    sealed_checkout(&lab.top(), "main", &top, Some(&HistoryCache::new(&dir).every(3))).unwrap();
    git_in(&top, &["fsck", "--full", "--strict", "--no-dangling"]);
    assert!(!dir.join("part").exists());
}

#[test]
fn git_does_not_pack_the_shared_history_again() {
    let lab = tangled();
    let top = lab.dir.path().join("sealed");
    sealed_checkout(&lab.top(), "main", &top, Some(&HistoryCache::new(lab.dir.path().join("history")).every(1)))
        .unwrap();
    assert_eq!(git_in(&top, &["config", "gc.auto"]), b"0\n");
}

#[test]
fn grafts_of_a_mirror_add_no_newer_commit_to_the_ancestors() {
    let lab = tangled();
    let (base, newer) = (lab.git(&["rev-parse", "main~2"]), lab.git(&["rev-parse", "main"]));
    let root = lab.git(&["rev-list", "--max-parents=0", "main"]);
    std::fs::write(lab.top().join(".git/info/grafts"), format!("{root} {newer}\n")).unwrap();
    let top = lab.dir.path().join("sealed");
    let history = HistoryCache::new(lab.dir.path().join("history")).every(3);
    sealed_checkout(&lab.top(), &base, &top, Some(&history)).unwrap();
    assert!(!all_objects(&top).contains(&newer));
}

#[test]
fn a_shallow_clone_is_refused() {
    let lab = tangled();
    let from = format!("file://{}", lab.top().display());
    let clone = lab.dir.path().join("clone");
    git_in(lab.dir.path(), &["clone", "-q", "--depth", "2", &from, "clone"]);
    let top = lab.dir.path().join("sealed");
    let history = HistoryCache::new(lab.dir.path().join("history"));
    let error = sealed_checkout(&clone, "HEAD", &top, Some(&history)).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("is a shallow clone, which lacks the history; fetch the rest (git fetch --unshallow)")
    );
}

#[test]
fn objects_that_commands_add_to_a_checkout_are_removed_except_committed_and_staged_ones() {
    let lab = tangled();
    let base = lab.git(&["rev-parse", "main~1"]);
    let top = lab.dir.path().join("sealed");
    sealed_checkout(&lab.top(), &base, &top, None).unwrap();
    settle(&top, &base).unwrap();
    let before = all_objects(&top);
    // A fetch of few objects leaves them like this.
    let later = git_in(&lab.top(), &["cat-file", "blob", "main:a.txt"]);
    std::fs::write(top.join("later"), [&later[..], b"later"].concat()).unwrap();
    git_in(&top, &["hash-object", "-w", "later"]);
    settle(&top, &base).unwrap();
    assert_eq!(all_objects(&top), before);

    std::fs::write(top.join("staged"), "staged").unwrap();
    git_in(&top, &["commit", "-q", "--allow-empty", "-m", "setup"]);
    git_in(&top, &["add", "staged"]);
    let with = all_objects(&top);
    settle(&top, &base).unwrap();
    assert_eq!(all_objects(&top), with);
    assert_eq!(git_in(&top, &["status", "--porcelain"]), b"A  staged\n?? later\n");

    git_in(&top, &["commit", "-q", "-m", "second"]);
    let error = settle(&top, &base).unwrap_err();
    assert!(error.to_string().starts_with("the checkout was made at "), "{error}");
}
