//! Changes many files at once: all or none.

use voe_protocol::FileState;

use crate::files::{FileMark, FilesRoot, PathState};
use crate::objects::split;
use crate::snapshot::as_path;
use crate::staged::Staged;
use crate::{RepoError, Result};

impl FilesRoot {
    /// Writes all new content first, so that only renames are left.
    pub(crate) fn prepare<'a>(&'a self, changes: &'a [(Vec<u8>, Option<FileState>)]) -> Result<PreparedChanges<'a>> {
        let mut prepared = PreparedChanges { root: self, changes: Vec::new() };
        for (path, state) in changes {
            // Before it is read, so that a change in between is noticed too.
            let mark = self.mark(path)?;
            let before = self.read(path)?;
            let new = match state {
                Some(state) => {
                    // No directory is made before all content is written.
                    let near = self.descend_while_there(split(path).0);
                    let new = near.and_then(|(near, _)| Staged::write(near, state, before.permissions()));
                    Some(new.map_err(self.failed("write", path))?)
                }
                None => None,
            };
            prepared.changes.push(PreparedChange { path, new, before, mark });
        }
        Ok(prepared)
    }
}

/// Changes whose content is written and not yet in place.
pub(crate) struct PreparedChanges<'a> {
    root: &'a FilesRoot,
    changes: Vec<PreparedChange<'a>>,
}

struct PreparedChange<'a> {
    path: &'a [u8],
    /// `None`: the file is deleted.
    new: Option<Staged>,
    before: PathState,
    mark: Option<FileMark>,
}

impl PreparedChanges<'_> {
    /// Changes all of these files or none: if something fails, what was done is taken back. Directories that become empty are removed.
    ///
    /// A file that somebody else changed since the preparation is an error, and is left as it is.
    pub(crate) fn commit(mut self) -> Result<()> {
        let mut done = Vec::new();
        let result = self.put(&mut done);
        if result.is_err() {
            self.take_back(&done);
        }
        result
    }

    /// Makes the changes; `done` are the numbers of those that were begun.
    fn put(&mut self, done: &mut Vec<usize>) -> Result<()> {
        let root = self.root;
        // Deletions first: a file may be in the way of a directory, and the other way round.
        for (number, change) in self.changes.iter().enumerate().filter(|(_, change)| change.new.is_none()) {
            change.is_as_before(root)?;
            done.push(number);
            root.remove(change.path)?;
            root.remove_empty_above(change.path);
        }
        for (number, change) in self.changes.iter_mut().enumerate() {
            let path = change.path;
            if change.new.is_some() {
                change.is_as_before(root)?;
                done.push(number);
            }
            if let Some(staged) = &mut change.new {
                root.place(path, staged).map_err(root.failed("write", path))?;
            }
        }
        Ok(())
    }

    /// Restores the earlier state after a failure, as far as possible.
    fn take_back(&self, done: &[usize]) {
        let root = self.root;
        let (there, absent): (Vec<&PreparedChange<'_>>, Vec<&PreparedChange<'_>>) = done
            .iter()
            .filter_map(|number| self.changes.get(*number))
            .partition(|change| matches!(change.before, PathState::File(..)));
        for change in absent {
            if matches!(root.read(change.path), Ok(PathState::File(..))) {
                let _ = root.remove(change.path);
                root.remove_empty_above(change.path);
            }
        }
        for change in there {
            if root.read(change.path).ok().as_ref() != Some(&change.before) {
                let Some(state) = change.before.state() else { continue };
                // What can't be restored is in the undo point.
                let way = root.make_way(split(change.path).0);
                let staged = way.and_then(|parent| Staged::write(parent, state, change.before.permissions()));
                let _ = staged.and_then(|mut staged| root.place(change.path, &mut staged));
            }
        }
    }
}

