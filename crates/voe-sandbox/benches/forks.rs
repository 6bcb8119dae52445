//! The cost of a snapshot, a fork and its first command on a tree of 35 000 files, against git and a plain copy. CPU seconds of
//! this process and all its children, with wall time for a person to read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use voe_protocol::Setup;
use voe_protocol::Toolbox;
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

const ROUNDS: usize = 10;

fn main() -> std::process::ExitCode {
    support::run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(all());
        true
    })
}

async fn all() {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    // Other numbers separate the cost of the toolbox's scans of the tree from that of the sandbox.
    let files = std::env::var("VOE_BENCH_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(35_000);
    tree(&work, files);
    git(&work, &["init", "-q"]);
    git(&work, &["config", "user.name", "a"]);
    git(&work, &["config", "user.email", "a@b"]);
    git(&work, &["config", "gc.auto", "0"]);
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-qm", "base"]);
    let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), &work, dir.path().join("state"));
    spec.choice = BackendChoice::Local;
    let sandbox = match Sandbox::open(spec).await {
        Ok(sandbox) => sandbox,
        Err(error) => return println!("skipped: {error}"),
    };
    println!("{files} files, {}", sandbox.facts().detail);
    let setup = support::setup;
    let (mut toolbox, hello) = sandbox.toolbox(setup()).await.unwrap();
    println!("the toolbox's first look: {:.1} ms of CPU", hello.scan_ms);
    // A check without the edits runs in a fork whose changes are not tracked; a branch of a search has them tracked.
    let ours = rounds(&sandbox, &mut toolbox, true).await;
    rounds(&sandbox, &mut toolbox, false).await;
    drop(toolbox);
    sandbox.close().await.unwrap();

    let base = "git rev-parse HEAD";
    let base =
        String::from_utf8(Command::new("sh").current_dir(&work).args(["-c", base]).output().unwrap().stdout).unwrap();
    compare(
        ours,
        "git add -A, commit, checkout, clean",
        &work,
        &format!(
            "echo $RANDOM >> d0/f1; echo x > new; git add -A && git commit -qm x && git checkout -q {} && git clean -fdxq && cat d0/f1 >/dev/null",
            base.trim()
        ),
    );
    compare(ours, "cp -a", dir.path(), "rm -rf copy; cp -a work copy && cat copy/d0/f1 >/dev/null");
}

/// CPU seconds of a round.
async fn rounds(sandbox: &Sandbox, toolbox: &mut Toolbox, unwatched: bool) -> f64 {
    println!("\na fork {}:", if unwatched { "for a check" } else { "that is worked in" });
    let (mut snapshots, mut forks, mut firsts, mut closes, mut looks) =
        (Cost::default(), Cost::default(), Cost::default(), Cost::default(), 0.0);
    for round in 0..ROUNDS {
        support::bash(toolbox, &format!("echo {round} > d0/f1; echo {round} > new{round}")).await.unwrap();
        let began = Cost::now();
        let at = sandbox.snapshot().await.unwrap();
        snapshots.add(&began);
        let began = Cost::now();
        let fork = sandbox.fork(&at).await.unwrap();
        forks.add(&began);
        let began = Cost::now();
        let (mut other, hello) = fork.toolbox(Setup { unwatched, ..support::setup() }).await.unwrap();
        looks += hello.scan_ms / ROUNDS as f64;
        let first = support::bash(&mut other, "cat d0/f1").await.unwrap();
        assert!(first.text().starts_with(&round.to_string()), "{}", first.text());
        // Only what has ended is counted.
        other.close().await;
        firsts.add(&began);
        let began = Cost::now();
        fork.close().await.unwrap();
        closes.add(&began);
    }
    snapshots.print("snapshot");
    forks.print("fork");
    firsts.print("toolbox, first command, end");
    println!("  of these {looks:.2} ms the toolbox's first look");
    closes.print("closing the fork");
    let ours = (snapshots.cpu + forks.cpu + firsts.cpu + closes.cpu) / ROUNDS as f64;
    println!("together: {:.2} ms of CPU", ours * 1e3);
    ours
}

fn compare(ours: f64, name: &str, dir: &Path, script: &str) {
    let mut cost = Cost::default();
    let rounds = 3;
    for _ in 0..rounds {
        let began = Cost::now();
        let status = Command::new("bash").current_dir(dir).args(["-c", script]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success());
        cost.add(&began);
    }
    println!(
        "{name}: {:.0} ms of CPU: {:.0} times as much",
        cost.cpu / rounds as f64 * 1e3,
        cost.cpu / rounds as f64 / ours
    );
}

fn tree(work: &Path, files: usize) {
    for number in 0..files {
        let dir = work.join(format!("d{}", number / 100));
        if number % 100 == 0 {
            fs::create_dir_all(&dir).unwrap();
        }
        fs::write(dir.join(format!("f{number}")), format!("{number}\n").repeat(200)).unwrap();
    }
}

fn git(dir: &Path, arguments: &[&str]) {
    assert!(Command::new("git").current_dir(dir).args(arguments).status().unwrap().success());
}

/// CPU and wall seconds.
#[derive(Default)]
struct Cost {
    cpu: f64,
    wall: f64,
}

impl Cost {
    fn now() -> (f64, Instant) {
        (cpu(), Instant::now())
    }

    fn add(&mut self, began: &(f64, Instant)) {
        self.cpu += cpu() - began.0;
        self.wall += began.1.elapsed().as_secs_f64();
    }

    fn print(&self, name: &str) {
        let rounds = ROUNDS as f64 / 1e3;
        println!("{name}: {:.2} ms of CPU, {:.2} ms of wall time", self.cpu / rounds, self.wall / rounds);
    }
}

/// Seconds of this process and of its children that have ended.
#[allow(unsafe_code)]
fn cpu() -> f64 {
    [libc::RUSAGE_SELF, libc::RUSAGE_CHILDREN]
        .into_iter()
        .map(|who| {
            // SAFETY: all-zero bytes are a valid rusage, which the call fills in.
            let usage = unsafe {
                let mut usage: libc::rusage = std::mem::zeroed();
                libc::getrusage(who, &raw mut usage);
                usage
            };
            let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
            seconds(usage.ru_utime) + seconds(usage.ru_stime)
        })
        .sum()
}
