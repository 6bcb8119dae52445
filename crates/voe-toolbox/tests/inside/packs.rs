//! Packs of scratch files. They are about `/tmp`, so each test has a directory of its own in there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::TempDir;
use voe_protocol::{Packed, RawBytes, SkipReason};

use crate::lab::Lab;

crate::tests!(
    unpacking_a_pack_gives_the_same_files,
    the_same_files_give_the_same_bytes,
    what_is_not_a_file_or_link_is_named_and_left_out,
    other_mounts_are_not_entered,
    what_is_too_large_gives_no_pack,
    only_tmp_is_packed,
    a_pack_of_gnu_tar_is_unpacked,
);

/// Large enough for tests that are not about limits.
const MOST: u64 = 1 << 20;

pub(crate) fn place() -> TempDir {
    tempfile::tempdir_in("/tmp").unwrap()
}

fn raw(path: &Path) -> RawBytes {
    RawBytes(path.as_os_str().as_bytes().to_vec())
}

fn pack(lab: &mut Lab, path: &Path) -> Packed {
    lab.ask(async |toolbox| toolbox.pack(vec![raw(path)], MOST).await).unwrap()
}

pub(crate) fn archive(lab: &mut Lab, path: &Path) -> RawBytes {
    match pack(lab, path) {
        Packed::Archive { archive, .. } => archive,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn unpack(lab: &mut Lab, archive: RawBytes) -> Result<(), String> {
    lab.ask(async |toolbox| toolbox.unpack(archive).await).map_err(|error| {
        assert!(!error.is_fatal(), "{error}");
        error.to_string()
    })
}

/// Each file below `dir`: its mode, and its content or target.
pub(crate) fn tree(dir: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if meta.is_file() {
                fs::read(&path).unwrap()
            } else {
                left.push(path.clone());
                Vec::new()
            };
            found.insert(path.strip_prefix(dir).unwrap().to_owned(), (meta.mode(), content));
        }
    }
    found
}

#[derive(Debug, Clone)]
enum Item {
    File(Vec<u8>, u32),
    Link(Vec<u8>),
    Dir(u32),
}

fn items() -> impl Strategy<Value = BTreeMap<PathBuf, Item>> {
    // Names of any bytes, long ones too; few of them, so that they nest.
    let name = prop_oneof![
        3 => prop_oneof![Just(b"a".to_vec()), Just(b"b".to_vec()), Just(b"new\nline".to_vec()), Just(b"caf\xe9".to_vec())],
        1 => proptest::collection::vec(1_u8..=255, 1..12),
        1 => Just(vec![b'n'; 130]),
    ]
    .prop_filter("a name", |name| !name.contains(&b'/') && name != b"." && name != b"..");
    let path = proptest::collection::vec(name, 1..4)
        .prop_map(|parts| parts.iter().map(|part| OsStr::from_bytes(part)).collect::<PathBuf>());
    let target = prop_oneof![
        Just(b"/etc/passwd".to_vec()),
        Just(b"../../..//./x/".to_vec()),
        Just(vec![b't'; 99]),
        Just(vec![b't'; 100]),
        Just(vec![b't'; 101]),
        Just(vec![b't'; 300]),
        proptest::collection::vec(1_u8..=255, 1..20),
    ];
    let item = prop_oneof![
        4 => (proptest::collection::vec(any::<u8>(), 0..700), prop_oneof![Just(0o644), Just(0o755), Just(0o400), Just(0o666)])
            .prop_map(|(bytes, mode)| Item::File(bytes, mode)),
        1 => target.prop_map(Item::Link),
        1 => prop_oneof![Just(0o755), Just(0o700), Just(0o1777), Just(0o500)].prop_map(Item::Dir),
    ];
    proptest::collection::btree_map(path, item, 1..12)
}

