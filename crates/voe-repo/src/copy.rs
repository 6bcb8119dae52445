//! Makes a repository from given files, for the demo and for small tasks.

use std::path::Path;

use voe_protocol::{Export, ExportedFile, FileState, RawBytes};
use voe_trace::FileRole;

use crate::files::FilesRoot;
use crate::git::GitCommand;
use crate::hazard::hazards;
use crate::objects::{write_blobs, write_tree};
use crate::{RepoError, Result};

/// Author, committer and time of generated commits. They are fixed, so that the same files give the same commit.
const AUTHOR: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "voe"),
    ("GIT_AUTHOR_EMAIL", "voe@localhost"),
    ("GIT_AUTHOR_DATE", "1735689600 +0000"),
    ("GIT_COMMITTER_NAME", "voe"),
    ("GIT_COMMITTER_EMAIL", "voe@localhost"),
    ("GIT_COMMITTER_DATE", "1735689600 +0000"),
];

/// Makes a git repository in `dir` (missing or empty) with `files` in one commit on `main`. Returns the commit's id, which
/// depends on the files only.
///
/// # Errors
/// A path leads out of `dir`, `dir` is not empty, git failed, or a file can't be written.
pub fn throw_away_copy(files: &[(RawBytes, FileState)], dir: &Path) -> Result<String> {
    let added = |(path, now): &(RawBytes, FileState)| ExportedFile {
        path: path.clone(),
        base: None,
        now: Some(now.clone()),
        role: FileRole::Code,
    };
    let export = Export { files: files.iter().map(added).collect(), skipped: Vec::new() };
    if let Some(file) = export.files.iter().find(|file| {
        let alone = Export { files: vec![(*file).clone()], skipped: Vec::new() };
        !hazards(&alone, &Default::default(), &|_| None).is_empty()
    }) {
        let why = "a repository made from given files can't contain such a path";
        return Err(RepoError::Export { path: crate::objects::printable(&file.path.0), why });
    }
    let git = init(dir)?;
    let git_dir = dir.join(".git");
    let contents: Vec<&[u8]> = files.iter().map(|(_, state)| &state.content.0[..]).collect();
    let ids = write_blobs(&git, &git_dir, &contents)?;
    let entries = files.iter().zip(ids).map(|((path, state), id)| (path.0.clone(), (state.mode, id)));
    let tree = write_tree(&git, &entries.collect())?;
    let authored = AUTHOR.iter().fold(git.clone(), |git, (name, value)| git.variable(name, value));
    let commit = authored.line(&["commit-tree", "-m", "Base", &tree])?;
    git.run(&["update-ref", "refs/heads/main", &commit])?;
    let root = FilesRoot::open(dir)?;
    for (path, state) in files {
        root.put(&path.0, Some(state))?;
    }
    git.run(&["read-tree", "HEAD"])?;
    // Files that attributes would convert stay as they are and show as changed, which is all that a failure here means.
    git.output(&["update-index", "-q", "--refresh"], &[])?;
    Ok(commit)
}

/// Makes a repository with a work tree at `dir`, which is missing or empty. Returns git for it.
pub(crate) fn init(dir: &Path) -> Result<GitCommand> {
    std::fs::create_dir_all(dir).map_err(RepoError::io("make", dir))?;
    let dir = dir.canonicalize().map_err(RepoError::io("read", dir))?;
    if std::fs::read_dir(&dir).map_err(RepoError::io("read", &dir))?.next().is_some() {
        let source = std::io::Error::other("the directory is not empty");
        return Err(RepoError::Io { action: "make a repository in", path: dir, source });
    }
    let git_dir = dir.join(".git");
    let git = GitCommand::private(&git_dir).work_tree(&dir);
    git.run(&["init", "--quiet", "--template="])?;
    // git before 2.28 does not know init.defaultBranch.
    git.run(&["symbolic-ref", "HEAD", "refs/heads/main"])?;
    // Naming the work tree sets core.worktree, which would be wrong once the repository is moved.
    git.output(&["config", "--unset", "core.worktree"], &[])?;
    Ok(git)
}
