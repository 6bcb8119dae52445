//! Index of the steps of all attempts: read once, then updated as files grow.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use voe_trace::Event;
use voe_trace::layout;

use super::source::{self, ViewSource, labelled};
use crate::ReportError;
use crate::data::arm::{ArmResults, Trial};
use crate::data::attempt::{AttemptFacts, Fold};
use crate::data::cell::{FailedGrade, GradeVerdict, TrialCell};
use crate::data::place::{LONGEST_TEXT, RunPlace};
use crate::data::{failed, light, load, run_dir};
use crate::format::count;
use voe_grade::{InstanceFile, InstanceReport, RunReport};

/// Attempts that are read at the same time while the index is built.
const READERS: usize = 4;

/// Everything that is viewed. Some hundred bytes per attempt and sixteen per step, whatever the size of the files.
#[derive(Debug, Default)]
pub struct ViewerIndex {
    sources: Vec<ViewSource>,
    /// The attempts; their position is their id and never changes.
    pub entries: Vec<IndexEntry>,
    known: HashMap<PathBuf, usize>,
    grades: BTreeMap<PathBuf, (SystemTime, Grades)>,
    /// Increases whenever anything changes.
    pub version: u64,
}

/// Verdicts and details from a report and the files next to it, by task.
type Grades = BTreeMap<String, (GradeVerdict, FailedGrade)>;

/// One attempt.
#[derive(Debug)]
pub struct IndexEntry {
    /// Its arm; for a single file, the strategy's name.
    pub arm: String,
    /// Its trial; for single files, a number among those of the same task and strategy.
    pub trial: u32,
    /// Its task.
    pub task: String,
    /// Its trajectory.
    pub place: RunPlace,
    /// Its run's grades, if it belongs to a run: `grades/<arm>-<trial>`, without the extension.
    pub grades: Option<RunPlace>,
    /// The search that it is part of, and the name of its record in the search's nodes.
    pub part_of: Option<(usize, String)>,
    /// The facts so far.
    pub fold: Fold,
    /// Offset of each reply in the file, with its step.
    pub steps: Vec<(u32, u64)>,
    /// Bytes read so far.
    pub read: u64,
    /// Verdict of the grading.
    pub verdict: GradeVerdict,
    /// Details of a failure from grading.
    pub failed: FailedGrade,
    /// Number of lines that are not records.
    unread: usize,
    /// Why it could not be read, or only in part.
    pub damage: Option<String>,
    /// The index's version when it last changed.
    pub version: u64,
    size: u64,
}

impl ViewerIndex {
    /// Reads all `inputs`.
    ///
    /// # Errors
    /// An input can't be read, or has nothing to view.
    pub fn build(inputs: &[String]) -> Result<Self, ReportError> {
        let mut index = Self::default();
        for input in inputs {
            index.sources.push(ViewSource::of(input)?);
        }
        source::label(&mut index.sources);
        index.refresh()?;
        for source in &index.sources {
            match source {
                // A run that has just begun has no trajectory yet.
                ViewSource::Run { place, .. } if index.entries.is_empty() && !place.join(layout::RUN).is_file()? => {
                    return Err(ReportError::NothingToView { path: place.path() });
                }
                ViewSource::File(path, place) if index.of_path(&place.path()).is_some_and(|entry| entry.read == 0) => {
                    let nothing = || ReportError::NothingToView { path: path.clone() };
                    return Err(light::refusal(place).unwrap_or_else(nothing));
                }
                _ => {}
            }
        }
        Ok(index)
    }

    fn of_path(&self, path: &Path) -> Option<&IndexEntry> {
        self.entries.get(*self.known.get(path)?)
    }

    /// Arms with verdicts only.
    pub(super) fn reports(&self) -> impl Iterator<Item = &ArmResults> {
        self.sources.iter().flat_map(|source| match source {
            ViewSource::Report(arms) => arms.as_slice(),
            _ => &[],
        })
    }

    /// The number of attempts; those within a search count as parts of one.
    pub fn attempts(&self) -> usize {
        self.entries.iter().filter(|entry| entry.part_of.is_none()).count()
    }

    /// Reads new data. Returns whether anything changed.
    ///
    /// # Errors
    /// A run directory can't be listed. An attempt that can't be read is not an error: its entry reports the damage.
    pub fn refresh(&mut self) -> Result<bool, ReportError> {
        let before = self.version;
        self.discover()?;
        let mut grown: Vec<&mut IndexEntry> = self
            .entries
            .iter_mut()
            .filter(|entry| entry.version == 0 || entry.len().is_ok_and(|len| len != entry.size))
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
        self.number_files();
        self.read_grades()?;
        Ok(self.version != before)
    }

