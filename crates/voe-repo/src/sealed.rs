//! A checkout without anything newer than its commit.

use std::collections::BTreeSet;
use std::path::Path;

use crate::copy::init;
use crate::git::GitCommand;
use crate::history::{HistoryCache, pack};
use crate::objects::unknown;
use crate::{RepoError, Result};

/// The contents of a sealed checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The full id of the commit.
    pub commit: String,
    /// The tags that are reachable from it, by name.
    pub tags: Vec<String>,
    /// The number of objects in the repository.
    pub objects: u64,
}

/// Makes a repository at `dir` (missing or empty) from the clone or mirror `source`: `commit` on `main`, its ancestors
/// and the tags among them, checked out; no remotes, alternates, reflogs or promisor packs, and no object that is not
/// reachable from these. Submodules stay empty. The part of its history that is in `history` is shared with other checkouts.
///
/// # Errors
/// `source` is not a repository, lacks the commit or some of its objects (a partial or shallow clone); git failed, or a file
/// can't be written.
pub fn sealed_checkout(source: &Path, commit: &str, dir: &Path, history: Option<&HistoryCache>) -> Result<Sealed> {
    // Grafts would add other commits to the ancestors.
    let from = GitCommand::around(source).variable("GIT_GRAFT_FILE", "/dev/null");
    let missing = || RepoError::NoCommit { clone: source.to_owned(), commit: commit.to_owned() };
    if commit.starts_with('-') {
        return Err(missing());
    }
    // If it is not a repository at all, git's own error is the better one.
    from.line(&["rev-parse", "--git-dir"])?;
    let commit =
        from.line(&["rev-parse", "--quiet", "--verify", &format!("{commit}^{{commit}}")]).map_err(|_| missing())?;
    let tags = reachable_tags(&from, &commit)?;
    let git = init(dir)?;
    let git_dir = dir.join(".git");
    // There may be more packs than git leaves alone; packing them again would be wasted.
    git.run(&["config", "gc.auto", "0"])?;
    let layers = history.map(|history| history.layers(source, &from, &commit)).transpose()?.unwrap_or_default();
    layers.share(&git_dir)?;
    let wanted = std::iter::once(commit.as_str()).chain(tags.iter().map(|(id, _)| id.as_str()));
    pack(&from, wanted, layers.last.as_deref(), &git, &git_dir)?;
    let refs: String = std::iter::once(("refs/heads/main".to_owned(), commit.clone()))
        .chain(tags.iter().map(|(id, name)| (format!("refs/tags/{name}"), id.clone())))
        .map(|(name, id)| format!("create {name} {id}\n"))
        .collect();
    git.run_with(&["update-ref", "--stdin"], refs.as_bytes())?;
    git.run(&["read-tree", "HEAD"])?;
    git.run(&["checkout-index", "-q", "-a", "-u"])?;
    let logs = git_dir.join("logs");
    if logs.exists() {
        std::fs::remove_dir_all(&logs).map_err(RepoError::io("remove", &logs))?;
    }
    let all = git.run(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])?;
    let objects = all.iter().filter(|byte| **byte == b'\n').count() as u64;
    Ok(Sealed { commit, tags: tags.into_iter().map(|(_, name)| name).collect(), objects })
}

/// Inspects a sealed checkout of `base` in which commands have run: it must be at `base`, or one commit later. Other objects
/// that were added to it, such as by a fetch, are removed.
///
/// # Errors
/// It is at another commit; git failed, or a file can't be removed.
pub fn settle(dir: &Path, base: &str) -> Result<()> {
    let git_dir = dir.join(".git");
    let git = GitCommand::private(&git_dir).work_tree(dir);
    let line = git.line(&["rev-list", "--parents", "--max-count=1", "HEAD"])?;
    let ids: Vec<&str> = line.split(' ').collect();
    if ids.first() != Some(&base) && ids.get(1..) != Some(&[base]) {
        return Err(RepoError::MovedOn {
            base: base.to_owned(),
            at: ids.first().copied().unwrap_or_default().to_owned(),
        });
    }
    // What its commit added, and what is staged. All of the base is in packs.
    let mut known = BTreeSet::new();
    let added = git.run(&["rev-list", "--objects", "--no-object-names", "HEAD", &format!("^{base}")])?;
    known.extend(String::from_utf8_lossy(&added).lines().map(str::to_owned));
    let staged = git.run(&["ls-files", "--stage", "-z"])?;
    let staged = staged
        .split(|byte| *byte == 0)
        .filter_map(|entry| String::from_utf8_lossy(entry).split(' ').nth(1).map(str::to_owned));
    known.extend(staged);
    let objects = git_dir.join("objects");
    let entries = |dir: &Path| -> Result<Vec<std::fs::DirEntry>> {
        std::fs::read_dir(dir).and_then(Iterator::collect).map_err(RepoError::io("read", dir))
    };
    for sub in entries(&objects)?.into_iter().filter(|sub| sub.file_name().len() == 2) {
        for file in entries(&sub.path())? {
            let id = [sub.file_name(), file.file_name()].map(|part| part.to_string_lossy().into_owned()).concat();
            if !known.contains(&id) {
                std::fs::remove_file(file.path()).map_err(RepoError::io("remove", file.path()))?;
            }
        }
    }
    Ok(())
}

/// Tags whose commit is `commit` or an ancestor: their ids and names. A lightweight tag is taken whenever it was made; an
/// annotated one shows its date, so it is taken only if it was made no later than a day after the commit.
fn reachable_tags(from: &GitCommand, commit: &str) -> Result<Vec<(String, String)>> {
    let format = "--format=%(objectname) %(creatordate:unix) %(refname:strip=2)";
    let latest = from.line(&["show", "-s", "--no-show-signature", "--format=%ct", commit])?;
    let latest: i64 = latest.parse().map_err(|_| unknown("show", &latest))?;
    let out = from.line(&["for-each-ref", "--merged", commit, format, "refs/tags"])?;
    let mut tags = Vec::new();
    for line in out.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(id), Some(date), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(unknown("for-each-ref", line));
        };
        if date.parse().unwrap_or(0) <= latest + 86_400 {
            tags.push((id.to_owned(), name.to_owned()));
        }
    }
    Ok(tags)
}
