//! Appending to a trajectory and reading it back.

use std::cmp::Ordering;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::event::{Event, Record};

/// The version written: `major.minor`. A new kind of event or field is a new minor; readers ignore those that they don't know.
pub const FORMAT: &str = "2.1";

/// Bytes. A longer line is not one of ours, and is refused instead of filling the memory.
pub const LONGEST_LINE: u64 = 256 << 20;

/// A trajectory could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the record {path}: {source}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

/// A trajectory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("cannot read the record {path}: {source}; give the trajectory.jsonl of an attempt (its summary names it)")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Its first line is not the start of a trajectory.
    #[error("{0} is not a trajectory: its first line is not a `start` event; give the trajectory.jsonl of an attempt")]
    NotATrajectory(PathBuf),
    /// Written by an earlier major version.
    #[error(
        "{path} has format {found}, which this voe no longer reads (it reads {FORMAT}); run the attempt again, or use the voe \
         that wrote it"
    )]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// Written by a later major version.
    #[error("{path} has format {found}; this voe reads {FORMAT} (use a newer voe)")]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: String,
    },
}

/// Appends events to a trajectory. Each is one `write`, so a kill tears at most the last line.
#[derive(Debug)]
pub struct Writer {
    file: File,
    path: PathBuf,
    began: Instant,
    /// Seconds that the attempt had lasted before this writer was opened.
    before: f64,
    line: Vec<u8>,
}

impl Writer {
    /// Starts a new trajectory; refuses to overwrite one.
    ///
    /// # Errors
    /// There is a file at `path` already, or it can't be made.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Self::begin(file, path))
    }

    /// The same in a file that is open for writing and empty; `path` is for messages.
    pub fn begin(file: File, path: &Path) -> Self {
        Self { file, path: path.to_owned(), began: Instant::now(), before: 0.0, line: Vec::new() }
    }

    /// Continues a trajectory that was cut off: drops a torn last line, and counts time from `before` seconds on.
    ///
    /// # Errors
    /// The file can't be opened, read or cut to its whole lines.
    pub fn append(path: &Path, before: f64) -> Result<Self, WriteError> {
        let file = OpenOptions::new().read(true).append(true).open(path);
        Self::resume(file.map_err(|source| WriteError { path: path.to_owned(), source })?, path, before)
    }

    /// The same in a file that is open for reading and for writing at its end; `path` is for messages.
    ///
    /// # Errors
    /// The file can't be read or cut to its whole lines.
    pub fn resume(mut file: File, path: &Path, before: f64) -> Result<Self, WriteError> {
        let cut = whole_lines(&mut file).and_then(|whole| file.set_len(whole));
        cut.map_err(|source| WriteError { path: path.to_owned(), source })?;
        Ok(Self { before, ..Self::begin(file, path) })
    }

    /// The path of the trajectory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Seconds since the attempt began.
    pub fn elapsed(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    /// Appends one event and returns the record as written.
    ///
    /// # Errors
    /// The event can't be written, such as on a full disk.
    pub fn write(&mut self, event: Event) -> Result<Record, WriteError> {
        let record = Record { at: (self.elapsed() * 1e3).round() / 1e3, event };
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, &record).map_err(io::Error::from).and_then(|()| {
            self.line.push(b'\n');
            self.file.write_all(&self.line)
        });
        written.map_err(|source| WriteError { path: self.path.clone(), source })?;
        Ok(record)
    }

    /// Syncs the file to disk: at the end of an attempt, not at each step.
    ///
    /// # Errors
    /// The sync fails.
    pub fn sync(&self) -> Result<(), WriteError> {
        self.file.sync_data().map_err(|source| WriteError { path: self.path.clone(), source })
    }
}

/// The length in bytes of the file's complete lines.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = [0_u8; 8192];
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&b| b == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// A trajectory read whole. Where memory does not suffice, use [`Trajectory::stream`].
#[derive(Debug, Clone)]
pub struct Trajectory {
    /// The file that it was read from.
    pub path: PathBuf,
    /// Its events, in order.
    pub records: Vec<Record>,
    /// Lines that could not be read (a torn last one, damage) and were skipped.
    pub skipped: usize,
}

/// Opens a regular file for reading. A pipe in its place would block, and a device has no end.
fn open(path: &Path) -> io::Result<File> {
    // O_NONBLOCK, which files ignore.
    let file = File::options().read(true).custom_flags(0o4000).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("not a regular file")),
    }
}