    fn discover(&mut self) -> Result<(), ReportError> {
        let mut found: Vec<IndexEntry> = Vec::new();
        for source in &self.sources {
            match source {
                ViewSource::Report(_) => {}
                ViewSource::File(_, place) => found.push(IndexEntry { trial: 1, ..IndexEntry::new(place.clone()) }),
                ViewSource::Run { place: run, arm: wanted, label, .. } => {
                    for (task, name, folder) in run_dir::attempts(run)? {
                        let Some((arm, trial)) = run_dir::arm_and_trial(&name) else { continue };
                        if wanted.as_deref().is_some_and(|w| w != arm) {
                            continue;
                        }
                        let arm = labelled(label.as_deref(), arm);
                        let grades = Some(run.join(layout::GRADES).join(&name));
                        let place = folder.join(layout::TRAJECTORY);
                        found.push(IndexEntry { arm, trial, task, grades, ..IndexEntry::new(place) });
                    }
                }
            }
        }
        for entry in found {
            let (place, trial) = (entry.place.clone(), entry.trial);
            let whole = self.add(entry);
            for (name, place) in run_dir::parts(&place)? {
                self.add(IndexEntry { trial, part_of: Some((whole, name)), ..IndexEntry::new(place) });
            }
        }
        Ok(())
    }

    /// The position of an entry with this path, added if new.
    fn add(&mut self, entry: IndexEntry) -> usize {
        let path = entry.place.path();
        if let Some(id) = self.known.get(&path) {
            return *id;
        }
        self.known.insert(path, self.entries.len());
        self.entries.push(entry);
        self.entries.len() - 1
    }

    /// Numbers single files of the same task and strategy like trials.
    fn number_files(&mut self) {
        let mut seen: HashMap<(String, String), u32> = HashMap::new();
        for entry in self.entries.iter_mut().filter(|e| e.grades.is_none() && e.part_of.is_none()) {
            let count = seen.entry((entry.arm.clone(), entry.task.clone())).or_default();
            *count += 1;
            entry.trial = *count;
        }
    }

    /// Reads verdicts of run reports that are new or have changed.
    fn read_grades(&mut self) -> Result<(), ReportError> {
        let reports = self.entries.iter().filter_map(IndexEntry::report).map(|place| (place.path(), place));
        let files: BTreeMap<PathBuf, RunPlace> = reports.collect();
        for (file, place) in files {
            if !place.is_file()? {
                continue;
            }
            let Some(written) = place.open()?.metadata().ok().and_then(|m| m.modified().ok()) else { continue };
            if self.grades.get(&file).is_some_and(|(time, _)| *time == written) {
                continue;
            }
            let text = place.text(LONGEST_TEXT)?.unwrap_or_default();
            // A report that is being written is read the next time.
            let Ok(report) = serde_json::from_str::<RunReport>(&text) else { continue };
            let mut trial = load::trial_of(report);
            let name = file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            failed::take(&mut trial, &place.root(), &name)?;
            let grades = trial.cells.into_iter().map(|(task, cell)| (task, (cell.verdict, cell.failed))).collect();
            self.grades.insert(file, (written, grades));
            self.version += 1;
        }
        let version = self.version;
        for entry in &mut self.entries {
            let facts = entry.fold.known();
            let own = match facts.resolved {
                Some(true) => GradeVerdict::Resolved,
                Some(false) => GradeVerdict::Unresolved,
                None => GradeVerdict::Ungraded,
            };
            let graded = entry.report().and_then(|f| self.grades.get(&f.path())?.1.get(&entry.task).copied());
            let graded = graded.unwrap_or((own, FailedGrade::default()));
            if graded != (entry.verdict, entry.failed) {
                (entry.verdict, entry.failed) = graded;
                entry.version = version;
            }
        }
        Ok(())
    }

    /// Entries by the search that they are part of.
    fn parts(&self) -> HashMap<usize, Vec<&IndexEntry>> {
        let mut parts: HashMap<usize, Vec<&IndexEntry>> = HashMap::new();
        for entry in &self.entries {
            if let Some((whole, _)) = entry.part_of {
                parts.entry(whole).or_default().push(entry);
            }
        }
        parts
    }

    /// The facts of an attempt, including those of its parts.
    pub(super) fn facts(&self, id: usize) -> AttemptFacts {
        let parts = self.parts().remove(&id).unwrap_or_default();
        self.entries.get(id).map(|entry| entry.facts(parts.into_iter())).unwrap_or_default()
    }

