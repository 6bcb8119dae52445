//! The base of the workspace: which files, and their contents.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::Pid;
use voe_protocol::BaseSource;

use super::content::{GITLINK, HashedContent, LINK, git_mode};

/// The base.
#[derive(Debug)]
pub(crate) struct TrackedBase {
    /// Sorted by path.
    tracked: Vec<Tracked>,
    source: BaseStore,
}

/// A file that is never ignored, since the base has it.
#[derive(Debug)]
struct Tracked {
    path: Box<[u8]>,
    mode: u32,
    object: Box<str>,
}

#[derive(Debug)]
enum BaseStore {
    Git { git_dir: PathBuf, reader: Option<ObjectReader> },
    Dir(PathBuf),
}

impl TrackedBase {
    /// Reads which files the base has.
    pub(crate) fn open(pristine: &BaseSource) -> io::Result<Self> {
        match pristine {
            BaseSource::Git { git_dir, tree } => {
                let mut command = git(git_dir);
                command.args(["ls-tree", "-r", "-z", "--full-tree", tree]);
                let output =
                    command.output().map_err(|error| io::Error::other(format!("git does not start: {error}")))?;
                if !output.status.success() {
                    let stderr = String::from_utf8_lossy(&output.stderr);
                    return Err(io::Error::other(format!("git cannot read the base: {}", stderr.trim())));
                }
                let mut tracked: Vec<Tracked> = output.stdout.split(|&b| b == 0).filter_map(listed).collect();
                tracked.sort_by(|a, b| a.path.cmp(&b.path));
                Ok(Self { tracked, source: BaseStore::Git { git_dir: git_dir.clone(), reader: None } })
            }
            BaseSource::Dir(dir) => Ok(Self { tracked: in_index(dir), source: BaseStore::Dir(dir.clone()) }),
        }
    }

    /// Whether the base has this file for certain, so that no ignore rule hides it.
    pub(crate) fn tracks(&self, path: &[u8]) -> bool {
        self.tracked.binary_search_by(|tracked| (*tracked.path).cmp(path)).is_ok()
    }

    /// Whether it has files below this directory.
    pub(crate) fn tracks_below(&self, directory: &[u8]) -> bool {
        let mut prefix = directory.to_vec();
        prefix.push(b'/');
        let at = self.tracked.partition_point(|tracked| *tracked.path < prefix[..]);
        self.tracked.get(at).is_some_and(|tracked| tracked.path.starts_with(&prefix))
    }

    /// All paths that are known, but for submodules.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.tracked.iter().filter(|tracked| tracked.mode != GITLINK).map(|tracked| &*tracked.path)
    }

    /// A file's content at base; `None` if it was not there. Of a content longer than `keep` bytes only the hash is kept.
    pub(crate) fn content(&mut self, path: &[u8], keep: u64) -> io::Result<Option<HashedContent>> {
        match &mut self.source {
            BaseStore::Git { git_dir, reader } => {
                let Ok(at) = self.tracked.binary_search_by(|tracked| (*tracked.path).cmp(path)) else {
                    return Ok(None);
                };
                let Tracked { mode, object, .. } = &self.tracked[at];
                if *mode == GITLINK {
                    return Ok(None);
                }
                let mut again = true;
                loop {
                    let live = match reader {
                        Some(reader) => reader,
                        None => reader.insert(ObjectReader::start(git_dir)?),
                    };
                    match live.content(object, *mode, keep) {
                        Ok(content) => return Ok(Some(content)),
                        // A command may have killed it; a retry gives the same answers.
                        Err(error) => {
                            *reader = None;
                            if !std::mem::take(&mut again) {
                                return Err(error);
                            }
                        }
                    }
                }
            }
            BaseStore::Dir(root) => {
                let path = root.join(std::ffi::OsStr::from_bytes(path));
                match fs::symlink_metadata(&path) {
                    Ok(meta) if meta.is_symlink() => {
                        Ok(Some(HashedContent::of(LINK, fs::read_link(&path)?.into_os_string().into_vec())))
                    }
                    Ok(meta) if meta.is_file() => {
                        HashedContent::read(git_mode(meta.mode()), &mut File::open(&path)?, meta.len(), keep).map(Some)
                    }
                    Ok(_) => Ok(None),
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        Ok(None)
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// The process that reads objects, if it runs: it must not be ended with a command's.
    pub(crate) fn reader(&self) -> Option<Pid> {
        match &self.source {
            BaseStore::Git { reader: Some(reader), .. } => Pid::from_raw(reader.child.id() as i32),
            _ => None,
        }
    }
}

/// git on a git directory only: neither the workspace nor any settings affect it.
fn git(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    command.env("GIT_DIR", git_dir).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C");
    command.env_remove("GIT_INDEX_FILE").env_remove("GIT_WORK_TREE").env_remove("GIT_OBJECT_DIRECTORY");
    command.current_dir("/").stdin(Stdio::null());
    command
}

/// One entry of `git ls-tree -z`: `MODE TYPE OBJECT\tPATH`.
fn listed(entry: &[u8]) -> Option<Tracked> {
    let tab = memchr::memchr(b'\t', entry)?;
    let mut fields = std::str::from_utf8(&entry[..tab]).ok()?.split(' ');
    let mode = u32::from_str_radix(fields.next()?, 8).ok()?;
    let object = fields.nth(1)?.into();
    Some(Tracked { path: entry[tab + 1..].into(), mode, object })
}

/// The files in a checkout's index; none without an index or without git: then only ignore rules decide.
fn in_index(checkout: &Path) -> Vec<Tracked> {
    let git_dir = checkout.join(".git");
    if !git_dir.is_dir() {
        return Vec::new();
    }
    let output = git(&git_dir).args(["ls-files", "-z", "--stage"]).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    // `MODE OBJECT STAGE\tPATH`
    let mut tracked: Vec<Tracked> = output
        .split(|&b| b == 0)
        .filter_map(|entry| {
            let tab = memchr::memchr(b'\t', entry)?;
            let mode = u32::from_str_radix(std::str::from_utf8(entry.get(..6)?).ok()?, 8).ok()?;
            Some(Tracked { path: entry[tab + 1..].into(), mode, object: "".into() })
        })
        .collect();
    tracked.sort_by(|a, b| a.path.cmp(&b.path));
    tracked
}

/// `git cat-file --batch`.
#[derive(Debug)]
struct ObjectReader {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl ObjectReader {
    fn start(git_dir: &Path) -> io::Result<Self> {
        let mut command = git(git_dir);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("git has no pipes"));
        };
        Ok(Self { child, stdin, stdout: BufReader::new(stdout) })
    }

    fn content(&mut self, object: &str, mode: u32, keep: u64) -> io::Result<HashedContent> {
        writeln!(self.stdin, "{object}")?;
        self.stdin.flush()?;
        let mut head = String::new();
        // `OBJECT blob SIZE`
        (&mut self.stdout).take(200).read_line(&mut head)?;
        let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse::<u64>().ok());
        let Some(size) = size.filter(|_| head.contains(" blob ")) else {
            return Err(io::Error::other(format!("git does not have {object}: {}", head.trim_end())));
        };
        let content = HashedContent::read(mode, &mut (&mut self.stdout).take(size), size, keep)?;
        let mut end = [0];
        self.stdout.read_exact(&mut end)?;
        Ok(content)
    }
}

impl Drop for ObjectReader {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
