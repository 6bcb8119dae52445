//! Attacks on a directory, and their results.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use voe_untrusted::{Error, FileKind, UntrustedDir, named_file, private, read_named};

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
        assert_eq!(tree.kind(name).unwrap(), Some(FileKind::Link));
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
fn pipes_sockets_and_directories_are_not_files_and_do_not_block() {
    let (_dir, tree) = lab();
    assert!(Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap().success());
    fs::create_dir(tree.path().join("sub")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.path().join("socket")).unwrap();
    for name in ["pipe", "sub", "socket"] {
        assert!(matches!(tree.read(name, 100), Err(Error::NotAFile(_))), "{name}");
    }
}

#[test]
fn a_file_is_written_whole_and_an_existing_entry_is_replaced_never_written_into() {
    let (dir, tree) = lab();
    let secret = dir.path().join("secret");
    for name in ["link", "next.new"] {
        symlink(&secret, tree.path().join(name)).unwrap();
    }
    symlink(dir.path().join("dangling"), tree.path().join("to-nowhere")).unwrap();
    fs::hard_link(&secret, tree.path().join("same")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap().success());
    for name in ["link", "next", "to-nowhere", "same", "pipe", "new"] {
        tree.replace(name, b"x").unwrap();
        assert_eq!(tree.read(name, 1).unwrap().unwrap(), b"x", "{name}");
    }
    assert_eq!(tree.entries().unwrap().len(), 6, "nothing stays on the way");
    fs::create_dir(tree.path().join("sub")).unwrap();
    symlink("sub", tree.path().join("way")).unwrap();
    assert!(tree.replace("sub", b"x").is_err() && tree.kind("sub.new").unwrap().is_none());
    for path in ["way/a", "../secret", "", "sub/..", "none/a"] {
        assert!(tree.replace(path, b"x").is_err(), "{path}");
    }
    assert_eq!(fs::read(&secret).unwrap(), b"secret");
    assert!(!dir.path().join("dangling").exists());
}

#[test]
fn only_a_regular_file_is_appended_to_and_only_directories_are_walked_to_make_more() {
    let (dir, tree) = lab();
    symlink(dir.path().join("secret"), tree.path().join("link")).unwrap();
    symlink(dir.path().join("new"), tree.path().join("dangling")).unwrap();
    symlink(dir.path(), tree.path().join("out")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap().success());
    for name in ["link", "dangling", "out/secret"] {
        assert!(matches!(tree.append(name), Err(Error::Link(_))), "{name}");
    }
    fs::create_dir(tree.path().join("sub")).unwrap();
    for name in ["pipe", "sub"] {
        assert!(matches!(tree.append(name), Err(Error::NotAFile(_))), "{name}");
    }
    for text in ["a", "b"] {
        tree.append("sub/file").unwrap().write_all(text.as_bytes()).unwrap();
    }
    assert_eq!(tree.read_text("sub/file", 9).unwrap().unwrap(), "ab");
    tree.make_dirs("sub/a/b").unwrap().replace("c", b"").unwrap();
    tree.make_dirs("sub/a").unwrap();
    assert_eq!(tree.kind("sub/a/b/c").unwrap(), Some(FileKind::File));
    assert!(matches!(tree.make_dirs("out/a"), Err(Error::Link(_))));
    assert!(tree.make_dirs("sub/file/a").is_err() && tree.make_dirs("../a").is_err() && tree.make_dirs("/a").is_err());
    assert!(!tree.remove_empty("sub") && !tree.remove_empty("none") && !tree.remove_empty("out"));
    fs::create_dir(tree.path().join("empty")).unwrap();
    assert!(tree.remove_empty("empty") && tree.kind("empty").unwrap().is_none());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn what_the_user_names_may_be_a_link_and_must_be_what_it_is_taken_for() {
    let (dir, tree) = lab();
    symlink("secret", dir.path().join("link")).unwrap();
    symlink(tree.path(), dir.path().join("dir")).unwrap();
    assert!(Command::new("mkfifo").arg(tree.path().join("pipe")).status().unwrap().success());
    assert_eq!(named_file(&dir.path().join("link")).unwrap().metadata().unwrap().len(), 6);
    assert_eq!(read_named(&dir.path().join("link"), 6).unwrap(), b"secret");
    assert!(matches!(read_named(&dir.path().join("link"), 5), Err(Error::TooLarge { most: 5, .. })));
    assert!(matches!(named_file(&tree.path().join("pipe")), Err(Error::NotAFile(_))));
    assert!(matches!(named_file(Path::new("/dev/zero")), Err(Error::NotAFile(_))));
    let named = UntrustedDir::named(&dir.path().join("dir")).unwrap();
    assert_eq!(named.kind("pipe").unwrap(), Some(FileKind::Other));
    assert!(UntrustedDir::named(&dir.path().join("secret")).is_err());
}

#[test]
fn a_file_that_is_one_large_hole_is_refused_before_it_is_read() {
    let (_dir, tree) = lab();
    fs::File::create(tree.path().join("hole")).unwrap().set_len(1 << 40).unwrap();
    // The limit is above the machine's memory, so reading it would fail visibly.
    assert!(matches!(tree.read("hole", (1 << 40) - 1), Err(Error::TooLarge { .. })));
}

#[test]
fn write_permission_of_others_on_an_own_directory_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let open = UntrustedDir::open(dir.path()).unwrap();
    private::take(&open).unwrap();
    assert_eq!(private::check_owner(&open).unwrap(), 0o755);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(dir.path(), Some(65534), None).unwrap();
        assert!(matches!(private::take(&open), Err(Error::Owner { owner: 65534, .. })));
    }
}

#[test]
fn a_tree_is_removed_however_deep_and_whatever_its_permissions() {
    let (dir, tree) = lab();
    // Deeper than the limits on path length and on descriptors.
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
fn a_directory_named_through_an_own_link_is_used_and_through_another_users_it_is_not() {
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
fn an_output_directory_is_closed_to_others_unless_it_has_other_content() {
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
