//! Putting back what voe changed.
//!
//! A point is a directory: `point.json` says for which repository it is and how far it got; `files` holds contents from
//! before, by their hash. There are two kinds. Where voe itself writes (a patch, an undo), what it writes is noted file by
//! file ([`journal`]). Where an attempt works in the user's tree, everything is looked at: `before.json` and `after.json`
//! are what the repository looked like when the attempt began and when it ended, `files` holds git's own files, and the
//! work tree's are in the store of the base ([`restore`]).

mod hidden;
mod journal;
mod restore;
mod shape;

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use voe_protocol::RawBytes;
use voe_untrusted::atomic_write;

use crate::git::Git;
use crate::objects::{differences, list_tree};
use crate::snapshot::as_path;
use crate::{Base, Repo, RepoError, Result};
use hidden::Hidden;
use journal::Journal;
use shape::{Ignored, Shape, look};

/// The version of a point's files where everything was looked at.
const WHOLE: u32 = 2;
/// The version of a point's files where it was noted what was written.
const WRITTEN: u32 = 3;

/// The file that says what a point is. Where it is, the point is complete.
const POINT: &str = "point.json";

/// All that is needed to take back what voe applied ([`Repo::apply`]), or to put a repository back to what it was before an
/// attempt that worked in it: its files, index, HEAD, branches, stash, configuration.
///
/// What is put back after an attempt in the repository itself: files that are not ignored, ignored files that were there as far as they are few and small,
/// directories, and git's own files but for the objects (which git only adds to). What is not: other ignored files (a
/// `node_modules`, a `target`), and what git keeps inside of nested repositories that are not submodules.
#[derive(Debug, Clone)]
pub struct UndoPoint {
    dir: PathBuf,
    point: Point,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Point {
    format: u32,
    /// The work tree.
    top: RawBytes,
    /// Nanoseconds since 1970.
    taken: u64,
    phase: Phase,
    /// There was no seal when the undo began.
    #[serde(default)]
    unsealed: bool,
    #[serde(flatten)]
    what: What,
}

/// What a point knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum What {
    /// What the repository looked like.
    Whole(Whole),
    /// What voe wrote.
    Written { written: Journal },
}

/// Where a repository is that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Whole {
    /// Its git directory, and the one with objects and branches, as they were found before the attempt: what it made of
    /// `.git` (a link, a file that leads elsewhere) doesn't say where an undo writes.
    git_dir: RawBytes,
    common_dir: RawBytes,
    /// The git directory with the trees.
    store: RawBytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// The attempt runs, or was killed.
    Taken,
    /// The attempt has ended.
    Sealed,
    /// An undo has begun; the copy of the state before it is complete.
    Undoing,
    /// It is undone.
    Undone,
}

/// What an undo did. Paths are relative to the work tree and printable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files whose content or mode was put back, or that were deleted and are there again.
    pub restored: Vec<String>,
    /// Files that the attempt had made and that are gone.
    pub removed: Vec<String>,
    /// What of git's own was put back (`.git/index`, `.git/refs/heads/main` …).
    pub git: Vec<String>,
    /// Files that were changed after the attempt and were overwritten all the same.
    pub overwritten: Vec<String>,
    /// The attempt was killed before it could note what it left, so everything that changed since it began was put back.
    pub unsealed: bool,
    /// Where the state before this undo is kept; [`UndoPoint::open`] and [`UndoPoint::undo`] bring it back.
    pub redo: Option<PathBuf>,
}

impl UndoPoint {
    /// Saves in `dir`, which is made, what is needed to put everything back. To be taken before anything is changed, with
    /// a base just made; `base.git_dir` must be kept as long as the point (put it inside `dir`).
    ///
    /// # Errors
    /// git failed, or the point can't be written to `dir`.
    pub fn take(repo: &Repo, base: &Base, dir: &Path) -> Result<Self> {
        Self::take_with(repo, base, dir, Vec::new())
    }