impl PreparedChange<'_> {
    /// Updates the recorded state of a directory, which changes by what is done in it here.
    fn is_as_before(&self, root: &FilesRoot) -> Result<()> {
        if self.before != PathState::Directory && root.mark(self.path)? != self.mark {
            return Err(RepoError::ChangedMeanwhile(root.path.join(as_path(self.path))));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use voe_protocol::RawBytes;

    use super::*;
    use crate::hazard::LINK;

    fn file(text: &str) -> FileState {
        FileState { mode: 0o100644, content: RawBytes(text.as_bytes().to_vec()) }
    }

    #[test]
    fn when_one_file_fails_all_are_as_before() {
        let dir = tempfile::tempdir().unwrap();
        let root = FilesRoot::open(dir.path()).unwrap();
        for (name, text) in [("a", "1"), ("gone", "2")] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        // A file can't replace a directory that is not empty.
        std::fs::create_dir_all(dir.path().join("z/full")).unwrap();
        let changes = [
            (b"a".to_vec(), Some(file("changed"))),
            (b"gone".to_vec(), None),
            (b"new/deep/file".to_vec(), Some(file("new"))),
            (b"z".to_vec(), Some(file("in the way"))),
        ];
        assert!(root.prepare(&changes).unwrap().commit().is_err());
        assert_eq!(std::fs::read(dir.path().join("a")).unwrap(), b"1");
        assert_eq!(std::fs::read(dir.path().join("gone")).unwrap(), b"2");
        assert!(!dir.path().join("new").exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "no temporary file is left");
    }

    #[test]
    fn a_file_that_the_user_changes_in_between_is_kept_and_nothing_is_applied() {
        let dir = tempfile::tempdir().unwrap();
        let (root, at) = (FilesRoot::open(dir.path()).unwrap(), |name: &str| dir.path().join(name));
        let changes = [
            (b"a".to_vec(), Some(file("changed"))),
            (b"gone".to_vec(), None),
            (b"new".to_vec(), Some(file("new"))),
            (b"z".to_vec(), Some(file("changed"))),
        ];
        let users = |name: &str| std::fs::write(at(name), "the user's, saved").unwrap();
        let makes: [&dyn Fn(); 3] = [&|| users("z"), &|| users("new"), &|| std::fs::remove_file(at("z")).unwrap()];
        for meanwhile in makes {
            for (name, text) in [("a", "1"), ("gone", "2"), ("z", "3")] {
                std::fs::write(at(name), text).unwrap();
            }
            let _ = std::fs::remove_file(at("new"));
            let prepared = root.prepare(&changes).unwrap();
            meanwhile();
            let before = files(dir.path());
            let error = prepared.commit().unwrap_err();
            assert!(matches!(error, RepoError::ChangedMeanwhile(_)), "{error}");
            assert_eq!(files(dir.path()), before);
        }
    }

    fn files(dir: &Path) -> std::collections::BTreeMap<std::ffi::OsString, Vec<u8>> {
        let entries = std::fs::read_dir(dir).unwrap().flatten();
        entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
    }

    #[test]
    fn files_with_names_of_staged_ones_are_not_mixed_up_with_them() {
        let (dir, of_kill) = (tempfile::tempdir().unwrap(), ".voe-0123456789abcdef.tmp");
        std::fs::write(dir.path().join(of_kill), "the user's").unwrap();
        // The name under which this path was staged when names were derived from paths.
        let guessed = format!(".voe-{}.tmp", &blake3::hash(b"tool.py").to_hex()[..16]);
        let link = FileState { mode: LINK, content: RawBytes(b"tool.py".to_vec()) };
        let changes = [
            (guessed.clone().into_bytes(), Some(file("other"))),
            (b"link".to_vec(), Some(link)),
            (b"tool.py".to_vec(), Some(file("shown"))),
        ];
        FilesRoot::open(dir.path()).unwrap().prepare(&changes).unwrap().commit().unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(
            [read("tool.py"), read("link"), read(&guessed), read(of_kill)],
            ["shown", "shown", "other", "the user's"]
        );
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "no temporary file is left");
    }

    #[test]
    fn files_and_directories_swap_places() {
        let dir = tempfile::tempdir().unwrap();
        let root = FilesRoot::open(dir.path()).unwrap();
        std::fs::write(dir.path().join("a"), "file").unwrap();
        std::fs::create_dir_all(dir.path().join("b/c")).unwrap();
        std::fs::write(dir.path().join("b/c/d"), "deep").unwrap();
        let changes = [
            (b"a".to_vec(), None),
            (b"a/x".to_vec(), Some(file("below"))),
            (b"b".to_vec(), Some(file("flat"))),
            (b"b/c/d".to_vec(), None),
        ];
        root.prepare(&changes).unwrap().commit().unwrap();
        assert_eq!(std::fs::read(dir.path().join("a/x")).unwrap(), b"below");
        assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"flat");
    }
}
