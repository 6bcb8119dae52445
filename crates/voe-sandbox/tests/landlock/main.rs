//! Promises of the backend `landlock` beyond the table of hostile commands: it works on a copy, decides once which paths may
//! be reached, and changes nothing outside, not even a mode. As an ordinary user; root is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "../support/mod.rs"]
mod support;

mod copy;
mod outside;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use voe_protocol::CallResult;
use voe_protocol::Toolbox;
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig, SandboxError};

const SECRET: &str = "correct-horse-battery";

fn main() -> std::process::ExitCode {
    support::run(|| {
        if std::env::args().nth(1).as_deref() == Some("as-this-user") {
            return all();
        }
        match support::ordinary_user() {
            Some(user) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let dir = tempfile::tempdir().unwrap();
                runtime.block_on(root_is_refused_and_told_what_to_use_instead(dir.path()));
                support::again(&["as-this-user"], Some(user))
            }
            None => support::again(&["as-this-user"], None),
        }
    })
}

fn all() -> bool {
    let dir = tempfile::tempdir().unwrap();
    #[allow(unsafe_code)]
    // SAFETY: before any thread is started.
    unsafe {
        std::env::set_var("HOME", dir.path().join("home"))
    };
    let user = rustix::process::getuid().as_raw();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match Sandbox::open(World::new(dir.path()).spec()).await {
            Err(error @ SandboxError::Unavailable { .. }) => return println!("skipped: as user {user}: {error}"),
            other => drop(other.unwrap()),
        }
        let world = || World::new(dir.path());
        copy::every_file_of_the_copy_can_be_written_and_chmodded_and_the_users_tree_stays_as_it_was(world()).await;
        outside::a_toolbox_that_was_killed_gets_the_same_reach_whatever_commands_wrote_into_the_repository(world())
            .await;
        copy::links_and_configuration_in_place_of_git_never_reach_the_users_repository_or_home(world()).await;
        copy::a_work_tree_commits_in_a_repository_of_its_own_and_the_users_stays(world()).await;
        outside::a_git_file_that_leads_to_another_repository_of_the_users_does_not_show_it(world()).await;
        outside::a_workspace_with_credentials_in_it_is_refused(world()).await;
        outside::a_workspace_with_a_home_in_it_is_refused(world()).await;
        outside::terminals_of_the_users_other_windows_cannot_be_opened(world()).await;
        outside::modes_times_owners_and_attributes_outside_stay_as_they_are(world()).await;
        copy::modes_and_times_in_the_copy_can_be_changed_in_every_way_that_programs_use(world()).await;
        outside::limits_and_priorities_of_other_processes_stay_and_the_supervisor_serves_afterwards(world()).await;
        outside::memory_queues_watches_and_leases_that_reach_the_users_other_processes_are_refused(world()).await;
        outside::sockets_of_the_machine_cannot_be_reached_with_the_network_on_or_off(world()).await;
        outside::a_file_outside_cannot_be_truncated(world()).await;
        copy::snapshots_and_forks_share_nothing_and_have_what_was_there(world()).await;
        copy::directories_of_the_workspace_in_path_are_those_of_the_copy(world()).await;
        copy::nothing_is_left_in_voes_directory(world()).await;
        println!("landlock as user {user}: all passed");
    });
    true
}

/// A home with secrets and tools, and a repository in it.
struct World {
    dir: tempfile::TempDir,
    home: PathBuf,
    work: PathBuf,
}

impl World {
    /// `parent` contains the home, which is the same for all tests.
    fn new(parent: &Path) -> Self {
        let home = parent.join("home");
        fs::create_dir_all(home.join(".kube")).unwrap();
        fs::create_dir_all(home.join(".cargo/bin")).unwrap();
        fs::write(home.join(".kube/config"), SECRET).unwrap();
        fs::write(home.join(".cargo/bin/tool"), "tool\n").unwrap();
        let dir = tempfile::tempdir_in(&home).unwrap();
        let work = dir.path().join("work");
        fs::create_dir_all(work.join("src/deep")).unwrap();
        for (name, text) in [("a.txt", "a\n"), ("src/b.txt", "b\n"), ("src/deep/c.txt", "c\n")] {
            fs::write(work.join(name), text).unwrap();
        }
        fs::write(work.join("run.sh"), "#!/bin/sh\necho ran\n").unwrap();
        symlink("a.txt", work.join("link")).unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        git(&work, &["add", "."]);
        git(&work, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"]);
        Self { dir, home, work }
    }

    fn spec(&self) -> SandboxConfig {
        let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), &self.work, self.dir.path().join("state"));
        spec.choice = BackendChoice::Landlock;
        spec
    }

    async fn open(&self) -> (Sandbox, Toolbox) {
        let sandbox = Sandbox::open(self.spec()).await.unwrap();
        let toolbox = start(&sandbox).await;
        (sandbox, toolbox)
    }
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn start(sandbox: &Sandbox) -> Toolbox {
    let pristine = support::BaseSource::Dir(sandbox.base_inside().unwrap());
    sandbox.toolbox(support::Setup { pristine, ..support::setup() }).await.unwrap().0
}

/// Runs a command that has to work, and returns its output.
async fn sh(toolbox: &mut Toolbox, command: &str) -> String {
    let result = support::bash(toolbox, command).await.unwrap();
    assert_eq!(result.exit, Some(0), "{command}: {}", result.text());
    result.text().replace("exit code: 0", "").trim().to_owned()
}

/// Runs a command that must not work.
async fn refused(toolbox: &mut Toolbox, command: &str) -> CallResult {
    let result = support::bash(toolbox, command).await.unwrap();
    assert_ne!(result.exit, Some(0), "{command}: {}", result.text());
    assert!(!result.text().contains(SECRET), "{command}: {}", result.text());
    result
}

type Entry = (u64, u32, i64, i64, Vec<u8>);

/// Inode, mode, time and content of everything below a directory.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Entry> {
    let (mut found, mut open) = (BTreeMap::new(), vec![dir.to_path_buf()]);
    while let Some(path) = open.pop() {
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if meta.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            Vec::new()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, (meta.ino(), meta.mode(), meta.mtime(), meta.mtime_nsec(), content));
    }
    found
}

async fn root_is_refused_and_told_what_to_use_instead(dir: &Path) {
    let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), dir.join("work"), dir.join("state"));
    spec.choice = BackendChoice::Landlock;
    let error = Sandbox::open(spec).await.unwrap_err();
    assert!(matches!(error, SandboxError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("--sandbox local"), "{error}");
}
