//! Files written inside stay inside, and snapshots and forks share nothing writable; also with worktrees, in homes and in
//! `/tmp`. As root and as an ordinary user.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use voe_protocol::Toolbox;
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig};

fn main() -> std::process::ExitCode {
    support::run(|| {
        if std::env::args().nth(1).as_deref() == Some("as-this-user") {
            return all();
        }
        if std::env::args().any(|word| word == "docker") {
            return in_containers();
        }
        let ordinary = support::ordinary_user();
        if ordinary.is_none() {
            println!("skipped: as another user (needs root)");
        }
        support::again(&["as-this-user"], None)
            & ordinary.is_none_or(|user| support::again(&["as-this-user"], Some(user)))
    })
}

fn all() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("home");
    fs::create_dir(&home).unwrap();
    #[allow(unsafe_code)]
    // SAFETY: before any thread is started.
    unsafe {
        std::env::set_var("HOME", &home)
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        if let Err(error) = Sandbox::open(Case::new(dir.path()).spec()).await {
            println!("skipped: local as user {}: {error}", rustix::process::getuid().as_raw());
            return;
        }
        a_fork_of_base_has_the_users_tree_and_a_copy_of_tmp(Case::new(dir.path())).await;
        a_snapshot_keeps_what_was_there_and_the_toolbox_goes_on(Case::new(dir.path())).await;
        deletions_renames_and_replaced_directories_survive_a_snapshot(Case::new(dir.path())).await;
        forks_of_forks_outlive_what_they_came_from(Case::new(dir.path())).await;
        a_toolbox_that_died_is_started_again_on_the_same_workspace(Case::new(dir.path())).await;
        a_snapshot_between_two_toolboxes_is_no_different(Case::new(dir.path())).await;
        many_snapshots_can_be_kept(Case::new(dir.path())).await;
        large_layers_stack_up(Case::new(dir.path())).await;
        a_worktree_in_a_home_commits_without_touching_the_repository(Case::in_dir(&home)).await;
        the_workspace_can_be_shown_elsewhere(Case::new(dir.path())).await;
        a_directory_of_voes_own_inside_the_workspace_is_refused(Case::new(dir.path())).await;
        nothing_is_left_in_voes_directory(Case::new(dir.path())).await;
        println!("forks as user {}: ok", rustix::process::getuid().as_raw());
    });
    true
}

/// The promises that containers keep, too.
fn in_containers() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let case = || Case { choice: BackendChoice::Docker, ..Case::new(dir.path()) };
        a_fork_of_base_has_the_users_tree_and_a_copy_of_tmp(case()).await;
        a_snapshot_keeps_what_was_there_and_the_toolbox_goes_on(case()).await;
        deletions_renames_and_replaced_directories_survive_a_snapshot(case()).await;
        forks_of_forks_outlive_what_they_came_from(case()).await;
        a_toolbox_that_died_is_started_again_on_the_same_workspace(case()).await;
        the_workspace_can_be_shown_elsewhere(case()).await;
    });
    println!("forks in containers: ok");
    true
}

/// A workspace of its own.
struct Case {
    dir: tempfile::TempDir,
    work: PathBuf,
    choice: BackendChoice,
}

impl Case {
    fn new(parent: &Path) -> Self {
        Self::in_dir(parent)
    }

    fn in_dir(parent: &Path) -> Self {
        let dir = tempfile::tempdir_in(parent).unwrap();
        let work = dir.path().join("work");
        fs::create_dir_all(work.join("src/deep")).unwrap();
        for (name, text) in [("a.txt", "a"), ("src/b.txt", "b"), ("src/deep/c.txt", "c")] {
            fs::write(work.join(name), text).unwrap();
        }
        Self { dir, work, choice: BackendChoice::Local }
    }

    fn spec(&self) -> SandboxConfig {
        let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), &self.work, self.dir.path().join("state"));
        spec.choice = self.choice;
        spec.image = std::env::var("VOE_TEST_IMAGE").ok();
        spec
    }

    async fn open(&self) -> Sandbox {
        Sandbox::open(self.spec()).await.unwrap()
    }
}

async fn start(sandbox: &Sandbox) -> Toolbox {
    let pristine = sandbox.base_inside().map_or(support::setup().pristine, support::BaseSource::Dir);
    sandbox.toolbox(support::Setup { pristine, ..support::setup() }).await.unwrap().0
}

/// Runs a command that has to work, and returns its output.
async fn sh(toolbox: &mut Toolbox, command: &str) -> String {
    let result = support::bash(toolbox, command).await.unwrap();
    assert_eq!(result.exit, Some(0), "{command}: {}", result.text());
    result.text().replace("exit code: 0", "").trim().to_owned()
}

