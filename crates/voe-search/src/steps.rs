//! Where each step of an attempt ends in its record, so that others can start from there, and itself after a kill.
//!
//! Beside the record of an attempt lies `steps.jsonl`, one line a step: the record's length, and the file with the scratch files as they
//! were. What was written since the last line is a step in pieces, and is done again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use voe_trace::{Conversation, Event, Record, Trajectory};

use crate::shared::SearchError;

/// The end of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) step: u32,
    /// Length of the record in bytes.
    pub(crate) bytes: u64,
    /// The scratch files, as a path below the directory of all attempts; empty: none.
    pub(crate) scratch: String,
}

/// The record of an attempt up to the end of a step.
#[derive(Debug, Clone)]
pub(crate) struct Prefix {
    pub(crate) mark: Mark,
    pub(crate) records: Vec<Record>,
    pub(crate) conversation: Conversation,
    /// Seconds that it lasted.
    pub(crate) seconds: f64,
    /// The workspace there, as a patch on the base.
    pub(crate) patch: String,
    /// The scratch files there.
    pub(crate) pack: String,
}

pub(crate) fn trajectory(dir: &Path) -> PathBuf {
    dir.join("trajectory.jsonl")
}

fn marks_file(dir: &Path) -> PathBuf {
    dir.join("steps.jsonl")
}

/// The marks of an attempt, oldest first.
pub(crate) fn marks(dir: &Path) -> Vec<Mark> {
    let text = fs::read_to_string(marks_file(dir)).unwrap_or_default();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Marks the end of a step. `pack`: the scratch files; kept once as long as they stay the same.
pub(crate) fn mark(dir: &Path, step: u32, pack: &str) -> Result<(), SearchError> {
    let all = dir.parent().unwrap_or(dir);
    let bytes = fs::metadata(trajectory(dir)).map_err(SearchError::io("read", trajectory(dir)))?.len();
    let last = marks(dir).pop().map(|mark| mark.scratch).unwrap_or_default();
    let same = |name: &str| fs::read_to_string(all.join(name)).is_ok_and(|old| old == pack);
    let scratch = if pack.is_empty() {
        String::new()
    } else if !last.is_empty() && same(&last) {
        last
    } else {
        let file = dir.join(format!("scratch-{step}.b64"));
        write_whole(&file, pack)?;
        let dir = dir.file_name().unwrap_or_default().to_string_lossy();
        format!("{dir}/scratch-{step}.b64")
    };
    let mut line = serde_json::to_string(&Mark { step, bytes, scratch }).unwrap_or_default();
    line.push('\n');
    let file = marks_file(dir);
    let mut open =
        OpenOptions::new().create(true).append(true).open(&file).map_err(SearchError::io("write", file.clone()))?;
    open.write_all(line.as_bytes()).map_err(SearchError::io("write", file))
}

/// The record of the attempt in `dir` up to `mark`.
pub(crate) fn prefix(dir: &Path, mark: Mark) -> Result<Prefix, SearchError> {
    let path = trajectory(dir);
    let mut bytes = fs::read(&path).map_err(SearchError::io("read", path.clone()))?;
    bytes.truncate(usize::try_from(mark.bytes).unwrap_or(usize::MAX));
    let records: Vec<Record> =
        bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let patch = records.iter().rev().find_map(|record| match &record.event {
        Event::Patch { patch, .. } => Some(patch.clone()),
        _ => None,
    });
    let pack = match mark.scratch.as_str() {
        "" => String::new(),
        name => fs::read_to_string(dir.parent().unwrap_or(dir).join(name)).unwrap_or_default(),
    };
    Ok(Prefix {
        conversation: Conversation::fold(&records),
        seconds: records.last().map_or(0.0, |record| record.at),
        patch: patch.unwrap_or_default(),
        mark,
        records,
        pack,
    })
}

/// Makes the directory of an attempt, or of all of them, for the user alone.
pub(crate) fn make_dir(dir: &Path) -> Result<(), SearchError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(SearchError::io("create", dir.to_owned()))
}

/// Begins the attempt in `to` with the prefix of the one in `from`.
pub(crate) fn copy(from: &Path, prefix: &Prefix, to: &Path) -> Result<(), SearchError> {
    let source = trajectory(from);
    let mut bytes = fs::read(&source).map_err(SearchError::io("read", source))?;
    bytes.truncate(usize::try_from(prefix.mark.bytes).unwrap_or(usize::MAX));
    let path = trajectory(to);
    // For the user alone, as every record: one that others could have written is not believed.
    let create = || OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
    create().and_then(|mut file| file.write_all(&bytes)).map_err(SearchError::io("write", path.clone()))?;
    let lines: String = marks(from)
        .iter()
        .take_while(|mark| mark.bytes <= prefix.mark.bytes)
        .filter_map(|mark| serde_json::to_string(mark).ok())
        .map(|line| line + "\n")
        .collect();
    let path = to.join("inherited.jsonl");
    fs::write(&path, lines).map_err(SearchError::io("write", path))
}

/// All marks of an attempt, those that it began with included.
pub(crate) fn all_marks(dir: &Path) -> Vec<Mark> {
    let text = fs::read_to_string(dir.join("inherited.jsonl")).unwrap_or_default();
    let mut all: Vec<Mark> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for mark in marks(dir) {
        match all.last_mut() {
            Some(last) if last.step == mark.step => *last = mark,
            _ => all.push(mark),
        }
    }
    all
}

/// Cuts the record back to a mark.
pub(crate) fn cut(dir: &Path, mark: &Mark) -> Result<(), SearchError> {
    let path = trajectory(dir);
    let file = OpenOptions::new().write(true).open(&path).map_err(SearchError::io("open", path.clone()))?;
    file.set_len(mark.bytes).map_err(SearchError::io("cut", path))
}

/// Whether there is a record to go on from.
pub(crate) fn begun(dir: &Path) -> bool {
    Trajectory::read(&trajectory(dir)).is_ok()
}

/// Writes a file so that a kill leaves the old one or the new one.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), SearchError> {
    let new = path.with_extension("new");
    fs::write(&new, text).and_then(|()| fs::rename(&new, path)).map_err(SearchError::io("write", path.to_owned()))
}
