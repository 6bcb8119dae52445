//! Tasks whose environments, install commands and repositories attack the host that prepares them, and attempts that look for
//! the solution. Needs python3 and the sandbox `local`, one of them uv; says so where it can't run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/official.rs"]
mod official;
mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use official::{MARKS, World, environments_work};

/// Whether `local` works here.
fn is_local(rows: &[(String, String)]) -> bool {
    let missing = rows.iter().find(|(_, why)| why.contains("sandbox local"));
    if let Some((_, why)) = missing {
        println!("skipped: {why}");
    }
    missing.is_none()
}

#[test]
fn what_an_install_command_leaves_reaches_nothing_outside_of_its_own_copies() {
    let world = World::new();
    let victim = world.victim();
    // A list of files that are gone, with files of the host in it.
    let list = format!(
        "printf '#!/bin/sh\\necho {victim}/kept\\necho ../../../../../../../../../../../..{victim}/kept\\n' > $CONDA_PREFIX/bin/comm\n\
         chmod +x $CONDA_PREFIX/bin/comm"
    );
    // An archive that writes through a link that is committed.
    let archive = "cat > $CONDA_PREFIX/bin/tar <<'X'\n#!/opt/miniconda3/envs/testbed/bin/python\n\
        import sys, tarfile\nout = sys.argv[sys.argv.index('-cf') + 1]\nwith tarfile.open(out, 'w') as t:\n    \
        t.addfile(tarfile.TarInfo('way/planted'))\nX\nchmod +x $CONDA_PREFIX/bin/tar";
    // A pipe where the exit code should be.
    let pipe = "cat > $CONDA_PREFIX/bin/tar <<'X'\n#!/bin/sh\nrm -f /tmp/out/exit\nmkfifo /tmp/out/exit\nX\n\
        chmod +x $CONDA_PREFIX/bin/tar";
    // A configuration that has git run a command.
    let config = format!(
        "git config core.fsmonitor 'touch {victim}/planted'\nmkdir -p .git/hooks\nprintf x > .git/hooks/post-checkout"
    );
    // The environment replaced by a link.
    let link = format!("echo 'rm -rf /tmp/out; ln -s {victim} /tmp/out' > /tmp/x; (sleep 1; sh /tmp/x) & sh /tmp/x");
    world.write(&[&list, archive, pipe, &config, &link, "true"], &[]);
    let rows = world.gold();
    if !is_local(&rows) {
        return;
    }
    assert!(world.is_unharmed(), "{rows:?}");
    let verdicts: Vec<&str> = rows.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert_eq!(verdicts, ["resolved", "skipped", "skipped", "resolved", "skipped", "resolved"], "{rows:#?}");
    assert!(rows[1].1.contains("symbolic link"), "{}", rows[1].1);
    for entry in fs::read_dir(world.at("cache/checkouts")).unwrap().flatten() {
        let config = fs::read_to_string(entry.path().join("tree/.git/config")).unwrap_or_default();
        assert!(!config.contains("touch"), "{config}");
        assert!(!entry.path().join("tree/.git/hooks/post-checkout").exists());
    }
}