    /// The same, with these ignored files whatever their size.
    fn take_with(repo: &Repo, base: &Base, dir: &Path, ignored: Vec<&[u8]>) -> Result<Self> {
        let saved = dir.join("files");
        std::fs::create_dir_all(&saved).map_err(RepoError::io("make", &saved))?;
        let before = look(repo, &base.git_dir, &base.tree, Ignored::Small(ignored), Some(&saved))?;
        write_json(&dir.join("before.json"), &before)?;
        let whole =
            Whole { git_dir: bytes(&repo.git_dir), common_dir: bytes(&repo.common_dir), store: bytes(&base.git_dir) };
        whole.own_nested(repo, &before)?;
        Self::make(repo, dir, Phase::Taken, What::Whole(whole))
    }

    fn make(repo: &Repo, dir: &Path, phase: Phase, what: What) -> Result<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let point = Point {
            format: if matches!(what, What::Whole(_)) { WHOLE } else { WRITTEN },
            top: bytes(&repo.top),
            taken: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
            phase,
            unsealed: false,
            what,
        };
        let point = Self { dir: dir.to_path_buf(), point };
        point.save()?;
        Ok(point)
    }

    /// Notes what an attempt in the repository itself left, at its end, so that later changes of the user can be told from
    /// its own. A point of [`Repo::apply`] needs no seal.
    ///
    /// # Errors
    /// git failed, or the point can't be written.
    pub fn seal(&mut self, repo: &Repo) -> Result<()> {
        let What::Whole(whole) = &self.point.what else { return Ok(()) };
        let repo = &whole.repository(repo, &self.dir)?;
        let before = self.before()?;
        let after = whole.look_again(repo, &before)?;
        whole.own_objects(&before, &after)?;
        write_json(&self.dir.join("after.json"), &after)?;
        self.point.phase = Phase::Sealed;
        self.save()
    }

    /// Takes everything back. May be repeated if it was interrupted.
    ///
    /// # Errors
    /// [`RepoError::ChangedSince`] without `force` if the user changed what it would write, [`RepoError::Unsealed`] if that is
    /// not known; [`RepoError::InTheWay`];
    /// [`RepoError::AlreadyUndone`]; [`RepoError::Busy`]; git failed, or the disk.
    pub fn undo(&mut self, repo: &Repo, force: bool) -> Result<Report> {
        if self.is_undone() {
            return Err(RepoError::AlreadyUndone);
        }
        match self.point.what.clone() {
            What::Whole(whole) => self.put_back(repo, &whole, force),
            What::Written { written } => self.take_back(repo, &written, force),
        }
    }

    /// Whether it was undone.
    pub fn is_undone(&self) -> bool {
        self.point.phase == Phase::Undone
    }

    /// Whether it is of patches that were applied, and another one can be applied behind it.
    pub fn takes_patches(&self) -> bool {
        matches!(self.point.what, What::Written { .. }) && !self.is_undone()
    }

    /// Whether the repository is as an attempt in it left it, so that it can go on behind the same point. Where the attempt
    /// was killed, nobody knows, and it is taken to be.
    ///
    /// # Errors
    /// git failed, or the files can't be read.
    pub fn is_as_left(&self, repo: &Repo) -> Result<bool> {
        match (&self.point.what, self.point.phase) {
            (What::Whole(_), Phase::Taken) => Ok(true),
            (What::Whole(whole), Phase::Sealed) => {
                let repo = &whole.repository(repo, &self.dir)?;
                let after: Shape = read_json(&self.dir, "after.json")?;
                Ok(whole.look_again(repo, &self.before()?)?.is_like(&after))
            }
            _ => Ok(false),
        }
    }

    /// The point in `dir`.
    ///
    /// # Errors
    /// There is no undo point in `dir`, or it can't be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let point: Point = read_json(dir, POINT)?;
        match (&point.what, point.format) {
            (What::Whole(_), WHOLE) | (What::Written { .. }, WRITTEN) => Ok(Self { dir: dir.to_path_buf(), point }),
            (_, format) => {
                let why = format!("its format is {format}; it was made by another version of voe");
                Err(RepoError::UndoBroken { path: dir.to_path_buf(), why })
            }
        }
    }

    /// The newest point for this repository among the directories in `state_dir`, undone or not.
    ///
    /// # Errors
    /// `state_dir` can't be read (that it is missing is no error). A point that can't be read is passed over.
    pub fn latest(state_dir: &Path, repo: &Repo) -> Result<Option<Self>> {
        let entries = match std::fs::read_dir(state_dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RepoError::io("read", state_dir)(error)),
        };
        let points = entries.flatten().filter_map(|entry| Self::open(&entry.path()).ok());
        let here = points.filter(|point| point.point.top.0 == repo.top.as_os_str().as_bytes());
        Ok(here.max_by_key(|point| point.point.taken))
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn before(&self) -> Result<Shape> {
        read_json(&self.dir, "before.json")
    }

    fn save(&self) -> Result<()> {
        write_json(&self.dir.join(POINT), &self.point)
    }
}

