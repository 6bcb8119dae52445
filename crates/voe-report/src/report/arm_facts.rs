//! Counts of one arm.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use voe_grade::Blame;
use voe_trace::Level;

use crate::data::arm::ArmResults;
use crate::data::attempt::{AttemptFacts, Nudges};
use crate::data::cell::{GradeVerdict, TrialCell};
use crate::data::failure::FailureClass;
use crate::data::suite::TaskSet;
use crate::format::count;
use crate::metric::{MetricSummary, summaries};
use crate::stats::Interval;
use crate::stats::proportion::{wilson, wilson_of};
use crate::stats::trials::{Spread, pass_at, pass_hat, spread};

/// The counts of one arm on a suite, over all trials unless noted otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ArmFacts {
    /// Name of the arm.
    pub name: String,
    /// The strategies of its attempts.
    pub strategies: Vec<String>,
    /// The models of its attempts.
    pub models: Vec<String>,
    /// Start time of its first attempt, RFC 3339.
    pub began: Option<String>,
    /// Number of its trials.
    pub trials: usize,
    /// Number of tasks of the suite.
    pub total: usize,
    /// Tasks resolved, mean over trials.
    pub resolved: f64,
    /// The rate of resolved tasks.
    pub rate: f64,
    /// The Wilson interval of the rate.
    pub interval: Option<Interval>,
    /// Spread of the rate between trials.
    pub spread: Option<Spread>,
    /// pass@k for k from 1 to the number of trials, if there are several.
    pub pass: Vec<Pass>,
    /// Tasks submitted, mean over trials.
    pub submitted: f64,
    /// Number of each verdict.
    pub verdicts: BTreeMap<&'static str, u32>,
    /// Failure classes of unresolved tasks.
    pub failures: BTreeMap<FailureClass, u32>,
    /// Tasks of the class "gold fails here", by reason.
    pub gold_fails: BTreeMap<String, BTreeSet<String>>,
    /// Counts from its trajectories; `None` if there are none (an official report alone).
    pub work: Option<ArmWork>,
}

/// pass@k and pass^k, mean over tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Pass {
    /// Trials drawn.
    pub k: u64,
    /// Rate of at least one resolving the task.
    pub at: f64,
    /// Rate of all resolving the task.
    pub hat: f64,
}

/// Counts from trajectories.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct ArmWork {
    /// Attempts with a trajectory.
    pub attempts: u32,
    /// Of these, unfinished ones: running or cut off.
    pub unfinished: u32,
    /// Finish reasons.
    pub reasons: BTreeMap<&'static str, u32>,
    /// Evidence levels, from the most to the least, and how often each was resolved.
    pub calibration: Vec<Calibration>,
    /// Attempts whose patch is proven but rejected by the suite's tests.
    pub false_proofs: u32,
    /// Each metric that is known for any of the attempts, by name.
    pub metrics: BTreeMap<&'static str, MetricSummary>,
    /// Edits, by tool.
    pub edits: BTreeMap<String, u32>,
    /// Checks, by level.
    pub checks: BTreeMap<&'static str, u32>,
    /// Nudges, by kind.
    pub nudges: BTreeMap<&'static str, Nudges>,
}

/// Calibration of one level of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Calibration {
    /// The level.
    pub level: Level,
    /// Graded attempts that ended with it.
    pub attempts: u32,
    /// Of these, resolved.
    pub resolved: u32,
    /// The Wilson interval of the share resolved.
    pub interval: Option<Interval>,
}

impl ArmFacts {
    /// Counts one arm on a suite.
    pub fn of(arm: &ArmResults, suite: &TaskSet) -> Self {
        let (total, trials) = (suite.tasks.len(), arm.trials.len());
        let resolved = arm.mean_resolved(suite);
        let per_trial = |count: &dyn Fn(&crate::data::arm::Trial, &String) -> bool| -> Vec<f64> {
            let counted = |trial| suite.tasks.keys().filter(|task| count(trial, task)).count();
            arm.trials.iter().map(|trial| counted(trial) as f64).collect()
        };
        let rates: Vec<f64> =
            per_trial(&|trial, task| trial.is_resolved(task)).iter().map(|n| n / total.max(1) as f64).collect();
        let submitted = per_trial(&|trial, task| trial.cells.contains_key(task));
        let mut facts = Self {
            name: arm.name.clone(),
            trials,
            total,
            resolved,
            rate: resolved / total.max(1) as f64,
            interval: wilson_of(resolved, total as f64),
            spread: spread(&rates).filter(|_| trials > 1),
            pass: if trials > 1 { passes(arm, suite) } else { Vec::new() },
            submitted: submitted.iter().sum::<f64>() / trials.max(1) as f64,
            ..Self::default()
        };
        for trial in &arm.trials {
            for (task, of_task) in &suite.tasks {
                let cell = trial.cells.get(task);
                if let Some(cell) = cell {
                    *facts.verdicts.entry(cell.verdict.word()).or_default() += 1;
                }
                if let Some(failure) = trial.failure(task, of_task) {
                    *facts.failures.entry(failure).or_default() += 1;
                    if let Some(known) = trial.gold_fails(task).filter(|_| failure == FailureClass::GoldFails) {
                        facts.gold_fails.entry(known.to_string()).or_default().insert(task.clone());
                    }
                }
            }
        }
        let cells: Vec<&TrialCell> = arm.cells(suite).map(|(_, cell)| cell).collect();
        let attempts: Vec<&AttemptFacts> = cells.iter().filter_map(|cell| cell.attempt.as_deref()).collect();
        facts.strategies = distinct(attempts.iter().map(|a| &a.strategy));
        facts.models = distinct(attempts.iter().map(|a| &a.model));
        facts.began = attempts.iter().map(|a| &a.began).filter(|b| !b.is_empty()).min().cloned();
        facts.work = (!attempts.is_empty()).then(|| ArmWork::of(&cells, &attempts));
        facts
    }

