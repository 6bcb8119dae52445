//! Real repositories in temporary directories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, missing_docs, unreachable_pub)]

pub mod points;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use voe_protocol::{Export, ExportedFile, FileState, RawBytes};
use voe_repo::Repo;
use voe_trace::FileRole;

/// Files by path: mode and content.
pub type Files = BTreeMap<Vec<u8>, (u32, Vec<u8>)>;

pub struct Lab {
    pub dir: tempfile::TempDir,
}

/// Runs git as a user would, with the same configuration everywhere.
pub fn git_in(dir: &Path, args: &[&str]) -> Vec<u8> {
    let out = git_command(dir).args(args).output().unwrap();
    assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

pub fn git_command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).env("HOME", dir).env("XDG_CONFIG_HOME", dir).env("GIT_CONFIG_NOSYSTEM", "1");
    for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"] {
        command.env(name, "someone@example.org");
    }
    command.args(["-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always"]);
    command
}

impl Lab {
    /// An empty repository.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lab = Self { dir };
        std::fs::create_dir(lab.top()).unwrap();
        lab.git(&["init", "-q"]);
        lab
    }

    /// A repository with a few files in one commit.
    pub fn with_commit() -> Self {
        let lab = Self::new();
        lab.write("a.txt", "one\ntwo\nthree\n");
        lab.write("dir/b.txt", "b\n");
        lab.write("dir/deep/c.txt", "c\n");
        lab.commit("first");
        lab
    }

    pub fn top(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    pub fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// The path of a patch's undo point.
    pub fn undo(&self) -> PathBuf {
        self.dir.path().join("points/patch")
    }

    pub fn repo(&self) -> Repo {
        Repo::discover(&self.top()).unwrap()
    }

    pub fn git(&self, args: &[&str]) -> String {
        String::from_utf8(git_in(&self.top(), args)).unwrap().trim_end().to_owned()
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    pub fn path(&self, path: impl AsRef<OsStr>) -> PathBuf {
        self.top().join(path.as_ref())
    }

    pub fn write(&self, path: impl AsRef<OsStr>, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn read(&self, path: impl AsRef<OsStr>) -> String {
        String::from_utf8(std::fs::read(self.path(path)).unwrap()).unwrap()
    }

    pub fn remove(&self, path: impl AsRef<OsStr>) {
        std::fs::remove_file(self.path(path)).unwrap();
    }

    pub fn chmod(&self, path: impl AsRef<OsStr>, mode: u32) {
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn link(&self, path: impl AsRef<OsStr>, target: &str) {
        symlink(target, self.path(path)).unwrap();
    }

    /// The base's tree as files.
    pub fn tree(&self, tree: &str) -> Files {
        tree_files(&self.store(), tree)
    }
}

/// The files of a tree in a git directory.
pub fn tree_files(git_dir: &Path, tree: &str) -> Files {
    let dir = format!("--git-dir={}", git_dir.display());
    let listed = git_in(Path::new("/"), &[&dir, "ls-tree", "-r", "-z", tree]);
    let mut files = Files::new();
    for record in listed.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let tab = record.iter().position(|byte| *byte == b'\t').unwrap();
        let head: Vec<&str> = std::str::from_utf8(&record[..tab]).unwrap().split(' ').collect();
        let mode = u32::from_str_radix(head[0], 8).unwrap();
        let content =
            if mode == 0o160000 { Vec::new() } else { git_in(Path::new("/"), &[&dir, "cat-file", "blob", head[2]]) };
        files.insert(record[tab + 1..].to_vec(), (mode, content));
    }
    files
}

/// Everything below a directory except `.git`: files with permissions, links with targets, directories.
pub fn everything(dir: &Path) -> Files {
    let mut found = Files::new();
    collect(dir, dir, &|path| path.file_name() == Some(OsStr::new(".git")), &mut found);
    found
}

/// The files of a git directory except objects.
pub fn git_files(dir: &Path) -> Files {
    let mut found = Files::new();
    collect(dir, dir, &|path| path.ends_with("objects"), &mut found);
    // Empty directories have no meaning there.
    found.retain(|_, (mode, _)| *mode != 0o040000);
    found
}

fn collect(top: &Path, dir: &Path, skip: &dyn Fn(&Path) -> bool, found: &mut Files) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if skip(&path) {
            continue;
        }
        let name = path.strip_prefix(top).unwrap().as_os_str().as_bytes().to_vec();
        let meta = path.symlink_metadata().unwrap();
        if meta.is_symlink() {
            found.insert(name, (0o120000, std::fs::read_link(&path).unwrap().into_os_string().into_vec()));
        } else if meta.is_dir() {
            found.insert(name, (0o040000, Vec::new()));
            collect(top, &path, skip, found);
        } else {
            found.insert(name, (0o100000 | (meta.permissions().mode() & 0o777), std::fs::read(&path).unwrap()));
        }
    }
}

/// The directory's files as git sees them.
pub fn as_git_sees(dir: &Path) -> Files {
    let mut files = everything(dir);
    files.retain(|_, (mode, _)| *mode != 0o040000);
    for (mode, _) in files.values_mut() {
        if *mode != 0o120000 {
            *mode = if *mode & 0o100 != 0 { 0o100755 } else { 0o100644 };
        }
    }
    files
}

/// The export of a toolbox whose workspace changed from `old` to `new`.
pub fn export(old: &Files, new: &Files) -> Export {
    let state = |files: &Files, path: &Vec<u8>| {
        files.get(path).map(|(mode, content)| FileState { mode: *mode, content: RawBytes(content.clone()) })
    };
    let paths: std::collections::BTreeSet<&Vec<u8>> = old.keys().chain(new.keys()).collect();
    let files = paths.into_iter().filter(|path| old.get(*path) != new.get(*path)).map(|path| ExportedFile {
        path: RawBytes(path.clone()),
        base: state(old, path),
        now: state(new, path),
        role: FileRole::Code,
    });
    Export { files: files.collect(), skipped: Vec::new() }
}

/// Writes files into a directory.
pub fn lay_out(dir: &Path, files: &Files) {
    for (path, (mode, content)) in files {
        let path = dir.join(OsStr::from_bytes(path));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if *mode == 0o120000 {
            symlink(OsStr::from_bytes(content), &path).unwrap();
        } else {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode & 0o777)).unwrap();
        }
    }
}

pub fn files(list: &[(&str, u32, &str)]) -> Files {
    list.iter().map(|(path, mode, text)| (path.as_bytes().to_vec(), (*mode, text.as_bytes().to_vec()))).collect()
}
