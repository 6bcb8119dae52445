//! Copies of the files that a check needs, from which it can be run again when they are gone.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use voe_evidence::change::refers;
use voe_evidence::command::CommandFiles;
use voe_protocol::FileRead;
use voe_trace::{CheckFileCopy, CopiedContent, FileRole};

use super::Tracker;
use super::content::git_mode;
use crate::place::Places;

/// Bytes of one copy at most.
const MOST: u64 = 256 << 10;
/// Bytes of the copies of one check at most.
const MOST_TOGETHER: usize = 1 << 20;
/// Where scripts are that belong to no workspace.
const SCRATCH: &str = "/tmp/";

impl Tracker {
    /// Copies of the tests and check files of the change that a command runs or needs, and of scratch files that it runs or names.
    /// A file that is too large has an empty hash and no content.
    pub(crate) fn check_files(&self, command: &str, places: &Places) -> Vec<CheckFileCopy> {
        if self.unwatched {
            return Vec::new();
        }
        let files = self.roles.files_of(command);
        let mut copies = Copies::default();
        for path in self.needed_for(&files) {
            let content = self.changed.get(&path).and_then(|file| file.now).map(|key| self.store.content(key));
            if let Some(content) = content {
                copies.add(&String::from_utf8_lossy(&path), self.role(&path), content.mode, content.bytes);
            }
        }
        let run: BTreeSet<&str> = files.runs.iter().map(|run| run.path.as_str()).collect();
        let named = files.named.iter().map(String::as_str);
        for path in run.iter().copied().chain(named).filter(|path| path.starts_with(SCRATCH)).collect::<BTreeSet<_>>() {
            let role = if run.contains(path) { FileRole::RunByCheck } else { FileRole::NeededByCheck };
            let Ok(meta) = fs::symlink_metadata(path) else { continue };
            match crate::read::file(places, path.as_bytes(), MOST, true) {
                FileRead::Content(file) => copies.add(path, role, git_mode(meta.mode()), Some(file.content.0)),
                FileRead::TooLarge { .. } => copies.add(path, role, git_mode(meta.mode()), None),
                _ => {}
            }
        }
        copies.copies
    }

    /// The tests and check files of the change that a command runs, and the check files that these need.
    fn needed_for(&self, files: &CommandFiles) -> BTreeSet<Vec<u8>> {
        let ours: Vec<(&Vec<u8>, String)> = self
            .changed
            .iter()
            .filter(|(path, file)| file.now.is_some() && !self.role(path).is_code())
            .map(|(path, _)| (path, String::from_utf8_lossy(path).into_owned()))
            .collect();
        // A test runner without arguments runs all tests.
        let all_tests = files.runs.is_empty() && files.scripts.is_empty();
        let runs = |path: &str| {
            files.names(path)
                || files.runs.iter().any(|run| {
                    run.covers(path) || path.strip_prefix(&*run.path).is_some_and(|rest| rest.starts_with('/'))
                })
        };
        let mut needed: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut fresh: Vec<&(&Vec<u8>, String)> = Vec::new();
        for file in &ours {
            if runs(&file.1) || all_tests && self.role(file.0) == FileRole::Test {
                needed.insert(file.0.clone());
                fresh.push(file);
            }
        }
        while let Some((path, name)) = fresh.pop() {
            let text = self.text_of(path).unwrap_or_default();
            let directory = name.rsplit_once('/').map(|(directory, _)| directory);
            let new_directory = directory.filter(|_| self.in_new_directory(path));
            for file in &ours {
                let with = new_directory
                    .is_some_and(|above| file.1.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')));
                if !needed.contains(file.0) && (with || refers(&text, name, &file.1)) {
                    needed.insert(file.0.clone());
                    fresh.push(file);
                }
            }
        }
        needed
    }
}

/// The copies of one check.
#[derive(Default)]
struct Copies {
    copies: Vec<CheckFileCopy>,
    bytes: usize,
}

impl Copies {
    fn add(&mut self, path: &str, role: FileRole, mode: u32, content: Option<Vec<u8>>) {
        let fits = |bytes: &Vec<u8>| bytes.len() as u64 <= MOST && self.bytes + bytes.len() <= MOST_TOGETHER;
        let (hash, content) = match content.filter(fits) {
            None => (String::new(), CopiedContent::Text(String::new())),
            Some(bytes) => {
                self.bytes += bytes.len();
                let hash = blake3::Hasher::new().update(&mode.to_le_bytes()).update(&bytes).finalize();
                let content = match String::from_utf8(bytes) {
                    Ok(text) => CopiedContent::Text(text),
                    Err(error) => CopiedContent::Bytes { base64: STANDARD.encode(error.as_bytes()) },
                };
                (hash.to_hex()[..32].to_owned(), content)
            }
        };
        self.copies.push(CheckFileCopy { path: path.to_owned(), role, hash, mode, content });
    }
}
