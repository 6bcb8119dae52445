//! What is outside of the copy: which of it can be read is decided once, and none of it can be changed.

use std::fs;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;

use voe_sandbox::{Sandbox, SandboxConfig, SandboxError};

use crate::{SECRET, World, git, refused, sh, start, support, tree};

/// A command that makes a system call in Python and prints the name of its error.
fn call(arguments: &str) -> String {
    format!(
        "python3 -c 'import ctypes,errno,os; l=ctypes.CDLL(None,use_errno=True); r=l.syscall({arguments}); \
         print(errno.errorcode.get(ctypes.get_errno(),\"none\") if r<0 else \"done\")'"
    )
}

pub(crate) async fn a_toolbox_that_was_killed_gets_the_same_reach_whatever_commands_wrote_into_the_repository(
    world: World,
) {
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

pub(crate) async fn a_git_file_that_leads_to_another_repository_of_the_users_does_not_show_it(world: World) {
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

pub(crate) async fn a_workspace_with_a_home_in_it_is_refused(world: World) {
    let above = world.home.parent().unwrap().to_path_buf();
    for workspace in [world.home.clone(), above] {
        for allow_home in [false, true] {
            let spec = SandboxConfig { workspace: workspace.clone(), allow_home, ..world.spec() };
            let error = Sandbox::open(spec).await.unwrap_err();
            assert!(matches!(error, SandboxError::Usage { .. }), "{error}");
        }
    }
}

pub(crate) async fn a_workspace_with_credentials_in_it_is_refused(world: World) {
    let workspace = world.home.join(".config");
    fs::create_dir_all(workspace.join("gh")).unwrap();
    let error = Sandbox::open(SandboxConfig { workspace, ..world.spec() }).await.unwrap_err();
    assert!(matches!(error, SandboxError::Usage { .. }), "{error}");
}

pub(crate) async fn terminals_of_the_users_other_windows_cannot_be_opened(world: World) {
    let Ok(terminal) = fs::OpenOptions::new().read(true).write(true).open("/dev/ptmx") else {
        return println!("skipped: terminals (there is no /dev/ptmx here)");
    };
    let (_sandbox, mut toolbox) = world.open().await;
    let every = "for t in /dev/pts/* /dev/tty /dev/ptmx; do (exec 3<$t) 2>/dev/null && exit 0; \
                 (exec 3>>$t) 2>/dev/null && exit 0; done; exit 1";
    refused(&mut toolbox, every).await;
    drop(terminal);
}

pub(crate) async fn modes_times_owners_and_attributes_outside_stay_as_they_are(world: World) {
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

pub(crate) async fn limits_and_priorities_of_other_processes_stay_and_the_supervisor_serves_afterwards(world: World) {
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

pub(crate) async fn memory_queues_watches_and_leases_that_reach_the_users_other_processes_are_refused(world: World) {
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

pub(crate) async fn sockets_of_the_machine_cannot_be_reached_with_the_network_on_or_off(world: World) {
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

pub(crate) async fn a_file_outside_cannot_be_truncated(world: World) {
    let (_sandbox, mut toolbox) = world.open().await;
    let tool = world.home.join(".cargo/bin/tool");
    let path = tool.display();
    refused(&mut toolbox, &format!("python3 -c 'import os; os.truncate(\"{path}\",0)'")).await;
    refused(&mut toolbox, &format!("python3 -c 'import os; os.open(\"{path}\",os.O_RDONLY|os.O_TRUNC)'")).await;
    assert_eq!(fs::read_to_string(tool).unwrap(), "tool\n");
}
