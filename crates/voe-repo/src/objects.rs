//! Objects of voe's own git directory: writes trees, reads blobs, compares trees.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};

use crate::git::{GitCommand, GitProcess};
use crate::{RepoError, Result};

/// The mode of a directory in a tree.
const DIRECTORY: u32 = 0o040000;

/// Files by path, each with its mode and its blob's id.
pub(crate) type Entries = BTreeMap<Vec<u8>, (u32, String)>;

/// Makes an empty bare git directory, without templates.
pub(crate) fn init_bare(dir: &Path, object_format: &str) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(RepoError::io("make", dir))?;
    let mut args = vec!["init", "--quiet", "--bare", "--template="];
    let format = format!("--object-format={object_format}");
    if object_format != "sha1" {
        // git before 2.29 has neither the option nor repositories with another hash.
        args.push(&format);
    }
    GitCommand::private(dir).run(&args)?;
    Ok(())
}

/// Writes blobs and returns their ids, in order.
pub(crate) fn write_blobs(git: &GitCommand, git_dir: &Path, contents: &[&[u8]]) -> Result<Vec<String>> {
    if contents.is_empty() {
        return Ok(Vec::new());
    }
    let marks = tempfile::NamedTempFile::new_in(git_dir).map_err(RepoError::io("write", git_dir))?;
    let mut input = Vec::with_capacity(contents.iter().map(|content| content.len() + 40).sum());
    for (number, content) in contents.iter().enumerate() {
        input.extend_from_slice(format!("blob\nmark :{}\ndata {}\n", number + 1, content.len()).as_bytes());
        input.extend_from_slice(content);
        input.push(b'\n');
    }
    let mut export = std::ffi::OsString::from("--export-marks=");
    export.push(marks.path());
    git.run_with(&["fast-import".as_ref(), "--quiet".as_ref(), export.as_os_str()], &input)?;
    let text = std::fs::read_to_string(marks.path()).map_err(RepoError::io("read", marks.path()))?;
    let mut ids = vec![String::new(); contents.len()];
    for line in text.lines() {
        let parsed = line.strip_prefix(':').and_then(|rest| rest.split_once(' '));
        if let Some((mark, id)) = parsed
            && let Some(slot) = mark.parse::<usize>().ok().and_then(|mark| ids.get_mut(mark.wrapping_sub(1)))
        {
            *slot = id.to_owned();
        }
    }
    if ids.iter().any(String::is_empty) {
        return Err(unknown("fast-import", "a mark is missing"));
    }
    Ok(ids)
}

/// Writes the tree of these files. Names are taken as they are, `..` and `.git` included: what such a tree may be used for
/// is decided elsewhere. Paths must have no empty components, and no path may be below another.
pub(crate) fn write_tree(git: &GitCommand, entries: &Entries) -> Result<String> {
    // Directories by depth, deepest first, so that one run of git writes all of one depth.
    type Directory = BTreeMap<Vec<u8>, (u32, String)>;
    let mut levels: Vec<BTreeMap<Vec<u8>, Directory>> = vec![BTreeMap::from([(Vec::new(), Directory::new())])];
    for (path, entry) in entries {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        for depth in 0..parts.len() {
            if levels.len() <= depth {
                levels.push(BTreeMap::new());
            }
            let directory = levels[depth].entry(parts[..depth].join(&b'/')).or_default();
            if depth + 1 == parts.len() {
                directory.insert(parts[depth].to_vec(), entry.clone());
            }
        }
    }
    while let Some(level) = levels.pop() {
        let mut input = Vec::new();
        for directory in level.values() {
            for (name, (mode, id)) in directory {
                let kind = match *mode {
                    DIRECTORY => "tree",
                    0o160000 => "commit",
                    _ => "blob",
                };
                input.extend_from_slice(format!("{mode:06o} {kind} {id}\t").as_bytes());
                input.extend_from_slice(name);
                input.push(0);
            }
            input.push(0);
        }
        let out = git.run_with(&["mktree", "-z", "--batch", "--missing"], &input)?;
        let ids: Vec<String> = String::from_utf8_lossy(&out).lines().map(str::to_owned).collect();
        if ids.len() != level.len() {
            return Err(unknown("mktree", "the wrong number of trees"));
        }
        let Some(above) = levels.last_mut() else {
            return ids.into_iter().next().ok_or_else(|| unknown("mktree", "no tree"));
        };
        for (path, id) in level.into_keys().zip(ids) {
            let (parent, name) = split(&path);
            above.entry(parent.to_vec()).or_default().insert(name.to_vec(), (DIRECTORY, id));
        }
    }
    Err(unknown("mktree", "no tree"))
}

