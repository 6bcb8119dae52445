//! Requests of voe's own: raw files, searches and lists.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;
use voe_protocol::{FileRead, RawBytes};

use crate::lab::Lab;

crate::tests!(
    a_file_is_read_as_it_is,
    a_larger_file_is_cut_or_refused,
    what_is_not_a_regular_file_is_not_read,
    reading_stays_where_the_file_tools_may_go,
    strange_names_are_read_and_found,
    a_search_finds_what_grep_prints,
    a_search_has_the_limits_of_grep,
    a_list_finds_what_glob_prints,
    a_function_is_found_in_a_text_that_is_in_no_file,
);

fn read(lab: &mut Lab, path: &[u8]) -> FileRead {
    lab.ask(async |toolbox| toolbox.read_file(path, 1000).await).unwrap()
}

fn content(lab: &mut Lab, path: &[u8]) -> Vec<u8> {
    read(lab, path).content().unwrap()
}

fn a_file_is_read_as_it_is() {
    let mut lab = Lab::new(&[("d/a.txt", "a\r\nb"), ("empty", "")]);
    let bytes = b"\xef\xbb\xbf\0\xe9\r\n\x1b[0m";
    fs::write(lab.path("bytes"), bytes).unwrap();
    assert_eq!(content(&mut lab, b"d/a.txt"), b"a\r\nb");
    assert_eq!(content(&mut lab, b"./d/../d/a.txt"), b"a\r\nb");
    assert_eq!(content(&mut lab, b"bytes"), bytes);
    assert_eq!(content(&mut lab, b"empty"), b"");
    let absolute = lab.path("d/a.txt");
    assert_eq!(content(&mut lab, absolute.as_os_str().as_bytes()), b"a\r\nb");
    assert_eq!(read(&mut lab, b"d/b.txt"), FileRead::Missing);
    assert_eq!(read(&mut lab, b"no/such/file"), FileRead::Missing);
    assert!(lab.state().tree.is_empty() || !lab.state().changes.is_empty());
}

fn a_larger_file_is_cut_or_refused() {
    let mut lab = Lab::new(&[("a", "0123456789")]);
    // 10 GB that take no space (a sparse file).
    fs::File::create(lab.path("huge")).unwrap().set_len(10_000_000_000).unwrap();
    let mut whole = |path: &str, most| lab.ask(async |toolbox| toolbox.read_file(path.as_bytes(), most).await).unwrap();
    assert_eq!(whole("a", 10).content().unwrap(), b"0123456789");
    assert_eq!(whole("a", 9), FileRead::TooLarge { size: 10 });
    assert_eq!(whole("huge", 1000), FileRead::TooLarge { size: 10_000_000_000 });
    // The toolbox's own limit.
    assert_eq!(whole("huge", u64::MAX), FileRead::TooLarge { size: 10_000_000_000 });
    let mut start =
        |path: &str, most| match lab.ask(async |toolbox| toolbox.read_start(path.as_bytes(), most).await).unwrap() {
            FileRead::Content(file) => (file.content.0, file.size),
            other => panic!("{other:?}"),
        };
    assert_eq!(start("a", 10), (b"0123456789".to_vec(), 10));
    assert_eq!(start("a", 4), (b"0123".to_vec(), 10));
    assert_eq!(start("huge", 3), (vec![0; 3], 10_000_000_000));
    assert_eq!(start("huge", u64::MAX).0.len(), 64 << 20);
}