#[test]
fn a_source_distribution_that_is_built_sees_neither_voes_environment_nor_the_hosts_files() {
    if !environments_work() {
        return;
    }
    let world = World::new();
    let index = format!(
        r#"
import http.server, io, os, tarfile
os.makedirs('index/simple/evil'); os.chdir('index')
backend = '''
import os
def build_wheel(directory, config=None, metadata=None):
    for path in ("{victim}/planted", "{victim}/kept"):
        try: open(path, "w").write("x")
        except OSError: pass
    said = "it saw a key" if "VOE_TEST_KEY" in os.environ else "it saw no key"
    said += ", and the victim" if os.path.exists("{victim}") else ", and no victim"
    raise SystemExit(said)
'''
files = {{'pyproject.toml': '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n[project]\nname = "evil"\nversion = "1.0"\n',
         'PKG-INFO': 'Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n', 'backend.py': backend}}
with tarfile.open('simple/evil/evil-1.0.tar.gz', 'w:gz') as t:
    for name, text in files.items():
        info = tarfile.TarInfo('evil-1.0/' + name); info.size = len(text)
        t.addfile(info, io.BytesIO(text.encode()))
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()
"#,
        victim = world.victim()
    );
    let mut server = Command::new("python3")
        .args(["-c", &index])
        .current_dir(world.top.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
    world.write(&["true"], &["evil==1.0"]);
    let address = format!("http://127.0.0.1:{}/simple", port.trim());
    let mut command = world.command(&["bench", "grade", "--gold", "--out", "graded", "--backend", "native"]);
    command.args(["--suite", "suites/rows.jsonl", "--environments", "suites/environments.json", "--repos", "repos"]);
    command.args(["--sandbox", "local"]).env("UV_DEFAULT_INDEX", address).env("VOE_TEST_KEY", "k");
    let output = command.output().unwrap();
    server.kill().unwrap();
    server.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if said.contains("sandbox local") {
        println!("skipped: {said}");
        return;
    }
    assert!(world.is_unharmed());
    let environments = fs::read_dir(world.at("cache/environments")).unwrap().flatten();
    let logs: Vec<String> =
        environments.filter_map(|entry| fs::read_to_string(entry.path().join("build.log")).ok()).collect();
    assert!(logs.concat().contains("it saw no key, and no victim"), "{logs:?}\n{said}");
}

#[test]
fn an_attempt_finds_neither_solution_nor_tests_nor_later_commits_nor_other_attempts() {
    let world = World::new();
    if !world.in_sight {
        println!("skipped: no directory outside of homes and /tmp can be made here (needs root)");
        return;
    }
    world.write(&["true"], &[]);
    let (top, marks) = (world.top.path().display(), MARKS.map(|mark| mark.replace("MARK", "MAR[K]")).join(r"\|"));
    // Where this test's directory could show, and everything that git has. The pattern is none of its own matches.
    let search = format!(
        "find / \\( -path /proc -o -path /sys -o -path /usr -o -path /root \\) -prune -o -path '{top}*' -type f ! -path '*/victim/*' ! -path '{top}/bin/uv' -print 2>/dev/null | sed 's/^/HIT path /'\n\
         grep -rIl '{marks}' {top} /opt/miniconda3/envs /srv /mnt /media /run /home /tmp /testbed 2>/dev/null | sed 's/^/HIT text /'\n\
         git cat-file --batch-all-objects --batch | grep -aq '{marks}' && echo HIT object\n\
         find /testbed /run /tmp {top} -name alternates 2>/dev/null | sed 's/^/HIT alternates /'\n\
         git log --all --format=%s | sed 's/^/commit /'\necho searched"
    );
    let script = serde_json::json!([{ "content": "Look.", "tool_calls": [{ "name": "bash", "arguments": { "command": search, "timeout_s": 110 } }] },
        { "content": "TASK_COMPLETE" }, { "content": "TASK_COMPLETE" }]);
    let script = toml::to_string(&serde_json::json!({ "script": [{ "reply": script }] })).unwrap();
    fs::write(world.at("suites/script.toml"), script).unwrap();
    let args = ["bench", "run", "--strategy", "baseline", "--model", "scripted:suites/script.toml", "--trials", "2"];
    let output = world.voe(&[&args[..], &["--parallel", "1", "--out", "runs/one"]].concat());
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if said.contains("sandbox local") {
        println!("skipped: {said}");
        return;
    }
    for trial in [1, 2] {
        let record = world.at(&format!("runs/one/tasks/acme__stats-1/baseline-{trial}/trajectory.jsonl"));
        let record = fs::read_to_string(&record).unwrap_or_else(|error| panic!("{error}: {said}"));
        let events = record.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let results: String = events
            .filter(|event| event["event"] == "result")
            .map(|event| support::with_text(event)["text"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert!(results.contains("searched") && results.contains("commit base"), "{results}");
        assert!(!results.contains("HIT") && !results.contains("commit later"), "{results}");
    }
}

/// A uv that makes environments and says of packages what `pip` says, a shell condition on `$*`.
fn uv(world: &World, pip: &str) {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" != venv ]; then {pip}; exit; fi\nwhile [ $# -gt 1 ]; do\n    [ \"$1\" = --python ] && python=$2\n    \
         shift\ndone\nexec \"$python\" -m venv --without-pip \"$1\"\n"
    );
    fs::write(world.at("bin/uv"), script).unwrap();
}

/// What voe prints, with that uv.
fn with_that_uv(world: &World, args: &[&str]) -> String {
    let mut command =
        world.command(&[args, &["--backend", "native", "--sandbox", "local", "--repos", "repos"]].concat());
    let own = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(world.at("bin")).chain(std::env::split_paths(&own));
    command.args(["--environments", "suites/environments.json"]).env("PATH", std::env::join_paths(dirs).unwrap());
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn an_environment_of_which_nothing_could_be_had_is_not_kept() {
    let world = World::new();
    world.write(&["true"], &["a==1", "b==1"]);
    let gold = ["bench", "grade", "--gold", "--suite", "suites/rows.jsonl", "--out", "graded"];
    uv(&world, "echo no network; exit 2");
    let said = with_that_uv(&world, &gold);
    if said.contains("sandbox local") {
        println!("skipped: {said}");
        return;
    }
    assert!(said.contains("none of its packages can be installed: a==1"), "{said}");
    uv(&world, "exit 0");
    assert!(with_that_uv(&world, &gold).contains("1 of 1 resolved"));
}

#[test]
fn a_package_that_lacked_is_tried_again_by_prepare_and_the_task_is_installed_with_it() {
    let world = World::new();
    world.write(&["true"], &["a==1", "b==1"]);
    let prepare = ["bench", "prepare", "suites/rows.jsonl"];
    uv(&world, "case \"$*\" in *a==1*) echo no compiler; exit 2;; esac");
    let said = with_that_uv(&world, &prepare);
    if said.contains("sandbox local") {
        println!("skipped: {said}");
        return;
    }
    assert!(said.contains("lacks a==1 (the installation failed: uv pip install failed: no compiler)"), "{said}");
    uv(&world, "exit 0");
    let said = with_that_uv(&world, &prepare);
    assert!(said.contains("ready 1, skipped 0") && !said.contains("lacks"), "{said}");
    let installed = fs::read_dir(world.at("cache/checkouts")).unwrap().count();
    assert_eq!(installed, 2, "one without the package, and one with it");
}

#[test]
fn an_install_command_that_moves_the_checkout_is_refused() {
    let world = World::new();
    let commit = "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m";
    world.write(&[&format!("{commit} one"), &format!("{commit} one\n{commit} two")], &[]);
    let rows = world.gold();
    if !is_local(&rows) {
        return;
    }
    let verdicts: Vec<&str> = rows.iter().map(|(verdict, _)| verdict.as_str()).collect();
    assert_eq!(verdicts, ["resolved", "skipped"], "{rows:#?}");
    assert!(
        rows[1].1.contains("the result of its installation can't be used: the checkout was made at "),
        "{}",
        rows[1].1
    );
}