async fn a_fork_of_base_has_the_users_tree_and_a_copy_of_tmp(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "echo edited > a.txt; rm src/b.txt; echo script > /tmp/check.sh; ln -s /etc /tmp/link; echo h > ~/x")
        .await;
    let fork = sandbox.fork(&sandbox.base()).await.unwrap();
    assert_eq!(fork.workspace(), case.work);
    let mut two = start(&fork).await;
    assert_eq!(
        sh(&mut two, "cat a.txt src/b.txt; cat /tmp/check.sh ~/x; readlink /tmp/link; pwd")
            .await
            .lines()
            .collect::<Vec<_>>(),
        ["abscript".to_owned(), "h".into(), "/etc".into(), case.work.display().to_string()]
    );
    sh(&mut two, "echo other > a.txt; echo other > /tmp/check.sh; touch /tmp/theirs").await;
    assert_eq!(sh(&mut one, "cat a.txt /tmp/check.sh; ls /tmp | grep -c theirs || true").await, "edited\nscript\n0");
    assert_eq!(fs::read_to_string(case.work.join("a.txt")).unwrap(), "a");
    let base = sandbox.base_inside().unwrap();
    assert_eq!(
        sh(&mut one, &format!("cat {0}/a.txt; touch {0}/x 2>/dev/null || echo no", base.display())).await,
        "ano"
    );
}

async fn a_snapshot_keeps_what_was_there_and_the_toolbox_goes_on(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "echo 1 > a.txt").await;
    let first = sandbox.snapshot().await.unwrap();
    assert_eq!(sh(&mut one, "cat a.txt; echo 2 > a.txt; touch new; cat a.txt").await, "1\n2");
    let second = sandbox.snapshot().await.unwrap();
    sh(&mut one, "echo 3 > a.txt; rm new").await;
    for (at, expected) in [(&first, "1\na.txt src"), (&second, "2\na.txt new src"), (&sandbox.base(), "aa.txt src")] {
        let fork = sandbox.fork(at).await.unwrap();
        let mut two = start(&fork).await;
        assert_eq!(sh(&mut two, "cat a.txt; echo *").await, expected);
        sh(&mut two, "echo fork > a.txt").await;
        assert_eq!(sh(&mut two, "cat a.txt").await, "fork");
    }
    assert_eq!(sh(&mut one, "cat a.txt; echo *").await, "3\na.txt src");
}

async fn deletions_renames_and_replaced_directories_survive_a_snapshot(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "mv src lib; rm a.txt; mkdir a.txt; echo x > a.txt/x").await;
    let at = sandbox.snapshot().await.unwrap();
    sh(&mut one, "rm -r lib/deep; mkdir lib/deep; echo new > lib/deep/n; mv lib src").await;
    let later = sandbox.snapshot().await.unwrap();
    let look = "find . -type f | sort | xargs";
    for (at, expected) in [
        (&at, "./a.txt/x ./lib/b.txt ./lib/deep/c.txt"),
        (&later, "./a.txt/x ./src/b.txt ./src/deep/n"),
        (&sandbox.base(), "./a.txt ./src/b.txt ./src/deep/c.txt"),
    ] {
        let fork = sandbox.fork(at).await.unwrap();
        assert_eq!(sh(&mut start(&fork).await, look).await, expected);
    }
    assert_eq!(sh(&mut one, look).await, "./a.txt/x ./src/b.txt ./src/deep/n");
}

async fn forks_of_forks_outlive_what_they_came_from(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "echo 1 > a.txt").await;
    let fork = sandbox.fork(&sandbox.snapshot().await.unwrap()).await.unwrap();
    let mut two = start(&fork).await;
    sh(&mut two, "echo 2 > src/b.txt").await;
    let grandchild = fork.fork(&fork.snapshot().await.unwrap()).await.unwrap();
    drop((one, two));
    sandbox.close().await.unwrap();
    fork.close().await.unwrap();
    assert_eq!(sh(&mut start(&grandchild).await, "cat a.txt src/b.txt").await, "1\n2");
}

async fn a_toolbox_that_died_is_started_again_on_the_same_workspace(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "echo 1 > a.txt; echo t > /tmp/t").await;
    let pid = rustix::process::Pid::from_raw(one.pid().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert!(support::bash(&mut one, "true").await.unwrap_err().is_fatal());
    drop(one);
    assert_eq!(sh(&mut start(&sandbox).await, "cat a.txt /tmp/t").await, "1\nt");
}

async fn a_snapshot_between_two_toolboxes_is_no_different(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "echo 1 > a.txt").await;
    one.close().await;
    let at = sandbox.snapshot().await.unwrap();
    let mut two = start(&sandbox).await;
    assert_eq!(sh(&mut two, "cat a.txt; echo 2 > a.txt").await, "1");
    let fork = sandbox.fork(&at).await.unwrap();
    assert_eq!(sh(&mut start(&fork).await, "cat a.txt").await, "1");
}