fn what_is_not_a_regular_file_is_not_read() {
    let mut lab = Lab::new(&[("d/a", "")]);
    lab.bash("mkfifo pipe; ln -s pipe to-pipe; ln -s loop loop; ln -s nowhere dangling; ln -s d/a link");
    let _socket = std::os::unix::net::UnixListener::bind(lab.path("socket")).unwrap();
    for path in ["d", ".", "pipe", "to-pipe", "socket"] {
        assert_eq!(read(&mut lab, path.as_bytes()), FileRead::NotAFile, "{path}");
    }
    assert_eq!(read(&mut lab, b"dangling"), FileRead::Missing);
    assert_eq!(content(&mut lab, b"link"), b"");
    for path in [&b"loop"[..], b"d/a/b", b"", b"a\0b", b"\xff\0"] {
        assert!(matches!(read(&mut lab, path), FileRead::Refused { .. }), "{}", path.escape_ascii());
    }
    if !rustix::process::geteuid().is_root() {
        fs::set_permissions(lab.path("d/a"), fs::Permissions::from_mode(0o000)).unwrap();
        assert!(matches!(read(&mut lab, b"d/a"), FileRead::Unreadable { .. }));
    }
}

fn reading_stays_where_the_file_tools_may_go() {
    let mut lab = Lab::new(&[("a", "")]);
    let secret = lab.dir.path().join("secret");
    fs::write(&secret, "s").unwrap();
    symlink("../secret", lab.path("link")).unwrap();
    symlink(lab.dir.path(), lab.path("up")).unwrap();
    symlink("/proc/self", lab.path("self")).unwrap();
    let through_proc = format!("/proc/self/root{}", secret.display());
    for path in [
        "../secret",
        "link",
        "up/secret",
        "/etc/passwd",
        "/proc/self/environ",
        "self/environ",
        "/dev/zero",
        &through_proc,
    ] {
        assert!(matches!(read(&mut lab, path.as_bytes()), FileRead::Refused { .. }), "{path}");
        // The tool agrees.
        assert!(!lab.call("file_read", json!({"path": path})).ok, "{path}");
    }
    let tmp = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    fs::write(tmp.path(), "t").unwrap();
    assert_eq!(content(&mut lab, tmp.path().as_os_str().as_bytes()), b"t");
}

fn strange_names_are_read_and_found() {
    let mut lab = Lab::new(&[("plain", "")]);
    let names = [&b"two\nlines"[..], b"caf\xe9.py", b"a: 3:b", b"back\\nslash", b" blank "];
    for name in names {
        fs::write(lab.path("").join(OsStr::from_bytes(name)), [b"def f(): ", name].concat()).unwrap();
    }
    for name in names {
        assert_eq!(content(&mut lab, name), [b"def f(): ", name].concat(), "{}", name.escape_ascii());
    }
    // As a search shows it, and as a list shows it.
    assert_eq!(content(&mut lab, b"caf\\xe9.py"), b"def f(): caf\xe9.py");
    let found = lab.ask(async |toolbox| toolbox.search("^def f", None).await).unwrap();
    let paths = found.matches.into_iter().map(|found| found.path).collect::<Vec<_>>();
    let mut sorted = names.map(|name| RawBytes(name.to_vec()));
    sorted.sort();
    assert_eq!(paths, sorted);
    let listed = lab.ask(async |toolbox| toolbox.list_files("*").await).unwrap();
    assert_eq!((listed.paths.len(), listed.total), (6, 6));
    assert!(listed.paths.contains(&RawBytes(b"two\nlines".to_vec())));
}

