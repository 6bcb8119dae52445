//! Neither the workspace nor files that a command left can make a sandbox show parts of a home. As root and as an ordinary
//! user.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub, dead_code)]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use voe_protocol::Toolbox;
use voe_sandbox::{BackendChoice, Sandbox, SandboxConfig, SandboxError};

/// Text that no result may contain.
const SECRET: &str = "correct-horse-battery";

fn main() -> std::process::ExitCode {
    support::run(|| {
        if std::env::args().nth(1).as_deref() == Some("as-this-user") {
            return all();
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
    let home = dir.path().join("people/ann");
    fs::create_dir_all(&home).unwrap();
    #[allow(unsafe_code)]
    // SAFETY: before any thread is started.
    unsafe {
        std::env::set_var("HOME", &home)
    };
    let user = rustix::process::getuid().as_raw();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let case = || Case::new(dir.path(), &home);
        every_backend_refuses_a_home_as_workspace_unless_it_is_allowed(case()).await;
        every_backend_refuses_a_place_of_credentials_as_workspace(case()).await;
        if let Err(error) = Sandbox::open(case().spec()).await {
            println!("skipped: local as user {user}: {error}");
            return;
        }
        a_tracked_link_to_an_interpreter_shows_nothing_of_the_home(case()).await;
        a_link_in_path_that_the_workspace_brings_shows_nothing_of_the_home(case()).await;
        an_interpreter_among_the_toolchains_of_a_home_runs(case()).await;
        a_git_file_and_alternates_of_an_unpacked_archive_show_nothing_of_the_home(case()).await;
        a_git_directory_that_is_a_link_shows_nothing_of_the_home(case()).await;
        a_home_as_workspace_shows_no_credentials_in_the_workspace_nor_in_the_base(case()).await;
        a_workspace_in_a_home_shows_no_credentials_that_lie_in_it(case()).await;
        credentials_stay_hidden_when_a_directory_above_them_is_renamed_and_forked(case()).await;
        hidden_credentials_are_no_change_of_the_workspace(case()).await;
        credentials_among_tools_are_hidden_by_their_names(case()).await;
        a_socket_in_the_workspace_is_not_reached_through_the_base(case()).await;
        what_only_root_may_read_is_not_shown_to_a_sandbox_of_root(case()).await;
        a_git_configuration_replaced_by_a_dangling_link_makes_no_file_on_the_host(case()).await;
        a_git_configuration_replaced_by_a_pipe_does_not_block_a_fork(case()).await;
        odd_entries_in_the_private_directories_do_not_mislead_a_fork(case()).await;
        println!("secrets as user {user}: ok");
    });
    true
}

/// A home with secrets, and a workspace in it.
struct Case {
    dir: tempfile::TempDir,
    home: PathBuf,
    work: PathBuf,
}

impl Case {
    /// Empties the home, which is the same for all tests, since `HOME` names it.
    fn new(parent: &Path, home: &Path) -> Self {
        for entry in fs::read_dir(home).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                fs::remove_dir_all(entry.path()).unwrap();
            } else {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        let case = Self {
            dir: tempfile::tempdir_in(parent).unwrap(),
            home: home.canonicalize().unwrap(),
            work: home.canonicalize().unwrap().join("code/work"),
        };
        for name in [".ssh/id_rsa", ".config/gh/hosts.yml", ".netrc", "secrets/a/b/key", "secrets/a/b/bin/python"] {
            case.secret(name);
        }
        fs::create_dir_all(case.work.join("src")).unwrap();
        fs::write(case.work.join("a.txt"), "a").unwrap();
        case
    }

    fn secret(&self, name: &str) -> PathBuf {
        let path = self.home.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, SECRET).unwrap();
        path
    }

    fn spec(&self) -> SandboxConfig {
        let mut spec = SandboxConfig::new(std::env::current_exe().unwrap(), &self.work, self.dir.path().join("state"));
        spec.choice = BackendChoice::Local;
        spec
    }

    async fn open(&self) -> Sandbox {
        Sandbox::open(self.spec()).await.unwrap()
    }

    async fn open_at(&self, workspace: &Path) -> Sandbox {
        let spec = SandboxConfig { workspace: workspace.to_path_buf(), allow_home: true, ..self.spec() };
        Sandbox::open(spec).await.unwrap()
    }
}

async fn start(sandbox: &Sandbox) -> Toolbox {
    sandbox.toolbox(support::setup()).await.unwrap().0
}

/// A command's output, however it ends.
async fn sh(toolbox: &mut Toolbox, command: &str) -> String {
    let text = support::bash(toolbox, command).await.unwrap().text();
    let output = text.rsplit_once("exit code: ").map_or(text.as_str(), |(output, _)| output);
    output.trim().to_owned()
}