impl Trajectory {
    /// Reads a trajectory. A torn last line, damaged lines and unknown events are skipped.
    ///
    /// # Errors
    /// There is no regular file at `path`, it can't be read, or it is not a trajectory of a format that this build
    /// reads.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let file = open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Self::read_from(file, path)
    }

    /// The same from a file that is open; `path` is for messages.
    ///
    /// # Errors
    /// The file can't be read, or it is not a trajectory of a format that this build reads.
    pub fn read_from(file: File, path: &Path) -> Result<Self, ReadError> {
        let mut records = Vec::new();
        let skipped = Self::stream_from(file, path, |record| records.push(record))?;
        Ok(Self { path: path.to_owned(), records, skipped })
    }

    /// Reads a trajectory one record at a time and returns the number of skipped lines.
    ///
    /// # Errors
    /// As [`Trajectory::read`]; `each` has then seen the records before the error.
    pub fn stream(path: &Path, each: impl FnMut(Record)) -> Result<usize, ReadError> {
        let file = open(path).map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
        Self::stream_from(file, path, each)
    }

    /// The same from a file that is open; `path` is for messages.
    ///
    /// # Errors
    /// As [`Trajectory::read_from`]; `each` has then seen the records before the error.
    pub fn stream_from(file: File, path: &Path, mut each: impl FnMut(Record)) -> Result<usize, ReadError> {
        Self::scan(file, path, |record, _, _| each(record))
    }

    /// Passes each record to `each`, with the offset in bytes at which its line ends and the number of lines skipped so far, which
    /// is returned at the end. `path` is for messages.
    ///
    /// # Errors
    /// The file can't be read or is not a trajectory of this version.
    pub fn scan(file: File, path: &Path, mut each: impl FnMut(Record, u64, usize)) -> Result<usize, ReadError> {
        let io_error = |source| ReadError::Io { path: path.to_owned(), source };
        let mut lines = BufReader::new(file);
        let (mut line, mut first, mut skipped, mut offset) = (Vec::new(), true, 0, 0);
        loop {
            line.clear();
            if (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(io_error)? == 0 {
                break;
            }
            offset += line.len() as u64;
            // A line without its end was being written when voe died, even if the part happens to parse.
            let whole = line.last() == Some(&b'\n');
            let record = if whole { serde_json::from_slice::<Record>(&line).ok() } else { None };
            if first {
                first = false;
                match record.as_ref().map(|r| &r.event) {
                    Some(Event::Start(start)) => check_format(path, &start.format)?,
                    _ => return Err(not_ours(path, &line)),
                }
            }
            match record {
                Some(record) => each(record, offset, skipped),
                None => skipped += 1,
            }
            // The rest of a line that is not ours, perhaps a hole of any size.
            if !whole && line.len() as u64 == LONGEST_LINE {
                break;
            }
        }
        if first {
            return Err(ReadError::NotATrajectory(path.to_owned()));
        }
        Ok(skipped)
    }

    /// The part up to the last complete step, and the length in bytes of that part of the file. `None`: no step is complete, not
    /// even the beginning. To continue an attempt, cut its file to that length.
    ///
    /// # Errors
    /// The file can't be read or is not a trajectory of this version.
    pub fn whole_steps(file: File, path: &Path) -> Result<Option<(Self, u64)>, ReadError> {
        let (mut records, mut end) = (Vec::new(), None);
        Self::scan(file, path, |record, offset, skipped| {
            let whole = matches!(record.event, Event::StepEnd { .. });
            records.push(record);
            if whole {
                end = Some((records.len(), offset, skipped));
            }
        })?;
        let Some((count, bytes, skipped)) = end else { return Ok(None) };
        records.truncate(count);
        Ok(Some((Self { path: path.to_owned(), records, skipped }, bytes)))
    }

    /// The start event.
    pub fn start(&self) -> Option<&crate::event::Start> {
        self.records.iter().find_map(|r| match &r.event {
            Event::Start(start) => Some(&**start),
            _ => None,
        })
    }

    /// The last finish event, if the attempt ended properly.
    pub fn finish(&self) -> Option<&crate::event::Finish> {
        self.records.iter().rev().find_map(|r| match &r.event {
            Event::Finish(finish) => Some(&**finish),
            _ => None,
        })
    }
}

/// A first line that does not parse as ours may still be a start event of another major version.
fn not_ours(path: &Path, line: &[u8]) -> ReadError {
    let found = serde_json::from_slice::<serde_json::Value>(line)
        .ok()
        .filter(|value| value["event"] == "start")
        .and_then(|value| value["format"].as_str().map(str::to_owned));
    found.and_then(|found| other_version(path, &found)).unwrap_or_else(|| ReadError::NotATrajectory(path.to_owned()))
}

/// Refuses a record of a version that this voe doesn't read; for readers that don't read records whole. `path` is for messages.
///
/// # Errors
/// The version is an earlier or a later one.
pub fn check_format(path: &Path, found: &str) -> Result<(), ReadError> {
    other_version(path, found).map_or(Ok(()), Err)
}

/// The refusal of a record of another major version.
fn other_version(path: &Path, found: &str) -> Option<ReadError> {
    let (path, found) = (path.to_owned(), found.to_owned());
    match major(&found).cmp(&major(FORMAT)) {
        Ordering::Less => Some(ReadError::TooOld { path, found }),
        Ordering::Equal => None,
        Ordering::Greater => Some(ReadError::TooNew { path, found }),
    }
}

fn major(format: &str) -> u64 {
    format.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
