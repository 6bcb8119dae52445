//! A checkout that knows nothing of what came after its commit.

use std::path::Path;

use crate::copy::init;
use crate::git::Git;
use crate::history::{History, pack};
use crate::objects::unknown;
use crate::{RepoError, Result};

/// What a sealed checkout holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The commit, as a full id.
    pub commit: String,
    /// The tags that are reachable from it, in the order of their names.
    pub tags: Vec<String>,
    /// The number of objects in the repository.
    pub objects: u64,
}

/// Makes a repository at `dir` (missing or empty) from the clone or mirror `source`: `commit` on `main`, its ancestors
/// and the tags among them, checked out; no remotes, alternates, reflogs or promises, and no object that is not
/// reachable from these. Submodules stay empty. What of its history is in `history` is shared with other checkouts.
///
/// # Errors
/// `source` is no repository, the commit is not in it, or something of it is missing there (a partial or shallow clone); git failed, or the
/// disk.
pub fn sealed_checkout(source: &Path, commit: &str, dir: &Path, history: Option<&History>) -> Result<Sealed> {
    let from = Git::around(source);
    let missing = || RepoError::NoCommit { clone: source.to_owned(), commit: commit.to_owned() };
    if commit.starts_with('-') {
        return Err(missing());
    }
    // What is no repository at all lacks more than a commit, and git says so.
    from.line(&["rev-parse", "--git-dir"])?;
    let commit =
        from.line(&["rev-parse", "--quiet", "--verify", &format!("{commit}^{{commit}}")]).map_err(|_| missing())?;
    let tags = reachable_tags(&from, &commit)?;
    let git = init(dir)?;
    let git_dir = dir.join(".git");
    // There may be more packs than git would leave alone, and packing them again would be all for nothing.
    git.run(&["config", "gc.auto", "0"])?;
    let layers = history.map(|history| history.layers(&from, &commit)).transpose()?.unwrap_or_default();
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

/// Tags whose commit is `commit` or an ancestor: their ids and names. A tag made later of an old commit counts as known;
/// an annotated one would tell its date, so it is taken only if it was made no later than a day after the commit.
fn reachable_tags(from: &Git, commit: &str) -> Result<Vec<(String, String)>> {
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
