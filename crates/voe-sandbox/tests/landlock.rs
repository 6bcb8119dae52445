//! Promises of the backend `landlock` beyond the table of hostile commands: it works on a copy, decides once which paths may
//! be reached, and changes nothing outside, not even a mode. As an ordinary user; root is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
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
        every_file_of_the_copy_can_be_written_and_chmodded_and_the_users_tree_stays_as_it_was(world()).await;
        a_toolbox_that_was_killed_gets_the_same_reach_whatever_commands_wrote_into_the_repository(world()).await;
        links_and_configuration_in_place_of_git_never_reach_the_users_repository_or_home(world()).await;
        a_work_tree_commits_in_a_repository_of_its_own_and_the_users_stays(world()).await;
        a_git_file_that_leads_to_another_repository_of_the_users_does_not_show_it(world()).await;
        a_workspace_with_credentials_in_it_is_refused(world()).await;
        a_workspace_with_a_home_in_it_is_refused(world()).await;
        terminals_of_the_users_other_windows_cannot_be_opened(world()).await;
        modes_times_owners_and_attributes_outside_stay_as_they_are(world()).await;
        modes_and_times_in_the_copy_can_be_changed_in_every_way_that_programs_use(world()).await;
        limits_and_priorities_of_other_processes_stay_and_the_supervisor_serves_afterwards(world()).await;
        memory_queues_watches_and_leases_that_reach_the_users_other_processes_are_refused(world()).await;
        sockets_of_the_machine_cannot_be_reached_with_the_network_on_or_off(world()).await;
        a_file_outside_cannot_be_truncated(world()).await;
        snapshots_and_forks_share_nothing_and_have_what_was_there(world()).await;
        directories_of_the_workspace_in_path_are_those_of_the_copy(world()).await;
        nothing_is_left_in_voes_directory(world()).await;
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

