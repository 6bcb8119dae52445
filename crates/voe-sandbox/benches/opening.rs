//! The cost of opening a sandbox on a tree of 35 000 files, starting its toolbox, running a command and closing it, in `local`
//! and `landlock`, the latter as an ordinary user. CPU seconds of this process and all its children, with wall time for a
//! person to read. `VOE_BENCH_FILES` sets another number of files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

const ROUNDS: u32 = 3;

fn main() -> std::process::ExitCode {
    support::run(|| {
        let arguments: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
        if let [word] = &arguments[..] {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(measure(word.parse().unwrap()));
            return true;
        }
        let user = support::ordinary_user();
        support::again(&["local"], None) & support::again(&["local"], user) & support::again(&["landlock"], user)
    })
}

async fn measure(choice: BackendChoice) {
    let dir = tempfile::tempdir().unwrap();
    let work = dir.path().join("work");
    let files = std::env::var("VOE_BENCH_FILES").ok().and_then(|n| n.parse().ok()).unwrap_or(35_000);
    tree(&work, files);
    for arguments in
        [&["init", "-q"][..], &["add", "-A"], &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]]
    {
        assert!(Command::new("git").current_dir(&work).args(arguments).status().unwrap().success());
    }
    let user = rustix::process::getuid().as_raw();
    let (mut opening, mut starting, mut closing) = (Cost::default(), Cost::default(), Cost::default());
    for _ in 0..ROUNDS {
        let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), &work, dir.path().join("state"));
        spec.choice = choice;
        let began = Cost::now();
        let sandbox = match Sandbox::open(spec).await {
            Ok(sandbox) => sandbox,
            Err(error) => return println!("skipped: {choice} as user {user}: {error}"),
        };
        opening.add(&began);
        let began = Cost::now();
        let pristine = sandbox.base_inside().map_or_else(|| support::git_pristine(&work), support::BaseSource::Dir);
        let setup = support::Setup { pristine, ..support::setup() };
        let (mut toolbox, _) = sandbox.toolbox(setup).await.unwrap();
        let result = support::bash(&mut toolbox, "cat d0/f1").await.unwrap();
        assert_eq!(result.exit, Some(0), "{}", result.text());
        toolbox.close().await;
        starting.add(&began);
        let began = Cost::now();
        sandbox.close().await.unwrap();
        closing.add(&began);
    }
    println!("{choice} as user {user}, {files} files:");
    opening.print("opening");
    starting.print("toolbox, first command, end");
    closing.print("closing");
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
        let rounds = f64::from(ROUNDS) / 1e3;
        println!("  {name}: {:.0} ms of CPU, {:.0} ms of wall time", self.cpu / rounds, self.wall / rounds);
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