fn unpacking_a_pack_gives_the_same_files() {
    let lab = RefCell::new(Lab::new(&[("a", "")]));
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    runner
        .run(&items(), |items| {
            let lab = &mut *lab.borrow_mut();
            let dir = place();
            let inner = dir.path().join("in it");
            fs::create_dir(&inner).unwrap();
            fs::write(inner.join("one at least"), "").unwrap();
            let mut modes = Vec::new();
            for (path, item) in &items {
                // An entry inside a file can't be created; the rest is.
                let path = inner.join(path);
                let _ = fs::create_dir_all(path.parent().unwrap());
                let _ = match item {
                    Item::File(bytes, mode) => fs::write(&path, bytes).map(|()| modes.push((path.clone(), *mode))),
                    Item::Link(target) => symlink(OsStr::from_bytes(target), &path),
                    Item::Dir(mode) => fs::create_dir_all(&path).map(|()| modes.push((path.clone(), *mode))),
                };
            }
            for (path, mode) in modes.iter().rev() {
                fs::set_permissions(path, fs::Permissions::from_mode(*mode)).unwrap();
            }
            let before = tree(&inner);
            let packed = archive(lab, &inner);
            // Over what is there, and where nothing is.
            if rustix::process::geteuid().is_root() {
                unpack(lab, packed.clone()).unwrap();
                prop_assert_eq!(&tree(&inner), &before);
            }
            let moved = dir.path().join("moved");
            fs::rename(&inner, &moved).unwrap();
            unpack(lab, packed.clone()).unwrap();
            prop_assert_eq!(&tree(&inner), &before);
            prop_assert_eq!(archive(lab, &inner), packed);
            for dir in [&inner, &moved] {
                std::process::Command::new("chmod").args(["-R", "u+rwX"]).arg(dir).status().unwrap();
            }
            Ok(())
        })
        .unwrap();
}

fn the_same_files_give_the_same_bytes() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    let inner = dir.path().join("x");
    let fill = |names: [&str; 3]| {
        fs::create_dir(&inner).unwrap();
        names.iter().for_each(|name| fs::write(inner.join(name), name).unwrap());
    };
    fill(["b", "a", "c"]);
    let first = archive(&mut lab, &inner);
    fs::remove_dir_all(&inner).unwrap();
    fill(["c", "b", "a"]);
    fs::File::open(inner.join("a")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(archive(&mut lab, &inner), first);
    // Whatever the requested path.
    let paths = vec![raw(&inner.join("a")), raw(&inner), raw(&inner.join("c")), raw(&dir.path().join("gone"))];
    let again = lab.ask(async |toolbox| toolbox.pack(paths, MOST).await).unwrap();
    assert!(matches!(again, Packed::Archive { archive, .. } if archive == first));
}

fn what_is_not_a_file_or_link_is_named_and_left_out() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    assert_eq!(pack(&mut lab, dir.path()), Packed::Nothing);
    symlink("loop", dir.path().join("loop")).unwrap();
    symlink("/proc", dir.path().join("proc")).unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(pack(&mut lab, dir.path()), Packed::Nothing);
    // A path through a link counts as absent.
    assert_eq!(pack(&mut lab, &dir.path().join("proc/self")), Packed::Nothing);
    assert_eq!(pack(&mut lab, &dir.path().join("gone")), Packed::Nothing);
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    lab.bash(&format!("mkfifo '{}/pipe'", dir.path().display()));
    fs::write(dir.path().join("file"), "f").unwrap();
    let mut deep = dir.path().join("deep");
    (0..200).for_each(|_| deep.push("d"));
    fs::create_dir_all(&deep).unwrap();
    let Packed::Archive { archive, skipped } = pack(&mut lab, dir.path()) else { panic!() };
    let reasons: Vec<SkipReason> = skipped.iter().map(|skipped| skipped.why).collect();
    assert_eq!(reasons, [SkipReason::TooDeep, SkipReason::SpecialFile, SkipReason::SpecialFile]);
    let pipe = format!("{}/pipe", dir.path().display()).trim_start_matches('/').as_bytes().to_vec();
    assert_eq!(skipped[1].path, RawBytes(pipe));
    fs::remove_dir_all(dir.path()).unwrap();
    unpack(&mut lab, archive).unwrap();
    let after = tree(dir.path());
    assert_eq!(after[Path::new("loop")].1, b"loop");
    assert_eq!(after[Path::new("proc")].1, b"/proc");
    assert_eq!(after[Path::new("file")].1, b"f");
    assert!(after.contains_key(Path::new("empty")) && !after.contains_key(Path::new("pipe")));
}

