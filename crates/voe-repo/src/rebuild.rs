//! The base in another place: for resuming an attempt, and for running one again.

use std::ffi::OsString;
use std::path::Path;

use voe_protocol::{Export, ExportedFile, FileState, RawBytes};

use crate::copy::init;
use crate::git::GitCommand;
use crate::index::edited_tree;
use crate::objects::{Blobs, differences, entries_of, init_bare, list_tree};
use crate::snapshot::as_path;
use crate::snapshot::{NO_ATTRIBUTES, alternate, write};
use crate::{Base, RepoError, Result};

/// The most files that are named to git one by one.
const MANY: usize = 500;

impl Base {
    /// The files that `patch` changes, as they are with it on this base; `None` for deleted ones. Neither the repository nor a
    /// work tree is touched.
    ///
    /// # Errors
    /// The patch does not apply to the base, git failed, or a file can't be read or written.
    pub fn with_patch(&self, patch: &str) -> Result<Vec<(RawBytes, Option<FileState>)>> {
        if patch.is_empty() {
            return Ok(Vec::new());
        }
        let git = GitCommand::private(&self.git_dir);
        let tree = edited_tree(&git, &self.git_dir, &self.tree, |git| {
            git.run_with(&["apply", "--cached", "--whitespace=nowarn", "-"], patch.as_bytes()).map(drop)
        })?;
        let mut blobs = Blobs::open(&git)?;
        differences(&git, &self.tree, &tree)?
            .into_iter()
            .map(|difference| {
                let now = match difference.new {
                    Some((mode, id)) => Some(FileState { mode, content: RawBytes(blobs.get(&id)?) }),
                    None => None,
                };
                Ok((RawBytes(difference.path), now))
            })
            .collect()
    }

    /// The export that a toolbox would make of a workspace with `patch`.
    ///
    /// # Errors
    /// The same as for [`Base::with_patch`].
    pub fn export_of(&self, patch: &str) -> Result<Export> {
        let file = |(path, now): (RawBytes, Option<FileState>)| {
            let role = voe_evidence::role_by_path(&path.0);
            ExportedFile { path, base: None, now, role }
        };
        let files = self.with_patch(patch)?.into_iter().map(file).collect();
        let mut export = Export { files, skipped: Vec::new() };
        self.correct(&mut export)?;
        Ok(export)
    }

    /// Copies the base to a store of its own at `store`, with every object it needs: for a repository that will be removed.
    ///
    /// # Errors
    /// git failed, or the files can't be written to `store`.
    pub fn keep(&self, store: &Path) -> Result<Self> {
        let from = GitCommand::private(&self.git_dir);
        // git before 2.29 knows only one format, and not this option.
        let format = from.line(&["rev-parse", "--show-object-format"]).unwrap_or_else(|_| "sha1".into());
        init_bare(store, &format)?;
        let git_dir = std::fs::canonicalize(store).map_err(RepoError::io("read", store))?;
        let roots = [Some(self.tree.clone()), self.commit.clone()];
        let wanted: String = roots.into_iter().flatten().map(|id| id + "\n").collect();
        // Through a file: a history of some hundred megabytes should not be in memory.
        let pack = tempfile::NamedTempFile::new_in(&git_dir).map_err(RepoError::io("write", &git_dir))?;
        from.run_into(&["pack-objects", "-q", "--revs", "--stdout"], wanted.as_bytes(), pack.path())?;
        GitCommand::private(&git_dir).run_from(&["index-pack", "--stdin"], pack.path())?;
        Ok(Self { git_dir, ..self.clone() })
    }

