//! `voe undo`: reverts the changes of the last `voe fix`.

use std::path::{Path, PathBuf};

use voe_repo::{Repo, RepoError, UndoPoint};
use voe_trace::event::Applied;
use voe_trace::{Trajectory, layout};

use crate::places::AttemptPaths;
use crate::{cli, exit, state};

pub(crate) fn run(args: &cli::Undo) -> anyhow::Result<u8> {
    let repo = Repo::discover(&std::env::current_dir()?)?;
    let parent = state::of_repository(repo.top())?;
    let _lock = state::lock(&parent, repo.top())?;
    let undo = parent.join("undo");
    let latest = if undo.is_dir() { UndoPoint::latest(&undo, &repo)? } else { None };
    let mut point = latest.ok_or_else(|| RepoError::NothingToUndo(repo.top().to_owned()))?;
    let report = point.undo(&repo, args.force)?;
    for (what, paths) in
        [("restored", &report.restored), ("removed", &report.removed), ("restored for git", &report.git)]
    {
        for path in paths {
            outln!("{what}: {}", crate::show::one_line(path));
        }
    }
    for path in &report.overwritten {
        outln!("your later change was overwritten: {}", crate::show::one_line(path));
    }
    if report.unsealed {
        outln!("the attempt was interrupted, so everything that changed since it began was restored");
    }
    if report.restored.is_empty() && report.removed.is_empty() && report.git.is_empty() {
        match unapplied(point.dir()) {
            Some(patch) => outln!("nothing to undo: the patch was not applied; it is in {}", patch.display()),
            None => outln!("nothing had changed"),
        }
    }
    if let Some(redo) = &report.redo {
        outln!("the state before this undo was saved in {}", redo.display());
    }
    Ok(exit::OK)
}

/// The patch of the attempt with this undo point, if it was never applied.
fn unapplied(undo: &Path) -> Option<PathBuf> {
    let places = AttemptPaths::of_undo(undo)?;
    let record = Trajectory::read(&places.trajectory()).ok()?;
    let unapplied = |finish: &&voe_trace::event::Finish| finish.applied != Applied::Yes && !finish.patch.is_empty();
    record.finish().filter(unapplied).map(|_| places.dir.join(layout::PATCH))
}