async fn many_snapshots_can_be_kept(case: Case) {
    const SNAPSHOTS: usize = 120;
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    let mut kept = Vec::new();
    for number in 0..SNAPSHOTS {
        sh(&mut one, &format!("echo {number} > a.txt; touch src/{number}; rm -f src/$(({number} - 1))")).await;
        kept.push(sandbox.snapshot().await.unwrap());
    }
    assert_eq!(
        sh(&mut one, "cat a.txt; ls src | xargs").await,
        format!("{}\n{} b.txt deep", SNAPSHOTS - 1, SNAPSHOTS - 1)
    );
    let fork = sandbox.fork(&kept[70]).await.unwrap();
    assert_eq!(sh(&mut start(&fork).await, "cat a.txt; ls src | xargs").await, "70\n70 b.txt deep");
}

async fn large_layers_stack_up(case: Case) {
    const SNAPSHOTS: usize = 40;
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    let mut kept = Vec::new();
    for number in 0..SNAPSHOTS {
        // More than a snapshot copies.
        let many = "mkdir -p many; rm -f many/*; touch $(seq -f many/%g 2100)";
        sh(&mut one, &format!("{many}; echo {number} > a.txt; touch src/{number}; rm -f src/$(({number} - 1))")).await;
        kept.push(sandbox.snapshot().await.unwrap());
    }
    let last = SNAPSHOTS - 1;
    assert_eq!(
        sh(&mut one, "cat a.txt; ls src | xargs; ls many | wc -l").await,
        format!("{last}\n{last} b.txt deep\n2100")
    );
    let fork = sandbox.fork(&kept[20]).await.unwrap();
    assert_eq!(sh(&mut start(&fork).await, "cat a.txt; ls src | xargs").await, "20\n20 b.txt deep");
}

async fn a_worktree_in_a_home_commits_without_touching_the_repository(case: Case) {
    let git = |dir: &Path, arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&case.work, &["init", "-q", "-b", "main"]);
    git(&case.work, &["add", "."]);
    git(&case.work, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"]);
    let tree = case.dir.path().join("tree");
    git(&case.work, &["worktree", "add", "-q", tree.to_str().unwrap()]);
    let before = git(&case.work, &["log", "--all", "--oneline"]);
    let sandbox = Sandbox::open(SandboxConfig { workspace: tree.clone(), ..case.spec() }).await.unwrap();
    let mut one = start(&sandbox).await;
    let committed =
        sh(&mut one, "echo 2 > a.txt && git commit -qam two && git stash list && git log --oneline | wc -l").await;
    assert_eq!(committed, "2");
    let fork = sandbox.fork(&sandbox.base()).await.unwrap();
    assert_eq!(sh(&mut start(&fork).await, "git log --oneline | wc -l; git status --short").await, "1");
    assert_eq!(git(&case.work, &["log", "--all", "--oneline"]), before);
    assert_eq!(git(&tree, &["status", "--short"]), "");
}

async fn the_workspace_can_be_shown_elsewhere(case: Case) {
    let sandbox = Sandbox::open(SandboxConfig { mount_at: Some("/testbed".into()), ..case.spec() }).await.unwrap();
    assert_eq!(sandbox.workspace(), Path::new("/testbed"));
    let mut one = start(&sandbox).await;
    assert_eq!(sh(&mut one, "pwd; cat a.txt; echo x > /testbed/x; ls").await, "/testbed\naa.txt\nsrc\nx");
    sandbox.snapshot().await.unwrap();
    assert_eq!(sh(&mut one, "echo y >> x; cat x").await, "x\ny");
}

async fn a_directory_of_voes_own_inside_the_workspace_is_refused(case: Case) {
    let error =
        Sandbox::open(SandboxConfig { home: case.work.join(".voe"), ..case.spec() }).await.unwrap_err().to_string();
    assert!(error.contains("inside the workspace"), "{error}");
}

async fn nothing_is_left_in_voes_directory(case: Case) {
    let sandbox = case.open().await;
    let mut one = start(&sandbox).await;
    sh(&mut one, "mkdir -p locked/in; touch locked/in/x; chmod 000 locked/in locked; mkdir /tmp/l; chmod 0 /tmp/l")
        .await;
    let fork = sandbox.fork(&sandbox.snapshot().await.unwrap()).await.unwrap();
    let two = start(&fork).await;
    drop((one, two, fork));
    sandbox.close().await.unwrap();
    let left: Vec<_> = fs::read_dir(case.dir.path().join("state")).unwrap().flatten().map(|e| e.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
