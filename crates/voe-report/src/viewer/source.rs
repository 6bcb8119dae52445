//! The inputs of the viewer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ReportError;
use crate::data::arm::ArmResults;
use crate::data::place::RunPlace;
use crate::data::suite::TaskFacts;
use crate::data::{load, run_dir};

/// A run, a trajectory or a report.
#[derive(Debug)]
pub(super) enum ViewSource {
    Run {
        place: RunPlace,
        /// Show only this arm.
        arm: Option<String>,
        /// Prefix of its arms' names, if several runs are viewed.
        label: Option<String>,
        known: Arc<BTreeMap<String, TaskFacts>>,
    },
    /// A trajectory: its path as given, and the resolved one.
    File(PathBuf, RunPlace),
    /// Verdicts without trajectories: a run report, or a table of verdicts.
    Report(Vec<ArmResults>),
}

impl ViewSource {
    /// Resolves an input that the user gave.
    pub(super) fn of(input: &str) -> Result<Self, ReportError> {
        let path = Path::new(input);
        if load::is_report(input) {
            return Ok(Self::Report(load::arms(input)?));
        }
        if path.is_file() {
            return Ok(Self::File(path.to_owned(), RunPlace::file(path)?));
        }
        let run = |place: RunPlace, arm: Option<String>| {
            let known = Arc::new(run_dir::suite_of_run(&place)?);
            Ok(Self::Run { place, arm, label: None, known })
        };
        if path.is_dir() {
            return run(RunPlace::dir(path)?, None);
        }
        match input.rsplit_once(':') {
            Some((path, arm)) if Path::new(path).is_dir() => {
                let path = Path::new(path);
                let place = RunPlace::dir(path)?;
                let attempts = run_dir::attempts(&place)?;
                let arms: BTreeSet<&str> =
                    attempts.iter().filter_map(|(_, name, _)| Some(run_dir::arm_and_trial(name)?.0)).collect();
                if !arms.contains(arm) {
                    let known = arms.into_iter().collect::<Vec<_>>().join(", ");
                    return Err(ReportError::NoSuchArm { path: path.to_owned(), arm: arm.to_owned(), known });
                }
                run(place, Some(arm.to_owned()))
            }
            _ => Err(ReportError::Missing { path: path.to_owned() }),
        }
    }

    fn run(&self) -> Option<PathBuf> {
        match self {
            Self::Run { place, .. } => Some(place.path()),
            Self::File(..) | Self::Report(_) => None,
        }
    }
}

/// Arms of several runs may have the same name, so each gets its run's name as a prefix.
pub(super) fn label(sources: &mut [ViewSource]) {
    let runs: BTreeSet<PathBuf> = sources.iter().filter_map(ViewSource::run).collect();
    let short = |path: &Path| path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let shorts: BTreeSet<String> = runs.iter().map(|run| short(run)).collect();
    for source in sources.iter_mut().filter(|_| runs.len() > 1) {
        if let ViewSource::Run { place, label, .. } = source {
            let path = place.path();
            let whole = path.display().to_string();
            *label = Some(if shorts.len() == runs.len() { short(&path) } else { whole });
        }
    }
}

/// An arm's name as shown.
pub(super) fn labelled(label: Option<&str>, arm: &str) -> String {
    label.map_or_else(|| arm.to_owned(), |label| format!("{label}:{arm}"))
}
