//! Archives that others made, unpacked below a directory that others filled.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use voe_untrusted::{Error, FileKind, Most, UntrustedDir};

const MOST: Most = Most { entries: 100, bytes: 1 << 20 };

struct Lab {
    dir: tempfile::TempDir,
    tree: UntrustedDir,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("tree")).unwrap();
        fs::create_dir(dir.path().join("outside")).unwrap();
        fs::write(dir.path().join("outside/kept"), "kept").unwrap();
        let tree = UntrustedDir::open(&dir.path().join("tree")).unwrap();
        Self { dir, tree }
    }

    fn at(&self, path: &str) -> std::path::PathBuf {
        self.dir.path().join(path)
    }

    fn unpack(&self, archive: Vec<Item<'_>>) -> Result<(), Error> {
        self.tree.unpack(packed(archive), MOST, |_, _| true)
    }

    /// Whether the files outside are unchanged.
    fn is_unharmed(&self) -> bool {
        let outside: Vec<_> = fs::read_dir(self.at("outside")).unwrap().collect();
        let all = fs::read_dir(self.dir.path()).unwrap().count();
        outside.len() == 1 && all == 2 && fs::read_to_string(self.at("outside/kept")).unwrap() == "kept"
    }
}

enum Item<'a> {
    File(&'a str, &'a str),
    Dir(&'a str),
    Link(&'a str, &'a str),
    Hard(&'a str, &'a str),
    Fifo(&'a str),
}

/// An archive with these names as they are, which no honest program would write.
fn packed(items: Vec<Item<'_>>) -> File {
    use tar::EntryType::{Directory, Fifo, Link, Regular, Symlink};
    let mut file = tempfile::tempfile().unwrap();
    for item in items {
        let (name, kind, content, link) = match item {
            Item::File(name, content) => (name, Regular, content, ""),
            Item::Dir(name) => (name, Directory, "", ""),
            Item::Link(name, to) => (name, Symlink, "", to),
            Item::Hard(name, to) => (name, Link, "", to),
            Item::Fifo(name) => (name, Fifo, "", ""),
        };
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o6755);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.write_all(&vec![0; (512 - content.len() % 512) % 512]).unwrap();
    }
    file.write_all(&[0; 1024]).unwrap();
    file.rewind().unwrap();
    file
}

#[test]
fn an_honest_archive_is_unpacked_with_times_and_without_set_id_bits() {
    let lab = Lab::new();
    fs::write(lab.at("outside/shared"), "old").unwrap();
    fs::create_dir(lab.at("tree/a")).unwrap();
    fs::hard_link(lab.at("outside/shared"), lab.at("tree/a/run")).unwrap();
    let items = vec![
        Item::Dir("./a"),
        Item::File("./a/run", "new"),
        Item::File("b/c/deep", "x"),
        Item::Link("./lib64", "lib"),
        Item::Hard("same", "./a/run"),
        Item::Fifo("pipe"),
    ];
    lab.unpack(items).unwrap();
    assert_eq!(fs::read_to_string(lab.at("tree/a/run")).unwrap(), "new");
    assert_eq!(fs::read_to_string(lab.at("outside/shared")).unwrap(), "old", "never written in place");
    let meta = fs::metadata(lab.at("tree/a/run")).unwrap();
    assert_eq!((meta.permissions().mode() & 0o7777, meta.mtime(), meta.nlink()), (0o755, 1_000_000_000, 2));
    assert_eq!(fs::read_link(lab.at("tree/lib64")).unwrap(), Path::new("lib"));
    assert_eq!(fs::read_to_string(lab.at("tree/b/c/deep")).unwrap(), "x");
    assert_eq!(lab.tree.kind("pipe").unwrap(), None);
}

#[test]
fn names_that_lead_out_of_the_directory_are_refused() {
    for name in ["../escaped", "/tmp/voe-escaped", "a/../../escaped", ".."] {
        let lab = Lab::new();
        assert!(matches!(lab.unpack(vec![Item::File(name, "x")]), Err(Error::Outside(_))), "{name}");
        assert!(lab.is_unharmed() && !Path::new("/tmp/voe-escaped").exists(), "{name}");
    }
}

#[test]
fn nothing_is_written_through_a_link_whoever_made_it() {
    let lab = Lab::new();
    symlink(lab.at("outside"), lab.at("tree/there")).unwrap();
    symlink(lab.at("outside/kept"), lab.at("tree/file")).unwrap();
    symlink(lab.at("outside/new"), lab.at("tree/dangling")).unwrap();
    let outside = lab.at("outside");
    let through = [
        vec![Item::File("there/kept", "x")],
        vec![Item::Dir("there/dir")],
        vec![Item::Link("made", outside.to_str().unwrap()), Item::File("made/kept", "x")],
        vec![Item::Link("made2", outside.to_str().unwrap()), Item::Link("made2/kept", "x")],
        vec![Item::Hard("there/hard", "there/kept")],
        vec![Item::Hard("hard", "file")],
        vec![Item::Hard("hard", "../outside/kept")],
        vec![Item::Hard("hard", "there/kept")],
    ];
    for items in through {
        assert!(lab.unpack(items).is_err());
        assert!(lab.is_unharmed());
    }
    // A link that is in the way is replaced, not followed.
    lab.unpack(vec![Item::File("file", "x"), Item::File("dangling", "y")]).unwrap();
    assert!(lab.is_unharmed());
    assert_eq!(lab.tree.kind("file").unwrap(), Some(FileKind::File));
}