fn other_mounts_are_not_entered() {
    let dir = place();
    let at = dir.path().display();
    fs::create_dir(dir.path().join("mount")).unwrap();
    fs::write(dir.path().join("file"), "f").unwrap();
    // The toolbox runs in the namespace that has the mount.
    let mount = format!("mount -t tmpfs none '{at}/mount' && echo m > '{at}/mount/inner'");
    let able = std::process::Command::new("unshare").args(["-rm", "true"]).output();
    if !able.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped 1 case: no namespaces");
        return;
    }
    let mut lab = Lab::inside(&[("a", "")], &["unshare", "-rm", "sh", "-c", &format!("{mount}; exec \"$0\"")]);
    let Packed::Archive { skipped, .. } = pack(&mut lab, dir.path()) else { panic!() };
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].why, SkipReason::OtherMount);
    assert!(skipped[0].path.0.ends_with(b"/mount"));
}

fn what_is_too_large_gives_no_pack() {
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    // Incompressible data.
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..100_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        })
        .collect();
    fs::write(dir.path().join("noise"), noise).unwrap();
    let mut most = |most| lab.ask(async |toolbox| toolbox.pack(vec![raw(dir.path())], most).await).unwrap();
    assert_eq!(most(90_000), Packed::TooLarge);
    assert!(matches!(most(110_000), Packed::Archive { archive, .. } if archive.0.len() > 90_000));
    fs::File::create(dir.path().join("huge")).unwrap().set_len(10_000_000_000).unwrap();
    assert_eq!(most(u64::MAX), Packed::TooLarge);
    fs::remove_file(dir.path().join("huge")).unwrap();
    let many = dir.path().join("many");
    fs::create_dir(&many).unwrap();
    (0..20_001).for_each(|n| fs::write(many.join(n.to_string()), "").unwrap());
    assert_eq!(most(u64::MAX), Packed::TooLarge);
}

fn only_tmp_is_packed() {
    let mut lab = Lab::new(&[("a", "")]);
    let work = lab.path("a");
    for path in
        ["/etc", "/", "", "tmp/x", "/tmp/../etc", "/tmp/x/../../etc", "/tmpx", work.to_str().unwrap(), "/tmp/a\0"]
    {
        let error = lab.ask(async |toolbox| toolbox.pack(vec![RawBytes(path.into())], MOST).await).unwrap_err();
        assert!(!error.is_fatal() && error.to_string().contains("not a path in /tmp"), "{path}: {error}");
    }
}

fn a_pack_of_gnu_tar_is_unpacked() {
    // As records of searches have them that were made before there was a request for it.
    let mut lab = Lab::new(&[("a", "")]);
    let dir = place();
    let at = dir.path().display().to_string();
    let made = lab.bash(&format!(
        "cd {at} && mkdir -m 700 d && echo x > d/{} && ln -s d l && ln d/* twin && \
         tar -cf /tmp/$$.tar -C / --one-file-system --mtime=@0 --sort=name {} && gzip -nc /tmp/$$.tar > '{at}.gz'; rm /tmp/$$.tar",
        "n".repeat(120),
        &at[1..]
    ));
    if made.exit != Some(0) {
        eprintln!("skipped 1 case: no GNU tar");
        return;
    }
    let before = tree(dir.path());
    let packed = fs::read(format!("{at}.gz")).unwrap();
    fs::remove_file(format!("{at}.gz")).unwrap();
    fs::remove_dir_all(dir.path()).unwrap();
    unpack(&mut lab, RawBytes(packed)).unwrap();
    assert_eq!(tree(dir.path()), before);
}