/// Searches every readable directory for the secret.
async fn assert_hidden(toolbox: &mut Toolbox, case: &Case, more: &str) {
    let home = case.home.display();
    let work = case.work.display();
    let places = format!("{home} {work} /run/voe/base {more}");
    let found = sh(toolbox, &format!("grep -rsl correct-horse {places} 2>/dev/null")).await;
    assert!(!found.contains("key") && !found.contains(home.to_string().as_str()), "found:\n{found}");
    let text = sh(toolbox, &format!("cat {home}/secrets/a/b/key {home}/.ssh/id_rsa {home}/.config/gh/hosts.yml")).await;
    assert!(!text.contains(SECRET), "{text}");
}

fn assert_usage(error: SandboxError, word: &str) {
    assert!(matches!(&error, SandboxError::Usage { .. }), "{error}");
    assert!(error.to_string().contains(word), "{error}");
}

const BACKENDS: [BackendChoice; 6] = [
    BackendChoice::Auto,
    BackendChoice::Local,
    BackendChoice::Landlock,
    BackendChoice::Docker,
    BackendChoice::Podman,
    BackendChoice::None,
];

async fn every_backend_refuses_a_home_as_workspace_unless_it_is_allowed(case: Case) {
    for choice in BACKENDS {
        for workspace in [&case.home, case.home.parent().unwrap(), Path::new("/"), Path::new("/home")] {
            let spec = SandboxConfig { choice, workspace: workspace.to_path_buf(), ..case.spec() };
            assert_usage(Sandbox::open(spec).await.unwrap_err(), "--allow-home");
        }
    }
    let spec =
        SandboxConfig { choice: BackendChoice::None, workspace: case.home.clone(), allow_home: true, ..case.spec() };
    Sandbox::open(spec).await.unwrap();
}

async fn every_backend_refuses_a_place_of_credentials_as_workspace(case: Case) {
    for choice in BACKENDS {
        let workspace = case.home.join(".config/gh");
        let spec = SandboxConfig { choice, workspace, allow_home: true, ..case.spec() };
        assert_usage(Sandbox::open(spec).await.unwrap_err(), "credentials");
    }
}

async fn a_tracked_link_to_an_interpreter_shows_nothing_of_the_home(case: Case) {
    for name in [".venv", "venv", "env"] {
        fs::create_dir_all(case.work.join(name).join("bin")).unwrap();
        symlink(case.home.join("secrets/a/b/bin/python"), case.work.join(name).join("bin/python")).unwrap();
    }
    symlink(case.home.join("secrets/a/b"), case.work.join(".env")).unwrap();
    let sandbox = case.open().await;
    assert!(sandbox.facts().detail.contains("not shown inside"), "{}", sandbox.facts().detail);
    assert_hidden(&mut start(&sandbox).await, &case, "").await;
}

async fn a_link_in_path_that_the_workspace_brings_shows_nothing_of_the_home(case: Case) {
    symlink(case.home.join("secrets/a"), case.work.join("tools")).unwrap();
    let before = std::env::var_os("PATH").unwrap();
    let mut path = vec![case.work.join("tools"), case.work.join("tools/b/bin"), case.home.clone()];
    path.extend(std::env::split_paths(&before));
    #[allow(unsafe_code)]
    // SAFETY: no other code of this process reads the environment meanwhile.
    unsafe {
        std::env::set_var("PATH", std::env::join_paths(path).unwrap())
    };
    let sandbox = case.open().await;
    let mut toolbox = start(&sandbox).await;
    #[allow(unsafe_code)]
    // SAFETY: as above.
    unsafe {
        std::env::set_var("PATH", before)
    };
    assert_hidden(&mut toolbox, &case, "").await;
}

async fn an_interpreter_among_the_toolchains_of_a_home_runs(case: Case) {
    let python = case.home.join(".pyenv/versions/3.12/bin/python");
    fs::create_dir_all(python.parent().unwrap()).unwrap();
    fs::write(&python, "#!/bin/sh\necho interpreter\n").unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(case.work.join(".venv/bin")).unwrap();
    symlink(&python, case.work.join(".venv/bin/python")).unwrap();
    let sandbox = case.open().await;
    assert!(!sandbox.facts().detail.contains("not shown inside"), "{}", sandbox.facts().detail);
    assert_eq!(sh(&mut start(&sandbox).await, ".venv/bin/python").await, "interpreter");
}