#[test]
fn an_archive_with_too_much_in_it_is_refused_and_a_long_header_takes_no_memory() {
    let lab = Lab::new();
    let large = "x".repeat(2000);
    let most = Most { entries: 100, bytes: 1500 };
    let one = lab.tree.unpack(packed(vec![Item::File("a", &large)]), most, |_, _| true);
    assert!(matches!(one, Err(Error::TooLarge { .. })));
    let many = (0..200).map(|_| Item::File("a", "")).collect();
    assert!(matches!(lab.unpack(many), Err(Error::TooMany { most: 100, .. })));
    // A long name of 4 GiB, which is a hole in the file.
    let mut file = tempfile::tempfile().unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(4 << 30);
    header.set_cksum();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len((4 << 30) + 2048).unwrap();
    file.rewind().unwrap();
    let error = lab.tree.unpack(file, MOST, |_, _| true).unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[test]
fn directories_made_on_the_way_to_entries_count_and_have_a_maximum_depth() {
    let file = |path: &str| {
        let record = |length: usize| format!("{length} path={path}\n");
        let length = (0..).find(|length| record(*length).len() == *length).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::XHeader);
        header.set_size(length as u64);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(record(length).as_bytes()).unwrap();
        file.write_all(&vec![0; (512 - length % 512) % 512]).unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path("short").unwrap();
        header.set_size(0);
        header.set_mode(0o644);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(&[0; 1024]).unwrap();
        file.rewind().unwrap();
        file
    };
    let lab = Lab::new();
    let unpack = |path: &str, entries| lab.tree.unpack(file(path), Most { entries, bytes: 1 }, |_, _| true);
    // Two headers, and each directory.
    assert!(matches!(unpack(&("d/".repeat(20) + "f"), 21), Err(Error::TooMany { most: 21, .. })));
    unpack(&("e/".repeat(20) + "f"), 22).unwrap();
    // Existing directories don't count.
    unpack(&("e/".repeat(20) + "g"), 2).unwrap();
    unpack(&("f/".repeat(200) + "f"), 1000).unwrap();
    for deep in ["g/".repeat(201) + "f", "g/".repeat(100_000) + "f", format!("{}/", "g".repeat(200)).repeat(21) + "f"] {
        assert!(matches!(unpack(&deep, 1_000_000), Err(Error::TooDeep { most: 200, .. })));
    }
    assert_eq!(lab.tree.kind("g").unwrap(), None);
    assert_eq!(lab.tree.kind("g".repeat(200)).unwrap(), None);
}

#[test]
fn entries_that_the_caller_refuses_are_left_out() {
    let lab = Lab::new();
    let items = vec![Item::File("./.git/config", "x"), Item::File(".git/index", "x")];
    lab.tree.unpack(packed(items), MOST, |path, _| path != Path::new(".git/config")).unwrap();
    assert_eq!(
        (lab.tree.kind(".git/config").unwrap(), lab.tree.kind(".git/index").unwrap()),
        (None, Some(FileKind::File))
    );
}

#[test]
fn a_listed_file_is_removed_only_below_the_directory() {
    let lab = Lab::new();
    fs::create_dir(lab.at("tree/a")).unwrap();
    fs::write(lab.at("tree/a/b"), "").unwrap();
    symlink(lab.at("outside"), lab.at("tree/there")).unwrap();
    let absolute = lab.at("outside/kept");
    for path in ["../outside/kept", absolute.to_str().unwrap(), "there/kept", "", "a/.."] {
        assert!(lab.tree.remove_file(path).is_err(), "{path}");
    }
    assert!(lab.tree.remove_file("./a/b").unwrap());
    assert!(!lab.tree.remove_file("a/b").unwrap() && !lab.tree.remove_file("none/b").unwrap());
    assert!(lab.tree.remove_file("there").unwrap());
    assert!(lab.is_unharmed());
}

#[test]
fn an_entry_is_moved_to_a_free_name_and_a_link_is_moved_as_a_link() {
    let lab = Lab::new();
    let outside = UntrustedDir::open(&lab.at("outside")).unwrap();
    symlink("/etc", lab.at("tree/link")).unwrap();
    lab.tree.move_to("link", &outside, "link").unwrap();
    assert_eq!(outside.kind("link").unwrap(), Some(FileKind::Link));
    fs::create_dir(lab.at("tree/d")).unwrap();
    assert!(lab.tree.move_to("d", &outside, "kept").is_err());
    assert!(lab.tree.move_to("d", &outside, "../x").is_err());
    lab.tree.move_to("d", &outside, "d").unwrap();
    assert_eq!(outside.kind("d").unwrap(), Some(FileKind::Dir));
}
