//! Where each step of each attempt is: read once, then kept up with as files grow.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use voe_trace::Event;

use crate::Error;
use crate::data::arm::{Arm, Cell, Trial, Verdict};
use crate::data::attempt::Fold;
use crate::data::official::{InstanceFile, InstanceReport, RunReport};
use crate::data::{light, load};

/// Attempts that are being read at the same time while the index is built.
const READERS: usize = 4;

/// Everything that is viewed. Some hundred bytes an attempt and sixteen a step, whatever the size of the files.
#[derive(Debug, Default)]
pub struct Index {
    sources: Vec<Source>,
    /// The attempts; their place is their id and never changes.
    pub entries: Vec<Entry>,
    known: HashMap<PathBuf, usize>,
    grades: BTreeMap<PathBuf, (SystemTime, BTreeMap<String, Verdict>)>,
    /// Grows whenever anything changes.
    pub version: u64,
}

#[derive(Debug)]
enum Source {
    Run { path: PathBuf, arm: Option<String> },
    File(PathBuf),
}

/// One attempt.
#[derive(Debug)]
pub struct Entry {
    /// Its arm; the strategy's name for a single file.
    pub arm: String,
    /// Its trial.
    pub trial: u32,
    /// Its task.
    pub task: String,
    /// Its trajectory.
    pub path: PathBuf,
    /// Its run, if it belongs to one.
    pub run: Option<PathBuf>,
    /// The facts so far.
    pub fold: Fold,
    /// Where each reply begins in the file, with its step.
    pub steps: Vec<(u32, u64)>,
    /// Bytes read.
    pub read: u64,
    /// What grading said.
    pub verdict: Verdict,
    /// Why it could not be read, if so.
    pub damage: Option<String>,
    /// The index's version when it last changed.
    pub version: u64,
    size: u64,
}

impl Index {
    /// Reads everything that `inputs` name.
    pub fn build(inputs: &[String]) -> Result<Self, Error> {
        let mut index = Self::default();
        for input in inputs {
            index.sources.push(source(input)?);
        }
        index.refresh()?;
        if index.entries.is_empty() {
            let path = PathBuf::from(inputs.first().map_or("", String::as_str));
            return Err(Error::NotARun { path, why: "there is no trajectory in it".to_owned() });
        }
        Ok(index)
    }

    /// Reads what is new. Returns whether anything changed.
    pub fn refresh(&mut self) -> Result<bool, Error> {
        let before = self.version;
        self.discover()?;
        let mut grown: Vec<&mut Entry> = self
            .entries
            .iter_mut()
            .filter(|entry| fs::metadata(&entry.path).is_ok_and(|m| m.len() != entry.size || entry.version == 0))
            .collect();
        if !grown.is_empty() {
            self.version += 1;
            let version = self.version;
            let share = grown.len().div_ceil(READERS);
            std::thread::scope(|scope| {
                for part in grown.chunks_mut(share) {
                    scope.spawn(move || part.iter_mut().for_each(|entry| entry.read_on(version)));
                }
            });
        }
        self.read_grades()?;
        Ok(self.version != before)
    }

    fn discover(&mut self) -> Result<(), Error> {
        let mut found: Vec<(PathBuf, String, u32, String, Option<PathBuf>)> = Vec::new();
        for source in &self.sources {
            match source {
                Source::File(path) => found.push((path.clone(), String::new(), 1, String::new(), None)),
                Source::Run { path, arm: wanted } => {
                    for (task, name, dir) in load::attempts(path)? {
                        let Some((arm, trial)) = load::arm_and_trial(&name) else { continue };
                        if wanted.as_deref().is_none_or(|w| w == arm) {
                            let trajectory = dir.join("trajectory.jsonl");
                            found.push((trajectory, arm.to_owned(), trial, task, Some(path.clone())));
                        }
                    }
                }
            }
        }
        for (path, arm, trial, task, run) in found {
            if !self.known.contains_key(&path) {
                self.known.insert(path.clone(), self.entries.len());
                self.entries.push(Entry {
                    arm,
                    trial,
                    task,
                    path,
                    run,
                    fold: Fold::default(),
                    steps: Vec::new(),
                    read: 0,
                    verdict: Verdict::Ungraded,
                    damage: None,
                    version: 0,
                    size: 0,
                });
            }
        }
        Ok(())
    }

