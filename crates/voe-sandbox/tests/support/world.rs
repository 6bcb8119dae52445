//! A host worth attacking: secrets in the home and the environment, listeners on all kinds of sockets, files outside.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Text that no result may contain.
pub const SECRET: &str = "correct-horse-battery";

/// A host worth attacking.
pub struct World {
    pub dir: tempfile::TempDir,
    pub work: PathBuf,
    pub outside: PathBuf,
    tcp: TcpListener,
    udp: UdpSocket,
    unix: UnixListener,
    unix_path: PathBuf,
    abstract_socket: UnixListener,
    canaries: Vec<(PathBuf, Vec<u8>)>,
    tree: Vec<(PathBuf, Vec<u8>)>,
}

impl World {
    /// Makes it in `/tmp`, with a home and the workspace in it. Sets `HOME` and a secret variable, so it must be called before
    /// any thread is started.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (home, outside) = (dir.path().join("home"), dir.path().join("outside"));
        let work = home.join("code/work");
        for path in [&home.join(".ssh"), &outside, &work.join("src")] {
            fs::create_dir_all(path).unwrap();
        }
        for path in [home.join(".ssh/id_rsa"), home.join(".netrc"), outside.join("file")] {
            fs::write(path, SECRET).unwrap();
        }
        fs::write(work.join("a.txt"), "a\n").unwrap();
        fs::write(work.join("src/b.txt"), "b\n").unwrap();
        git(&work, &["init", "-q", "-b", "main"]);
        git(&work, &["add", "."]);
        git(&work, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"]);
        // SAFETY is not at stake in a test of one thread.
        set_env("HOME", home.to_str().unwrap());
        set_env("VOE_TEST_TOKEN", SECRET);
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        tcp.set_nonblocking(true).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.set_nonblocking(true).unwrap();
        // A directory that is visible inside, if this user may write to one.
        let seen = std::env::current_exe().unwrap().with_file_name(format!("voe-test-{}.sock", std::process::id()));
        let unix_path = if fs::write(&seen, "").is_ok() { seen } else { outside.join("sock") };
        let _ = fs::remove_file(&unix_path);
        let unix = UnixListener::bind(&unix_path).unwrap();
        unix.set_nonblocking(true).unwrap();
        let name = SocketAddr::from_abstract_name(format!("voe-test-{}", std::process::id())).unwrap();
        let abstract_socket = UnixListener::bind_addr(&name).unwrap();
        abstract_socket.set_nonblocking(true).unwrap();
        let canaries =
            [outside.join("file"), home.join(".ssh/id_rsa"), work.join(".git/config"), work.join(".git/HEAD")]
                .into_iter()
                .map(|path| (path.clone(), fs::read(path).unwrap()))
                .collect();
        let tree = tree(&work);
        Self { dir, work, outside, tcp, udp, unix, unix_path, abstract_socket, canaries, tree }
    }

    /// Replaces the names of targets in a command.
    pub fn fill(&self, command: &str) -> String {
        command
            .replace("{outside}", self.outside.to_str().unwrap())
            .replace("{tcp}", &self.tcp.local_addr().unwrap().port().to_string())
            .replace("{udp}", &self.udp.local_addr().unwrap().port().to_string())
            .replace("{unix}", self.unix_path.to_str().unwrap())
            .replace("{pid}", &std::process::id().to_string())
    }

    /// The attack that got through, if one did.
    ///
    /// `git`: whether the git directory must be unchanged already now, and not only when the sandbox is closed.
    pub fn breach(&self, git: bool) -> Option<String> {
        for (path, content) in &self.canaries {
            if (git || !path.starts_with(&self.work)) && fs::read(path).ok().as_ref() != Some(content) {
                return Some(format!("{} was changed", path.display()));
            }
        }
        for stray in ["/etc/voe-x", "/usr/voe-x", "/var/lib/voe-x", "/tmp/voe-x", "/dev/voe-x"] {
            if Path::new(stray).exists() {
                return Some(format!("{stray} was written"));
            }
        }
        if git
            && fs::read_dir(self.work.join(".git/hooks"))
                .unwrap()
                .flatten()
                .any(|e| !e.path().to_string_lossy().ends_with(".sample"))
        {
            return Some("a git hook was written".into());
        }
        let mut buffer = [0; 16];
        if self.tcp.accept().is_ok() {
            return Some("a TCP connection came through".into());
        }
        if self.udp.recv(&mut buffer).is_ok() {
            return Some("a UDP packet came through".into());
        }
        if let Ok((mut stream, _)) = self.unix.accept() {
            let _ = stream.read(&mut buffer);
            return Some("a unix socket was connected to".into());
        }
        self.abstract_socket.accept().is_ok().then(|| "an abstract socket was connected to".into())
    }

    /// Whether the user's tree is unchanged, to the byte.
    pub fn tree_is_untouched(&self) -> bool {
        tree(&self.work) == self.tree
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.unix_path);
    }
}

#[allow(unsafe_code)]
fn set_env(name: &str, value: &str) {
    // SAFETY: called before any thread is started.
    unsafe { std::env::set_var(name, value) };
}

fn git(dir: &Path, arguments: &[&str]) {
    let status = Command::new("git").arg("-C").arg(dir).args(arguments).status().unwrap();
    assert!(status.success(), "git {arguments:?}");
}

fn tree(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                open.push(path);
            } else {
                let content = fs::read(&path).unwrap_or_default();
                found.push((path, content));
            }
        }
    }
    found.sort();
    found
}
