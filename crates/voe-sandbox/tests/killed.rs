//! SIGKILL to voe at random moments: after the next start's sweep no process, mount, control group or directory of the dead
//! one is left. `VOE_TEST_KILLS` sets how often (20 times by default).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "support/processes.rs"]
mod processes;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

fn main() -> std::process::ExitCode {
    support::run(|| match std::env::args().nth(1).as_deref() {
        Some("attempt") => attempt(),
        Some("as-this-user") => all(),
        Some("docker") => containers(),
        _ => {
            let ordinary = support::ordinary_user();
            if ordinary.is_none() {
                println!("skipped: as another user (needs root)");
            }
            support::again(&["as-this-user"], None)
                & ordinary.is_none_or(|user| support::again(&["as-this-user"], Some(user)))
        }
    })
}

fn all() -> bool {
    let times: u32 = std::env::var("VOE_TEST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    let dir = tempfile::tempdir().unwrap();
    let (work, state) = (dir.path().join("work"), dir.path().join("state"));
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("a.txt"), "a").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    if let Err(error) = runtime.block_on(Sandbox::open(spec(&work, &state.join("0")))) {
        println!("skipped: local as user {}: {error}", rustix::process::getuid().as_raw());
        return true;
    }
    let mark = format!("voe-test-{}", std::process::id());
    let helper = format!("{}\0sandbox-init", std::env::current_exe().unwrap().display());
    for time in 0..times {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["attempt", work.to_str().unwrap(), state.join(time.to_string()).to_str().unwrap(), &mark])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Spread over the whole of an attempt, the first milliseconds included.
        std::thread::sleep(Duration::from_millis(u64::from(time * 7919 % 400)));
        child.kill().unwrap();
        child.wait().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        let left = || [processes::with(&mark), processes::with(&helper)].concat();
        while !left().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(left(), [0; 0], "processes are left after kill {time}");
        voe_sandbox::sweep(&state);
        let owner = format!("voe-{}-", child.id());
        let groups =
            Command::new("find").args(["/sys/fs/cgroup", "-name", &format!("{owner}*")]).output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&groups), "", "control groups are left after kill {time}");
        let left: Vec<_> =
            fs::read_dir(state.join(time.to_string())).into_iter().flatten().flatten().map(|e| e.path()).collect();
        assert!(left.is_empty(), "{left:?} is left after kill {time}");
        assert_eq!(fs::read_to_string(work.join("a.txt")).unwrap(), "a");
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(dir.path().to_str().unwrap()), "mounts are left");
    println!("killed {times} times as user {}: nothing left", rustix::process::getuid().as_raw());
    true
}

/// The same with containers: fewer kills, since each takes seconds.
fn containers() -> bool {
    const TIMES: u32 = 5;
    let dir = tempfile::tempdir().unwrap();
    let (work, state) = (dir.path().join("work"), dir.path().join("state"));
    fs::create_dir_all(&work).unwrap();
    fs::write(work.join("a.txt"), "a").unwrap();
    let docker = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let mut seen = 0;
    for time in 0..TIMES {
        let home = state.join(time.to_string());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["attempt", work.to_str().unwrap(), home.to_str().unwrap(), "voe-test", "docker"])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while docker(&["ps", "-aq"]).is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        std::thread::sleep(Duration::from_millis(u64::from(time * 1700)));
        child.kill().unwrap();
        child.wait().unwrap();
        seen += docker(&["ps", "-aq"]).lines().count();
        // The engine may still be carrying out a request of the dead voe; a start after that finds the result.
        let left = || docker(&["ps", "-aq"]) + &docker(&["images", "-q", "--filter", "reference=voe-snapshot"]);
        let until = Instant::now() + Duration::from_secs(60);
        voe_sandbox::sweep(&state);
        while !left().is_empty() && Instant::now() < until {
            std::thread::sleep(Duration::from_secs(1));
            voe_sandbox::sweep(&state);
        }
        assert_eq!(left(), "", "containers or images are left after kill {time}");
        let left: Vec<_> = fs::read_dir(&home).into_iter().flatten().flatten().map(|e| e.path()).collect();
        assert!(left.is_empty(), "{left:?} is left after kill {time}");
    }
    assert!(seen > 0, "no kill ever met a container: this shows nothing");
    println!("killed {TIMES} times with {seen} containers: nothing left");
    true
}

fn spec(work: &Path, home: &Path) -> SandboxConfig {
    let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), work, home);
    spec.state = home.parent().map(Path::to_path_buf);
    spec.choice = std::env::args().nth(5).map_or(BackendChoice::Local, |word| word.parse().unwrap());
    spec.image = std::env::var("VOE_TEST_IMAGE").ok();
    spec
}

/// Opens, runs, snapshots and forks until it is killed.
fn attempt() -> bool {
    let arguments: Vec<String> = std::env::args().skip(2).collect();
    let [work, home, mark, ..] = &arguments[..] else { return false };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let sandbox = Sandbox::open(spec(Path::new(work), Path::new(home))).await.unwrap();
        let pristine = support::BaseSource::Dir(sandbox.base_inside().unwrap());
        let setup = || support::Setup { pristine: pristine.clone(), ..support::setup() };
        let (mut toolbox, _) = sandbox.toolbox(setup()).await.unwrap();
        loop {
            let command =
                format!("(setsid bash -c 'exec -a {mark} sleep 100' &); echo x >> a.txt; exec -a {mark} sleep 0.02");
            support::bash(&mut toolbox, &command).await.unwrap();
            let fork = sandbox.fork(&sandbox.snapshot().await.unwrap()).await.unwrap();
            let (mut other, _) = fork.toolbox(setup()).await.unwrap();
            support::bash(&mut other, &command).await.unwrap();
        }
    })
}
