//! Undo points: take back what voe changed.
//!
//! A point is a directory: `point.json` tells which repository it is for and how far it got; `files` has earlier file
//! contents, by hash. There are two kinds. Where voe itself writes (a patch, an undo), each write is recorded
//! ([`journal`]). Where an attempt works in the user's tree, the whole state is recorded: `before.json` and `after.json`
//! are the state of the repository when the attempt began and when it ended, `files` has git's own files, and those of
//! the work tree are in the store of the base ([`restore`]).

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

use crate::git::GitCommand;
use crate::objects::{differences, list_tree};
use crate::snapshot::as_path;
use crate::{Base, Repo, RepoError, Result};
use hidden::IgnoredFiles;
use journal::Journal;
use shape::{Ignored, RepoState, look};

/// The format version of a point with the whole state.
const WHOLE: u32 = 2;
/// The format version of a point with a journal.
const WRITTEN: u32 = 3;

/// The file that describes a point. If it exists, the point is complete.
const POINT: &str = "point.json";

/// What is needed to take back what voe applied ([`Repo::apply`]), or to restore a repository to its state before an attempt
/// that worked in it: its files, index, HEAD, branches, stash, configuration.
///
/// After an attempt in the repository itself these are restored: files that are not ignored, earlier ignored files if they
/// are few and small, directories, and git's own files except objects (which git only adds to). Not restored: other ignored
/// files (a `node_modules`, a `target`), and git's files of nested repositories that are not submodules.
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
    what: PointKind,
}

/// The contents of a point.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum PointKind {
    /// The whole state of the repository.
    Whole(WholeState),
    /// The writes of voe.
    Written { written: Journal },
}

/// The repository of a point with the whole state.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct WholeState {
    /// Its git directory, and the one with objects and branches, as of before the attempt: an undo does not write through what
    /// the attempt made of `.git` (a link, a file that leads elsewhere).
    git_dir: RawBytes,
    common_dir: RawBytes,
    /// The git directory with the trees.
    store: RawBytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// The attempt is running, or was killed.
    Taken,
    /// The attempt has ended.
    Sealed,
    /// An undo has begun; the copy of the state before it is complete.
    Undoing,
    /// The undo is done.
    Undone,
}

/// The result of an undo. Paths are relative to the work tree and printable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoReport {
    /// Files whose content or mode was restored, or that had been deleted.
    pub restored: Vec<String>,
    /// Files that the attempt had made and that were removed.
    pub removed: Vec<String>,
    /// Restored files of git's own (`.git/index`, `.git/refs/heads/main` …).
    pub git: Vec<String>,
    /// Files that were changed after the attempt and were overwritten.
    pub overwritten: Vec<String>,
    /// The attempt was killed before it recorded its final state, so everything that changed since it began was restored.
    pub unsealed: bool,
    /// The saved state from before this undo; [`UndoPoint::open`] and [`UndoPoint::undo`] restore it.
    pub redo: Option<PathBuf>,
}

impl UndoPoint {
    /// Saves in `dir`, which is made, what is needed to restore everything. Call it before anything is changed, with a new
    /// base; `base.git_dir` must be kept as long as the point (put it inside `dir`).
    ///
    /// # Errors
    /// git failed, or the point can't be written to `dir`.
    pub fn take(repo: &Repo, base: &Base, dir: &Path) -> Result<Self> {
        Self::take_with(repo, base, dir, Vec::new())
    }

    /// Like [`Self::take`]; also saves these ignored files, whatever their size.
    fn take_with(repo: &Repo, base: &Base, dir: &Path, ignored: Vec<&[u8]>) -> Result<Self> {
        let saved = dir.join("files");
        std::fs::create_dir_all(&saved).map_err(RepoError::io("make", &saved))?;
        let before = look(repo, &base.git_dir, &base.tree, Ignored::Small(ignored), Some(&saved))?;
        write_json(&dir.join("before.json"), &before)?;
        let whole = WholeState {
            git_dir: bytes(&repo.git_dir),
            common_dir: bytes(&repo.common_dir),
            store: bytes(&base.git_dir),
        };
        whole.own_nested(repo, &before)?;
        Self::make(repo, dir, Phase::Taken, PointKind::Whole(whole))
    }