async fn a_git_file_and_alternates_of_an_unpacked_archive_show_nothing_of_the_home(case: Case) {
    fs::write(case.work.join(".git"), format!("gitdir: {}\n", case.home.join("secrets").display())).unwrap();
    assert_hidden(&mut start(&case.open().await).await, &case, "").await;
    fs::remove_file(case.work.join(".git")).unwrap();
    let info = case.work.join(".git/objects/info");
    fs::create_dir_all(&info).unwrap();
    fs::write(info.join("alternates"), format!("{0}\n{0}/a/b\n/\n", case.home.join("secrets").display())).unwrap();
    assert_hidden(&mut start(&case.open().await).await, &case, "").await;
}

async fn a_git_directory_that_is_a_link_shows_nothing_of_the_home(case: Case) {
    symlink(case.home.join("secrets"), case.work.join(".git")).unwrap();
    assert_hidden(&mut start(&case.open().await).await, &case, "").await;
}

async fn a_home_as_workspace_shows_no_credentials_in_the_workspace_nor_in_the_base(case: Case) {
    fs::remove_dir_all(case.home.join("secrets")).unwrap();
    fs::write(case.home.join("note"), "seen").unwrap();
    for workspace in [&case.home, case.home.parent().unwrap()] {
        let sandbox = case.open_at(workspace).await;
        let mut toolbox = start(&sandbox).await;
        assert_hidden(&mut toolbox, &case, "").await;
        let home = case.home.display();
        assert_eq!(sh(&mut toolbox, &format!("cat {home}/note; find /run/voe/base -name note | wc -l")).await, "seen1");
        // A snapshot mounts the tree again.
        sh(&mut toolbox, &format!("seq -f {home}/code/%g 2100 | xargs touch")).await;
        let snapshot = sandbox.snapshot().await.unwrap();
        assert_hidden(&mut toolbox, &case, "").await;
        let fork = sandbox.fork(&snapshot).await.unwrap();
        assert_hidden(&mut start(&fork).await, &case, "").await;
    }
}

async fn a_workspace_in_a_home_shows_no_credentials_that_lie_in_it(case: Case) {
    fs::write(case.home.join(".config/other"), "seen").unwrap();
    let spec = SandboxConfig { workspace: case.home.join(".config"), ..case.spec() };
    for mount_at in [None, Some(PathBuf::from("/testbed"))] {
        let sandbox = Sandbox::open(SandboxConfig { mount_at: mount_at.clone(), ..spec.clone() }).await.unwrap();
        let mut toolbox = start(&sandbox).await;
        let work = sandbox.workspace().display().to_string();
        assert_hidden(&mut toolbox, &case, &work).await;
        let text =
            sh(&mut toolbox, "cat other gh/hosts.yml /run/voe/base/other; echo x > gh/hosts.yml || echo no").await;
        assert!(text.matches("seen").count() == 2 && text.contains("no"), "{text}");
    }
}

async fn credentials_stay_hidden_when_a_directory_above_them_is_renamed_and_forked(case: Case) {
    fs::remove_dir_all(case.home.join("secrets")).unwrap();
    let sandbox = case.open_at(&case.home).await;
    let mut toolbox = start(&sandbox).await;
    // Below a renamed directory, a mount is no longer at its path.
    sh(&mut toolbox, "mv .config moved; ln -s moved .config; ls -la").await;
    sh(&mut toolbox, "mkdir many; seq -f many/%g 2100 | xargs touch").await;
    let snapshot = sandbox.snapshot().await.unwrap();
    assert_hidden(&mut toolbox, &case, "").await;
    let fork = sandbox.fork(&snapshot).await.unwrap();
    let mut other = start(&fork).await;
    assert_hidden(&mut other, &case, "").await;
    assert!(!sh(&mut other, "cat moved/gh/hosts.yml").await.contains(SECRET));
}

async fn hidden_credentials_are_no_change_of_the_workspace(case: Case) {
    let sandbox = case.open_at(&case.home).await;
    let mut toolbox = start(&sandbox).await;
    let text = sh(&mut toolbox, "diff -r . /run/voe/base && echo same; stat -c %a .config").await;
    assert!(text.starts_with("same"), "{text}");
    let mode = fs::metadata(case.home.join(".config")).unwrap().permissions().mode() & 0o777;
    assert!(text.contains(&format!("{mode:o}")), "{text}");
}

async fn credentials_among_tools_are_hidden_by_their_names(case: Case) {
    for name in [
        ".conda/org-token.json",
        ".dotnet/NuGet.Config",
        ".julia/servers/pkg.example.org/auth.toml",
        ".local/share/uv/credentials/credentials.toml",
        ".npm-global/.npmrc",
        ".nvm/versions/node/v20/etc/npmrc",
        ".pyenv/versions/3.12/pip.conf",
        "go/.netrc",
    ] {
        case.secret(name);
    }
    fs::write(case.home.join(".nvm/nvm.sh"), "seen").unwrap();
    let sandbox = case.open().await;
    let mut toolbox = start(&sandbox).await;
    assert_hidden(&mut toolbox, &case, "").await;
    assert_eq!(sh(&mut toolbox, "cat ~/.nvm/nvm.sh").await, "seen");
}