/// A command that makes a system call in Python and prints the name of its error.
fn call(arguments: &str) -> String {
    format!(
        "python3 -c 'import ctypes,errno,os; l=ctypes.CDLL(None,use_errno=True); r=l.syscall({arguments}); \
         print(errno.errorcode.get(ctypes.get_errno(),\"none\") if r<0 else \"done\")'"
    )
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

async fn every_file_of_the_copy_can_be_written_and_chmodded_and_the_users_tree_stays_as_it_was(world: World) {
    let before = tree(&world.work);
    let (sandbox, mut toolbox) = world.open().await;
    let done = sh(
        &mut toolbox,
        "find . -type f | while read -r f; do chmod 0777 \"$f\" && echo x >> \"$f\" && chmod 0600 \"$f\" || exit 1; done; \
         find . -type d -exec chmod 0777 {} + ; find . -type f | wc -l; find .git/objects -type f | wc -l",
    )
    .await;
    let numbers: Vec<usize> = done.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert!(numbers[0] > 20 && numbers[1] >= 6, "{numbers:?}");
    let copied = tree(sandbox.workspace());
    let inodes: Vec<u64> = before.values().map(|entry| entry.0).collect();
    assert!(copied.values().all(|entry| !inodes.contains(&entry.0)), "an inode is shared");
    drop(toolbox);
    sandbox.close().await.unwrap();
    assert_eq!(tree(&world.work), before);
}

async fn a_toolbox_that_was_killed_gets_the_same_reach_whatever_commands_wrote_into_the_repository(world: World) {
    let home = world.home.display().to_string();
    fs::create_dir_all(world.home.join("private/bin")).unwrap();
    fs::write(world.home.join("private/key"), SECRET).unwrap();
    fs::write(world.home.join("private/bin/python"), "").unwrap();
    let (sandbox, mut toolbox) = world.open().await;
    sh(
        &mut toolbox,
        &format!(
            "echo {home} > .git/objects/info/alternates; mkdir -p .venv/bin; ln -s {home}/private/bin/python .venv/bin/python; \
             ln -sfn {home}/new-file .git/index; echo {home} > .git/commondir"
        ),
    )
    .await;
    for _ in 0..2 {
        let pid = rustix::process::Pid::from_raw(toolbox.pid().unwrap() as i32).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        assert!(support::bash(&mut toolbox, "true").await.unwrap_err().is_fatal());
        drop(toolbox);
        toolbox = start(&sandbox).await;
        refused(&mut toolbox, &format!("cat {home}/private/key || cat {home}/.kube/config")).await;
        refused(&mut toolbox, &format!("echo x > {home}/voe-x")).await;
    }
    assert!(!world.home.join("new-file").exists() && !world.home.join("voe-x").exists());
}

async fn links_and_configuration_in_place_of_git_never_reach_the_users_repository_or_home(world: World) {
    let before = (tree(&world.work), tree(&world.home.join(".kube")));
    let kube = world.home.join(".kube").display().to_string();
    for attack in [
        format!("rm -rf .git; ln -s {kube} .git"),
        format!("rm -rf .git; echo 'gitdir: {kube}' > .git"),
        format!("echo {kube} > .git/commondir; git config --file .git/config core.fsmonitor 'touch /tmp/voe-x'; true"),
        "mkdir -p sub .git/modules/sub; echo 'gitdir: ../.git/modules/sub' > sub/.git; \
         echo '[core]' > .git/modules/sub/config"
            .to_owned(),
        "echo 'touch x' > .git/hooks/post-checkout; chmod +x .git/hooks/post-checkout; rm -rf .git/refs; true"
            .to_owned(),
    ] {
        let (sandbox, mut toolbox) = world.open().await;
        sh(&mut toolbox, &attack).await;
        let fork = sandbox.fork(&sandbox.snapshot().await.unwrap()).await.unwrap();
        let mut other = start(&fork).await;
        refused(&mut other, "cat .git/config.yaml .git/../../.kube/config").await;
        drop((toolbox, other));
        fork.close().await.unwrap();
        sandbox.close().await.unwrap();
        voe_sandbox::sweep(&world.dir.path().join("state"));
        assert_eq!((tree(&world.work), tree(&world.home.join(".kube"))), before, "{attack}");
    }
}

async fn a_work_tree_commits_in_a_repository_of_its_own_and_the_users_stays(world: World) {
    let at = world.dir.path().join("other-tree");
    git(&world.work, &["worktree", "add", "-q", at.to_str().unwrap()]);
    let before = (tree(&world.work), tree(&at));
    let sandbox = Sandbox::open(SandboxConfig { workspace: at.clone(), ..world.spec() }).await.unwrap();
    let mut toolbox = start(&sandbox).await;
    let command = "git status --short && git rev-parse --show-toplevel && echo 2 > a.txt && git commit -qam two \
                   && git log --oneline | wc -l";
    assert_eq!(sh(&mut toolbox, command).await, format!("{}\n2", sandbox.workspace().display()));
    let fork = sandbox.fork(&sandbox.base()).await.unwrap();
    assert_eq!(sh(&mut start(&fork).await, "git log --oneline | wc -l; git status --short").await, "1");
    assert_eq!((tree(&world.work), tree(&at)), before);
}

async fn a_git_file_that_leads_to_another_repository_of_the_users_does_not_show_it(world: World) {
    let private = world.dir.path().join("private");
    fs::create_dir_all(&private).unwrap();
    git(&private, &["init", "-q"]);
    fs::write(private.join(".git/description"), SECRET).unwrap();
    fs::remove_dir_all(world.work.join(".git")).unwrap();
    fs::write(world.work.join(".git"), format!("gitdir: {}/.git\n", private.display())).unwrap();
    let (_sandbox, mut toolbox) = world.open().await;
    let path = private.join(".git").display().to_string();
    refused(&mut toolbox, &format!("cat .git/description {path}/description; git log")).await;
}

async fn a_workspace_with_a_home_in_it_is_refused(world: World) {
    let above = world.home.parent().unwrap().to_path_buf();
    for workspace in [world.home.clone(), above] {
        for allow_home in [false, true] {
            let spec = SandboxConfig { workspace: workspace.clone(), allow_home, ..world.spec() };
            let error = Sandbox::open(spec).await.unwrap_err();
            assert!(matches!(error, SandboxError::Usage { .. }), "{error}");
        }
    }
}

async fn a_workspace_with_credentials_in_it_is_refused(world: World) {
    let workspace = world.home.join(".config");
    fs::create_dir_all(workspace.join("gh")).unwrap();
    let error = Sandbox::open(SandboxConfig { workspace, ..world.spec() }).await.unwrap_err();
    assert!(matches!(error, SandboxError::Usage { .. }), "{error}");
}

async fn terminals_of_the_users_other_windows_cannot_be_opened(world: World) {
    let Ok(terminal) = fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx") else {
        return println!("skipped: terminals (there is no /dev/ptmx here)");
    };
    let (_sandbox, mut toolbox) = world.open().await;
    let every = "for t in /dev/pts/* /dev/tty /dev/ptmx; do (exec 3<$t) 2>/dev/null && exit 0; \
                 (exec 3>>$t) 2>/dev/null && exit 0; done; exit 1";
    refused(&mut toolbox, every).await;
    drop(terminal);
}

