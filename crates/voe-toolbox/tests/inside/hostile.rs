//! Hostile packs. `packs` has the valid ones.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use voe_protocol::RawBytes;

use crate::lab::Lab;
use crate::packs::{archive, place, tree, unpack};

crate::tests!(
    archives_that_lead_out_are_refused,
    nothing_is_written_through_links,
    devices_and_set_id_bits_are_dropped,
    damaged_and_endless_archives_are_refused,
);

/// An entry of a hostile archive, with its names as they are.
struct Entry<'a> {
    kind: EntryType,
    path: &'a str,
    target: &'a str,
    mode: u32,
}

const FILE: Entry<'static> = Entry { kind: EntryType::Regular, path: "", target: "", mode: 0o644 };

fn hostile(entries: &[Entry<'_>]) -> RawBytes {
    let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for entry in entries {
        let content: &[u8] = if entry.kind == EntryType::Regular { b"content" } else { b"" };
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..entry.path.len()].copy_from_slice(entry.path.as_bytes());
        header.set_link_name_literal(entry.target).unwrap();
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    RawBytes(builder.into_inner().unwrap().finish().unwrap())
}

fn archives_that_lead_out_are_refused() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    let outside = lab.dir.path().to_str().unwrap().to_owned();
    let below = dir.path().to_str().unwrap().trim_start_matches('/');
    let absolute = format!("{outside}/x");
    let up = format!("{below}/../../..{outside}/x");
    for path in [&*absolute, &up, "tmp/../x", "../x", "x", "tmpx/y", &absolute[1..]] {
        let error = unpack(&mut lab, hostile(&[Entry { path, ..FILE }])).unwrap_err();
        assert!(error.contains("is not unpacked"), "{path}: {error}");
        let linked = Entry { kind: EntryType::Symlink, path, target: "y", ..FILE };
        assert!(unpack(&mut lab, hostile(&[linked])).is_err(), "{path}");
    }
    assert!(!Path::new(&absolute).exists() && !Path::new("/x").exists());
    // A hard link to an outside file would give it a second name, by which it could be written.
    let secret = lab.dir.path().join("secret");
    fs::write(&secret, "s").unwrap();
    let path = format!("{below}/hard");
    for target in [secret.to_str().unwrap(), &secret.to_str().unwrap()[1..], "tmp/../etc/passwd", "etc/passwd"] {
        let link = Entry { kind: EntryType::Link, path: &path, target, ..FILE };
        assert!(unpack(&mut lab, hostile(&[link])).is_err(), "{target}");
    }
    assert_eq!(fs::metadata(secret).unwrap().nlink(), 1);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

fn nothing_is_written_through_links() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    let outside = lab.dir.path().to_str().unwrap().to_owned();
    let below = dir.path().to_str().unwrap().trim_start_matches('/');
    let (link, through) = (format!("{below}/l"), format!("{below}/l/x"));
    let entries =
        [Entry { kind: EntryType::Symlink, path: &link, target: &outside, ..FILE }, Entry { path: &through, ..FILE }];
    assert!(unpack(&mut lab, hostile(&entries)).is_err());
    assert_eq!(fs::read_link(dir.path().join("l")).unwrap(), Path::new(&outside));
    // The link was there before.
    assert!(unpack(&mut lab, hostile(&entries[1..])).is_err());
    assert!(!lab.dir.path().join("x").exists());
    // A link as the last component is replaced.
    let target = lab.dir.path().join("target");
    fs::write(&target, "t").unwrap();
    fs::remove_file(dir.path().join("l")).unwrap();
    symlink(&target, dir.path().join("l")).unwrap();
    unpack(&mut lab, hostile(&[Entry { path: &link, ..FILE }])).unwrap();
    assert_eq!(fs::read(target).unwrap(), b"t");
    assert_eq!(fs::read(dir.path().join("l")).unwrap(), b"content");
}

fn devices_and_set_id_bits_are_dropped() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    let below = dir.path().to_str().unwrap().trim_start_matches('/');
    let at = |name: &str| format!("{below}/{name}");
    let paths = ["char", "block", "fifo", "run", "dir"].map(at);
    let kinds = [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::Regular, EntryType::Directory];
    let entries: Vec<Entry<'_>> =
        paths.iter().zip(kinds).map(|(path, kind)| Entry { kind, path, target: "", mode: 0o7755 }).collect();
    unpack(&mut lab, hostile(&entries)).unwrap();
    let found: Vec<(PathBuf, u32)> = tree(dir.path()).into_iter().map(|(path, (mode, _))| (path, mode)).collect();
    assert_eq!(found, [("dir".into(), 0o041_755), ("run".into(), 0o100_755)]);
    // And they are not packed.
    fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(0o4755)).unwrap();
    let packed = archive(&mut lab, dir.path());
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&*packed.0));
    assert!(tar.entries().unwrap().all(|entry| entry.unwrap().header().mode().unwrap() & 0o6000 == 0));
}

fn damaged_and_endless_archives_are_refused() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    fs::write(dir.path().join("file"), "f".repeat(5000)).unwrap();
    let whole = archive(&mut lab, dir.path()).0;
    for damaged in [Vec::new(), b"no archive".to_vec(), whole[..whole.len() / 2].to_vec()] {
        assert!(unpack(&mut lab, RawBytes(damaged)).is_err());
    }
    // A little that becomes a lot.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut header = Header::new_gnu();
    header.set_path(format!("{}/bomb", dir.path().to_str().unwrap().trim_start_matches('/'))).unwrap();
    header.set_size(300 << 20);
    header.set_mode(0o644);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    (0..300).for_each(|_| encoder.write_all(&vec![0; 1 << 20]).unwrap());
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let error = unpack(&mut lab, RawBytes(bomb)).unwrap_err();
    assert!(error.contains("larger than"), "{error}");
}
