//! A repository's history in packs that its checkouts share.
//!
//! Every [`STEP`]-th commit along the first parents of a base closes a layer: a pack with the part of its history that the
//! layer before lacks. A checkout gets the layers whose last commit is its base or an ancestor, so that nothing in them is
//! newer than the base, and a small pack of its own for the rest. Bases on one line of development have the same layers, in
//! whatever order they are requested.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::git::GitCommand;
use crate::objects::init_bare;
use crate::{RepoError, Result};

/// Commits along the first parents from one layer to the next. At 500 a checkout of Django has up to 61 layers and 3 MB of its
/// own; one of Sphinx, which has large translation catalogs, 15 MB.
const STEP: usize = 500;

/// A directory with the layers of one repository's history. Only voe writes to it.
#[derive(Debug, Clone)]
pub struct HistoryCache {
    dir: PathBuf,
    step: usize,
}

/// The layers of a commit's history.
#[derive(Debug, Default)]
pub(crate) struct HistoryLayers {
    /// The directories of their packs.
    pub(crate) dirs: Vec<PathBuf>,
    /// The last commit of the last layer: its whole history is in them.
    pub(crate) last: Option<String>,
}

impl HistoryCache {
    /// Layers in `dir`, which is made when it is needed.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), step: STEP }
    }

    /// Sets another number of commits for each layer.
    #[must_use]
    pub fn every(self, step: usize) -> Self {
        Self { step: step.max(1), ..self }
    }

    /// The layers of `commit`'s history; missing ones are made from the repository `from`.
    pub(crate) fn layers(&self, source: &Path, from: &GitCommand, commit: &str) -> Result<HistoryLayers> {
        if from.line(&["rev-parse", "--is-shallow-repository"])? == "true" {
            return Err(RepoError::Shallow(source.to_owned()));
        }
        let line = from.run(&["rev-list", "--first-parent", "--reverse", commit])?;
        let line = String::from_utf8_lossy(&line);
        let line: Vec<&str> = line.lines().collect();
        let ends = line.iter().skip(self.step - 1).step_by(self.step);
        fs::create_dir_all(&self.dir).map_err(RepoError::io("make", &self.dir))?;
        let lock = self.dir.join("lock");
        let lock = File::create(&lock).map_err(RepoError::io("open", &lock))?;
        lock.lock().map_err(RepoError::io("lock", &self.dir))?;
        let mut layers = HistoryLayers::default();
        for end in ends {
            // The step is in the name, since another step gives other layers.
            let dir = self.dir.join(format!("{}-{end}", self.step));
            if !dir.is_dir() {
                self.make(from, end, layers.last.as_deref(), &dir)?;
            }
            layers.dirs.push(dir);
            layers.last = Some((*end).to_owned());
        }
        Ok(layers)
    }

    /// Makes the layer that ends with `end` in `dir`.
    fn make(&self, from: &GitCommand, end: &str, before: Option<&str>, dir: &Path) -> Result<()> {
        // Left by a process that was killed.
        let part = self.dir.join("part");
        if part.exists() {
            fs::remove_dir_all(&part).map_err(RepoError::io("remove", &part))?;
        }
        let format = from.line(&["rev-parse", "--show-object-format"]).unwrap_or_else(|_| "sha1".into());
        init_bare(&part, &format)?;
        pack(from, [end], before, &GitCommand::private(&part), &part)?;
        let packs = part.join("objects/pack");
        fs::rename(&packs, dir).map_err(RepoError::io("move", &packs))?;
        fs::remove_dir_all(&part).map_err(RepoError::io("remove", &part))
    }
}

impl HistoryLayers {
    /// Adds the layers' packs to the repository at `git_dir`: hard links, or copies on another file system.
    pub(crate) fn share(&self, git_dir: &Path) -> Result<()> {
        let packs = git_dir.join("objects/pack");
        fs::create_dir_all(&packs).map_err(RepoError::io("make", &packs))?;
        for dir in &self.dirs {
            for entry in fs::read_dir(dir).map_err(RepoError::io("read", dir))? {
                let from = entry.map_err(RepoError::io("read", dir))?.path();
                let to = packs.join(from.file_name().unwrap_or_default());
                if fs::hard_link(&from, &to).is_err() {
                    fs::copy(&from, &to).map_err(RepoError::io("copy", &from))?;
                }
            }
        }
        Ok(())
    }
}

/// Packs everything reachable in `from` from `wanted` and not from `known` into the repository `to`, whose git directory is
/// `git_dir`. The pack contains no delta against an object outside of it.
pub(crate) fn pack<'a>(
    from: &GitCommand,
    wanted: impl IntoIterator<Item = &'a str>,
    known: Option<&str>,
    to: &GitCommand,
    git_dir: &Path,
) -> Result<()> {
    let wanted = wanted.into_iter().map(|id| format!("{id}\n"));
    let input: String = wanted.chain(known.map(|id| format!("^{id}\n"))).collect();
    // Through a file: a history of some hundred megabytes should not be in memory.
    let pack = tempfile::NamedTempFile::new_in(git_dir).map_err(RepoError::io("write", git_dir))?;
    // Bitmaps are not trusted to tell what is reachable.
    let args = ["pack-objects", "-q", "--revs", "--stdout", "--delta-base-offset", "--no-use-bitmap-index"];
    from.run_into(&args, input.as_bytes(), pack.path())?;
    to.run_from(&["index-pack", "--stdin"], pack.path())
}