    /// Replaces the base states in `export` by those of this base, and drops files that are as at the base: what a sandbox reads
    /// as the base may have been changed since, by the user or by what ran inside.
    ///
    /// # Errors
    /// git could not read the base.
    pub fn correct(&self, export: &mut Export) -> Result<()> {
        if export.files.is_empty() {
            return Ok(());
        }
        let git = GitCommand::private(&self.git_dir);
        let entries = if export.files.len() > MANY {
            list_tree(&git, &self.tree)?
        } else {
            let mut args: Vec<OsString> =
                ["ls-tree", "-r", "-z", "--full-tree", &self.tree, "--"].map(OsString::from).to_vec();
            args.extend(export.files.iter().map(|file| as_path(&file.path.0).as_os_str().to_owned()));
            entries_of(&git.run(&args)?)?
        };
        let mut blobs = Blobs::open(&git)?;
        for file in &mut export.files {
            file.base = match entries.get(&file.path.0) {
                // A submodule is in the tree with its files; anything else is not a file.
                Some((mode, id)) if mode & 0o170_000 != 0o160_000 => {
                    Some(FileState { mode: *mode, content: RawBytes(blobs.get(id)?) })
                }
                _ => None,
            };
        }
        export.files.retain(|file| file.base != file.now);
        Ok(())
    }

    /// Makes a repository in `dir` (missing or empty) with the base's files in the work tree and its commit checked out, so that
    /// `git diff` and `git log` print there what they printed at the base. It borrows the base's objects, and nothing else of
    /// its git directory: that of somebody else's record can't be trusted.
    ///
    /// # Errors
    /// git failed, or the files can't be written to `dir`.
    pub fn check_out(&self, dir: &Path) -> Result<()> {
        let git = init(dir)?;
        let git_dir = dir.join(".git");
        write(&git_dir.join("objects/info/alternates"), &alternate(&self.git_dir.join("objects")))?;
        if let Some(commit) = &self.commit {
            git.run(&["update-ref", "refs/heads/main", commit])?;
            git.run(&["read-tree", commit])?;
        }
        let (index, attributes) = (git_dir.join("voe-base.index"), git_dir.join("info/attributes"));
        // The base has the bytes of the work tree: nothing is to be converted on checkout.
        write(&attributes, NO_ATTRIBUTES.as_bytes())?;
        let files = git.index(&index);
        files.run(&["read-tree", &self.tree])?;
        files.run(&["checkout-index", "-a", "-f"])?;
        for file in [index, attributes] {
            std::fs::remove_file(&file).map_err(RepoError::io("remove", &file))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use crate::Repo;

    fn git(dir: &std::path::Path, args: &[&str]) -> String {
        let out = Command::new("git").current_dir(dir).args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    #[test]
    fn a_dirty_base_is_checked_out_elsewhere_with_its_patch() {
        let temporary = tempfile::tempdir().unwrap();
        let tree = temporary.path().join("repo");
        std::fs::create_dir(&tree).unwrap();
        git(&tree, &["init", "-q"]);
        std::fs::write(tree.join("a.txt"), "one\n").unwrap();
        git(&tree, &["add", "."]);
        git(&tree, &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"]);
        std::fs::write(tree.join("a.txt"), "two\n").unwrap();
        std::fs::write(tree.join(".gitattributes"), "*.dos text eol=crlf\n").unwrap();
        std::fs::write(tree.join("x.dos"), "unix\n").unwrap();
        std::fs::write(tree.join("new file"), "new\n").unwrap();
        let base = Repo::discover(&tree).unwrap().base(&temporary.path().join("store")).unwrap();

        let copy = temporary.path().join("copy");
        base.check_out(&copy).unwrap();
        assert_eq!(std::fs::read_to_string(copy.join("new file")).unwrap(), "new\n");
        assert_eq!(git(&copy, &["status", "--porcelain"]), git(&tree, &["status", "--porcelain"]));
        assert_eq!(std::fs::read_to_string(copy.join("x.dos")).unwrap(), "unix\n");
        assert_eq!(git(&copy, &["log", "--format=%H"]), git(&tree, &["log", "--format=%H"]));

        std::fs::write(tree.join("a.txt"), "three\n").unwrap();
        let kept = base.keep(&temporary.path().join("kept")).unwrap();
        kept.check_out(&temporary.path().join("third")).unwrap();

        let patch = git(&tree, &["diff"]).replace("-one", "-two");
        let files = base.with_patch(&patch).unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].1.as_ref().unwrap().content.0, b"three\n");
    }
}