    /// The arms, for tables and figures.
    pub fn arms(&self) -> Vec<ArmResults> {
        let mut known = BTreeMap::new();
        for source in &self.sources {
            if let ViewSource::Run { known: own, .. } = source {
                known.extend(own.iter().map(|(task, facts)| (task.clone(), facts.clone())));
            }
        }
        let known = Arc::new(known);
        let mut arms: BTreeMap<String, BTreeMap<u32, Trial>> = BTreeMap::new();
        let parts = self.parts();
        let mut runs: BTreeMap<String, RunPlace> = BTreeMap::new();
        for (id, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.part_of.is_none()) {
            let trial = arms.entry(entry.arm.clone()).or_default().entry(entry.trial).or_default();
            if let Some(grades) = &entry.grades {
                runs.insert(entry.arm.clone(), grades.root());
            }
            let facts = entry.facts(parts.get(&id).into_iter().flatten().copied());
            let cell = TrialCell { verdict: entry.verdict, attempt: Some(Box::new(facts)), failed: entry.failed };
            trial.cells.insert(entry.task.clone(), cell);
        }
        for source in &self.sources {
            let ViewSource::Run { place, arm: wanted, label, .. } = source else { continue };
            // A file that can't be read now is tried again at the next interval.
            for (task, name, failure) in run_dir::faults(place).unwrap_or_default() {
                let Some((arm, number)) = run_dir::arm_and_trial(&name) else { continue };
                if wanted.as_deref().is_none_or(|w| w == arm) {
                    let trial = arms.entry(labelled(label.as_deref(), arm)).or_default().entry(number).or_default();
                    trial.faults.insert(task, failure);
                }
            }
        }
        let arm = |(name, trials): (String, BTreeMap<u32, Trial>)| {
            let graded = runs.get(&name).map(run_dir::graded).unwrap_or_default();
            let numbered = |(number, trial)| Trial { number, graded, ..trial };
            let trials: Vec<Trial> = trials.into_iter().map(numbered).collect();
            let notes = runs.get(&name).map(|run| load::uncounted(&name, &trials, run)).unwrap_or_default();
            ArmResults { name, trials, notes, known: known.clone(), ..ArmResults::default() }
        };
        arms.into_iter().map(arm).chain(self.reports().cloned()).collect()
    }
}

impl IndexEntry {
    fn new(place: RunPlace) -> Self {
        Self {
            arm: String::new(),
            trial: 0,
            task: String::new(),
            place,
            grades: None,
            part_of: None,
            fold: Fold::default(),
            steps: Vec::new(),
            read: 0,
            verdict: GradeVerdict::default(),
            failed: FailedGrade::default(),
            unread: 0,
            damage: None,
            version: 0,
            size: 0,
        }
    }

    fn facts<'a>(&self, parts: impl Iterator<Item = &'a Self>) -> AttemptFacts {
        let mut facts = self.fold.facts();
        parts.for_each(|part| facts.add_part(&part.fold));
        facts
    }

    /// The report of its arm and trial.
    fn report(&self) -> Option<RunPlace> {
        self.grades.as_ref().map(|grades| grades.with(".json"))
    }

    /// The size of its file now, in bytes.
    fn len(&self) -> Result<u64, ReportError> {
        Ok(self.place.open()?.metadata().map_err(ReportError::read(&self.place.path()))?.len())
    }

    fn read_on(&mut self, version: u64) {
        self.version = version;
        let size = self.len().unwrap_or(0);
        if size < self.read {
            // The file was rewritten, or a torn line was cut off together with complete ones.
            (self.fold, self.read, self.unread) = (Fold::default(), 0, 0);
            self.steps.clear();
        }
        self.size = size;
        let (fold, steps, unread) = (&mut self.fold, &mut self.steps, &mut self.unread);
        let read = light::stream(&self.place, self.read, |at, record| {
            let Some(record) = record else {
                *unread += 1;
                return;
            };
            if let Event::Reply(reply) = &record.event {
                steps.push((reply.step, at));
            }
            fold.apply(&record);
        });
        match read {
            Ok(read) => {
                self.read = read;
                self.damage = (self.unread > 0).then(|| format!("{} left out", count(self.unread, "damaged line")));
            }
            Err(error) => self.damage = Some(error.to_string()),
        }
        let facts = self.fold.known();
        if self.grades.is_none() {
            self.arm.clone_from(&facts.strategy);
            self.task = match facts.task.as_str() {
                "" => name_of(&self.place.path()),
                id => id.to_owned(),
            };
        }
    }

    /// Results of each test, if available.
    pub fn grade(&self) -> Option<InstanceReport> {
        let file = self.grades.as_ref()?.join(format!("{}.json", self.task));
        let text = file.text(LONGEST_TEXT).ok()??;
        serde_json::from_str::<InstanceFile>(&text).ok()?.remove(&self.task)
    }
}

/// Name of an attempt without a task id: its file, or the file's folder if the file has the usual name.
fn name_of(path: &Path) -> String {
    let own = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).map(|n| n.to_string_lossy().into_owned());
    if own == "trajectory" { folder.unwrap_or(own) } else { own }
}
