//! Cleaning up after a voe that was killed: everything that it left is removed, and nothing that others made is touched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

/// User ids that no user has.
const VICTIM: u32 = 61_234;
const ATTACKER: u32 = 61_235;

fn main() -> std::process::ExitCode {
    support::run(|| {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words[..] {
            ["sweep", state] => voe_sandbox::sweep(Path::new(state)),
            ["open", home, state] => hold_open(Path::new(home), Path::new(state)),
            ["refused", home, state] => return refused(Path::new(home), Path::new(state)),
            ["as-this-user"] => all(),
            _ => {
                let ordinary = support::ordinary_user();
                if ordinary.is_none() {
                    println!("skipped: as another user (needs root)");
                }
                return support::again(&["as-this-user"], None)
                    & ordinary.is_none_or(|user| support::again(&["as-this-user"], Some(user)));
            }
        }
        true
    })
}

fn all() {
    what_another_user_prepared_is_neither_swept_nor_put_back_nor_used();
    a_directory_that_others_can_write_or_that_is_a_link_is_refused();
    a_directory_that_only_has_the_name_of_a_sandbox_stays();
    a_sandbox_of_another_pid_namespace_is_not_taken_for_dead();
    what_a_killed_voe_left_goes_however_deep_and_closed_it_is();
    what_stands_in_the_place_of_a_dead_sandbox_stays();
}

fn spec(home: &Path, state: &Path) -> SandboxConfig {
    let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), "/usr", home);
    spec.choice = BackendChoice::None;
    spec.state = Some(state.to_owned());
    spec
}

fn open(home: &Path, state: &Path) -> Result<Sandbox, voe_sandbox::SandboxError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Sandbox::open(spec(home, state)))
}

/// Opens a sandbox, reports it, and waits to be killed.
fn hold_open(home: &Path, state: &Path) {
    let _sandbox = open(home, state).unwrap();
    println!("open");
    loop {
        std::thread::park();
    }
}

fn refused(home: &Path, state: &Path) -> bool {
    match open(home, state) {
        Ok(_) => false,
        Err(error) => {
            println!("{error}");
            true
        }
    }
}

/// The directory of the one sandbox in `home`.
fn sandbox_dir(home: &Path) -> PathBuf {
    let found: Vec<PathBuf> = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

/// Starts a voe that opens a sandbox, kills it, and returns the sandbox's directory.
fn killed(home: &Path, state: &Path) -> PathBuf {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([Path::new("open"), home, state])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "open\n");
    voe_sandbox::sweep(state);
    let root = sandbox_dir(home);
    child.kill().unwrap();
    child.wait().unwrap();
    root
}

fn index(state: &Path) -> usize {
    fs::read_dir(state.join("sandboxes")).unwrap().count()
}

/// This program as another user, who can read a copy of it in `dir`.
fn as_user(user: u32, dir: &Path, arguments: &[&Path]) -> std::process::Output {
    let copy = dir.join("voe-test");
    if !copy.exists() {
        fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    }
    Command::new(copy).args(arguments).uid(user).gid(user).current_dir("/").output().unwrap()
}

fn what_another_user_prepared_is_neither_swept_nor_put_back_nor_used() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: what another user prepared (needs root)");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let (state, git) = (dir.path().join("state"), dir.path().join("work/.git"));
    fs::create_dir_all(&git).unwrap();
    fs::create_dir(&state).unwrap();
    fs::write(git.join("config"), "the victim's").unwrap();
    for path in [&state, &git, &git.join("config"), &dir.path().join("work")] {
        chown(path, Some(VICTIM), Some(VICTIM)).unwrap();
    }
    // The fallback for layers if an overlay can't be written elsewhere: any user can make this directory first.
    let places = ["/var/tmp", "/dev/shm"].map(|place| Path::new(place).join(format!("voe-{VICTIM}")));
    for place in &places {
        let saved = place.join("sandbox-1-1-0/boxes/0/git");
        fs::create_dir_all(&saved).unwrap();
        fs::write(saved.join("git-dir-of"), git.as_os_str().as_encoded_bytes()).unwrap();
        fs::write(saved.join("config"), "the attacker's").unwrap();
        let mut path = saved.join("config");
        while path.starts_with(place) {
            chown(&path, Some(ATTACKER), Some(ATTACKER)).unwrap();
            path.pop();
        }
        // Readable, as an attacker would make it.
        fs::set_permissions(place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let swept = as_user(VICTIM, dir.path(), &[Path::new("sweep"), &state]);
    let used = as_user(VICTIM, dir.path(), &[Path::new("refused"), &places[0], &state]);
    let left = places.iter().filter(|place| place.join("sandbox-1-1-0").exists()).count();
    for place in &places {
        fs::remove_dir_all(place).unwrap();
    }
    assert!(swept.status.success());
    assert_eq!(fs::read_to_string(git.join("config")).unwrap(), "the victim's");
    assert_eq!(left, 2);
    let said = String::from_utf8_lossy(&used.stdout);
    assert!(used.status.success() && said.contains(&format!("belongs to user {ATTACKER}")), "{said}");
}

fn a_directory_that_others_can_write_or_that_is_a_link_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    let error = open(&home, &state).unwrap_err().to_string();
    assert!(error.contains("can be written by others"), "{error}");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    drop(open(&home, &state).unwrap());
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o7777, 0o700, "it is closed to readers");
    let real = dir.path().join("real");
    fs::rename(&home, &real).unwrap();
    symlink(&real, &home).unwrap();
    assert!(open(&home, &state).unwrap_err().to_string().contains("symbolic link"));
    assert_eq!(fs::read_dir(&real).unwrap().count(), 0);
    assert_eq!(index(&state), 0);
}

