//! The copy in which commands work: everything in it can be changed, and the user's tree stays as it was.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use voe_sandbox::{Sandbox, SandboxConfig};

use crate::{World, git, refused, sh, start, support, tree};

pub(crate) async fn every_file_of_the_copy_can_be_written_and_chmodded_and_the_users_tree_stays_as_it_was(
    world: World,
) {
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

pub(crate) async fn links_and_configuration_in_place_of_git_never_reach_the_users_repository_or_home(world: World) {
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

pub(crate) async fn a_work_tree_commits_in_a_repository_of_its_own_and_the_users_stays(world: World) {
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

pub(crate) async fn modes_and_times_in_the_copy_can_be_changed_in_every_way_that_programs_use(world: World) {
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

pub(crate) async fn snapshots_and_forks_share_nothing_and_have_what_was_there(world: World) {
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

pub(crate) async fn directories_of_the_workspace_in_path_are_those_of_the_copy(world: World) {
    let mut spec = world.spec();
    spec.env.insert("PATH".into(), format!("{}/src:/usr/bin:/bin", world.work.display()));
    let sandbox = Sandbox::open(spec).await.unwrap();
    let mut toolbox = start(&sandbox).await;
    let said = sh(&mut toolbox, "echo $PATH; env | grep GIT_").await;
    assert!(said.starts_with(&format!("{}/src:", sandbox.workspace().display())), "{said}");
}

pub(crate) async fn nothing_is_left_in_voes_directory(world: World) {
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
