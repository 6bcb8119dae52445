//! Verdicts and attempts of one arm, trial by trial.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use voe_grade::known::{self, Conditions, KnownFailure};

use super::cell::{GradeVerdict, TrialCell};
use super::failure::FailureClass;
use super::suite::{TaskFacts, TaskSet};

/// One condition of an experiment: a strategy with a model, tried once or several times on each task.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArmResults {
    /// Name of the arm.
    pub name: String,
    /// The report or run directory it came from.
    pub source: PathBuf,
    /// Its trials, lowest number first.
    pub trials: Vec<Trial>,
    /// Notes for readers.
    pub notes: Vec<String>,
    /// Its run's rows (`suite.jsonl`); empty for a report alone.
    pub known: Arc<BTreeMap<String, TaskFacts>>,
}

/// One trial of all tasks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trial {
    /// Number of the trial.
    pub number: u32,
    /// Submitted predictions, by task.
    pub cells: BTreeMap<String, TrialCell>,
    /// Attempts that were given up after faults of the model's server or the machine; they are not predictions.
    pub faults: BTreeMap<String, FailureClass>,
    /// How its tasks were graded, as far as its run records that.
    pub graded: Conditions,
}

impl ArmResults {
    /// All tasks submitted in any trial.
    pub fn submitted(&self) -> BTreeSet<String> {
        self.trials.iter().flat_map(|trial| trial.cells.keys().cloned()).collect()
    }

    /// Number of trials in which the task was resolved.
    pub fn resolved_trials(&self, task: &str) -> usize {
        self.trials.iter().filter(|trial| trial.is_resolved(task)).count()
    }

    /// The share of trials in which the task was resolved.
    pub fn rate(&self, task: &str) -> f64 {
        self.resolved_trials(task) as f64 / self.trials.len().max(1) as f64
    }

    /// Whether the task was resolved in at least half of the trials.
    pub fn resolves(&self, task: &str) -> bool {
        !self.trials.is_empty() && 2 * self.resolved_trials(task) >= self.trials.len()
    }

    /// The number of tasks of `suite` resolved, mean over trials.
    pub fn mean_resolved(&self, suite: &TaskSet) -> f64 {
        suite.tasks.keys().map(|task| self.rate(task)).sum()
    }

    /// All cells of the suite's tasks, of all trials.
    pub fn cells<'a>(&'a self, suite: &'a TaskSet) -> impl Iterator<Item = (&'a str, &'a TrialCell)> {
        self.trials
            .iter()
            .flat_map(|trial| &trial.cells)
            .filter(|(task, _)| suite.tasks.contains_key(*task))
            .map(|(task, cell)| (task.as_str(), cell))
    }
}

impl Trial {
    /// Why the task was not resolved in this trial; `None` if it was resolved, or is not graded yet.
    pub fn failure(&self, task: &str, facts: &TaskFacts) -> Option<FailureClass> {
        match self.cells.get(task) {
            None => Some(self.faults.get(task).copied().unwrap_or(FailureClass::NotSubmitted)),
            cell => FailureClass::of(cell, facts, self.gold_fails(task)),
        }
    }

    /// Why the task's gold patch is known not to pass where this trial was graded, if so.
    pub fn gold_fails(&self, task: &str) -> Option<&'static KnownFailure> {
        known::here(task, self.graded)
    }

    /// Whether the task was resolved in this trial.
    pub fn is_resolved(&self, task: &str) -> bool {
        self.cells.get(task).is_some_and(|cell| cell.verdict == GradeVerdict::Resolved)
    }
}