fn a_search_finds_what_grep_prints() {
    let long = format!("fn x{}", "y".repeat(400));
    let mut lab = Lab::new(&[
        ("src/b.rs", "fn one() {}\n\r\nfn two() {}\r\n"),
        ("src/a.rs", &long),
        ("a.py", "fn = 3\n"),
        (".gitignore", "out/\n"),
        ("out/c.rs", "fn three() {}\n"),
    ]);
    fs::write(lab.path("binary"), b"fn \0").unwrap();
    fs::write(lab.path("latin1"), b"fn caf\xe9\n").unwrap();
    symlink("/etc", lab.path("etc")).unwrap();
    lab.bash("mkfifo pipe");
    for (pattern, glob) in
        [("fn ", None), ("fn ", Some("*.rs")), ("fn (", None), ("nothing", None), (r"o\(\)\s*", None)]
    {
        let arguments = match glob {
            Some(glob) => json!({"pattern": pattern, "glob": glob}),
            None => json!({"pattern": pattern}),
        };
        let printed = lab.call("grep", arguments);
        let found = lab.ask(async |toolbox| toolbox.search(pattern, glob).await).unwrap();
        let lines: Vec<String> = found
            .matches
            .iter()
            .map(|found| {
                let cut = if found.cut { " […]" } else { "" };
                format!("{}:{}:{}{cut}", voe_protocol::shown_path(&found.path.0), found.line, found.text)
            })
            .collect();
        let printed: Vec<&str> =
            printed.output.lines().filter(|line| !line.starts_with("no match") && !line.starts_with('[')).collect();
        assert_eq!(lines, printed, "{pattern}");
        assert!(!found.capped);
    }
    let wrong = lab.ask(async |toolbox| toolbox.search("x", Some("{")).await).unwrap_err();
    assert!(!wrong.is_fatal() && wrong.to_string().contains("not a pattern"), "{wrong}");
}

fn a_search_has_the_limits_of_grep() {
    let mut lab = Lab::new(&[("a", &"x\n".repeat(500)), ("b", "x\n")]);
    let found = lab.ask(async |toolbox| toolbox.search("x", None).await).unwrap();
    assert!(found.capped && found.matches.len() == 200);
    assert_eq!(found.matches.last().unwrap().line, 200);
    // By characters.
    let mut lab = Lab::new(&[("a", &format!("{}\n", "x".repeat(299)).repeat(199))]);
    let printed = lab.call("grep", json!({"pattern": "x"}));
    let found = lab.ask(async |toolbox| toolbox.search("x", None).await).unwrap();
    assert!(found.capped && found.matches.len() < 199);
    assert_eq!(found.matches.len(), printed.output.lines().filter(|line| line.starts_with("a:")).count());
}

fn a_list_finds_what_glob_prints() {
    let files: Vec<(String, &str)> = (0..600).map(|n| (format!("many/{n:03}.txt"), "")).collect();
    let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    files.extend([("src/b.rs", ""), ("src/deep/a.rs", ""), ("c.rs", ""), (".gitignore", "out/\n"), ("out/d.rs", "")]);
    let mut lab = Lab::new(&files);
    for (pattern, total) in [("*.rs", 3), ("**/*.{rs,py}", 3), ("src/*.rs", 1), ("*.txt", 600), ("*.none", 0)] {
        let printed = lab.call("glob", json!({"pattern": pattern}));
        let found = lab.ask(async |toolbox| toolbox.list_files(pattern).await).unwrap();
        assert_eq!(found.total, total, "{pattern}");
        assert_eq!(found.paths.len() as u64, total.min(500), "{pattern}");
        let lines: Vec<String> = found.paths.iter().map(|path| voe_protocol::shown_path(&path.0)).collect();
        let printed: Vec<&str> =
            printed.output.lines().filter(|line| !line.starts_with("no file") && !line.starts_with('[')).collect();
        assert_eq!(lines, printed, "{pattern}");
    }
    assert!(lab.ask(async |toolbox| toolbox.list_files("{").await).is_err());
}

fn a_function_is_found_in_a_text_that_is_in_no_file() {
    let mut lab = Lab::new(&[]);
    let mut range = |path: &str, text: &str, line| {
        let found = lab.ask(async |toolbox| toolbox.function_extent(path, text, line).await).unwrap();
        (found.begin, found.end)
    };
    assert_eq!(range("none.py", "import a\n\n@a\ndef f():\n    return '''\nx'''\n\ny = f()\n", 3), (2, 6));
    assert_eq!(range("none.rs", "fn f() {\n    let a = '{';\n}\nfn g() {}\n", 0), (0, 3));
    assert_eq!(range("none.go", "func f() {\n\ta := '{'\n}\nfunc g() {}\n", 0), (0, 3));
    assert_eq!(range("none", "", 7), (0, 0));
}