fn a_directory_that_only_has_the_name_of_a_sandbox_stays() {
    let state = tempfile::tempdir().unwrap();
    let record = state.path().join("attempts/sandbox-1-2-x-0123456789abcdef/records/one/trajectory.jsonl");
    fs::create_dir_all(record.parent().unwrap()).unwrap();
    fs::write(&record, "{}").unwrap();
    voe_sandbox::sweep(state.path());
    assert!(record.exists());
}

fn a_sandbox_of_another_pid_namespace_is_not_taken_for_dead() {
    let dir = tempfile::tempdir().unwrap();
    let (home, state) = (dir.path().join("home"), dir.path().join("state"));
    let sandbox = open(&home, &state).unwrap();
    let root = sandbox_dir(&home);
    let flags = if rustix::process::geteuid().is_root() { "-pf" } else { "-Urpf" };
    let own = std::env::current_exe().unwrap();
    let swept = Command::new("unshare").args([flags, "--mount-proc", "--"]).arg(own).arg("sweep").arg(&state).status();
    if !swept.is_ok_and(|status| status.success()) {
        println!("skipped: another process id namespace can't be made here");
        return;
    }
    assert!(root.join("boxes").exists());
    drop(sandbox);
    assert!(!root.exists());
    assert_eq!(index(&state), 0);
}

fn what_a_killed_voe_left_goes_however_deep_and_closed_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (home, state) = (dir.path().join("home"), dir.path().join("state"));
    let root = killed(&home, &state);
    assert_eq!((root.join("boxes").exists(), index(&state)), (true, 1), "while it lived it was left alone");
    let script = "import os, sys\nos.chdir(sys.argv[1])\nos.mkdir('closed')\nopen('closed/f', 'w').close()\nos.chmod('closed', 0)\n\
                  for _ in range(3000):\n  os.mkdir('d')\n  os.chdir('d')\nopen('f', 'w').close()\nos.chmod('.', 0)\n";
    let made = Command::new("python3").args(["-c", script]).arg(root.join("layers")).status().unwrap();
    assert!(made.success());
    voe_sandbox::sweep(&state);
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    assert_eq!(index(&state), 0);
}

fn a_removal_that_did_not_come_to_its_end_is_finished_at_a_later_start() {
    let dir = tempfile::tempdir().unwrap();
    let (home, state) = (dir.path().join("home"), dir.path().join("state"));
    let root = killed(&home, &state);
    let mounted = root.join("boxes/mounted");
    fs::create_dir(&mounted).unwrap();
    let status = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&mounted).status();
    if !status.is_ok_and(|status| status.success()) {
        return println!("skipped: an interrupted removal (only root can mount something)");
    }
    voe_sandbox::sweep(&state);
    let left = (mounted.exists(), index(&state));
    assert!(Command::new("umount").arg(&mounted).status().unwrap().success());
    assert_eq!(left, (true, 1), "what can't be removed is kept in mind");
    voe_sandbox::sweep(&state);
    assert_eq!((fs::read_dir(&home).unwrap().count(), index(&state)), (0, 0));
}

fn what_stands_in_the_place_of_a_dead_sandbox_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (home, state, other) = (dir.path().join("home"), dir.path().join("state"), dir.path().join("other"));
    fs::create_dir(&other).unwrap();
    fs::write(other.join("file"), "x").unwrap();
    let root = killed(&home, &state);
    fs::remove_dir_all(&root).unwrap();
    symlink(&other, &root).unwrap();
    voe_sandbox::sweep(&state);
    assert!(other.join("file").exists() && root.is_symlink());
    fs::remove_file(&root).unwrap();
    // A directory of the same name, but not the one that was made.
    let root = killed(&home, &state);
    fs::remove_dir_all(&root).unwrap();
    fs::rename(&other, &root).unwrap();
    voe_sandbox::sweep(&state);
    assert!(root.join("file").exists());
}
