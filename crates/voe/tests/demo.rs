//! The demo: its tests run in a sandbox, and it does not go without one.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

mod support;
use support::{Said, VOE};

/// The demo with a home, a state directory and temporary files of its own.
fn demo(dir: &Path, command: &mut Command) -> Said {
    for part in ["home", "state", "tmp"] {
        fs::create_dir_all(dir.join(part)).unwrap();
    }
    let command = command.env("HOME", dir.join("home")).env("VOE_STATE_DIR", dir.join("state"));
    Said::of(&command.env("TMPDIR", dir.join("tmp")).output().unwrap())
}

#[test]
fn the_demos_hidden_tests_run_in_a_sandbox_and_not_on_the_host() {
    let dir = tempfile::tempdir().unwrap();
    let (bin, marker) = (dir.path().join("bin"), dir.path().join("ran-on-the-host"));
    fs::create_dir(&bin).unwrap();
    // The first python3 on the PATH says whether tests were run outside; inside there is no such file.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *unittest*) touch {};; esac\nPATH=${{PATH#*:}} exec python3 \"$@\"\n",
        marker.display()
    );
    let python = bin.join("python3");
    fs::write(&python, script).unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let said = demo(dir.path(), Command::new(VOE).args(["demo", "--json", "--sandbox", "local"]).env("PATH", path));
    if said.code == 2 {
        eprintln!("skipped: the sandbox local does not work here: {}", said.err);
        return;
    }
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.finish()["resolved"], true);
    assert!(!marker.exists(), "tests of the patched tree ran on the host");
}

/// Becomes a program for which neither namespaces nor Landlock work, and runs the rest of its arguments.
const NO_ISOLATION: &str = r#"
import ctypes, os, struct, sys
def op(code, k, jt=0, jf=0): return struct.pack("HBBI", code, jt, jf, k)
calls = [272, 165, 444]  # unshare, mount, landlock_create_ruleset
code = op(0x20, 0)
for n, call in enumerate(calls): code += op(0x15, call, len(calls) - n, 0)
code += op(0x06, 0x7fff0000) + op(0x06, 0x00050001)
text = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program): sys.exit(75)
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn where_no_sandbox_works_the_demo_exits_2_and_names_the_way_without_one() {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        eprintln!("skipped: the numbers of the system calls are those of x86-64");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let said = demo(dir.path(), Command::new("python3").args(["-c", NO_ISOLATION, VOE, "demo", "--json"]));
    if said.code == 75 {
        eprintln!("skipped: system calls can't be refused here");
        return;
    }
    assert_eq!(said.code, 2, "{}\n{}", said.out, said.err);
    assert!(said.err.contains("--sandbox none") && said.err.lines().count() == 1, "{}", said.err);
    assert!(!said.out.contains("\"event\""), "nothing was begun: {}", said.out);
    let args = ["-c", NO_ISOLATION, VOE, "demo", "--json", "--sandbox", "none"];
    let said = demo(dir.path(), Command::new("python3").args(args));
    assert_eq!((said.code, &said.finish()["resolved"]), (0, &true.into()), "{}", said.err);
}

#[test]
fn the_demo_honours_the_settings_of_the_sandbox() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("home/.config/voe");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[sandbox]\nbackend = \"none\"\n").unwrap();
    let run = |memory: &str| {
        let mut command = Command::new(VOE);
        command.args(["demo", "--json"]).env_remove("XDG_CONFIG_HOME").env("VOE_MEMORY", memory);
        demo(dir.path(), &mut command)
    };
    let said = run("2GiB");
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.events()[0]["sandbox"]["backend"], "none");
    let refused = run("lots");
    assert_eq!((refused.code, refused.err.lines().count()), (2, 1), "{}", refused.err);
    assert!(refused.err.contains("VOE_MEMORY"), "{}", refused.err);
}
