//! Computes the id that git gives a commit of given files, without running git.

use std::collections::BTreeMap;

use sha1::{Digest, Sha1};
use voe_protocol::{FileState, RawBytes};

/// Author and committer of the commit; a test checks that [`voe_repo::throw_away_copy`] uses the same.
const WHO: &str = "voe <voe@localhost> 1735689600 +0000";

/// The id of the only commit of a repository made from `files`.
pub(super) fn id(files: &[(RawBytes, FileState)]) -> String {
    let mut top = CommitDir::default();
    for (path, state) in files {
        let parts: Vec<&[u8]> = path.0.split(|byte| *byte == b'/').collect();
        top.put(&parts, state);
    }
    let tree = hex(&top.id());
    let text = format!("tree {tree}\nauthor {WHO}\ncommitter {WHO}\n\nBase\n");
    hex(&object("commit", text.as_bytes()))
}

#[derive(Default)]
struct CommitDir(BTreeMap<Vec<u8>, TreeEntry>);

enum TreeEntry {
    File { mode: u32, id: [u8; 20] },
    Dir(CommitDir),
}

impl CommitDir {
    fn put(&mut self, parts: &[&[u8]], state: &FileState) {
        match parts {
            [] => {}
            [name] => {
                let id = object("blob", &state.content.0);
                self.0.insert(name.to_vec(), TreeEntry::File { mode: state.mode, id });
            }
            [name, rest @ ..] => {
                // git sorts a directory as if its name ended in a slash.
                let key = [*name, b"/"].concat();
                let entry = self.0.entry(key).or_insert_with(|| TreeEntry::Dir(Self::default()));
                if let TreeEntry::Dir(dir) = entry {
                    dir.put(rest, state);
                }
            }
        }
    }

    fn id(&self) -> [u8; 20] {
        let mut text = Vec::new();
        for (name, entry) in &self.0 {
            let (mode, name, id) = match entry {
                TreeEntry::File { mode, id } => (format!("{mode:o}"), &name[..], *id),
                TreeEntry::Dir(dir) => ("40000".to_owned(), &name[..name.len() - 1], dir.id()),
            };
            text.extend_from_slice(mode.as_bytes());
            text.push(b' ');
            text.extend_from_slice(name);
            text.push(0);
            text.extend_from_slice(&id);
        }
        object("tree", &text)
    }
}

fn object(kind: &str, content: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", content.len()));
    hash.update(content);
    hash.finalize().into()
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_calculated_commit_is_the_one_that_git_makes() {
        for task in crate::shipped::tasks("mini").unwrap() {
            let dir = tempfile::tempdir().unwrap();
            let made = voe_repo::throw_away_copy(&task.files, &dir.path().join("copy")).unwrap();
            assert_eq!(super::id(&task.files), made, "{}", task.about.id);
        }
    }
}