impl Whole {
    fn store(&self) -> PathBuf {
        path(&self.store)
    }

    /// The repository with the git directories that it had when the point in `dir` was taken.
    fn repository(&self, now: &Repo, dir: &Path) -> Result<Repo> {
        let then = Repo { git_dir: path(&self.git_dir), common_dir: path(&self.common_dir), ..now.clone() };
        for git_dir in [&then.git_dir, &then.common_dir] {
            if !git_dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                let why = format!("{} is no longer a directory; move what was there back first", git_dir.display());
                return Err(RepoError::UndoBroken { path: dir.to_path_buf(), why });
            }
        }
        Ok(then)
    }

    fn look_again(&self, repo: &Repo, before: &Shape) -> Result<Shape> {
        let store = self.store();
        let kept = list_tree(&Git::private(&store), &before.ignored_tree)?;
        let tree = repo.tree_now(&store)?;
        let mut now = look(repo, &store, &tree, Ignored::Before(&kept), None)?;
        now.listed = Hidden::find(repo, &store, before, &now)?.files;
        Ok(now)
    }

    /// Copies what an undo will need from the repository: it may be tidied up before that.
    fn own_objects(&self, before: &Shape, after: &Shape) -> Result<()> {
        if before.tree == after.tree {
            return Ok(());
        }
        let changed = differences(&Git::private(&self.store()), &before.tree, &after.tree)?;
        let old = changed.into_iter().filter_map(|file| Some(file.old?.1));
        self.own(&[&before.tree, &after.tree, &before.ignored_tree], old)
    }

    /// Copies what only repositories inside of the work tree have: they may be gone when it is needed.
    fn own_nested(&self, repo: &Repo, before: &Shape) -> Result<()> {
        // Submodules mostly have theirs in the outer one.
        let is_dir = |path: &[u8]| repo.top.join(as_path(path)).symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let found = before.ignored.iter().map(|path| path.0.strip_suffix(b"/").unwrap_or(&path.0));
        let nested: Vec<&[u8]> =
            found.filter(|path| is_dir(path)).filter_map(|path| path.strip_suffix(b".git")).collect();
        if nested.is_empty() {
            return Ok(());
        }
        let files = list_tree(&Git::private(&self.store()), &before.tree)?.into_iter();
        let inside = files.filter(|(path, _)| nested.iter().any(|repository| path.starts_with(repository)));
        self.own(&[&before.tree], inside.map(|(_, (_, id))| id))
    }

    /// Copies the directories of these trees, and these blobs.
    fn own(&self, trees: &[&str], blobs: impl Iterator<Item = String>) -> Result<()> {
        let store = self.store();
        let git = Git::private(&store);
        let mut wanted = git.run(&[&["rev-list", "--objects", "--filter=blob:none"], trees].concat())?;
        for id in blobs {
            wanted.extend_from_slice(id.as_bytes());
            wanted.push(b'\n');
        }
        let pack = store.join("objects/pack/pack");
        git.run_with(&["pack-objects".as_ref(), "-q".as_ref(), pack.as_os_str()], &wanted)?;
        Ok(())
    }
}

fn bytes(path: &Path) -> RawBytes {
    RawBytes(path.as_os_str().as_bytes().to_vec())
}

fn path(bytes: &RawBytes) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes.0.clone()))
}

/// Writes a file whole or not at all.
fn write_json(file: &Path, value: &impl Serialize) -> Result<()> {
    let write = |new: &mut std::fs::File| {
        serde_json::to_writer(std::io::BufWriter::new(&mut *new), value)?;
        new.sync_all()
    };
    atomic_write(file, write).map_err(RepoError::io("write", file))
}

fn read_json<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<T> {
    let broken = |why: String| RepoError::UndoBroken { path: dir.to_path_buf(), why };
    let text = std::fs::read(dir.join(name)).map_err(|error| broken(format!("{name}: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| broken(format!("{name}: {error}")))
}
