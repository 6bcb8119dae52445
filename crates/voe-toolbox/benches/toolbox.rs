//! CPU time of the toolbox's own process: looking for changes in a workspace of 35 000 files, and an edit.
//!
//! `cargo bench -p voe-toolbox`. The time shown is that of one call in the toolbox; for the scan it is also shown per file.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use criterion::Criterion;
use serde_json::{Value, json};
use voe_protocol::Toolbox;
use voe_protocol::{BaseSource, Setup};

const FILES: usize = 35_000;

struct Bench {
    runtime: tokio::runtime::Runtime,
    toolbox: Toolbox,
    workspace: PathBuf,
    _dir: tempfile::TempDir,
}

impl Bench {
    /// A toolbox in a repository of that many files, 20 in a directory.
    fn new(files: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (workspace, git_dir) = (dir.path().join("work"), dir.path().join("base.git"));
        fs::create_dir(&workspace).unwrap();
        for n in 0..files {
            let parent = workspace.join(format!("package_{:02}/module_{:03}", n / 800, n / 20 % 40));
            if n % 20 == 0 {
                fs::create_dir_all(&parent).unwrap();
            }
            fs::write(parent.join(format!("some_source_{:02}.py", n % 20)), format!("x = {n}\n")).unwrap();
        }
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(&workspace).env("GIT_DIR", &git_dir).env("GIT_WORK_TREE", &workspace);
            String::from_utf8(command.args(args).output().unwrap().stdout).unwrap().trim().to_owned()
        };
        git(&["init", "-q"]);
        git(&["add", "-A"]);
        let setup = Setup {
            workspace: workspace.clone(),
            scratch: dir.path().join("scratch"),
            pristine: BaseSource::Git { git_dir: git_dir.clone(), tree: git(&["write-tree"]) },
            limits: Default::default(),
            env: Default::default(),
            syntax: Default::default(),
            byproducts: Vec::new(),
            resumed: false,
            earlier_commands: Vec::new(),
            unwatched: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
        command.env("VOE_TOOLBOX", "1");
        let (toolbox, hello) = runtime.block_on(Toolbox::start(command, &setup)).unwrap();
        println!("first scan: {} files, {:.1} ms CPU", hello.files, hello.scan_ms);
        Self { runtime, toolbox, workspace, _dir: dir }
    }

    fn call(&mut self, tool: &str, arguments: Value) {
        let result = self.runtime.block_on(self.toolbox.call(tool, arguments, Duration::from_secs(60))).unwrap();
        assert!(result.ok, "{}", result.text());
    }

    /// CPU time of the toolbox's process so far.
    fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/schedstat", self.toolbox.pid().unwrap())).unwrap();
        Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
    }

    /// CPU time of that many calls.
    fn measure(&mut self, calls: u64, mut call: impl FnMut(&mut Self, u64)) -> Duration {
        let before = self.cpu();
        for n in 0..calls {
            call(self, n);
        }
        self.cpu() - before
    }
}

/// CPU time of a walk that does nothing but list directories and `fstatat` every file.
fn floor(root: &Path) -> Duration {
    fn walk(root: &Path) {
        for entry in fs::read_dir(root).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path())
            } else {
                std::hint::black_box(entry.metadata().unwrap());
            }
        }
    }
    let cpu = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let before = cpu();
    walk(root);
    cpu() - before
}

fn main() -> ExitCode {
    if std::env::var_os("VOE_TOOLBOX").is_some() {
        return voe_toolbox::server::run();
    }
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let (mut small, mut large) = (Bench::new(20), Bench::new(FILES));
    let nothing = |bench: &mut Bench, _| bench.call("bash", json!({"command": "true"}));
    criterion.bench_function("bash true, 20 files", |b| b.iter_custom(|n| small.measure(n, nothing)));
    criterion.bench_function("bash true, 35 000 files", |b| b.iter_custom(|n| large.measure(n, nothing)));
    let times = |bench: &mut Bench| {
        let mut all: Vec<Duration> = (0..20).map(|_| bench.measure(1, nothing)).collect();
        all.sort();
        all[10]
    };
    let look = times(&mut large).saturating_sub(times(&mut small));
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / FILES as f64;
    let mut floors: Vec<Duration> = (0..20).map(|_| floor(&large.workspace)).collect();
    floors.sort();
    println!("looking for changes: {:.2} µs a file (target: 3)", micros(look));
    println!("of which the system's own calls, by a bare walk: {:.2} µs\n", micros(floors[10]));
    let path = "package_00/module_000/some_source_00.py";
    let mut value = 0;
    criterion.bench_function("file_edit, 35 000 files", |b| {
        b.iter_custom(|n| {
            large.measure(n, |bench, _| {
                let edit = json!({"path": path, "old_string": format!("x = {value}\n"), "new_string": format!("x = {}\n", value + 1)});
                bench.call("file_edit", edit);
                value += 1;
            })
        });
    });
    criterion.bench_function("file_read, 35 000 files", |b| {
        b.iter_custom(|n| large.measure(n, |bench, _| bench.call("file_read", json!({ "path": path }))));
    });
    criterion.final_summary();
    ExitCode::SUCCESS
}