async fn a_socket_in_the_workspace_is_not_reached_through_the_base(case: Case) {
    let sandbox = case.open().await;
    let mut toolbox = start(&sandbox).await;
    // After the start, so that it is on no list. The path is short enough for a socket only from inside its directory.
    let listener = std::os::unix::net::UnixListener::bind(case.work.join("s")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let connect = "import socket; s=socket.socket(socket.AF_UNIX); s.connect('s'); print('reached')";
    let text =
        sh(&mut toolbox, &format!("python3 -c \"{connect}\"; cd /run/voe/base; ls; python3 -c \"{connect}\"")).await;
    assert!(listener.accept().is_err() && !text.contains("reached"), "{text}");
    drop(listener);
    fs::remove_file(case.work.join("s")).unwrap();
}

async fn what_only_root_may_read_is_not_shown_to_a_sandbox_of_root(case: Case) {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let dir = tempfile::Builder::new().prefix("voe-test-").tempdir_in("/opt").unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, mode) in [("key", 0o600), ("text", 0o644)] {
        fs::write(dir.path().join(name), if name == "key" { SECRET } else { "seen" }).unwrap();
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let text = sh(&mut start(&case.open().await).await, &format!("cd {} && cat key text", dir.path().display())).await;
    assert!(!text.contains(SECRET) && text.contains("seen"), "{text}");
    // A workspace in a directory that is closed to others is visible all the same.
    let work = dir.path().join("closed/work");
    fs::create_dir_all(&work).unwrap();
    fs::set_permissions(work.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(work.join("a"), "seen").unwrap();
    let sandbox = Sandbox::open(SandboxConfig { workspace: work, ..case.spec() }).await.unwrap();
    assert_eq!(sh(&mut start(&sandbox).await, "cat a").await, "seen");
}

async fn a_git_configuration_replaced_by_a_dangling_link_makes_no_file_on_the_host(case: Case) {
    let sandbox = case.open().await;
    let mut toolbox = start(&sandbox).await;
    let outside = case.dir.path().join("made");
    sh(&mut toolbox, &format!("rm ~/.gitconfig; ln -s {} ~/.gitconfig", outside.display())).await;
    let snapshot = sandbox.snapshot().await.unwrap();
    for at in [sandbox.base(), snapshot] {
        let fork = sandbox.fork(&at).await.unwrap();
        assert!(!outside.exists());
        assert!(sh(&mut start(&fork).await, "readlink ~/.gitconfig").await.contains("made"));
    }
}

async fn a_git_configuration_replaced_by_a_pipe_does_not_block_a_fork(case: Case) {
    let sandbox = case.open().await;
    let mut toolbox = start(&sandbox).await;
    sh(&mut toolbox, "rm ~/.gitconfig; mkfifo ~/.gitconfig /tmp/pipe ./pipe").await;
    let snapshot = sandbox.snapshot().await.unwrap();
    let fork = sandbox.fork(&snapshot).await.unwrap();
    // Pipes are not copied, so the fork gets a new git configuration.
    assert_eq!(sh(&mut start(&fork).await, "git config --global user.name; ls /tmp").await, "voe");
}

async fn odd_entries_in_the_private_directories_do_not_mislead_a_fork(case: Case) {
    let outside = case.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), SECRET).unwrap();
    let sandbox = case.open().await;
    let mut toolbox = start(&sandbox).await;
    let at = outside.display();
    sh(
        &mut toolbox,
        &format!(
            "ln -s / ~/root; ln -s {at} ~/.config; ln -s {at} /tmp/d; ln -s {at} d; truncate -s 1P ~/huge /tmp/huge; \
             truncate -s 10G ~/large; mkdir -p ~/l/l; chmod 0 ~/l; cp /bin/true /tmp/set; chmod 6755 /tmp/set; \
             python3 -c \"import os\nfor i in range(300): os.mkdir('x'); os.chdir('x')\"",
        ),
    )
    .await;
    let snapshot = sandbox.snapshot().await.unwrap();
    let fork = sandbox.fork(&snapshot).await.unwrap();
    let mut other = start(&fork).await;
    let text = sh(
        &mut other,
        &format!("cat ~/.config/secret /tmp/d/secret d/secret ~/root{at}/secret; find ~ /tmp -size +1100M"),
    )
    .await;
    assert!(!text.contains(SECRET) && !text.contains("huge") && !text.contains("large"), "{text}");
    let text =
        sh(&mut other, "test -u /tmp/set -o -g /tmp/set || echo plain; echo x > /tmp/d/new; echo y > d/new").await;
    assert!(text.contains("plain"), "{text}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}