/// A path's directory (empty at the top) and its last component.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

/// The directories above a path, the topmost first.
pub(crate) fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| &path[..at])
}

/// A file that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) path: Vec<u8>,
    /// Mode and blob in the first tree.
    pub(crate) old: Option<(u32, String)>,
    /// Mode and blob in the second tree.
    pub(crate) new: Option<(u32, String)>,
}

/// The files that differ between two trees.
pub(crate) fn differences(git: &GitCommand, old: &str, new: &str) -> Result<Vec<Difference>> {
    if old == new {
        return Ok(Vec::new());
    }
    let out = git.run(&["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", old, new])?;
    let mut fields = out.split(|byte| *byte == 0);
    let mut found = Vec::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let head = String::from_utf8_lossy(head);
        let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
        let [old_mode, new_mode, old_id, new_id, _status] = words[..] else {
            return Err(unknown("diff-tree", &head));
        };
        let side = |mode: &str, id: &str| -> Result<Option<(u32, String)>> {
            let mode = u32::from_str_radix(mode, 8).map_err(|_| unknown("diff-tree", &head))?;
            Ok((mode != 0).then(|| (mode, id.to_owned())))
        };
        found.push(Difference { path: path.to_vec(), old: side(old_mode, old_id)?, new: side(new_mode, new_id)? });
    }
    Ok(found)
}

/// All files of a tree.
pub(crate) fn list_tree(git: &GitCommand, tree: &str) -> Result<Entries> {
    entries_of(&git.run(&["ls-tree", "-r", "-z", "--full-tree", tree])?)
}

/// Parses the output of `git ls-tree -r -z`.
pub(crate) fn entries_of(out: &[u8]) -> Result<Entries> {
    let mut entries = Entries::new();
    for record in out.split(|byte| *byte == 0).filter(|record| !record.is_empty()) {
        let tab = record.iter().position(|byte| *byte == b'\t').ok_or_else(|| unknown("ls-tree", "no tab"))?;
        let head = String::from_utf8_lossy(&record[..tab]);
        let mut words = head.split(' ');
        let mode = words.next().and_then(|mode| u32::from_str_radix(mode, 8).ok());
        let (Some(mode), Some(_), Some(id)) = (mode, words.next(), words.next()) else {
            return Err(unknown("ls-tree", &head));
        };
        entries.insert(record[tab + 1..].to_vec(), (mode, id.to_owned()));
    }
    Ok(entries)
}

/// Reads blobs one after the other through one git process.
pub(crate) struct Blobs {
    running: GitProcess,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Blobs {
    pub(crate) fn open(git: &GitCommand) -> Result<Self> {
        let mut running = git.start(&["cat-file", "--batch"])?;
        let ask = running.child.stdin.take();
        let stdout = running.child.stdout.take().ok_or_else(|| unknown("cat-file", "no output"))?;
        Ok(Self { running, ask, answers: BufReader::new(stdout) })
    }

    /// The blob's bytes.
    pub(crate) fn get(&mut self, id: &str) -> Result<Vec<u8>> {
        let failed = RepoError::io("read", "git's objects");
        let result = (|| {
            let mut line = String::new();
            if let Some(ask) = &mut self.ask {
                writeln!(ask, "{id}")?;
                ask.flush()?;
            }
            self.answers.read_line(&mut line)?;
            let words: Vec<&str> = line.trim_end().split(' ').collect();
            let [_, "blob", size] = words[..] else { return Ok(Err(line.trim_end().to_owned())) };
            let Ok(size) = size.parse::<usize>() else { return Ok(Err(line)) };
            let mut content = vec![0; size + 1];
            self.answers.read_exact(&mut content)?;
            content.pop();
            Ok(Ok(content))
        })();
        let answer: std::result::Result<Vec<u8>, String> = result.map_err(failed)?;
        answer.map_err(|said| unknown("cat-file", &format!("blob {id}: {said}")))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // git exits once its standard input is closed; its exit code no longer matters.
        drop(self.ask.take());
        let _ = self.running.finish();
    }
}

pub(crate) fn unknown(command: &str, detail: &str) -> RepoError {
    RepoError::GitAnswer { command: command.to_owned(), detail: detail.to_owned() }
}

/// A path for people: what is not UTF-8 or not printable becomes U+FFFD.
pub(crate) fn printable(path: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(path).chars() {
        let _ = text.write_char(if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    }
    text
}