async fn modes_times_owners_and_attributes_outside_stay_as_they_are(world: World) {
    let tool = world.home.join(".cargo/bin/tool");
    let before = (tree(&world.home.join(".cargo")), tree(&world.home.join(".kube")), tree(&world.work));
    let (_sandbox, mut toolbox) = world.open().await;
    let (path, dir, kube) = (tool.display(), tool.parent().unwrap().display(), world.home.join(".kube/config"));
    let (kube, user_tree) = (kube.display(), world.work.display());
    assert_eq!(sh(&mut toolbox, &format!("cat {path}")).await, "tool");
    for attack in [
        format!("chmod 0777 {path} || chmod 0777 {kube} || chmod 0777 {user_tree}/a.txt || chmod 0777 {user_tree}"),
        format!("ln -s {kube} out; chmod 0777 out"),
        format!("ln -s {dir} outdir; chmod 0777 outdir/tool || chmod 0777 ../../../../../../.cargo/bin/tool"),
        format!("python3 -c 'import os; os.fchmod(os.open(\"{path}\",os.O_RDONLY),0o777)'"),
        format!("python3 -c 'import os; os.chmod(\"tool\",0o777,dir_fd=os.open(\"{dir}\",os.O_RDONLY))'"),
        format!("python3 -c 'import os; f=os.open(\"{kube}\",os.O_PATH); os.chmod(f\"/proc/self/fd/{{f}}\",0o777)'"),
        format!("cd {dir} && chmod 0777 tool"),
        format!(
            "python3 -c 'import os; f=os.open(\"{kube}\",os.O_PATH); os.chmod(f\"/proc/{{os.getpid()}}/fd/{{f}}\",0o777)'"
        ),
        "chmod 0777 /proc/self/root/proc/self/exe".to_owned(),
        format!("touch -d 2001-01-01 {path} || touch -h -d 2001-01-01 {kube}"),
        format!("python3 -c 'import os; os.utime(os.open(\"{path}\",os.O_RDONLY))'"),
        format!("python3 -c 'import os; os.chown(\"{path}\",-1,os.getgid())'"),
        format!("python3 -c 'import os; os.setxattr(\"{path}\",\"user.x\",b\"y\")'"),
        format!(
            "python3 -c 'import fcntl,os; fcntl.ioctl(os.open(\"{path}\",os.O_RDONLY),0x40086602,b\"\\x40\\0\\0\\0\\0\\0\\0\\0\")'"
        ),
    ] {
        refused(&mut toolbox, &attack).await;
    }
    let now = (tree(&world.home.join(".cargo")), tree(&world.home.join(".kube")), tree(&world.work));
    assert_eq!(now, before);
}