    fn make(repo: &Repo, dir: &Path, phase: Phase, what: PointKind) -> Result<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let point = Point {
            format: if matches!(what, PointKind::Whole(_)) { WHOLE } else { WRITTEN },
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

    /// Records the final state of an attempt in the repository itself, so that later changes of the user can be distinguished from its
    /// own. A point of [`Repo::apply`] needs no seal.
    ///
    /// # Errors
    /// git failed, or the point can't be written.
    pub fn seal(&mut self, repo: &Repo) -> Result<()> {
        let PointKind::Whole(whole) = &self.point.what else { return Ok(()) };
        let repo = &whole.repository(repo, &self.dir)?;
        let before = self.before()?;
        let after = whole.look_again(repo, &before)?;
        whole.own_objects(&before, &after)?;
        write_json(&self.dir.join("after.json"), &after)?;
        self.point.phase = Phase::Sealed;
        self.save()
    }

    /// Takes everything back. Can be called again if it was interrupted.
    ///
    /// # Errors
    /// [`RepoError::ChangedSince`] without `force` if the user changed a file that it would write, [`RepoError::Unsealed`] if
    /// that is not known; [`RepoError::InTheWay`]; [`RepoError::AlreadyUndone`]; [`RepoError::Busy`]; git failed, or a file
    /// can't be read or written.
    pub fn undo(&mut self, repo: &Repo, force: bool) -> Result<UndoReport> {
        if self.is_undone() {
            return Err(RepoError::AlreadyUndone);
        }
        match self.point.what.clone() {
            PointKind::Whole(whole) => self.put_back(repo, &whole, force),
            PointKind::Written { written } => self.take_back(repo, &written, force),
        }
    }

    /// Whether it was undone.
    pub fn is_undone(&self) -> bool {
        self.point.phase == Phase::Undone
    }

    /// Whether it is a point of applied patches to which another one can be added.
    pub fn takes_patches(&self) -> bool {
        matches!(self.point.what, PointKind::Written { .. }) && !self.is_undone()
    }

    /// Whether the repository is as an attempt in it left it, so that the attempt can be resumed with the same point. After a
    /// kill this is not known and taken to be true.
    ///
    /// # Errors
    /// git failed, or the files can't be read.
    pub fn is_as_left(&self, repo: &Repo) -> Result<bool> {
        match (&self.point.what, self.point.phase) {
            (PointKind::Whole(_), Phase::Taken) => Ok(true),
            (PointKind::Whole(whole), Phase::Sealed) => {
                let repo = &whole.repository(repo, &self.dir)?;
                let after: RepoState = read_json(&self.dir, "after.json")?;
                Ok(whole.look_again(repo, &self.before()?)?.is_like(&after))
            }
            _ => Ok(false),
        }
    }

    /// Opens the point in `dir`.
    ///
    /// # Errors
    /// There is no undo point in `dir`, or it can't be read.
    pub fn open(dir: &Path) -> Result<Self> {
        let point: Point = read_json(dir, POINT)?;
        match (&point.what, point.format) {
            (PointKind::Whole(_), WHOLE) | (PointKind::Written { .. }, WRITTEN) => {
                Ok(Self { dir: dir.to_path_buf(), point })
            }
            (_, format) => {
                let why = format!("its format is {format}, which is that of another version of voe");
                Err(RepoError::UndoBroken { path: dir.to_path_buf(), why })
            }
        }
    }

    /// The newest point for this repository among the directories in `state_dir`, undone or not.
    ///
    /// # Errors
    /// `state_dir` can't be read (a missing one is not an error). A point that can't be read is skipped.
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

    /// The directory of the point.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn before(&self) -> Result<RepoState> {
        read_json(&self.dir, "before.json")
    }

    fn save(&self) -> Result<()> {
        write_json(&self.dir.join(POINT), &self.point)
    }
}

impl WholeState {
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

    fn look_again(&self, repo: &Repo, before: &RepoState) -> Result<RepoState> {
        let store = self.store();
        let kept = list_tree(&GitCommand::private(&store), &before.ignored_tree)?;
        let tree = repo.tree_now(&store)?;
        let mut now = look(repo, &store, &tree, Ignored::Before(&kept), None)?;
        now.listed = IgnoredFiles::find(repo, &store, before, &now)?.files;
        Ok(now)
    }

    /// Copies what an undo will need from the repository, which may be cleaned up before that.
    fn own_objects(&self, before: &RepoState, after: &RepoState) -> Result<()> {
        if before.tree == after.tree {
            return Ok(());
        }
        let changed = differences(&GitCommand::private(&self.store()), &before.tree, &after.tree)?;
        let old = changed.into_iter().filter_map(|file| Some(file.old?.1));
        self.own(&[&before.tree, &after.tree, &before.ignored_tree], old)
    }

    /// Copies objects that only nested repositories have: these may be gone when they are needed.
    fn own_nested(&self, repo: &Repo, before: &RepoState) -> Result<()> {
        // Most submodules have theirs in the outer repository.
        let is_dir = |path: &[u8]| repo.top.join(as_path(path)).symlink_metadata().is_ok_and(|meta| meta.is_dir());
        let found = before.ignored.iter().map(|path| path.0.strip_suffix(b"/").unwrap_or(&path.0));
        let nested: Vec<&[u8]> =
            found.filter(|path| is_dir(path)).filter_map(|path| path.strip_suffix(b".git")).collect();
        if nested.is_empty() {
            return Ok(());
        }
        let files = list_tree(&GitCommand::private(&self.store()), &before.tree)?.into_iter();
        let inside = files.filter(|(path, _)| nested.iter().any(|repository| path.starts_with(repository)));
        self.own(&[&before.tree], inside.map(|(_, (_, id))| id))
    }

    /// Copies the directories of these trees, and these blobs.
    fn own(&self, trees: &[&str], blobs: impl Iterator<Item = String>) -> Result<()> {
        let store = self.store();
        let git = GitCommand::private(&store);
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

/// Writes a file atomically.
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
