//! The ends of an attempt's steps in its record, from which others can start, and the attempt itself after a kill.
//!
//! The record marks the end of a step ([`Event::StepEnd`]) and names the file with the scratch files at that moment. Lines after the
//! last of these events are a part of a step, which is done again.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use voe_sandbox::Snapshot;
use voe_trace::event::ResumedFrom;
use voe_trace::{Conversation, Event, Record, Trajectory, last_patch, layout};
use voe_untrusted::atomic_write;

use crate::shared::SearchError;

/// The end of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StepCheckpoint {
    pub(crate) step: u32,
    /// Length of the record in bytes.
    pub(crate) bytes: u64,
    /// The scratch files, as a path relative to the directory of all attempts; `None`: there are none.
    pub(crate) scratch: Option<String>,
}

/// Where a rollout begins.
pub(crate) enum Begin {
    /// At the beginning.
    Fresh,
    /// At the beginning of the conversation, with the work of another attempt in the workspace.
    Work { patch: String, pack: String },
    /// In the middle of another attempt.
    Middle { from: u32, prefix: Box<Prefix>, snapshot: Option<Snapshot> },
}

/// The record of an attempt up to the end of a step.
#[derive(Debug, Clone)]
pub(crate) struct Prefix {
    pub(crate) mark: StepCheckpoint,
    pub(crate) records: Vec<Record>,
    pub(crate) conversation: Conversation,
    /// Its duration in seconds.
    pub(crate) seconds: f64,
    /// The workspace at that point, as a patch on the base.
    pub(crate) patch: String,
    /// The scratch files at that point.
    pub(crate) pack: String,
}

pub(crate) fn trajectory(dir: &Path) -> PathBuf {
    dir.join(layout::TRAJECTORY)
}

/// The ends of an attempt's steps, oldest first: those of the attempt that it was forked from, too.
pub(crate) fn marks(dir: &Path) -> Vec<StepCheckpoint> {
    marks_after(dir, |_| true)
}

/// The last complete step of its own of an attempt that began as `begin`; `None`: it has none yet.
pub(crate) fn own_mark(dir: &Path, begin: &Begin) -> Option<StepCheckpoint> {
    let mut begun = !matches!(begin, Begin::Middle { .. });
    let own = |event: &Event| {
        if let (Event::Resume { from: ResumedFrom::Fork { attempt, .. }, .. }, Begin::Middle { from, .. }) =
            (event, begin)
        {
            // Lines above were copied.
            begun |= attempt == from;
        }
        begun
    };
    marks_after(dir, own).pop()
}

/// The ends of the steps in a record for which `counts`, which gets each event, is true.
fn marks_after(dir: &Path, mut counts: impl FnMut(&Event) -> bool) -> Vec<StepCheckpoint> {
    let path = trajectory(dir);
    let mut marks: Vec<StepCheckpoint> = Vec::new();
    let Ok(file) = fs::File::open(&path) else { return marks };
    // A record that can't be read has no steps to continue from.
    let _ = Trajectory::scan(file, &path, |record, bytes, _| {
        if counts(&record.event)
            && let Event::StepEnd { step, scratch } = record.event
        {
            let mark = StepCheckpoint { step, bytes, scratch };
            match marks.last_mut() {
                Some(last) if last.step == step => *last = mark,
                _ => marks.push(mark),
            }
        }
    });
    marks
}

/// Saves the scratch files after `step`, and returns the path for the record. `last`: the path of those saved before, which is
/// used again if they did not change.
pub(crate) fn keep_scratch(
    dir: &Path,
    step: u32,
    pack: &str,
    last: Option<&str>,
) -> Result<Option<String>, SearchError> {
    let all = dir.parent().unwrap_or(dir);
    let same = |name: &&str| {
        scratch_file(all, name).and_then(|file| fs::read_to_string(file).ok()).is_some_and(|old| old == pack)
    };
    if pack.is_empty() {
        return Ok(None);
    }
    if let Some(last) = last.filter(same) {
        return Ok(Some(last.to_owned()));
    }
    let file = format!("scratch-{step}.b64");
    write_whole(&dir.join(&file), pack)?;
    let dir = dir.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some(format!("{dir}/{file}")))
}

/// The record of the attempt in `dir` up to `mark`.
pub(crate) fn prefix(dir: &Path, mark: StepCheckpoint) -> Result<Prefix, SearchError> {
    let path = trajectory(dir);
    let mut bytes = fs::read(&path).map_err(SearchError::io("read", path.clone()))?;
    bytes.truncate(usize::try_from(mark.bytes).unwrap_or(usize::MAX));
    let records: Vec<Record> =
        bytes.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    let patch = last_patch(&records).unwrap_or_default().to_owned();
    let all = dir.parent().unwrap_or(dir);
    let pack = mark.scratch.as_deref().and_then(|name| scratch_file(all, name));
    let pack = pack.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    Ok(Prefix {
        conversation: Conversation::fold(&records),
        seconds: records.last().map_or(0.0, |record| record.at),
        patch,
        mark,
        records,
        pack,
    })
}

/// The scratch file that a record names. Only a file of one of the attempts: a record may be foreign.
fn scratch_file(all: &Path, name: &str) -> Option<PathBuf> {
    let (attempt, file) = name.split_once('/')?;
    let step = file.strip_prefix("scratch-")?.strip_suffix(".b64")?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (number(attempt) && number(step)).then(|| all.join(attempt).join(file))
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
    // For the user alone, like every record: one that others could have written is not trusted.
    let create = || OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&path);
    create().and_then(|mut file| file.write_all(&bytes)).map_err(SearchError::io("write", path))
}

/// Cuts the record back to the end of a step.
pub(crate) fn cut(dir: &Path, mark: &StepCheckpoint) -> Result<(), SearchError> {
    let path = trajectory(dir);
    let file = OpenOptions::new().write(true).open(&path).map_err(SearchError::io("open", path.clone()))?;
    file.set_len(mark.bytes).map_err(SearchError::io("cut", path))
}

/// Whether there is a record to continue.
pub(crate) fn begun(dir: &Path) -> bool {
    Trajectory::read(&trajectory(dir)).is_ok()
}

/// Writes a file so that a kill leaves the old one or the new one.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<(), SearchError> {
    atomic_write(path, |file| file.write_all(text.as_bytes())).map_err(SearchError::io("write", path.to_owned()))
}