async fn modes_and_times_in_the_copy_can_be_changed_in_every_way_that_programs_use(world: World) {
    let (_sandbox, mut toolbox) = world.open().await;
    for (command, expected) in [
        ("chmod +x run.sh && ./run.sh", "ran"),
        ("chmod 0640 link && stat -c %a a.txt", "640"),
        ("touch -d @1000000000 a.txt && stat -c %Y a.txt", "1000000000"),
        ("touch -h -d @1000000001 link && stat -c %Y link a.txt", "1000000001\n1000000000"),
        ("cp -p run.sh again.sh && stat -c %a again.sh", "755"),
        ("tar cf x.tar src run.sh && mkdir -p t && tar xf x.tar -C t && stat -c %a t/run.sh", "755"),
        ("cd src && chmod 0600 ../a.txt && stat -c %a ../a.txt", "600"),
        ("f=$(mktemp) && chmod 0444 $f && stat -c %a $f", "444"),
        (
            "python3 -c 'import os; d=os.open(\"src\",os.O_RDONLY); os.chmod(\"b.txt\",0o611,dir_fd=d); \
             f=os.open(\"src/b.txt\",os.O_PATH); os.chmod(f\"/proc/self/fd/{f}\",os.stat(f).st_mode|0o4); \
             print(oct(os.stat(f).st_mode))'",
            "0o100615",
        ),
        (
            "python3 -c 'import os; f=open(\"new\",\"w\"); os.fchmod(f.fileno(),0o700); os.utime(f.fileno(),(5,5)); print(os.stat(\"new\").st_mtime)'",
            "5.0",
        ),
        ("mkdir -p set && install -m 0711 run.sh set/ && stat -c %a set/run.sh", "711"),
        (
            "python3 -c 'import os,threading; t=[threading.Thread(target=lambda: [os.chmod(\"a.txt\",0o600) for _ in range(200)]) for _ in range(4)]; [x.start() for x in t]; [x.join() for x in t]; print(len(t))'",
            "4",
        ),
    ] {
        assert_eq!(sh(&mut toolbox, command).await, expected, "{command}");
    }
    for set_id in ["chmod 4755 run.sh", "chmod 2755 run.sh", "chmod u+s a.txt"] {
        refused(&mut toolbox, set_id).await;
    }
    for bad in ["chmod 0600 absent", "python3 -c 'import os; os.fchmod(99,0o600)'"] {
        refused(&mut toolbox, bad).await;
    }
}

async fn limits_and_priorities_of_other_processes_stay_and_the_supervisor_serves_afterwards(world: World) {
    let mut other = Command::new("sleep").arg("1000").spawn().unwrap();
    let limits = |pid: u32| fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let before = (limits(other.id()), limits(std::process::id()));
    let (_sandbox, mut toolbox) = world.open().await;
    let pid = other.id();
    for (what, attack) in [
        ("prlimit64", format!("302,{pid},1,ctypes.create_string_buffer(16),None")),
        ("setpriority", format!("141,0,{pid},19")),
        ("setpriority of all", "141,2,0,19".to_owned()),
        ("sched_setaffinity", format!("203,{pid},8,ctypes.create_string_buffer(b\"\\1\",8)")),
        ("sched_setscheduler", format!("144,{pid},3,ctypes.create_string_buffer(4)")),
        ("sched_setparam", format!("142,{pid},ctypes.create_string_buffer(4)")),
        ("sched_setattr", format!("314,{pid},ctypes.create_string_buffer(48),0")),
        ("ioprio_set", format!("251,1,{pid},24576")),
        ("ioprio_set of all", "251,3,0,24576".to_owned()),
        ("kcmp", format!("312,{pid},{pid},0,0,0")),
        ("process_madvise", "440,0,0,0,0,0".to_owned()),
    ] {
        let got = sh(&mut toolbox, &call(&attack)).await;
        assert_eq!(got, if cfg!(target_arch = "x86_64") { "EPERM" } else { got.as_str() }, "{what}");
    }
    // Every process, including the supervisor: limits on file size and the number of descriptors.
    let all = "python3 -c 'import os,resource\nn=0\nfor p in os.listdir(\"/proc\"):\n  if not p.isdigit() or int(p)==os.getpid(): continue\n  \
               for r in (resource.RLIMIT_FSIZE,resource.RLIMIT_NOFILE):\n    try: resource.prlimit(int(p),r,(1,1)); n+=1\n    \
               except (PermissionError,ProcessLookupError): pass\nprint(n)'";
    assert_eq!(sh(&mut toolbox, all).await, "0");
    assert_eq!(sh(&mut toolbox, "chmod +x run.sh && nice -n 1 ./run.sh").await, "ran");
    assert_eq!((limits(other.id()), limits(std::process::id())), before);
    other.kill().unwrap();
    other.wait().unwrap();
}