    /// Number of cells with a verdict.
    pub fn verdict(&self, verdict: GradeVerdict) -> u32 {
        self.verdicts.get(verdict.word()).copied().unwrap_or(0)
    }
}

/// How many gold patches are known not to pass where the tasks were graded, and why; empty if none.
pub(super) fn gold_fails(arms: &[ArmFacts]) -> String {
    let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (why, tasks) in arms.iter().flat_map(|arm| &arm.gold_fails) {
        reasons.entry(why).or_default().extend(tasks.iter().map(String::as_str));
    }
    if reasons.is_empty() {
        return String::new();
    }
    let attempts: u32 = arms.iter().filter_map(|arm| arm.failures.get(&FailureClass::GoldFails)).sum();
    let listed = reasons.iter().map(|(why, ids)| {
        let ids: Vec<&str> = ids.iter().copied().collect();
        format!("{why}: {}", ids.join(", "))
    });
    let listed: Vec<String> = listed.collect();
    format!(" Gold fails here: {} ({}).", count(attempts as usize, "attempt"), listed.join("; "))
}

fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut names: Vec<String> = names.filter(|n| !n.is_empty()).cloned().collect();
    names.sort();
    names.dedup();
    names
}

fn passes(arm: &ArmResults, suite: &TaskSet) -> Vec<Pass> {
    let n = arm.trials.len() as u64;
    let mean = |of: &dyn Fn(u64) -> Option<f64>| {
        let sum: f64 = suite.tasks.keys().filter_map(|task| of(arm.resolved_trials(task) as u64)).sum();
        sum / suite.tasks.len().max(1) as f64
    };
    (1..=n).map(|k| Pass { k, at: mean(&|c| pass_at(k, n, c)), hat: mean(&|c| pass_hat(k, n, c)) }).collect()
}

impl ArmWork {
    fn of(cells: &[&TrialCell], attempts: &[&AttemptFacts]) -> Self {
        let mut work = Self {
            attempts: attempts.len() as u32,
            metrics: summaries(attempts),
            calibration: calibration(cells),
            ..Self::default()
        };
        for cell in cells {
            let proven = cell.attempt.as_deref().is_some_and(|a| a.level == Some(Level::Proven));
            let rejected = is_judged(cell) && cell.verdict != GradeVerdict::Resolved;
            work.false_proofs += u32::from(proven && rejected);
        }
        for attempt in attempts {
            match attempt.reason {
                Some(reason) => *work.reasons.entry(reason.word()).or_default() += 1,
                None => work.unfinished += 1,
            }
            attempt.edits.iter().for_each(|(tool, n)| *work.edits.entry(tool.clone()).or_default() += n);
            attempt.checks.iter().for_each(|(level, n)| *work.checks.entry(level).or_default() += n);
            for (kind, nudges) in &attempt.nudges {
                let sum = work.nudges.entry(kind).or_default();
                sum.given += nudges.given;
                sum.heeded = nudges.heeded.map(|n| n + sum.heeded.unwrap_or(0)).or(sum.heeded);
            }
        }
        work
    }

    /// Sum of a metric over all attempts; `None` if unknown for all of them.
    pub fn sum(&self, metric: &str) -> Option<f64> {
        self.metrics.get(metric).map(|known| known.sum)
    }
}

/// Whether grading gave a verdict on the patch: not if the task can't run or the environment broke.
fn is_judged(cell: &TrialCell) -> bool {
    let broke = cell.failed.cause.is_some_and(|cause| cause.blame == Blame::Environment);
    !broke && !matches!(cell.verdict, GradeVerdict::Skipped | GradeVerdict::Ungraded)
}

fn calibration(cells: &[&TrialCell]) -> Vec<Calibration> {
    use Level::{Inconclusive, Kept, None, Proven, Ran, Refuted, Vacuous};
    let of = |level| {
        let at =
            |cell: &&&TrialCell| is_judged(cell) && cell.attempt.as_deref().is_some_and(|a| a.level == Some(level));
        let attempts = cells.iter().filter(at).count();
        let resolved = cells.iter().filter(at).filter(|cell| cell.verdict == GradeVerdict::Resolved).count();
        Calibration {
            level,
            attempts: attempts as u32,
            resolved: resolved as u32,
            interval: wilson(resolved, attempts),
        }
    };
    [Proven, Ran, Kept, Vacuous, Inconclusive, None, Refuted].map(of).into_iter().filter(|c| c.attempts > 0).collect()
}