    /// Verdicts of run reports that are new or were written again.
    fn read_grades(&mut self) -> Result<(), Error> {
        let mut files: Vec<PathBuf> = self
            .entries
            .iter()
            .filter_map(|e| Some(e.run.as_ref()?.join("grades").join(format!("{}-{}.json", e.arm, e.trial))))
            .collect();
        files.sort();
        files.dedup();
        for file in files {
            let Some(written) = fs::metadata(&file).ok().and_then(|m| m.modified().ok()) else { continue };
            if self.grades.get(&file).is_some_and(|(time, _)| *time == written) {
                continue;
            }
            let text = fs::read_to_string(&file).map_err(Error::read(&file))?;
            // A report that is just being written is read the next time.
            let Ok(report) = serde_json::from_str::<RunReport>(&text) else { continue };
            let trial = load::trial_of(report);
            self.grades
                .insert(file, (written, trial.cells.into_iter().map(|(task, cell)| (task, cell.verdict)).collect()));
            self.version += 1;
        }
        let version = self.version;
        for entry in &mut self.entries {
            let facts = entry.fold.known();
            let own = match facts.resolved {
                Some(true) => Verdict::Resolved,
                Some(false) => Verdict::Unresolved,
                None => Verdict::Ungraded,
            };
            let file =
                entry.run.as_ref().map(|run| run.join("grades").join(format!("{}-{}.json", entry.arm, entry.trial)));
            let graded = file.and_then(|f| self.grades.get(&f)?.1.get(&entry.task).copied()).unwrap_or(own);
            if graded != entry.verdict {
                entry.verdict = graded;
                entry.version = version;
            }
        }
        Ok(())
    }

    /// The arms, for tables and figures.
    pub fn arms(&self) -> Vec<Arm> {
        let mut arms: BTreeMap<String, BTreeMap<u32, Trial>> = BTreeMap::new();
        for entry in &self.entries {
            let trial = arms.entry(entry.arm.clone()).or_default().entry(entry.trial).or_default();
            let cell = Cell { verdict: entry.verdict, attempt: Some(Box::new(entry.fold.facts())), grade: None };
            trial.cells.insert(entry.task.clone(), cell);
        }
        let numbered = |(number, trial)| Trial { number, ..trial };
        let arm = |(name, trials): (String, BTreeMap<u32, Trial>)| Arm {
            name,
            trials: trials.into_iter().map(numbered).collect(),
            ..Arm::default()
        };
        arms.into_iter().map(arm).collect()
    }
}

fn source(input: &str) -> Result<Source, Error> {
    let path = Path::new(input);
    if path.is_dir() {
        return Ok(Source::Run { path: path.to_owned(), arm: None });
    }
    if path.is_file() {
        return Ok(Source::File(path.to_owned()));
    }
    match input.rsplit_once(':') {
        Some((run, arm)) if Path::new(run).is_dir() => Ok(Source::Run { path: run.into(), arm: Some(arm.to_owned()) }),
        _ => Err(Error::Read { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() }),
    }
}

impl Entry {
    fn read_on(&mut self, version: u64) {
        self.version = version;
        let size = fs::metadata(&self.path).map(|m| m.len()).unwrap_or(0);
        if size < self.read {
            // Written anew, or a torn line was cut off together with whole ones.
            (self.fold, self.read) = (Fold::default(), 0);
            self.steps.clear();
        }
        self.size = size;
        let (fold, steps) = (&mut self.fold, &mut self.steps);
        let read = light::stream(&self.path, self.read, |at, record| {
            if let Event::Reply(reply) = &record.event {
                steps.push((reply.step, at));
            }
            fold.apply(&record);
        });
        match read {
            Ok(read) => (self.read, self.damage) = (read, None),
            Err(error) => self.damage = Some(error.to_string()),
        }
        let facts = self.fold.known();
        if self.run.is_none() {
            self.arm.clone_from(&facts.strategy);
            self.task = match facts.task.as_str() {
                "" => self.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
                id => id.to_owned(),
            };
        }
    }

    /// Grading test by test, where it is at hand.
    pub fn grade(&self) -> Option<InstanceReport> {
        let folder = self.run.as_ref()?.join("grades").join(format!("{}-{}", self.arm, self.trial));
        let text = fs::read_to_string(folder.join(format!("{}.json", self.task))).ok()?;
        serde_json::from_str::<InstanceFile>(&text).ok()?.remove(&self.task)
    }
}