async fn memory_queues_watches_and_leases_that_reach_the_users_other_processes_are_refused(world: World) {
    if !cfg!(target_arch = "x86_64") {
        return println!("skipped: shared memory (the test knows the numbers of x86-64 only)");
    }
    let (_sandbox, mut toolbox) = world.open().await;
    for (what, attack) in [
        ("shmget", "29,0x766f65,4096,0o1600"),
        ("shmat", "30,0,None,0"),
        ("shmctl", "31,0,14,ctypes.create_string_buffer(256)"),
        ("semget", "64,0x766f65,1,0o1600"),
        ("semctl", "66,0,0,0"),
        ("msgget", "68,0x766f65,0o1600"),
        ("msgctl", "71,0,0,None"),
        ("mq_open", "240,b\"/voe-x\",0o102,0o600,None"),
        ("mq_unlink", "241,b\"/voe-x\""),
        ("inotify_add_watch", "254,0,b\"/\",2"),
        ("fcntl F_SETLEASE", "72,0,1024,0"),
        ("fcntl F_NOTIFY", "72,0,1026,0"),
    ] {
        assert_eq!(sh(&mut toolbox, &call(attack)).await, "EPERM", "{what}");
    }
    refused(&mut toolbox, "echo x > /dev/shm/voe-x || cat /dev/shm/*").await;
}

async fn sockets_of_the_machine_cannot_be_reached_with_the_network_on_or_off(world: World) {
    let (stream, datagram) = (world.dir.path().join("stream"), world.dir.path().join("datagram"));
    let listener = UnixListener::bind(&stream).unwrap();
    listener.set_nonblocking(true).unwrap();
    let receiver = UnixDatagram::bind(&datagram).unwrap();
    receiver.set_nonblocking(true).unwrap();
    for network in [false, true] {
        let sandbox = Sandbox::open(SandboxConfig { network, ..world.spec() }).await.unwrap();
        let mut toolbox = start(&sandbox).await;
        let connect =
            format!("python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"{}\")'", stream.display());
        refused(&mut toolbox, &connect).await;
        let send = format!(
            "python3 -c 'import socket; a,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM); a.sendto(b\"x\",\"{}\")'",
            datagram.display()
        );
        refused(&mut toolbox, &send).await;
        let pair = "python3 -c 'import socket; a,b=socket.socketpair(); a.send(b\"x\"); print(b.recv(1))'";
        assert_eq!(sh(&mut toolbox, pair).await, "b'x'");
        assert!(listener.accept().is_err() && receiver.recv(&mut [0; 4]).is_err());
    }
}

