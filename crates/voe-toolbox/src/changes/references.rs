//! Which files of the base may refer to a new file.
//!
//! All files are searched once for each name, in one pass for several names; what is found is kept. Files that differ from the base
//! are left to the caller, who has their texts.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aho_corasick::AhoCorasick;
use rustix::fs::OFlags;
use voe_evidence::change::{Reference, is_documentation, needle, refers_by};

use super::tree::WorkspaceTree;
use crate::place::open_plain;

/// Larger files are not searched: they are data. Bytes.
const LARGEST: u64 = 1 << 20;

/// What is known of names in the base.
#[derive(Debug, Default)]
pub(super) struct References {
    /// By name, the files that contain it.
    found: HashMap<String, Vec<String>>,
}

impl References {
    /// Searches for what refers to any of `candidates`, as far as that is not known.
    pub(super) fn learn(&mut self, candidates: &[(&str, Reference)], root: &Path, tree: &WorkspaceTree) {
        let names = candidates.iter().filter_map(|(path, reference)| needle(path, *reference));
        let new: BTreeSet<&str> = names.filter(|name| !self.found.contains_key(*name)).collect();
        let new: Vec<&str> = new.into_iter().collect();
        if new.is_empty() {
            return;
        }
        let mut found: Vec<Vec<String>> = vec![Vec::new(); new.len()];
        // Names that overlap must all be found. Too many of them: no file is known to refer.
        if let Ok(finder) = AhoCorasick::new(&new) {
            let mut text = Vec::new();
            tree.each(&mut |path, stat| {
                let path = String::from_utf8_lossy(path);
                if stat.size > LARGEST || !can_refer(&path) || read(root, &path, &mut text).is_none() {
                    return;
                }
                let hits: BTreeSet<usize> =
                    finder.find_overlapping_iter(&text).map(|hit| hit.pattern().as_usize()).collect();
                for hit in hits {
                    found[hit].push(path.clone().into_owned());
                }
            });
        }
        self.found.extend(new.into_iter().map(str::to_owned).zip(found));
    }

    /// Whether a file of the base refers to `candidate`, apart from `changed` ones.
    pub(super) fn refers_to(
        &mut self,
        candidate: &str,
        reference: Reference,
        root: &Path,
        tree: &WorkspaceTree,
        changed: &dyn Fn(&str) -> bool,
    ) -> bool {
        if same_go_package(candidate, tree, changed) {
            return true;
        }
        let Some(name) = needle(candidate, reference) else { return true };
        self.learn(&[(candidate, reference)], root, tree);
        let files = self.found.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut text = Vec::new();
        files.iter().any(|path| {
            !changed(path)
                && read(root, path, &mut text).is_some()
                && refers_by(&String::from_utf8_lossy(&text), path, candidate, reference)
        })
    }

    /// Forgets what is known: files that differed from the base are as they were.
    pub(super) fn forget(&mut self) {
        self.found.clear();
    }
}

/// Whether there are other files of the candidate's Go package: they use it without naming it.
fn same_go_package(candidate: &str, tree: &WorkspaceTree, changed: &dyn Fn(&str) -> bool) -> bool {
    let directory = |path: &str| path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
    if Path::new(candidate).extension() != Some(OsStr::new("go")) {
        return false;
    }
    let mut same = false;
    tree.each(&mut |path, _| {
        let path = String::from_utf8_lossy(path);
        let go = Path::new(&*path).extension() == Some(OsStr::new("go"));
        same |= go
            && path != candidate
            && directory(&path) == directory(candidate)
            && !voe_evidence::is_test(&path)
            && !changed(&path);
    });
    same
}

/// Whether a file is code, as far as its path shows it.
fn can_refer(path: &str) -> bool {
    const NO_TEXT: [&str; 30] = [
        "png", "jpg", "jpeg", "gif", "ico", "webp", "bmp", "pdf", "zip", "gz", "bz2", "xz", "tar", "whl", "jar",
        "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "so", "o", "a", "pyc", "npy", "npz", "mo", "po",
    ];
    let extension = Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default();
    !NO_TEXT.contains(&extension) && !is_documentation(path) && !voe_evidence::is_test(path)
}

/// Reads a file of the workspace into `text`; a link is not followed.
fn read(root: &Path, path: &str, text: &mut Vec<u8>) -> Option<()> {
    text.clear();
    let file = open_plain(&root.join(OsStr::from_bytes(path.as_bytes())), OFlags::RDONLY | OFlags::NONBLOCK).ok()?;
    File::from(file).take(LARGEST).read_to_end(text).ok().map(drop)
}
