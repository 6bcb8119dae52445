//! What others can do to a directory, and what comes of it.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use voe_untrusted::{Error, Kind, UntrustedDir, private};

fn lab() -> (tempfile::TempDir, UntrustedDir) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("tree")).unwrap();
    fs::write(dir.path().join("secret"), "secret").unwrap();
    let tree = UntrustedDir::open(&dir.path().join("tree")).unwrap();
    (dir, tree)
}

#[test]
fn a_regular_file_is_read_and_a_missing_one_is_none() {
    let (_dir, tree) = lab();
    fs::create_dir(tree.path().join("sub")).unwrap();
    fs::write(tree.path().join("sub/a"), "text").unwrap();
    assert_eq!(tree.read_text("sub/a", 4).unwrap().unwrap(), "text");
    assert_eq!(tree.read_text("./sub/a", 4).unwrap().unwrap(), "text");
    assert!(tree.read("sub/b", 4).unwrap().is_none());
    assert!(matches!(tree.read("sub/a", 3), Err(Error::TooLarge { most: 3, .. })));
}

#[test]
fn no_link_is_followed_wherever_it_leads() {
    let (dir, tree) = lab();
    let at = |name: &str| tree.path().join(name);
    fs::write(at("inside"), "x").unwrap();
    symlink(dir.path().join("secret"), at("absolute")).unwrap();
    symlink("../secret", at("relative")).unwrap();
    symlink("inside", at("within")).unwrap();
    symlink("/proc/self/environ", at("magic")).unwrap();
    symlink("..", at("up")).unwrap();
    symlink("/nowhere/at/all", at("dangling")).unwrap();
    for name in ["absolute", "relative", "within", "magic", "dangling", "up/secret"] {
        assert!(matches!(tree.read(name, 100), Err(Error::Link(_))), "{name}");
    }
    assert!(matches!(tree.dir("up"), Err(Error::Link(_))));
    for name in ["absolute", "dangling"] {
        assert!(tree.create_file(name).is_err(), "{name}");
        assert_eq!(tree.kind(name).unwrap(), Some(Kind::Link));
    }
    assert_eq!(tree.link_target("relative").unwrap(), Path::new("../secret"));
    assert!(matches!(UntrustedDir::open(&at("up")), Err(Error::Link(_))));
}

#[test]
fn paths_that_lead_out_are_refused() {
    let (dir, tree) = lab();
    let absolute = dir.path().join("secret");
    for path in ["../secret", "a/../../secret", "", ".", absolute.to_str().unwrap()] {
        assert!(matches!(tree.read(path, 100), Err(Error::Outside(_))), "{path}");
    }
    for name in ["..", ".", "", "a/b", "/a", "a/"] {
        assert!(matches!(tree.create_file(name), Err(Error::Outside(_))), "{name}");
        assert!(matches!(tree.remove(name), Err(Error::Outside(_))), "{name}");
    }
}

#[test]
fn pipes_sockets_and_directories_are_no_files_and_block_nobody() {
    let (_dir, tree) = lab();
    assert!(Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap().success());
    fs::create_dir(tree.path().join("sub")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
    for name in ["pipe", "sub", "socket"] {
        assert!(matches!(tree.read(name, 100), Err(Error::NotAFile(_))), "{name}");
    }
}

#[test]
fn a_tree_is_removed_however_deep_and_whatever_its_permissions() {
    let (dir, tree) = lab();
    // Deeper than a path may be long, and than descriptors are many.
    let mut at = UntrustedDir::open(tree.path()).unwrap().make_dir("deep").unwrap();
    for _ in 0..3000 {
        drop(at.create_file("file").unwrap());
        at = at.make_dir("directory").unwrap();
    }
    drop(at);
    let closed = tree.path().join("deep/closed/inner");
    fs::create_dir_all(&closed).unwrap();
    symlink(dir.path(), tree.path().join("deep/closed/out")).unwrap();
    for path in [closed.as_path(), closed.parent().unwrap()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    tree.remove("deep").unwrap();
    assert!(tree.entries().unwrap().is_empty());
    assert_eq!(fs::read(dir.path().join("secret")).unwrap(), b"secret");
    tree.remove("deep").unwrap();
}

#[test]
fn a_link_is_removed_and_its_target_stays() {
    let (dir, tree) = lab();
    symlink(dir.path(), tree.path().join("link")).unwrap();
    tree.remove("link").unwrap();
    assert!(dir.path().join("secret").exists());
}

#[test]
fn a_private_directory_is_made_closed_and_one_that_others_can_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    private::dir(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o700, 0o700));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    private::dir(&path).unwrap();
    assert_eq!(mode(&path), 0o700);
    for open in [0o777, 0o770, 0o1777, 0o722] {
        fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
        assert!(matches!(private::dir(&path), Err(Error::Writable { .. })), "{open:o}");
    }
    symlink(dir.path(), dir.path().join("link")).unwrap();
    assert!(matches!(private::dir(&dir.path().join("link")), Err(Error::Link(_))));
    if rustix::process::geteuid().is_root() {
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        std::os::unix::fs::chown(&other, Some(65534), None).unwrap();
        assert!(matches!(private::dir(&other), Err(Error::Owner { owner: 65534, .. })));
    }
}

#[test]
fn a_directory_named_through_a_link_of_ones_own_is_used_and_through_one_of_anothers_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("target")).unwrap();
    let link = dir.path().join("link");
    symlink("target", &link).unwrap();
    assert_eq!(private::named(&link).unwrap().path(), dir.path().canonicalize().unwrap().join("target"));
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(&link, Some(65534), None).unwrap();
        assert!(matches!(private::named(&link), Err(Error::Link(_))));
    }
}

#[test]
fn an_output_directory_is_closed_to_others_unless_it_has_other_things_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let set = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    private::output(&path, &["run.toml"]).unwrap();
    assert_eq!(mode(), 0o700);
    set(0o755);
    private::output(&path, &["run.toml"]).unwrap();
    assert_eq!(mode(), 0o700, "it is empty");
    fs::write(path.join("other"), "").unwrap();
    private::output(&path, &["run.toml"]).unwrap();
    set(0o755);
    assert!(matches!(private::output(&path, &["run.toml"]), Err(Error::Readable { .. })));
    assert_eq!(mode(), 0o755, "it is the user's, and stays as it is");
    fs::write(path.join("run.toml"), "").unwrap();
    private::output(&path, &["run.toml"]).unwrap();
    assert_eq!(mode(), 0o700, "an earlier output");
    set(0o775);
    assert!(matches!(private::output(&path, &["run.toml"]), Err(Error::Writable { .. })));
}