async fn a_file_outside_cannot_be_truncated(world: World) {
    let (_sandbox, mut toolbox) = world.open().await;
    let tool = world.home.join(".cargo/bin/tool");
    let path = tool.display();
    refused(&mut toolbox, &format!("python3 -c 'import os; os.truncate(\"{path}\",0)'")).await;
    refused(&mut toolbox, &format!("python3 -c 'import os; os.open(\"{path}\",os.O_RDONLY|os.O_TRUNC)'")).await;
    assert_eq!(fs::read_to_string(tool).unwrap(), "tool\n");
}

async fn snapshots_and_forks_share_nothing_and_have_what_was_there(world: World) {
    let (sandbox, mut one) = world.open().await;
    sh(
        &mut one,
        "echo edited > a.txt; rm src/b.txt; echo t > $TMPDIR/t; echo h > ~/h; chmod 0 src/deep/c.txt; chmod 0 src/deep",
    )
    .await;
    let at = sandbox.snapshot().await.unwrap();
    assert_eq!(sh(&mut one, "stat -c %a src/deep; echo later > a.txt").await, "0");
    let kept =
        support::call(&mut one, "file_write", serde_json::json!({ "path": "run.sh", "content": "new" })).await.unwrap();
    assert!(kept.ok, "{}", kept.text());
    let fork = sandbox.fork(&at).await.unwrap();
    let mut two = start(&fork).await;
    let look = "cat a.txt; [ -e src/b.txt ] && echo b; cat $TMPDIR/t ~/h; stat -c %a src/deep";
    assert_eq!(sh(&mut two, look).await, "edited\nt\nh\n0");
    assert_eq!(
        sh(&mut two, "chmod 755 src/deep; stat -c %a src/deep/c.txt; chmod 644 src/deep/c.txt; cat src/deep/c.txt")
            .await,
        "0\nc"
    );
    let base = sandbox.fork(&sandbox.base()).await.unwrap();
    let mut three = start(&base).await;
    assert_eq!(sh(&mut three, "cat a.txt src/b.txt $TMPDIR/t; git status --short").await, "a\nb\nt");
    sh(&mut three, "echo base > a.txt").await;
    sh(&mut two, "echo two > a.txt").await;
    assert_eq!(sh(&mut one, "cat a.txt").await, "later");
    // The other sandbox's tree can be read, so that absolute paths keep their meaning, but not changed.
    let theirs = sandbox.workspace().display().to_string();
    assert_eq!(sh(&mut two, &format!("cat {theirs}/a.txt")).await, "later");
    refused(&mut two, &format!("echo x > {theirs}/a.txt || chmod 0 {theirs}/a.txt || rm {theirs}/a.txt")).await;
    drop((one, two, three));
    sandbox.close().await.unwrap();
    let mut again = start(&fork).await;
    assert_eq!(sh(&mut again, "cat a.txt").await, "two");
}

async fn directories_of_the_workspace_in_path_are_those_of_the_copy(world: World) {
    let mut spec = world.spec();
    spec.env.insert("PATH".into(), format!("{}/src:/usr/bin:/bin", world.work.display()));
    let sandbox = Sandbox::open(spec).await.unwrap();
    let mut toolbox = start(&sandbox).await;
    let said = sh(&mut toolbox, "echo $PATH; env | grep GIT_").await;
    assert!(said.starts_with(&format!("{}/src:", sandbox.workspace().display())), "{said}");
}

async fn nothing_is_left_in_voes_directory(world: World) {
    let (sandbox, mut one) = world.open().await;
    sh(&mut one, "mkdir -p locked/in; touch locked/in/x; chmod 000 locked/in locked").await;
    let fork = sandbox.fork(&sandbox.snapshot().await.unwrap()).await.unwrap();
    let two = start(&fork).await;
    drop((one, two, fork));
    sandbox.close().await.unwrap();
    let left: Vec<_> = fs::read_dir(world.dir.path().join("state")).unwrap().flatten().map(|e| e.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    let mode = fs::metadata(world.work.join("a.txt")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7000, 0);
}
